"""MST: the counts of a table's columns, and of those pairs of columns that make a tree, with noise where they must give
no row away (McKenna, Miklau & Sheldon 2021, Winning the NIST Contest, algorithms 1 to 3).

Tokens are counted column by column. Neighbours in a column's order, and rare words, are put into groups, so that a
table of two columns has enough rows in its cells to stand out from noise. Kruskal's algorithm takes the pairs that say
most: by their mutual information (Chow & Liu 1968), or, of a private fit, each by the exponential mechanism. The
counts of these pairs are then made to agree with each other, by projection and by iterative proportional fitting.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tfgen.representations.rows.specification import Field, RowSpecification
from tfgen.trust.privacy import MarginalNoise

_ROWS_OF_A_CELL = 10.0  # on average, of a table of two columns
_NOISE_OF_A_CELL = 4.0  # the same, in deviations of its noise
_NOISE_OF_A_GROUP = 8.0  # rows of a group at the least, in deviations of a cell's noise
_FEWEST_GROUPS = 4
_UNSEEN = 0.5  # rows that each token is thought to have beside those that were counted
_ROUNDS = 100  # of iterative proportional fitting, at the most
_CLOSE = 1e-9  # to the shares that a table's sides should have


@dataclass(frozen=True)
class Marginals:
    """What is known of a table.

    groups: of each field, which group each of its tokens is in, int32 [tokens].
    within: of each field, how often each token is there when its group is, float64 [tokens].
    parents: of each field, which one it is drawn by; -1 of the first.
    pairs: of each field, how often groups of its parent and of it are there together, float64 [groups of the parent,
        own groups]; of the first, its groups alone, [1, groups]. They sum to 1, and wherever a field is in several, its
        groups have the same shares in all.
    """

    groups: tuple[np.ndarray, ...]
    within: tuple[np.ndarray, ...]
    parents: np.ndarray
    pairs: tuple[np.ndarray, ...]

    @property
    def entropy(self) -> float:
        """Nats that a row of this tree has on average."""
        total = 0.0
        for own, within, pair in zip(self.groups, self.within, self.pairs):
            total += _entropy(pair) - _entropy(pair.sum(axis=1)) - (pair.sum(axis=0)[own] * within) @ np.log(within)
        return total


class Noise:
    """What keeps counts and choices private; where there is no budget, none.

    of_columns, of_pairs: deviations of the noise of a count, in rows.
    """

    def __init__(self, budget: MarginalNoise | None = None, key: int = 0):
        self.budget = budget
        self.of_columns, self.of_pairs = (budget.of_columns, budget.of_pairs) if budget else (0.0, 0.0)
        self._generator = np.random.Generator(np.random.Philox(key=key))

    def counted(self, counts: np.ndarray, deviation: float) -> np.ndarray:
        """Counts with noise of a deviation, float64 of the same shape."""
        return counts + deviation * self._generator.standard_normal(counts.shape)

    def chosen(self, scores: np.ndarray) -> int:
        """The place of a high score, each of which a row moves by at most 1: by the exponential mechanism (McSherry &
        Talwar 2007), drawn as the largest of scores with Gumbel noise; the highest where nothing is private."""
        if self.budget is None:
            return int(np.argmax(scores))
        return int(np.argmax(scores * self.budget.epsilon_of_choice / 2.0 + self._generator.gumbel(size=len(scores))))


def measured(
    tokens: np.ndarray, example: RowSpecification, most_groups: int, smoothing: float, noise: "Noise"
) -> Marginals:
    """The marginals of rows of tokens [rows, fields], as a tree of columns has them.

    Args:
        most_groups: of each field.
        smoothing: rows that each pair of fields is thought to have beside those that were counted, in which the two
            don't depend on each other.
        noise: of all that is counted and chosen; of no deviation where the fit is not private.
    """
    sizes, fields = example.sizes, range(len(example.fields))
    counts = [noise.counted(np.bincount(tokens[:, field], minlength=sizes[field]), noise.of_columns)
              for field in fields]  # fmt: skip
    # All columns have the same sum but for the noise; those of few tokens know it best.
    total = max(1.0, float(np.average([own.sum() for own in counts], weights=1.0 / sizes)))
    shares = [on_simplex(own / total) for own in counts]
    groups = [
        grouped(field, own, total, most_groups, noise.of_pairs) for field, own in zip(example.fields, shares)
    ]
    coded = np.stack([own[tokens[:, field]] for field, own in enumerate(groups)], axis=1)
    sides = [np.bincount(own, share) for own, share in zip(groups, shares)]
    parents = _directed(spanning_tree(coded, sides, total, noise), len(sizes))
    tables = {
        field: noise.counted(together(coded, int(parent), field, sides), noise.of_pairs) / total
        for field, parent in enumerate(parents) if parent >= 0
    }  # fmt: skip
    sides = _agreed(groups, counts, total, parents, tables, noise)
    pairs = [side[None] for side in sides]
    for field, table in tables.items():
        ends = sides[parents[field]], sides[field]
        smooth = (on_simplex(table) + smoothing / total * np.outer(*ends)) / (1.0 + smoothing / total)
        pairs[field] = raked(smooth, *ends)
    seen = [_with_unseen(own, total) for own in shares]
    within = [own / np.bincount(group, own)[group] for own, group in zip(seen, groups)]
    return Marginals(tuple(groups), tuple(within), parents, tuple(pairs))


def grouped(field: Field, shares: np.ndarray, total: float, most: int, deviation: float) -> np.ndarray:
    """The group of each of a field's tokens, int32 [tokens], each with enough rows to be told from noise.

    Tokens with an order are in a group with their neighbours, about as many rows in each, and such as many rows have
    are alone. Of others the commonest are alone, and the rest are together.
    """
    cell = max(_ROWS_OF_A_CELL, _NOISE_OF_A_CELL * deviation)
    count = int(np.clip(math.sqrt(total / cell), min(_FEWEST_GROUPS, most), most))
    least = _NOISE_OF_A_GROUP * deviation / total
    groups, scores = np.zeros(len(shares), np.int32), field.scores or [None] * len(shares)
    ordered = np.array([place for place, score in enumerate(scores) if score is not None], np.int64)
    others = np.array([place for place, score in enumerate(scores) if score is None], np.int64)
    number = 0
    if len(ordered):
        own = shares[ordered]
        wanted = max(least, np.minimum(own, 1.0 / count).sum() / max(1, count - len(others)))
        room = max(1, count - (len(others) > 0))
        while (number := _cut(own, wanted, groups, ordered)) > room:  # a group may have half of what is wanted
            wanted *= 1.1
    room = count - number
    if len(others) and (len(others) > room or shares[others].min() < least):
        falling = others[np.argsort(-shares[others], kind="stable")]
        alone = int(np.clip((shares[falling] >= least).sum(), 0, max(0, room - 1)))
        groups[falling] = number + np.minimum(np.arange(len(falling)), alone)
    elif len(others):
        groups[others] = number + np.arange(len(others))
    return groups


def _cut(shares: np.ndarray, wanted: float, groups: np.ndarray, places: np.ndarray) -> int:
    """Cuts tokens in their order into groups of about the wanted share, none below half of it but where all are, and
    gives how many there are."""
    number, behind = 0, 0.0
    for place, share in zip(places, shares):
        if behind >= wanted or (share >= wanted and behind >= wanted / 2):
            number, behind = number + 1, 0.0
        groups[place], behind = number, behind + share
    if number and behind < wanted / 2:  # too little is left for a group of its own
        groups[places[groups[places] == number]] = number - 1
        number -= 1
    return number + 1


def together(coded: np.ndarray, first: int, second: int, sides: Sequence[np.ndarray]) -> np.ndarray:
    """How many rows have both groups of each two, float64 [groups of the first, groups of the second]."""
    sizes = len(sides[first]), len(sides[second])
    places = coded[:, first].astype(np.int64) * sizes[1] + coded[:, second]
    return np.bincount(places, minlength=sizes[0] * sizes[1]).reshape(sizes).astype(np.float64)


def spanning_tree(
    coded: np.ndarray, sides: Sequence[np.ndarray], total: float, noise: "Noise"
) -> list[tuple[int, int]]:
    """The pairs of fields that go together most, so many that all are connected, by Kruskal's algorithm.

    Of a private fit each pair is chosen by the exponential mechanism among those that close no circle, by how far its
    counts are from those of independent fields: sum |n_ab - n p_a q_b|, which a single row moves by at most 1.
    """
    ends = np.stack(np.triu_indices(len(sides), 1), axis=1)
    scores, part, chosen = np.zeros(len(ends)), np.arange(len(sides)), []
    for place, (first, second) in enumerate(ends):
        counts, expected = together(coded, first, second, sides), np.outer(sides[first], sides[second])
        if noise.budget is None:
            scores[place] = _information(counts / total, expected, total)
        else:
            scores[place] = np.abs(counts - total * expected).sum()
    while len(chosen) < len(sides) - 1:
        apart = np.flatnonzero(part[ends[:, 0]] != part[ends[:, 1]])
        first, second = ends[apart[noise.chosen(scores[apart])]]
        chosen.append((int(first), int(second)))
        part[part == part[second]] = part[first]
    return chosen


def _information(shares: np.ndarray, expected: np.ndarray, total: float) -> float:
    """Mutual information in nats, less what as many rows would show by chance (Miller 1955)."""
    there = shares > 0
    found = float((shares[there] * np.log(shares[there] / expected[there])).sum())
    free = ((expected.sum(axis=1) > 0).sum() - 1) * ((expected.sum(axis=0) > 0).sum() - 1)
    return found - free / (2 * total)


def _directed(edges: Sequence[tuple[int, int]], fields: int) -> np.ndarray:
    """The parent of each field, int32 [fields], -1 of the first: the one with the most neighbours."""
    near: list[list[int]] = [[] for _ in range(fields)]
    for first, second in edges:
        near[first].append(second)
        near[second].append(first)
    parents = np.full(fields, -1, np.int32)
    reached = [int(np.argmax([len(each) for each in near]))]
    for field in reached:
        for other in near[field]:
            if other != parents[field]:
                parents[other] = field
                reached.append(other)
    return parents


def _entropy(shares: np.ndarray) -> float:
    """Nats."""
    there = shares[shares > 0]
    return float(-(there * np.log(there)).sum())


# Noisy shares that agree.


def on_simplex(values: np.ndarray) -> np.ndarray:
    """The nearest shares to numbers [...]: none below 0, and their sum 1 (Duchi et al. 2008, figure 1)."""
    falling = np.sort(values, axis=None)[::-1]
    above = (np.cumsum(falling) - 1.0) / np.arange(1, falling.size + 1)
    return np.maximum(values - above[np.flatnonzero(falling > above)[-1]], 0.0)


def _agreed(
    groups: Sequence[np.ndarray], counts: Sequence[np.ndarray], total: float, parents: np.ndarray,
    tables: Mapping[int, np.ndarray], noise: "Noise",
) -> list[np.ndarray]:  # fmt: skip
    """How often each group of each field is there, by all that was counted of it, each the less the noisier it is."""
    of_columns, of_pairs = (1.0, 1.0) if noise.budget is None else (noise.of_columns**2, noise.of_pairs**2)
    found = []
    for own, one_way in zip(groups, counts):
        weight = 1.0 / (of_columns * np.bincount(own))
        found.append([weight * np.bincount(own, one_way) / total, weight])
    for field, table in tables.items():
        for place, axis in ((int(parents[field]), 1), (field, 0)):
            weight = 1.0 / (of_pairs * table.shape[axis])
            found[place][0] += weight * table.sum(axis=axis)
            found[place][1] += weight
    return [_with_unseen(on_simplex(shares / weight), total) for shares, weight in found]


def _with_unseen(shares: np.ndarray, total: float) -> np.ndarray:
    """The same, with half a row more for each, so that none is impossible."""
    return (total * shares + _UNSEEN) / (total + _UNSEEN * len(shares))


def raked(table: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """A table of shares with these sides, that keeps what two rows and two columns have to do with each other
    (iterative proportional fitting, Deming & Stephan 1940)."""
    for _ in range(_ROUNDS):
        table = table * (rows / np.maximum(table.sum(axis=1), 1e-300))[:, None]
        table = table * (columns / np.maximum(table.sum(axis=0), 1e-300))[None]
        if np.abs(table.sum(axis=1) - rows).max() < _CLOSE:
            break
    return table
