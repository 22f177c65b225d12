"""EASE: each item's score is a weighted sum of those that are given, the weights in closed form (Steck 2019).

The best linear model of a set's items by one another, with a ridge penalty and no item that speaks for itself. On small
data it is better than most networks, and what it says of an item is a sum over the given ones, so it can be explained.
"""

import numpy as np

from tfgen.representations.sets.sets import Sets

PENALTIES = (30.0, 100.0, 300.0, 1000.0, 3000.0)
_ROUNDS = 4  # of subspace iteration
_EXACT = 5000  # items up to which the inverse is made in float64
_AT_ONCE = 2048  # sets
_PAIRS_A_SECOND, _PRODUCTS_A_SECOND = 3e7, 3e10  # of the two ways to count, roughly


def co_occurrences(sets: Sets, items: int) -> np.ndarray:
    """How many sets have both items of each pair, float32 [items, items]; on the diagonal, how many have the item."""
    sizes = sets.sizes.astype(np.float64)
    if np.square(sizes).sum() / _PAIRS_A_SECOND < len(sets) * items**2 / _PRODUCTS_A_SECOND:
        return _counted(sets, items)
    counts = np.zeros([items, items], np.float32)
    for first in range(0, len(sets), _AT_ONCE):
        rows = sets.part(first, min(first + _AT_ONCE, len(sets))).multi_hot(items)
        counts += rows.T @ rows
    return counts


def _counted(sets: Sets, items: int) -> np.ndarray:
    """The same, pair by pair: quicker where sets are small beside the items that there are."""
    counts = np.zeros(items * items, np.float32)
    for size in np.unique(sets.sizes):
        places = np.flatnonzero(sets.sizes == size)
        at_once = max(1, 2**22 // max(1, int(size) ** 2))
        for first in range(0, len(places), at_once):
            rows = sets.take(places[first : first + at_once]).rows(int(size)).astype(np.int64)
            np.add.at(counts, (rows[:, :, None] * items + rows[:, None, :]).ravel(), np.float32(1.0))
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


def weights_of(counts: np.ndarray, penalty: float) -> np.ndarray:
    """How much each item (row) speaks for each other (column), float32 [items, items], 0 on the diagonal.

    B = I - P diag(P)^-1 with P = (X'X + penalty I)^-1: equation 8 of Steck (2019).
    """
    items = len(counts)
    whole = counts.astype(np.float64 if items <= _EXACT else np.float32)
    whole[np.diag_indices(items)] += penalty
    inverse = np.linalg.inv(whole)
    del whole
    inverse /= -np.diag(inverse)[None, :]
    inverse[np.diag_indices(items)] = 0.0
    return inverse.astype(np.float32, copy=False)
