"""Quality: how far generated pictures are from real ones, as a classifier trained on the training images sees them.

    python scripts/bench/quality.py RUN [RUN ...]
    python scripts/bench/quality.py --fit "gan tfds:mnist --minutes 5" --fit "vae tfds:mnist --minutes 5"

For each run, 10,000 samples (1,000 of each label) are made and compared with the 10,000 test images, with 10,000
training images and with all of them, by Fréchet distance in 128 features; then precision and recall (k = 5, 5,000
samples, against the test images) and the share that the classifier recognises as the label asked for. The first row is
the floor: what 10,000 real training images score (against the training images: against 10,000 others of them). The
row's last figure is the classifier's accuracy on the test images.

The first call trains the classifier, about 5 minutes on two cores, and keeps it in tfgen's cache folder. To check a
figure by a second judge: --classifier-seed 1. A run takes about a minute; a fit, its own time besides.
"""

import json
import shlex
import time
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
from common import must, show_table, talk, tfgen, work_folder

from tfgen.environment import load_tensorflow
from tfgen.run import Run

TEN_THOUSAND = 10_000
HEADINGS = ("pictures", "test", "train 10k", "train all", "precision", "recall", "as asked %", "seconds")


class Real(NamedTuple):
    """The features of the real pictures."""

    test: np.ndarray
    train: np.ndarray  # in random order

    def scores(self, features: np.ndarray, train: np.ndarray | None = None) -> list[float]:
        """Fréchet distances to the test, 10,000 training and all training images; precision and recall."""
        from judge import frechet_distance, precision_and_recall

        ten_thousand = self.train[:TEN_THOUSAND] if train is None else train
        distances = [frechet_distance(real, features) for real in (self.test, ten_thousand, self.train)]
        return [*distances, *precision_and_recall(self.test, features)]


@click.command()
@click.argument("runs", nargs=-1)
@click.option("--fit", "fits", multiple=True, metavar="WORDS", help="Fit first: the words behind `tfgen fit`.")
@click.option("--data", default="tfds:mnist", show_default=True, help="The set that the runs learned.")
@click.option("--classifier-seed", default=0, show_default=True, help="Another seed is another judge.")
@click.option("--per-label", default=1000, show_default=True, help="Samples of each label.")
@click.option("--seed", default=0, show_default=True, help="The first sample's.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON in place of the table.")
def main(
    runs: tuple[str, ...], fits: tuple[str, ...], data: str, classifier_seed: int, per_label: int, seed: int,
    as_json: bool,
) -> None:
    """Score RUNS, and the runs that --fit makes."""
    with work_folder("quality") as folder:
        timed = [(name, Path(name).name, None) for name in runs]
        timed += [_fit(words, folder / f"fit-{place}") for place, words in enumerate(fits)]
        load_tensorflow()
        from judge import classifier_of, look, pictures_of

        classifier = classifier_of(data, classifier_seed)
        test, train = pictures_of(data, "test"), pictures_of(data, "train")
        seen = look(classifier, test.images)
        order = np.random.default_rng(0).permutation(len(train.images))
        real = Real(seen.features, look(classifier, train.images[order]).features)
        accuracy = 100 * float(np.mean(seen.labels == test.labels))
        rows = [_floor(real, accuracy)]
        for path, name, seconds in timed:
            images, asked = _samples(Run.open(str(path)), test.names, per_label, seed)
            seen = look(classifier, images)
            share = None if asked is None else 100 * float(np.mean(seen.labels == asked))
            rows.append([name, *real.scores(seen.features), share, seconds])
    if as_json:
        print(json.dumps([dict(zip(HEADINGS, row, strict=True)) for row in rows], indent=2))
    else:
        show_table(HEADINGS, rows)


def _fit(words: str, path: Path) -> tuple[Path, str, float]:
    """Runs `tfgen fit WORDS` as a user would; its run, its name in the table and how long the command took."""
    talk(f"tfgen fit {words}")
    began = time.monotonic()
    must(tfgen("fit", *shlex.split(words), "-o", path))
    return path, words, round(time.monotonic() - began)


def _floor(real: Real, accuracy: float) -> list:
    others = real.train[TEN_THOUSAND:2 * TEN_THOUSAND]
    return ["real, from train", *real.scores(real.train[:TEN_THOUSAND], others), accuracy, None]


def _samples(run: Run, names: list[str], per_label: int, seed: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Pictures, `per_label` of every label, and the place of each one's label; None for a run without prompts."""
    from tfgen.generate.arrays import generate

    talk(f"{per_label * len(names)} samples of {run.name}")
    if not run.vocabulary().prompts:
        return generate(run, "", per_label * len(names), seed).values, None
    parts = [generate(run, name, per_label, seed + place * per_label).values for place, name in enumerate(names)]
    return np.concatenate(parts), np.repeat(np.arange(len(names)), per_label)


if __name__ == "__main__":
    main()
