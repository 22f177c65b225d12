"""The search for a better prompt: cells are compared at common seeds, and the worse half is left behind each round.

Sequential halving (Karnin, Koren & Somekh 2013), first over the template's own combinations and the sampler's settings,
then over what differs from the best in a word or a setting. A part of the budget is kept for seeds that no choice was
made with: there the best is compared with the start, pair by pair.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfgen.errors import UserError
from tfgen.evaluate.statistics import wilson
from tfgen.prompts.cells import Cell, Cells, Drawn
from tfgen.prompts.judges import Judge

CHECK_SHARE = 0.25  # of the budget, for fresh seeds
_LEAST_CHECKED = 8  # pairs
_GRID_SHARE = 0.3  # of the rest, for the template's own combinations
MOST_CELLS = 200  # that one halving begins with; of more some are drawn by chance
_NEAR_SHARE = 0.5  # of what is left, for the neighbours of the best so far

Show = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class Interval:
    """A mean difference with 95 % limits, from pairs at common seeds."""

    value: float
    low: float
    high: float
    pairs: int

    @property
    def beats(self) -> bool:
        """Whether what is better is not only chance."""
        return self.low > 0

    def to_json(self) -> dict[str, float]:
        return {"value": self.value, "low": self.low, "high": self.high, "pairs": self.pairs}


@dataclass(frozen=True)
class Found:
    """What a search ended with. winner: the start where nothing was better on fresh seeds."""

    start: Cell
    winner: Cell
    best: Cell  # the best of the search, whatever fresh seeds say
    gain: Interval | None  # of the best over the start on fresh seeds; None where the start is the best
    scores: Mapping[str, tuple[float, float]]  # start and best on fresh seeds, by what was measured
    trials: Sequence[Mapping[str, Any]]
    used: int  # samples
    left_out: int = 0  # cells that the budget was too small for

    @property
    def improved(self) -> bool:
        return self.winner != self.start


class Trials:
    """Samples and scores of cells at the seeds first, first + 1, ...: as many of each as were paid for."""

    def __init__(self, cells: Cells, judge: Judge, first: int, show: Show = lambda row: None):
        self.cells, self.judge, self.first, self.show = cells, judge, first, show
        self.used = 0
        self.rows: list[dict[str, Any]] = []
        self._drawn: dict[Cell, Drawn] = {}
        self._scores: dict[Cell, np.ndarray] = {}
        self._noted: dict[Cell, int] = {}

    def count(self, cell: Cell) -> int:
        """How many samples of it there are."""
        return len(self._drawn[cell]) if cell in self._drawn else 0

    def reach(self, cells: Sequence[Cell], count: int) -> None:
        """Makes samples until there are `count` of each cell."""
        for have in sorted({self.count(cell) for cell in cells if self.count(cell) < count}):
            wanted = [cell for cell in cells if self.count(cell) == have]
            for drawn in self.cells.draw(wanted, self._seeds(have, count)):
                self._add(drawn)
            self.used += len(wanted) * (count - have)

    def _seeds(self, start: int, stop: int) -> np.ndarray:
        return np.arange(self.first + start, self.first + stop, dtype=np.int64).astype(np.int32)

    def _add(self, drawn: Drawn) -> None:
        cell = drawn.cell
        if cell in self._drawn and self.judge.measure.alone:
            scores = np.concatenate([self._scores[cell], self.judge.scores(drawn)])
            self._drawn[cell] = self._drawn[cell].joined(drawn)
        else:
            self._drawn[cell] = self._drawn[cell].joined(drawn) if cell in self._drawn else drawn
            scores = self.judge.scores(self._drawn[cell])
        self._scores[cell] = scores

    def value(self, cell: Cell, count: int) -> float:
        """The mean of its first `count` scores, turned round where lower is better."""
        mean = float(np.mean(self._scores[cell][:count]))
        return -math.inf if math.isnan(mean) else self.judge.better * mean

    def ahead(self, cell: Cell, other: Cell) -> bool:
        """Whether one is better than another by more than a standard error, at the seeds that both have."""
        count = min(self.count(cell), self.count(other))
        apart = self.judge.better * (self._scores[cell][:count] - self._scores[other][:count])
        return bool(np.mean(apart) > np.std(apart, ddof=1) / math.sqrt(count)) if count > 1 else False

    def scores(self, cell: Cell) -> np.ndarray:
        return self._scores[cell]

    def drawn(self, cell: Cell) -> Drawn:
        return self._drawn[cell]

    def note(self, cell: Cell, stage: str) -> None:
        """Keeps, and shows, how a cell stands, where there is news of it."""
        if stage != "best" and self._noted.get(cell) == self.count(cell):
            return
        self._noted[cell] = self.count(cell)
        row = {
            "trial": len(self.rows) + 1,
            "stage": stage,
            "prompt": cell.prompt,
            "settings": dict(cell.settings),
            "samples": self.count(cell),
            "score": float(np.mean(self._scores[cell])),
        }
        self.rows.append(row)
        self.show(row)


def optimize(
    cells: Cells,
    start: Cell,
    pool: Sequence[Cell],
    judge: Judge,
    budget: int,
    seed: int = 0,
    show: Show = lambda row: None,
    beside: Mapping[str, Judge] | None = None,
    words: bool = True,
) -> Found:
    """Looks for a cell that the judge likes better than `start`, with `budget` samples in all.

    Args:
        pool: what to begin with, such as all combinations of a template with all settings.
        seed: of the first sample, and of what is drawn by chance.
        beside: other judges, whose scores of the start and the best on fresh seeds are told.
        words: whether prompts are looked for that differ in a word; else settings alone.

    Raises:
        UserError: the budget is too small for any choice.
    """
    check_budget(cells, budget)
    chance = np.random.default_rng([abs(seed), 1])
    trials = Trials(cells, judge, seed, show)
    checked = max(_LEAST_CHECKED, int(CHECK_SHARE * budget) // 2)  # samples of each of the two
    search = budget - 2 * checked
    pool = [cell for cell in dict.fromkeys(pool) if cell != start]
    others = set(_near(cells, start, words)) - {start, *pool}
    part = int(_GRID_SHARE * search) if others else search
    kept = _affordable(pool, part, cells.least, chance)
    left_out = len(pool) - len(kept)
    best = _halved(trials, [start, *kept], part, "combinations") if kept else start
    tried = {start, *kept}
    while True:
        near = [each for each in _near(cells, best, words) if each not in tried]
        left = search - trials.used
        share = max(int(_NEAR_SHARE * left), 6 * cells.least)
        near = _affordable(near, min(left, share), cells.least, chance)
        if not near:
            break
        tried.update(near)
        found = _halved(trials, [best, *near], min(left, share), "neighbours")
        # The luckiest of many is seldom the best: it must be ahead by more than the chance of its own scores.
        best = found if trials.ahead(found, best) else best
    if trials.count(best):
        trials.note(best, "best")
    checked = max(checked, (budget - trials.used) // 2)  # what the search left over makes the answer surer
    return _checked(trials, start, best, checked, seed, beside or {}, left_out)


def check_budget(cells: Cells, budget: int) -> None:
    """Raises UserError where a budget is too small for any choice."""
    least = max(12 * cells.least, 6 * _LEAST_CHECKED)
    if budget < least:
        raise UserError(f"A budget of {budget} samples is too small to tell anything.", f"Give {least} or more.")


def random_search(
    cells: Cells, start: Cell, pool: Sequence[Cell], judge: Judge, budget: int, each: int, seed: int = 0,
    words: bool = True,
) -> Cell:
    """The best of cells that are drawn by chance from all that `optimize` begins with, and `start`'s neighbours, by
    `each` samples of seeds of their own: what a search must be better than."""
    chance = np.random.default_rng([abs(seed), 2])
    every = list(dict.fromkeys([start, *pool, *(_near(cells, start, words))]))
    count = max(1, min(len(every), budget // each))
    chosen = [every[place] for place in chance.choice(len(every), count, replace=False)]
    best, value = start, -math.inf
    for place, cell in enumerate(chosen):
        trials = Trials(cells, judge, seed + 1_000_000 + place * each)
        trials.reach([cell], each)
        if trials.value(cell, each) > value:
            best, value = cell, trials.value(cell, each)
    return best


def settings_grid(cells: Cells, found: Sequence[Cell]) -> list[Cell]:
    """Each cell as it is, and with every value of each setting that a search tries, one setting changed at a time."""
    grid = list(found)
    for cell in found:
        grid += [cell.with_settings(**{name: value}) for name, values in cells.tried.items() for value in values
                 if dict(cell.settings).get(name) != value]
    return list(dict.fromkeys(grid))


def paired(better: np.ndarray, worse: np.ndarray) -> Interval:
    """How much more one has than the other at the same seeds, with Student's interval."""
    differences = np.asarray(better, np.float64) - np.asarray(worse, np.float64)
    count = len(differences)
    mean = float(np.mean(differences))
    half = _student(count - 1) * float(np.std(differences, ddof=1)) / math.sqrt(count) if count > 1 else math.inf
    return Interval(mean, mean - half, mean + half, count)


