"""EASE: each item's score is a weighted sum of those that are given, the weights in closed form (Steck 2019).

The best linear model of a set's items by one another, with a ridge penalty and no item that speaks for itself. On small
data it is better than most networks, and what it says of an item is a sum over the given ones, so it can be explained.

Models have it in a stronger form, `Linear`; as it was published it is a baseline.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tfgen.models.sets.ranking import ndcg, ranks
from tfgen.representations.sets.sets import Sets

PENALTIES = (30.0, 100.0, 300.0, 1000.0, 3000.0)
_BETWEEN = 1.8  # from a penalty halfway to the next
_DROPOUT, _SIZE_POWER, _POPULARITY_POWER = 1.0, -0.5, -0.2  # the first guess
_ALTERNATIVES = {"popularity_power": (0.0, -0.1, -0.3), "dropout": (0.0, 0.3, 3.0), "size_power": (0.0, -1.0)}
_CHOOSING_ITEMS = 3000  # the commonest, by which all this is chosen where there are more
_ROUNDS = 4  # of subspace iteration
_EXACT = 5000  # items up to which the inverse is made in float64
_AT_ONCE = 2048  # sets
_PAIRS_A_SECOND, _PRODUCTS_A_SECOND = 3e7, 3e10  # of the two ways to count, roughly


@dataclass(frozen=True)
class Linear:
    """EASE, and what makes it rank better.

    penalty: of the ridge, on every item alike.
    dropout: the ridge on an item beside that, as a multiple of how many sets have it; that is what dropping items out
        of sets at random comes to, with p / (1 - p) (EDLAE, Steck 2020).
    size_power: a set weighs this power of its size, since large ones have most of the pairs.
    popularity_power: an item's score is multiplied by this power of how many sets have it.
    """

    penalty: float = PENALTIES[len(PENALTIES) // 2]
    dropout: float = 0.0
    size_power: float = 0.0
    popularity_power: float = 0.0

    def weights(self, counts: np.ndarray, popularity: np.ndarray) -> np.ndarray:
        """As `weights_of`, for counts of sets that weigh `size_power`, and how many sets have each item [items]."""
        made = self.unscaled(counts)
        made *= self.scales(popularity)
        return made

    def unscaled(self, counts: np.ndarray) -> np.ndarray:
        """The same before items are scaled by their popularity."""
        return weights_of(counts, self.penalty + self.dropout * np.diag(counts))

    def scales(self, popularity: np.ndarray) -> np.ndarray:
        """What the scores of each item are multiplied by, float32 [items]."""
        common = np.maximum(popularity, 1.0)
        return ((common / common.mean()) ** self.popularity_power).astype(np.float32)


def co_occurrences(sets: Sets, items: int, size_power: float = 0.0) -> np.ndarray:
    """How many sets have both items of each pair, float32 [items, items]; on the diagonal, how many have the item.

    size_power: a set counts as this power of its size; 1 in the mean.
    """
    sizes = sets.sizes.astype(np.float64)
    counting = _weigh(sizes, size_power)
    if np.square(sizes).sum() / _PAIRS_A_SECOND < len(sets) * items**2 / _PRODUCTS_A_SECOND:
        return _counted(sets, items, counting)
    counts = np.zeros([items, items], np.float32)
    for first in range(0, len(sets), _AT_ONCE):
        part = slice(first, min(first + _AT_ONCE, len(sets)))
        rows = sets.part(part.start, part.stop).multi_hot(items)
        counts += (rows * counting[part, None]).T @ rows
    return counts


def _weigh(sizes: np.ndarray, power: float) -> np.ndarray:
    """What each set counts, float32 [sets]."""
    weights = np.maximum(sizes, 1.0) ** power
    return (weights / max(weights.mean(), 1e-12) if len(weights) else weights).astype(np.float32)


def _counted(sets: Sets, items: int, counting: np.ndarray) -> np.ndarray:
    """The same, pair by pair: quicker where sets are small beside the items that there are."""
    counts = np.zeros(items * items, np.float32)
    for size in np.unique(sets.sizes):
        places = np.flatnonzero(sets.sizes == size)
        at_once = max(1, 2**22 // max(1, int(size) ** 2))
        for first in range(0, len(places), at_once):
            rows = sets.take(places[first : first + at_once]).rows(int(size)).astype(np.int64)
            np.add.at(counts, (rows[:, :, None] * items + rows[:, None, :]).ravel(), counting[places[0]])
    return counts.reshape(items, items)


def directions_of(counts: np.ndarray, most: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The leading eigenvectors of the items' cosines, float32 [items, k], the first the weightiest, and their values
    [k], by randomised subspace iteration (Halko et al. 2011): at most `most`, no more than there are items.

    Networks begin from them: what is in the same sets points the same way.
    """
    lengths = np.sqrt(np.maximum(np.diag(counts), 0.5))
    cosines = counts / lengths[:, None] / lengths[None]
    basis = np.random.default_rng(seed).standard_normal([len(counts), min(most, len(counts))]).astype(np.float32)
    for _ in range(_ROUNDS):
        basis = np.linalg.qr(cosines @ basis)[0]
    values, turn = np.linalg.eigh(basis.T @ (cosines @ basis))
    return (basis @ turn)[:, ::-1], np.maximum(values[::-1], 1e-6)


