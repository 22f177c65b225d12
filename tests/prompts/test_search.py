"""The search, on cells whose true scores are known: it finds the best, keeps to its budget, and resists luck."""

import numpy as np
import pytest

from tfgen.errors import UserError
from tfgen.prompts.cells import Cell, Drawn
from tfgen.evaluate.statistics import wilson
from tfgen.prompts.judges import Judge, Measure
from tfgen.prompts.search import optimize, optimize_by_picks, paired, random_search, settings_grid


class KnownCells:
    """Scores of prompts "0" to "39" are the number / 40, with noise of the seed's own and of both; a word more adds."""

    settings, strings, least = ("heat",), True, 4
    tried = {"heat": (1, 2)}

    def __init__(self, own=0.3, common=1.0, gain=0.0):
        self.own, self.common, self.gain = own, common, gain
        self.made = 0

    def draw(self, cells, seeds):
        self.made += len(cells) * len(seeds)
        return [Drawn(cell, seeds, [self._value(cell, int(seed)) for seed in seeds]) for cell in cells]

    def _value(self, cell, seed):
        number = cell.prompt.split()
        true = int(number[0]) / 40 * (self.gain != -1) + self.gain * (len(number) - 1)
        true += 0.2 * dict(cell.settings).get("heat", 0)
        own = np.random.default_rng([seed + 2**31, sum(map(ord, cell.title))]).normal()
        return true + self.own * own + self.common * np.random.default_rng([seed + 2**31, 1]).normal()

    def neighbours(self, cell):
        return [Cell(f"{cell.prompt} {word}", cell.settings) for word in "abc"] if len(cell.prompt.split()) < 3 else []


JUDGE = Judge("known", Measure(lambda drawn: np.array(drawn.values), "known", 1))
POOL = [Cell(str(number)) for number in range(40)]


def test_the_best_is_found_within_the_budget_and_shown_as_it_goes():
    cells, rows = KnownCells(own=0.1), []
    found = optimize(cells, POOL[0], POOL, JUDGE, 2000, show=rows.append, words=False)
    assert found.improved and int(found.winner.prompt) >= 36
    assert dict(found.winner.settings)["heat"] == 2, "settings of the best are tried too"
    assert found.gain.low > 0.8 and found.used == cells.made <= 2000
    assert rows == found.trials and rows[-1]["stage"] == "best" and len(rows) > 40


def test_words_are_added_where_they_help():
    found = optimize(KnownCells(own=0.1, gain=1.0), Cell("3"), [Cell("3")], JUDGE, 1500)
    assert len(found.winner.prompt.split()) == 3


def test_less_is_better_where_the_judge_says_so():
    judge = Judge("known", Measure(JUDGE.measure.function, "known", -1))
    found = optimize(KnownCells(own=0.1), POOL[39], POOL, judge, 2000, words=False)
    assert int(found.winner.prompt) <= 3 and found.gain.beats


def test_luck_alone_is_seldom_saved():
    """Where no cell is better than any other, the start stays but for the 2.5 % that the interval allows."""
    saved = 0
    for seed in range(40):
        cells = KnownCells(own=1.0, gain=-1)
        cells.tried = {}
        cells.neighbours = lambda cell: []
        saved += optimize(cells, POOL[0], POOL, JUDGE, 800, seed=1000 * seed).improved
    assert saved <= 3


def test_more_cells_than_can_be_paid_for_are_drawn_by_chance():
    found = optimize(KnownCells(), POOL[0], POOL, JUDGE, 200, words=False)
    assert found.left_out > 0 and found.used <= 200


def test_it_is_better_than_random_search_at_the_same_budget():
    def true(cell):
        return int(cell.prompt) / 40 + 0.2 * dict(cell.settings).get("heat", 0)

    gains = []
    for turn in range(10):
        cells, pool = KnownCells(), settings_grid(KnownCells(), POOL)
        best = optimize(cells, POOL[0], pool, JUDGE, 800, seed=5000 * turn, words=False).winner
        chance = random_search(cells, POOL[0], pool, JUDGE, 800, 16, seed=5000 * turn, words=False)
        gains.append(true(best) - true(chance))
    assert paired(np.array(gains), np.zeros(10)).low > 0


def test_too_small_a_budget_is_refused():
    with pytest.raises(UserError, match="too small"):
        optimize(KnownCells(), POOL[0], POOL, JUDGE, 40)
    with pytest.raises(UserError, match="12 or more"):
        optimize_by_picks(KnownCells(), POOL[0], POOL, lambda one, two: 0, 5, 1)


def test_picks_find_what_a_person_likes_and_ask_no_more_than_agreed():
    asked = []

    def ask(one, two):
        asked.append((one.cell, two.cell))
        return int(np.mean(two.values) > np.mean(one.values))

    found = optimize_by_picks(KnownCells(own=0.05), POOL[0], POOL[:12], ask, 24, 4)
    assert found.improved and int(found.winner.prompt) >= 9 and len(asked) == 24
    assert {pair.index(POOL[0]) for pair in asked if POOL[0] in pair} == {0, 1}, "the sides are drawn by chance"


def test_a_person_who_has_no_preference_gets_no_new_version():
    for seed in range(5):
        found = optimize_by_picks(KnownCells(), POOL[0], POOL[:8], lambda one, two: None, 20, 1, seed)
        assert not found.improved


def test_intervals_agree_with_known_ones():
    assert wilson(1.0, 6) == pytest.approx((0.6097, 1.0), abs=1e-4)
    found = paired(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.zeros(5))
    assert (found.value, found.high - found.value) == (3.0, pytest.approx(1.9634, rel=0.01))
