"""An n-gram model: counts what follows what (modified Kneser-Ney, interpolated; Chen & Goodman 1999).

The chance of a token after the last `order - 1` is a discounted share of how often it stood there, and what the
discount leaves goes by the chance after one token less; after none, all are equal. All of it is sorted arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ORDER = 5
MOST_TOKENS = 2 * 10**6  # that are counted
_DISCOUNT = 0.75  # where there is too little to estimate one


@dataclass(frozen=True)
class _Level:
    """All sequences of one length: the place of what stands before the last token, times the vocabulary, plus it.

    codes: int64 [n], sorted. weights: float64 [n], the discounted counts. sums: float64 [n + 1], of the weights before.
    totals, left: float64 for each sequence of one token less, how often it has a token behind it, and the share that is
    left for shorter ones.
    """

    codes: np.ndarray
    weights: np.ndarray
    sums: np.ndarray
    totals: np.ndarray
    left: np.ndarray

    def places(self, before: np.ndarray, tokens: np.ndarray, vocabulary_size: int) -> np.ndarray:
        """The places of sequences in this level, -1 for unknown ones; `before` are those of all but the last token."""
        wanted = before.astype(np.int64) * vocabulary_size + tokens
        found = np.minimum(np.searchsorted(self.codes, wanted), len(self.codes) - 1)
        return np.where((before >= 0) & (self.codes[found] == wanted), found, -1)

    def known(self, before: np.ndarray) -> np.ndarray:
        """Whether anything is known to stand behind these."""
        return (before >= 0) & (self.totals[before] > 0)


class NGram:
    """Counts tokens int [n] below `vocabulary_size`."""

    def __init__(self, tokens: np.ndarray, vocabulary_size: int, order: int = ORDER):
        self.order = min(order, len(tokens))
        self.vocabulary_size = vocabulary_size
        grams, counts, firsts = _count(np.asarray(tokens, np.int64), vocabulary_size, self.order)
        self._levels = []
        for level in range(self.order):
            codes, places = grams[level]
            if level + 1 < self.order:
                # How many different tokens stand before it: "Francisco" is frequent, and follows one word only.
                counted = np.bincount(places[firsts[level + 1] + 1], minlength=len(codes))
            else:
                counted = counts[level]
            contexts = len(grams[level - 1][0]) if level else 1
            self._levels.append(_level(codes, counted, codes // vocabulary_size, contexts))

    def probabilities(self, tokens: np.ndarray) -> np.ndarray:
        """float64 [n]: the chance of each token of int [n] after those before it."""
        tokens = np.asarray(tokens, np.int64)
        chance = np.full(len(tokens), 1.0 / self.vocabulary_size)
        before = np.zeros(len(tokens), np.int64)
        for level in self._levels:
            found = level.places(before, tokens, self.vocabulary_size)
            chance = _mixed(level, before, found, chance)
            before = np.concatenate([[-1], found[:-1]])
        return chance

    def nats(self, tokens: np.ndarray, start: int) -> np.ndarray:
        """float64 [n]: what each token costs; the first comes after `start`."""
        return -np.log(self.probabilities(np.concatenate([[start], tokens]))[1:])

    def sample(
        self, rows: int, length: int, start: int | np.ndarray, ends: int | Sequence[int], seed: int
    ) -> list[np.ndarray]:
        """Texts of at most `length` tokens, each up to the first of the `ends`, from a `start` for all or [rows]."""
        generator = np.random.default_rng([seed, 5])
        made = np.zeros([rows, length], np.int64)
        before = [np.zeros(rows, np.int64), *(np.full(rows, -1) for _ in range(self.order - 1))]
        before = self._moved(before, np.broadcast_to(start, [rows]))
        for place in range(length):
            made[:, place] = self._drawn(before, generator)
            before = self._moved(before, made[:, place])
        over = np.isin(made, ends)
        stops = np.where(over.any(axis=1), np.argmax(over, axis=1) + 1, length)
        return [row[:stop].astype(np.int32) for row, stop in zip(made, stops, strict=True)]

    def _moved(self, before: list[np.ndarray], tokens: np.ndarray) -> list[np.ndarray]:
        """The places of the last sequences of each length, one token on."""
        pairs = zip(self._levels[:-1], before[:-1], strict=True)
        longer = [level.places(each, tokens, self.vocabulary_size) for level, each in pairs]
        return [before[0], *longer]

    def _drawn(self, before: list[np.ndarray], generator: np.random.Generator) -> np.ndarray:
        """A token for each row: the longest sequence gives one, or leaves it to the next shorter one."""
        drawn = generator.integers(0, self.vocabulary_size, len(before[0]))
        open_rows = np.ones(len(drawn), bool)
        for level, each in zip(reversed(self._levels), reversed(before), strict=True):
            gives = open_rows & level.known(each) & (generator.random(len(drawn)) >= level.left[each])
            rows, where = np.flatnonzero(gives), each[gives]
            low, high = (np.searchsorted(level.codes, (where + more) * self.vocabulary_size) for more in (0, 1))
            wanted = level.sums[low] + generator.random(len(rows)) * (level.sums[high] - level.sums[low])
            found = np.clip(np.searchsorted(level.sums, wanted, side="right") - 1, low, high - 1)
            drawn[rows] = level.codes[found] % self.vocabulary_size
            open_rows[rows] = False
        return drawn


def _count(
    tokens: np.ndarray, vocabulary_size: int, order: int
) -> tuple[list[tuple[np.ndarray, np.ndarray]], list[np.ndarray], list[np.ndarray]]:
    """For each length: the codes and each position's place among them; how often each is; where each is first."""
    grams, counts, firsts = [], [], []
    before = np.zeros(len(tokens) + 1, np.int64)
    for level in range(order):
        codes, first, places, count = np.unique(
            before[:-1] * vocabulary_size + tokens[level:], return_index=True, return_inverse=True, return_counts=True
        )
        grams.append((codes, places))
        counts.append(count)
        firsts.append(first)
        before = places
    return grams, counts, firsts


def _level(codes: np.ndarray, counts: np.ndarray, before: np.ndarray, contexts: int) -> _Level:
    discounts = _discounts(counts)[np.minimum(counts, 3)]
    totals = np.bincount(before, counts, contexts)
    left = np.bincount(before, discounts, contexts) / np.maximum(totals, 1)
    weights = counts - discounts
    return _Level(codes, weights, np.concatenate([[0.0], np.cumsum(weights)]), totals, left)


def _discounts(counts: np.ndarray) -> np.ndarray:
    """What is taken from a count of 0, 1, 2, and 3 or more (Chen & Goodman 1999, equation 26)."""
    once, twice, thrice, four = (int(np.sum(counts == number)) for number in (1, 2, 3, 4))
    if not (once and twice and thrice and four):
        return np.array([0.0, _DISCOUNT, _DISCOUNT, _DISCOUNT])
    share = once / (once + 2 * twice)
    found = [1 - 2 * share * twice / once, 2 - 3 * share * thrice / twice, 3 - 4 * share * four / thrice]
    return np.array([0.0, *(min(max(each, 0.05), 0.95 * most) for each, most in zip(found, (1, 2, 3), strict=True))])


def _mixed(level: _Level, before: np.ndarray, found: np.ndarray, shorter: np.ndarray) -> np.ndarray:
    """The chance by this level where it knows what stands before, else by a shorter one."""
    known = level.known(before)
    weights = np.where(found >= 0, level.weights[found], 0.0)
    mixed = weights / np.maximum(level.totals[before], 1) + level.left[before] * shorter
    return np.where(known, mixed, shorter)
