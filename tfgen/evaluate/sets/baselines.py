"""Rankings and sets in the model's place: the commonest items, nearest items, chance; and items drawn by themselves."""

import numpy as np

from tfgen.models.sets.base import CHOSEN_BY
from tfgen.models.sets.ease import best_ease, co_occurrences
from tfgen.models.sets.ranking import masked, ndcg, ranks
from tfgen.representations.sets.sets import Sets

_NEIGHBOURS = (20, 50, 100, 200)  # of each item, of which the number that ranks best is taken
_CHOSEN_BY = 1000  # sets


class NearestItems:
    """Each item's score is the sum of its cosines to those that are given, among its nearest (Sarwar et al. 2001)."""

    def __init__(self, learned: Sets, choosing: Sets, items: int):
        counts = co_occurrences(learned, items)
        lengths = np.sqrt(np.maximum(np.diag(counts), 0.5))
        counts /= lengths[:, None]
        counts /= lengths[None]
        np.fill_diagonal(counts, 0.0)
        given, wanted = choosing.part(0, min(len(choosing), _CHOSEN_BY)).split()
        best, self._cosines, self.neighbours = -1.0, counts, 0
        for neighbours in _NEIGHBOURS:
            found = _nearest_only(counts, neighbours)
            if len(given):
                own = ranks(masked(given.multi_hot(items) @ found, given), wanted)
                value = float(ndcg(own).mean())
            else:
                value = -abs(neighbours - 100) / 1000
            if value > best:
                best, self._cosines, self.neighbours = value, found, neighbours

    def scores(self, given: Sets) -> np.ndarray:
        """float32 [sets, items]."""
        return given.multi_hot(len(self._cosines)) @ self._cosines


class PublishedEase:
    """EASE as Steck (2019) has it, with the penalty that ranks best."""

    def __init__(self, learned: Sets, choosing: Sets, items: int):
        given, wanted = choosing.part(0, min(len(choosing), CHOSEN_BY)).split()
        self._weights = best_ease(co_occurrences(learned, items), given, wanted)

    def scores(self, given: Sets) -> np.ndarray:
        """float32 [sets, items]."""
        return given.multi_hot(len(self._weights)) @ self._weights


def _nearest_only(cosines: np.ndarray, neighbours: int) -> np.ndarray:
    """Of each column the largest alone."""
    if neighbours >= len(cosines):
        return cosines
    least = np.partition(cosines, len(cosines) - neighbours, axis=0)[len(cosines) - neighbours]
    return np.where(cosines >= least[None], cosines, np.float32(0.0))


def independent_sets(learned: Sets, like: Sets, items: int, seed: int) -> Sets:
    """As many sets as `like` has, of the same sizes, whose items are drawn by themselves, by how common they are."""
    generator = np.random.default_rng([seed, 1])
    counts = np.bincount(learned.items, minlength=items) + 1e-9
    # The largest of logarithms with Gumbel noise are draws without putting back.
    found = []
    for size in like.sizes:
        keys = np.log(counts) + generator.gumbel(size=items)
        found.append(np.argpartition(-keys, min(size, items) - 1)[:size])
    return Sets.of(found)