def _student(freedom: int) -> float:
    """97.5 % of Student's distribution lie below; by Cornish and Fisher's expansion, within .5 % from 4 on."""
    z = 1.959964
    terms = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96, (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + sum(term / freedom**power for power, term in enumerate(terms, 1)) if freedom > 0 else math.inf


def _near(cells: Cells, cell: Cell, words: bool) -> list[Cell]:
    return [*(settings_grid(cells, [cell])[1:]), *(cells.neighbours(cell) if words else ())]


def _affordable(
    found: Sequence[Cell], budget: int, least: int, chance: np.random.Generator, most: int = MOST_CELLS
) -> list[Cell]:
    """As many of the cells, drawn by chance, as a halving can look at."""
    count = min(len(found), most, MOST_CELLS)
    while count > 0 and least * _cost(count + 1) > budget:
        count -= 1
    if count == len(found):
        return list(found)
    return [found[place] for place in np.sort(chance.choice(len(found), count, replace=False))]


def _cost(count: int) -> float:
    """How many times the least a halving of so many cells makes at the most, when each round makes the least."""
    return 2 * count + 2 * math.log2(count)


def _halved(trials: Trials, alive: Sequence[Cell], budget: int, stage: str) -> Cell:
    """The cell that is left when half of the cells are left behind, again and again; the first of those that are
    equally good."""
    alive, least = list(alive), trials.cells.least
    rounds = max(1, math.ceil(math.log2(len(alive))))
    step = least
    while 2 * step * _cost(len(alive)) <= budget:  # the first round goes wrong the soonest, so it isn't stinted
        step *= 2
    count, end = 0, trials.used + budget
    for done in range(rounds):
        # Each round gets the same share of what is left, and each cell in it as many samples.
        count += max(least if done else step, (end - trials.used) // ((rounds - done) * len(alive)) // least * least)
        trials.reach(alive, count)
        ranked = sorted(alive, key=lambda cell: -trials.value(cell, count))
        alive, dropped = ranked[: math.ceil(len(alive) / 2)], ranked[math.ceil(len(alive) / 2) :]
        for cell in reversed(dropped):
            trials.note(cell, stage)
    return alive[0]


def _checked(
    trials: Trials, start: Cell, best: Cell, count: int, seed: int, beside: Mapping[str, Judge], left_out: int
) -> Found:
    """Start and best on seeds that no choice was made with."""
    # Neighbouring seeds are as different as any, so these begin right behind the last that was used.
    first = seed + max([0, *(trials.count(cell) for cell in (start, best))]) + 100_000
    fresh = Trials(trials.cells, trials.judge, first)
    fresh.reach(list(dict.fromkeys([start, best])), count)
    judge = trials.judge
    gain = paired(judge.better * fresh.scores(best), judge.better * fresh.scores(start)) if best != start else None
    scores = {
        name: tuple(float(np.mean(each.scores(fresh.drawn(cell)))) for cell in (start, best))
        for name, each in {judge.name: judge, **beside}.items()
    }
    winner = best if gain is not None and gain.beats else start
    return Found(start, winner, best, gain, scores, trials.rows, trials.used + fresh.used, left_out)


@dataclass
class Picks:
    """What a person said while two cells stood side by side, ties left out."""

    wins: int = 0
    count: int = 0
    ties: int = 0
    trials: list[dict[str, Any]] = field(default_factory=list)


Ask = Callable[[Drawn, Drawn], int | None]  # 0 or 1 for the better one, None for neither


def optimize_by_picks(
    cells: Cells, start: Cell, pool: Sequence[Cell], ask: Ask, picks: int, count: int, seed: int = 0,
    show: Show = lambda row: None,
) -> Found:
    """As `optimize`, by a person's picks: cells meet in pairs at common seeds until one is left, and that one meets the
    start on fresh seeds, the sides by chance.

    Args:
        picks: how often the person is asked, at the most.
        count: samples of each that are shown.
    """
    if picks < 12:
        raise UserError(f"{picks} picks are too few to tell anything.", "Give a budget of 12 or more.")
    chance = np.random.default_rng([abs(seed), 3])
    checks = max(8, int(0.4 * picks))
    pool = [cell for cell in dict.fromkeys(pool) if cell != start]
    kept = [pool[place] for place in np.sort(chance.choice(len(pool), min(len(pool), picks - checks), replace=False))]
    said, alive, asked = Picks(), [start, *kept], 0
    while len(alive) > 1:
        order = [alive[place] for place in chance.permutation(len(alive))]
        left = order[len(order) // 2 * 2 :]
        for one, two in zip(order[0::2], order[1::2], strict=False):
            place = _asked(cells, one, two, ask, count, seed + 1000 * asked, chance)
            asked += 1
            better = two if place == 1 or place is None and two == start else one
            left.append(better)
            row = {"trial": asked, "stage": "picks", "prompt": better.prompt, "settings": dict(better.settings),
                   "against": (one if better is two else two).title, "tie": place is None}
            said.trials.append(row)
            show(row)
        alive = left
    best = alive[0]
    if best == start:
        return Found(start, start, start, None, {}, said.trials, 2 * count * asked, len(pool) - len(kept))
    for turn in range(picks - asked):
        place = _asked(cells, start, best, ask, count, seed + 100_000_000 + 1000 * turn, chance)
        asked += 1
        said.ties += place is None
        said.count += place is not None
        said.wins += place == 1
    low, high = wilson(said.wins / said.count, said.count) if said.count else (0.0, 1.0)
    share = said.wins / said.count if said.count else 0.5
    gain = Interval(share - 0.5, low - 0.5, high - 0.5, said.count)
    winner = best if gain.beats else start
    scores = {"preferred": (1 - share, share)}
    return Found(start, winner, best, gain, scores, said.trials, 2 * count * asked, len(pool) - len(kept))


def _asked(
    cells: Cells, one: Cell, two: Cell, ask: Ask, count: int, seed: int, chance: np.random.Generator
) -> int | None:
    """The place of the better of two, which the person sees in an order of chance."""
    drawn = cells.draw([one, two], np.arange(seed, seed + count, dtype=np.int64).astype(np.int32))
    swap = bool(chance.integers(2))
    place = ask(*(drawn[::-1] if swap else drawn))
    return None if place is None else place ^ swap
