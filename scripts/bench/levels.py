"""Levels: whether a model makes ones that can be played, are whole, are like the game's, are new, and are as asked.

    python scripts/bench/levels.py fit ../shared/data/vglc/super_mario_bros --model gpt --steps 300
    python scripts/bench/levels.py words RUN

`fit` fits a model and prints its scores beside those of levels that were held out, of random tiles and of Markov chains
over one to three columns, and whether each goal is reached. `words` asks a run for each word alone, and prints how much
oftener it is borne out than by windows of the levels; at least .25 for four words of six is the goal. By itself, with
--attempts 1, the model follows words less.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import click
import numpy as np
from common import command_of, environment_of, show_table, talk, work_folder

COLUMNS = ("real", "random tiles", "chain of 1", "chain of 2", "chain of 3")
SCORES = ("playable", "patterns", "broken_structures", "copied_stretches", "copied_levels", "new_columns")
GOALS = {"patterns": 0.15, "broken_structures": 0.01, "copied_stretches": 0.4, "copied_levels": 0.01}  # at the most
LEAST_GAIN, OF_SIX = 0.25, 4


@click.group()
def main() -> None:
    """Measures models of levels."""


@main.command()
@click.argument("data")
@click.option("--model", default="gpt", show_default=True)
@click.option("--steps", default=300, show_default=True)
@click.option("--set", "settings", multiple=True, help="KEY=VALUE, as of tfgen fit.")
@click.option("-n", "--count", default=300, show_default=True, help="Samples that are judged.")
@click.option("-o", "--output", type=Path, help="Keep the run there.")
def fit(data: str, model: str, steps: int, settings: tuple[str, ...], count: int, output: Path | None) -> None:
    """Fits a model to DATA and judges it."""
    with work_folder("levels") as folder:
        run = output or folder / "run"
        words = [word for each in settings for word in ("--set", each)]
        subprocess.run(
            command_of("fit", model, data, "--steps", steps, "-o", run, *words), env=environment_of(), check=True
        )
        judged = subprocess.run(
            command_of("evaluate", run, "-n", count, "--json"), env=environment_of(), check=True, capture_output=True
        )
        evaluation = json.loads(judged.stdout)
    scores = {name: score["value"] for name, score in evaluation["scores"].items()}
    baselines = evaluation["baselines"]
    known = [name for name in COLUMNS if name in baselines]
    rows = [
        [name, *(f"{each.get(name, np.nan):.3f}" for each in (scores, *(baselines[column] for column in known)))]
        for name in (*SCORES, "words_obeyed", "words_gain")
        if name in scores
    ]
    show_table(["score", model, *known], rows)
    chain = baselines["chain of 2"]["playable"]
    talk(f"playable at least as a chain of 2, {chain:.3f}: {'reached' if scores['playable'] >= chain else 'missed'}")
    for name, most in GOALS.items():
        talk(f"{name} at most {most}: {'reached' if scores[name] <= most else 'missed'}")
    talk(f"columns that no level has: {'reached' if scores['new_columns'] > 0 else 'missed'}")


def grids_of(judge: Any, samples: Any) -> list[np.ndarray]:
    """Each sample as tiles [rows, columns]."""
    return judge.grids(samples.values if isinstance(samples, np.ndarray) else [text.tokens for text in samples.texts])


@main.command()
@click.argument("run")
@click.option("-n", "--count", default=64, show_default=True, help="Samples of each word.")
@click.option("--attempts", default=8, show_default=True, help="As of tfgen generate; 1 is the model by itself.")
def words(run: str, count: int, attempts: int) -> None:
    """Asks RUN for each of its words."""
    import tfgen
    from tfgen.evaluate.training_data import open_training
    from tfgen.modalities.level.judging import Judge

    found = tfgen.load(run)
    judge = Judge(open_training(found))
    known, tiles = judge.parts.words, judge.tiles
    usual = known.borne_out(judge.real_windows, tiles).mean(axis=0)
    rows, gains = [], []
    for place, word in enumerate(known.measured):
        samples = found.generate(word.text, count, seed=1000, attempts=attempts)
        obeyed = np.mean([known.borne_out(grid[None], tiles)[0, place] for grid in grids_of(judge, samples)])
        gains.append(obeyed - usual[place])
        rows.append([word.text, f"{obeyed:.2f}", f"{usual[place]:.2f}", f"{gains[-1]:+.2f}"])
    show_table(["word", "obeyed", "usual", "gain"], rows)
    good = sum(gain >= LEAST_GAIN for gain in gains)
    talk(f"{good} of {len(gains)} words at least {LEAST_GAIN} above what is usual; {OF_SIX} of 6 is the goal")


@main.command()
@click.argument("run")
@click.option("--pairs", default=120, show_default=True, help="Comparisons that a simulated player makes.")
@click.option("--fun", default="coins", show_default=True, help="What the player likes more of: coins, gaps, pipes ...")
@click.option("-n", "--count", default=64, show_default=True, help="Samples that are counted before and after.")
def tune(run: str, pairs: int, fun: str, count: int) -> None:
    """Lets a simulated player pick the more fun of two levels of RUN, tunes, and counts before and after.

    The run gets a version, which is taken back.
    """
    import tempfile

    import tfgen
    from tfgen.evaluate.training_data import open_training
    from tfgen.feedback.events import Event
    from tfgen.feedback.store import open_store
    from tfgen.modalities.level.judging import Judge
    from tfgen.modalities.level.words import counts_of

    found = tfgen.load(run)
    judge = Judge(open_training(found))

    def likes(samples: Any) -> np.ndarray:
        return np.array([counts_of(grid[None], judge.tiles)[fun][0] for grid in grids_of(judge, samples)])

    samples = found.generate("", 2 * pairs, seed=0)
    liked, records = likes(samples).reshape(-1, 2), samples.records()
    before = likes(found.generate("", count, seed=50_000)).mean()
    with tempfile.TemporaryDirectory() as folder, open_store(f"{folder}/feedback.db") as store:
        for place, (first, second) in enumerate(liked.tolist()):
            shown = records[2 * place : 2 * place + 2]
            picked = [0, 1] if first == second else [int(second > first)]
            store.add(shown, [Event("pair", tuple(each.id for each in shown), {"picked": picked}, "player")])
        version = found.tune(store=store, verbose=True)
    after = likes(version.generate("", count, seed=50_000)).mean()
    usual = counts_of(judge.real_windows, judge.tiles)[fun].mean()
    show_table([fun + " a level", "before", "after", "levels learned"], [["mean", before, after, usual]])
    tfgen.load(run).revert("base")


if __name__ == "__main__":
    main()
