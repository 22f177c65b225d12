"""What an export's number format costs: size, time and quality of TFLite files, of runs with trained weights.

    python scripts/bench/formats.py RUN [RUN ...]

Every format is exported, 10,000 samples (1,000 of each label, the same seeds) are made with the standalone
interpreter on one thread, and the Fréchet distance to all training images is taken by the judge of quality.py, which
has to be trained once. `change` is the distance against that of the model itself, in per cent.
"""

import json

import click
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from common import must, show_table, talk, tfgen, work_folder

from tfgen.environment import load_tensorflow
from tfgen.export.formats import NUMBER_FORMATS
from tfgen.run import Run

HEADINGS = (
    "run",
    "format",
    "kB",
    "dB",
    "batch 1, ms",
    "batch 8, ms",
    "times quicker",
    "distance",
    "change %",
    "as asked %",
)
BATCH = 50


@click.command()
@click.argument("runs", nargs=-1, required=True)
@click.option("--data", default="tfds:mnist", show_default=True, help="The set that the runs learned.")
@click.option("--classifier-seed", default=0, show_default=True, help="Another seed is another judge.")
@click.option("--per-label", default=1000, show_default=True, help="Samples of each label.")
def main(runs: tuple[str, ...], data: str, classifier_seed: int, per_label: int) -> None:
    """Export RUNS in every number format, and score what each file makes."""
    load_tensorflow()
    from judge import classifier_of, look, pictures_of

    from tfgen.generate.arrays import generate

    classifier = classifier_of(data, classifier_seed)
    train = pictures_of(data, "train")
    real = look(classifier, train.images).features
    rows = []
    for path in runs:
        run = Run.open(path)
        seeds = np.arange(per_label * len(train.names), dtype=np.int32)
        asked = np.repeat(np.arange(len(train.names)), per_label)
        talk(f"{len(seeds)} samples of {run.name} itself")
        parts = [generate(run, name, per_label, place * per_label).values for place, name in enumerate(train.names)]
        floor = _score(look(classifier, np.concatenate(parts)), real, asked)
        rows.append([run.name, "model", *[None] * 5, floor[0], 0.0, floor[1]])
        rows += [_row(run, *each, floor[0]) for each in _formats(run, train.names, seeds, asked, classifier, real)]
    show_table(HEADINGS, rows)


def _formats(run: Run, names: list[str], seeds: np.ndarray, asked: np.ndarray, classifier, real: np.ndarray):
    """(artefact, (distance, share recognised), milliseconds of float32) for each number format."""
    from judge import look

    ids = np.stack([run.vocabulary().ids(name) for name in names])[asked]
    with work_folder("formats") as folder:
        options = [word for name in NUMBER_FORMATS for word in ("--quantize", name)]
        artefacts = json.loads(must(tfgen("export", run.path, *options, "-o", folder, "--json")).stdout)
        first = artefacts[0]["proof"]["latency"]["1"]["p50"]
        for artefact in artefacts:
            talk(f"{len(seeds)} samples by {artefact['name']}")
            call = Interpreter(artefact["path"], num_threads=1).get_signature_runner("generate")
            places = range(0, len(seeds), BATCH)
            made = [call(seed=seeds[at : at + BATCH], prompt=ids[at : at + BATCH])["images"].copy() for at in places]
            images = np.rint(np.concatenate(made) * 255).clip(0, 255).astype(np.uint8)
            yield artefact, _score(look(classifier, images), real, asked), first


def _score(seen, real: np.ndarray, asked: np.ndarray) -> tuple[float, float]:
    from judge import frechet_distance

    return frechet_distance(real, seen.features), 100 * float(np.mean(seen.labels == asked))


def _row(run: Run, artefact: dict, score: tuple[float, float], first: float, floor: float) -> list:
    proof = artefact["proof"]
    times = [proof["latency"][batch]["p50"] for batch in ("1", "8")]
    decibels = min(each["decibels"] for each in proof["agreements"])
    change = 100 * (score[0] / floor - 1)
    kilobytes = artefact["size"] / 1000
    return [run.name, artefact["name"], kilobytes, decibels, *times, first / times[0], score[0], change, score[1]]


if __name__ == "__main__":
    main()
