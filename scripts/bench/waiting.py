"""Waiting: does the model wait for its data? Time per step with real data against the same step on one cached batch.

    python scripts/bench/waiting.py [--model gan|vae] [--size tiny] [--data DATA]

The two take turns in one process, on the same compiled step. Without --data there are two rows: the digits, which fit
into memory, and 45,000 pictures of 64x64 in colour, more than tfgen keeps in memory, read from their prepared file. A
ratio of 1.05 or less is the goal. The quicker the step, the harder: tiny is the strictest size. About 3 minutes.
"""

import contextlib
import os
import statistics
from pathlib import Path

import click
import numpy as np
from common import show_table, talk, work_folder

from tfgen.environment import load_tensorflow

MANY = 45_000  # of 64x64 in colour: 553 MB


@click.command()
@click.option("--model", "family", default="gan", show_default=True)
@click.option("--size", default="tiny", show_default=True)
@click.option("--data", "sources", multiple=True, metavar="DATA", help="Measure with this data instead.")
@click.option("--rounds", default=7, show_default=True, help="Turns of each.")
@click.option("--seconds", default=4.0, show_default=True, help="Of a turn.")
def main(family: str, size: str, sources: tuple[str, ...], rounds: int, seconds: float) -> None:
    """Compare milliseconds per step."""
    load_tensorflow()
    rows = []
    with work_folder("waiting") as folder:
        os.environ["TFGEN_CACHE"] = str(folder / "cache")
        for place, source in enumerate(sources or ("digits", _many_pictures(folder / "pictures.npy"))):
            talk(f"{family} on {source}")
            rows.append((Path(source).name, *_compare(family, source, size, folder / f"run-{place}", rounds, seconds)))
    show_table(("data", "examples", "real, ms", "cached, ms", "ratio"), rows)


def _compare(family: str, source: str, size: str, run_path: Path, rounds: int, seconds: float) -> tuple:
    """How many examples, and the medians over the rounds: milliseconds per step, real and cached, and their ratio."""
    from tfgen.training.crew import Crew
    from tfgen.training.new_run import create_run
    from tfgen.training.request import FitRequest
    from tfgen.training.steps import Steps, make_model

    with contextlib.ExitStack() as held:
        run, examples, _ = create_run(FitRequest(family, source, str(run_path), size=size, steps=1), held)
    # The fit's own model and data, so that this measures what a user gets.
    model = make_model(run, examples, Crew())
    model.before_fit(examples)
    data = Steps(run, model, examples, Crew())
    one_batch = data.batches(0, 1).cache().repeat()
    _seconds_per_step(model, one_batch, 1.0)  # tracing
    turns = []
    for turn in range(rounds):
        # Another part of the data each time: what is read again might lie in the processor's cache.
        real = _seconds_per_step(model, data.batches(turn * 10**6, 10**9), seconds)
        turns.append((1000 * real, 1000 * _seconds_per_step(model, one_batch, seconds)))
        talk(f"turn {turn + 1}: real {turns[-1][0]:.2f} ms, cached {turns[-1][1]:.2f} ms")
    real, cached = (statistics.median(column) for column in zip(*turns, strict=True))
    ratio = statistics.median(first / second for first, second in turns)
    return len(examples), real, cached, round(ratio, 3)


def _seconds_per_step(model, batches, seconds: float) -> float:
    """The median over the executions of a fit that lasts `seconds`."""
    from tfgen.training.callbacks import Stopwatch
    from tfgen.trust.energy import Meter

    with Meter() as meter:
        stopwatch = Stopwatch(seconds, meter)
        model.fit(batches, epochs=1, steps_per_epoch=10**9, verbose=0, shuffle=False, callbacks=[stopwatch])
    return stopwatch.seconds_per_step


def _many_pictures(path: Path) -> str:
    """An .npy of more pictures than tfgen keeps in memory."""
    draw = np.random.default_rng(0)
    pictures = np.lib.format.open_memmap(path, "w+", np.uint8, (MANY, 64, 64, 3))
    for start in range(0, MANY, 1000):
        pictures[start:start + 1000] = draw.integers(0, 256, (1000, 64, 64, 3), np.uint8)
    pictures.flush()
    return str(path)


if __name__ == "__main__":
    main()