def weights_of(counts: np.ndarray, penalty: float | np.ndarray) -> np.ndarray:
    """How much each item (row) speaks for each other (column), float32 [items, items], 0 on the diagonal.

    B = I - P diag(P)^-1 with P = (X'X + penalty I)^-1: equation 8 of Steck (2019).

    penalty: of all items, or of each [items].
    """
    items = len(counts)
    whole = counts.astype(np.float64 if items <= _EXACT else np.float32)
    whole[np.diag_indices(items)] += penalty
    inverse = np.linalg.inv(whole)
    del whole
    inverse /= -np.diag(inverse)[None, :]
    inverse[np.diag_indices(items)] = 0.0
    return inverse.astype(np.float32, copy=False)


def best_ease(counts: np.ndarray, given: Sets, wanted: Sets) -> np.ndarray:
    """The weights of EASE as published, with the penalty that ranks best what is wanted beside what is given."""
    ranking = _Ranking(len(counts), given, wanted)
    if not ranking:
        return Linear().unscaled(counts)
    few = ranking.common(counts)
    return weights_of(counts, _best_penalty(lambda penalty: ranking.gains_of(weights_of(few, penalty)).mean()))


def best_linear(learned: Sets, counts: np.ndarray, given: Sets, wanted: Sets) -> Linear:
    """The settings that rank best what is wanted beside what is given, searched one after the other: an alternative is
    taken where it is better than the first guess by more than a standard error. EASE as published where there are no
    sets to choose by.

    counts: co_occurrences of the learned sets.
    """
    ranking = _Ranking(len(counts), given, wanted)
    if not ranking:
        return Linear()
    few = {0.0: ranking.common(counts)}
    popularity, last = np.diag(few[0.0]), {}

    def gains_of(how: Linear) -> np.ndarray:
        plain = replace(how, popularity_power=0.0)
        if how.size_power not in few:
            few[how.size_power] = ranking.common(co_occurrences(learned, len(counts), how.size_power))
        if plain not in last:  # what is scaled otherwise has the same weights before
            last.clear()
            last[plain] = plain.unscaled(few[how.size_power])
        return ranking.gains_of(last[plain] * how.scales(popularity))

    found = Linear(0.0, _DROPOUT, _SIZE_POWER, _POPULARITY_POWER)
    penalty = _best_penalty(lambda penalty: gains_of(replace(found, penalty=penalty)).mean())
    found = replace(found, penalty=penalty)
    gains = gains_of(found)
    for name, values in _ALTERNATIVES.items():
        tried = {value: gains_of(replace(found, **{name: value})) for value in values}
        value = max(tried, key=lambda value: tried[value].mean())
        more = tried[value] - gains
        if more.mean() > more.std() / np.sqrt(len(more)):
            found, gains = replace(found, **{name: value}), tried[value]
    return found


def _best_penalty(gain_of: Callable[[float], float]) -> float:
    gains = {penalty: gain_of(penalty) for penalty in PENALTIES}
    best = max(gains, key=gains.__getitem__)
    gains |= {penalty: gain_of(penalty) for penalty in (best / _BETWEEN, _BETWEEN * best)}
    return max(gains, key=gains.__getitem__)


class _Ranking:
    """How well weights rank what is wanted beside what is given, of the commonest items alone where there are many."""

    def __init__(self, items: int, given: Sets, wanted: Sets):
        self._items = min(items, _CHOOSING_ITEMS)
        common = [wanted[place][wanted[place] < self._items] for place in range(len(wanted))]
        kept = np.flatnonzero([len(each) > 0 for each in common])
        self._wanted = Sets.of([common[place] for place in kept])
        self._shown = given.multi_hot(items)[kept, : self._items] if len(kept) else np.zeros([0, self._items])

    def __bool__(self) -> bool:
        return len(self._shown) > 0

    def common(self, counts: np.ndarray) -> np.ndarray:
        part = counts[: self._items, : self._items]
        return part.copy() if len(part) < len(counts) else part  # so that the whole can go

    def gains_of(self, weights: np.ndarray) -> np.ndarray:
        """NDCG of each set."""
        scores = self._shown @ weights - 1e9 * self._shown
        return ndcg(ranks(scores, self._wanted))
