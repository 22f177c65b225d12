"""Prompts: what common seeds are worth, and whether a search finds better ones than chance does.

    python scripts/bench/prompts.py seeds --digits RUN --text RUN --captions RUN
    python scripts/bench/prompts.py search --digits RUN --text RUN --captions RUN

DIGITS is a GAN or VAE on the embedded digits, TEXT a gpt on the embedded shakespeare. CAPTIONS is a run on coloured
digits with captions ("a bold red seven up"), whose folder `captions` writes:

    python scripts/bench/prompts.py captions FOLDER

`seeds` prints, for pairs of prompts, the variance of the difference of their means at common seeds as a share of that
at seeds of their own. `search` prints what start, random search and optimisation reach at equal budgets, each
measured on 1,024 samples (256 texts) that no choice was made with, ten seeds a task, and the paired differences with
95 % intervals.
"""

import csv
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import numpy as np
from common import show_table, talk

COLOURS = {"red": (255, 60, 60), "green": (60, 220, 60), "blue": (80, 120, 255), "yellow": (240, 220, 40)}
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
RANDOM = (8, 16)  # samples of each cell in a random search, of which the better one counts
PURPLE = np.array([190.0, 70.0, 190.0])
FRESH = 50_000_000  # the first seed of what is measured at the end
_SIDE = 16


@click.group()
def main() -> None:
    """Measure common seeds and the search for prompts."""


def runs_options(command: Callable) -> Callable:
    for name in ("captions", "text", "digits"):
        command = click.option(f"--{name}", metavar="RUN", help="Left out where none is named.")(command)
    return command


@main.command()
@click.argument("folder", type=Path)
@click.option("--count", default=4000, show_default=True)
def captions(folder: Path, count: int) -> None:
    """Write coloured digits with captions to FOLDER, for: tfgen fit gan FOLDER --size tiny --minutes 3"""
    from PIL import Image

    from tfgen.data import open_data

    examples, chance, rows = open_data("digits"), np.random.default_rng(0), []
    folder.mkdir(parents=True, exist_ok=True)
    for place in range(count):
        small = Image.fromarray(np.asarray(examples.values[place])[..., 0]).resize((_SIDE, _SIDE), Image.BILINEAR)
        colour = str(chance.choice(list(COLOURS)))
        grey, article = np.asarray(small, np.float64), str(chance.choice(["a", "one", "the", "my"]))
        weight, where = str(chance.choice(["", "bold ", "faint "])), str(chance.choice(["", " up", " down"]))
        if weight == "bold ":
            grey = np.maximum.reduce([grey, np.roll(grey, 1, axis=0), np.roll(grey, 1, axis=1)])
        grey = np.roll(grey * (0.6 if weight == "faint " else 1.0), {" up": -2, " down": 2}.get(where, 0), axis=0)
        pixels = grey[..., None] / 255 * np.array(COLOURS[colour])
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{place:05d}.png")
        digit = examples.prompts[examples.prompt_index[place]]
        rows.append((f"{place:05d}.png", f"{article} {weight}{colour} {digit}{where}"))
    with open(folder / "captions.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file", "caption"), *rows])


# What is asked of samples.


def ink(value: np.ndarray) -> float:
    return float(np.mean(value)) / 255


def slant(value: np.ndarray) -> float:
    """The shear of the drawing, from its second moments; more leans to the right."""
    weight = value.astype(np.float64).mean(axis=-1)
    total = max(weight.sum(), 1e-9)
    rows, columns = np.mgrid[: weight.shape[0], : weight.shape[1]]
    rows, columns = rows - (weight * rows).sum() / total, columns - (weight * columns).sum() / total
    return float(-(weight * rows * columns).sum() / max((weight * rows**2).sum(), 1e-9))


def medium(value: np.ndarray) -> float:
    """1 where slant and ink are both as wanted, falling off to the sides."""
    return float(np.exp(-(((slant(value) - 0.3) / 0.1) ** 2) - ((ink(value) - 0.12) / 0.03) ** 2))


def purple(value: np.ndarray) -> float:
    """How near the mean colour of what is drawn is to a colour that no caption names; 0 is there."""
    weight = value.max(axis=-1, keepdims=True).astype(np.float64)
    mean = (value * weight).sum(axis=(0, 1)) / max(weight.sum(), 1e-9)
    return float(-np.linalg.norm(mean - PURPLE) / 255)


def cells_of(name: str):
    from tfgen.prompts.cells import open_cells
    from tfgen.run import Run

    return open_cells(Run.open(name))


def judge_of(name: str, score: Callable):
    from tfgen.prompts.judges import Judge, Measure

    return Judge(name, Measure(lambda drawn: np.array([score(each) for each in drawn.values]), name, 1))


# Common seeds.


