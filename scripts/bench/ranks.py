"""Ranks: whether tfgen's metrics put the checkpoints of one run into the order that a strong classifier does.

    python scripts/bench/ranks.py                       a GAN on MNIST, two minutes
    python scripts/bench/ranks.py --fit "vae tfds:fashion_mnist --minutes 3" --data tfds:fashion_mnist

The checkpoints of a fit are kept as they appear, about ten of them with steps in a geometric row. Each is scored by
`tfgen evaluate` with every extractor that needs no download, and by the judge of quality.py: the Fréchet distance of
10,000 samples in the features of a classifier that the product knows nothing of. Prints, for each extractor and score,
Spearman's correlation with the judge's order (1: the same order), which is to be at least .9. About 15 minutes, and
5 for the judge on the first call.
"""

import os
import shlex
import shutil
import subprocess
import time
from pathlib import Path

import click
import numpy as np
from common import command_of, environment_of, show_table, talk, work_folder

from tfgen.environment import load_tensorflow
from tfgen.run import Run

EXTRACTORS = ("classifier", "random")
LEAST = 0.9


@click.command()
@click.option("--fit", "words", default="gan tfds:mnist --minutes 2", show_default=True, help="Behind `tfgen fit`.")
@click.option("--data", default="tfds:mnist", show_default=True, help="What the judge learned.")
@click.option("--checkpoints", "wanted", default=10, show_default=True, help="How many to rank.")
@click.option("-n", "--count", default=10_000, show_default=True, help="Samples of each.")
@click.option("--classifier-seed", default=1, show_default=True, help="Of the judge.")
def main(words: str, data: str, wanted: int, count: int, classifier_seed: int) -> None:
    """Correlate orders of checkpoints."""
    with work_folder("ranks") as folder:
        talk(f"tfgen fit {words}")
        runs = _spread_out(_fit_and_keep(shlex.split(words), folder), wanted)
        load_tensorflow()
        judged = _judge(runs, data, classifier_seed, count)
        scored = {name: [_scores(run, name, count) for run in runs] for name in EXTRACTORS}
    steps = [int(run.name) for run in runs]
    show_table(["step", "judge", *[f"frechet, {name}" for name in EXTRACTORS]], [
        (step, distance, *[scored[name][place].get("frechet_distance") for name in EXTRACTORS])
        for place, (step, distance) in enumerate(zip(steps, judged, strict=True))
    ])
    rows = [row for name in EXTRACTORS for row in _correlations(name, scored[name], judged)]
    show_table(["extractor", "score", "Spearman"], rows)
    print(f"{sum(row[2] >= LEAST for row in rows)} of {len(rows)} are at least {LEAST}.\n")


def _fit_and_keep(words: list[str], folder: Path) -> list[Run]:
    """Fits, and makes a run of its own of every checkpoint that appears; its name is the step."""
    path, kept = folder / "fit", folder / "kept"
    command = command_of("fit", *words, "-o", path, "--save-every", 1)
    process = subprocess.Popen(command, env=environment_of(), stderr=subprocess.DEVNULL)
    known: dict[int, Path] = {}
    while process.poll() is None or not known:
        for checkpoint in (path / "checkpoints").glob("*-step-*.npz"):
            step = int(checkpoint.name.split("-")[2])
            if step and step not in known:
                known[step] = kept / f"{step}" / "checkpoints" / checkpoint.name
                known[step].parent.mkdir(parents=True)
                os.link(checkpoint, known[step])
        time.sleep(0.2)
    if process.returncode:
        raise SystemExit("The fit failed.")
    for step in known:
        for name in ("run.json", "codec.json", "history.jsonl"):
            shutil.copy(path / name, kept / f"{step}" / name)
    return [Run.open(str(kept / f"{step}")) for step in sorted(known)]


def _spread_out(runs: list[Run], wanted: int) -> list[Run]:
    """About so many of the runs, whose steps grow by a factor."""
    steps = np.array([int(run.name) for run in runs])
    places = [int(np.argmin(np.abs(np.log(steps / step)))) for step in np.geomspace(steps[0], steps[-1], wanted)]
    return [runs[place] for place in sorted(set(places))]


def _judge(runs: list[Run], data: str, seed: int, count: int) -> list[float]:
    from judge import classifier_of, frechet_distance, look, pictures_of

    from tfgen.generate.arrays import generate

    classifier = classifier_of(data, seed)
    train = pictures_of(data, "train").images
    real = look(classifier, train[np.random.default_rng(0).permutation(len(train))[:count]]).features
    return [frechet_distance(real, look(classifier, generate(run, "", count, 0).values).features) for run in runs]


def _scores(run: Run, extractor: str, count: int) -> dict[str, float]:
    """Every score by its name; "near 1" and the like become the distance from there."""
    from tfgen.evaluate.compare import loss
    from tfgen.evaluate.request import EvaluateRequest
    from tfgen.evaluate.stage import evaluate

    evaluation = evaluate(run, EvaluateRequest(count=count, extractor=extractor))
    return {name: loss(score) for name, score in evaluation.scores.items()}


def _correlations(extractor: str, scores: list[dict[str, float]], judged: list[float]) -> list[tuple[str, str, float]]:
    return [(extractor, name, _spearman([each[name] for each in scores], judged)) for name in scores[0]]


def _spearman(first: list[float], second: list[float]) -> float:
    """Pearson's correlation of the ranks; equal values share one."""
    return float(np.corrcoef(_ranks(first), _ranks(second))[0, 1])


def _ranks(values: list[float]) -> np.ndarray:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]


if __name__ == "__main__":
    main()