@main.command()
@runs_options
def seeds(digits: str | None, text: str | None, captions: str | None) -> None:
    """The variance of a comparison at common seeds, as a share of that at seeds of their own."""
    from tfgen.prompts.cells import Cell

    rows = []
    if digits:
        cells, prompts = cells_of(digits), [Cell(digit) for digit in DIGITS]
        for name, score in (("ink", ink), ("slant", slant)):
            rows.append((f"{digits}, pairs of digits", name, *_shares(cells, prompts, score, 512)))
        shares = [Cell("seven", (("truncation", share),)) for share in (0.5, 0.7, 0.85, 1.0)]
        rows.append((f"{digits}, pairs of truncations", "slant", *_shares(cells, shares, slant, 512)))
    if captions:
        cells = cells_of(captions)
        prompts = [Cell(f"a {colour} {digit}") for colour in COLOURS for digit in ("two", "seven", "eight")]
        rows.append((f"{captions}, pairs of captions", "slant", *_shares(cells, prompts, slant, 512)))
        rows.append((f"{captions}, pairs of captions", "ink", *_shares(cells, prompts, ink, 512)))
    if text:
        cells, length = cells_of(text), ("length", 60)
        prompts = [Cell(f"{name}:\n", (length,)) for name in ("ROMEO", "JULIET", "KING", "First Citizen")]
        heats = [Cell("ROMEO:\n", (length, ("temperature", heat))) for heat in (0.5, 0.65, 0.8, 1.0)]
        for name, score in (("letters e", lambda text: text.count("e")), ("lines", lambda text: text.count("\n"))):
            rows.append((f"{text}, pairs of openings", name, *_shares(cells, prompts, score, 128)))
            rows.append((f"{text}, pairs of temperatures", name, *_shares(cells, heats, score, 128)))
    show_table(("what is compared", "by", "pairs", "mean share", "least", "most", "mean correlation"), rows)


def _shares(cells, prompts: Sequence, score: Callable, count: int) -> tuple:
    """Over all pairs: how many, and the mean, least and most of the share; the correlation at one seed."""
    drawn = cells.draw(prompts, np.arange(count, dtype=np.int32))
    values = [np.array([score(each) for each in one.values], np.float64) for one in drawn]
    pairs = list(itertools.combinations(values, 2))
    shares = [np.var(one - two) / (np.var(one) + np.var(two)) for one, two in pairs]
    alike = [np.corrcoef(one, two)[0, 1] for one, two in pairs]
    return len(pairs), float(np.mean(shares)), float(np.min(shares)), float(np.max(shares)), float(np.mean(alike))


# The search.


@main.command()
@runs_options
@click.option("--turns", default=10, show_default=True, help="Seeds a task.")
@click.option("--budget", default=600, show_default=True, help="Samples of each search.")
def search(digits: str | None, text: str | None, captions: str | None, turns: int, budget: int) -> None:
    """What start, random search and optimisation reach at equal budgets."""
    from tfgen.prompts.matrix import find

    rows, tasks = [], []
    every = "{" + "|".join(DIGITS) + "}"
    if digits:
        tasks.append((digits, "medium slant and ink", medium, find(every), {}, 1024))
    if text:
        opening = find("{ROMEO|JULIET|KING HENRY|First Citizen}:\n")
        tasks.append((text, "different letters in 40", lambda text: len(set(text)), opening, {"length": 40}, 128))
    if captions:
        tasks.append((captions, "purple", purple, find("a {" + "|".join(COLOURS) + "} " + every), {}, 1024))
        tasks.append((captions, "much ink", ink, find("a red " + every), {}, 1024))
    for name, task, score, named, settings, fresh in tasks:
        rows.append((name, task, *_compared(name, task, score, named, settings, fresh, turns, budget)))
    over = "over start", "over random"
    show_table(("run", "task", "start", "random", "optimize", *over, "saved", "found most often"), rows)


def _compared(name, task, score, named, settings, fresh, turns, budget) -> tuple:
    from collections import Counter

    from tfgen.prompts.matrix import Filling
    from tfgen.prompts.search import optimize, paired, random_search, settings_grid

    cells, judge = cells_of(name), judge_of(task, score)
    base = named.cells(Filling(), settings)
    pool, start, known = settings_grid(cells, base), base[0], {}

    def truth(cell) -> float:
        """The mean on seeds that no search sees."""
        if cell not in known:
            seeds = np.arange(FRESH, FRESH + fresh, dtype=np.int32)
            known[cell] = float(judge.scores(cells.draw([cell], seeds)[0]).mean())
        return known[cell]

    reached, found, saved = [], Counter(), 0
    for turn in range(turns):
        seed = 1_000_001 + 1000 * turn
        drawn = [truth(random_search(cells, start, pool, judge, budget, each, seed)) for each in RANDOM]
        result = optimize(cells, start, pool, judge, budget, seed)
        if result.used > budget:
            raise SystemExit(f"{result.used} samples were made of {budget}")
        saved += result.improved
        found[result.winner.title] += 1
        reached.append((truth(start), *drawn, truth(result.winner)))
        figures = ", ".join(f"{each:.4g}" for each in reached[-1])
        talk(f"{task}, turn {turn + 1}: {figures}: {result.winner.title}")
    begun, *drawn, best = np.array(reached).T
    drawn = max(drawn, key=np.mean)
    over = [paired(best, other) for other in (begun, drawn)]
    shown = [f"{each.value:+.3g} ({each.low:+.3g} to {each.high:+.3g})" for each in over]
    means = float(begun.mean()), float(drawn.mean()), float(best.mean())
    return (*means, *shown, f"{saved} of {turns}", found.most_common(1)[0][0])


if __name__ == "__main__":
    main()
