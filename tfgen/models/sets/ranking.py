"""How good rankings are, in numpy: the places of what was to be guessed among all items that weren't given."""

import numpy as np

from tfgen.representations.sets.sets import Sets

NOWHERE = -1  # behind a row's ranks


def masked(scores: np.ndarray, given: Sets) -> np.ndarray:
    """Scores [sets, items] in which what is given comes last."""
    scores = np.array(scores, np.float32)
    scores[np.repeat(np.arange(len(given)), given.sizes), given.items] = -np.inf
    return scores


def ranks(scores: np.ndarray, wanted: Sets) -> np.ndarray:
    """The places, from 0, of each set's wanted items by scores [sets, items], int32 [sets, most wanted], in rising
    order, NOWHERE behind them. Of equal scores, half come before."""
    most = max(1, int(wanted.sizes.max(initial=1)))
    found = np.full([len(wanted), most], NOWHERE, np.int32)
    for place, row in enumerate(scores):
        own = row[wanted[place]]
        ordered = np.sort(-row)
        before, upto = np.searchsorted(ordered, -own), np.searchsorted(ordered, -own, side="right")
        found[place, : len(own)] = np.sort(before + (upto - before - 1) // 2)
    return found


def ndcg(found: np.ndarray, top: int = 100) -> np.ndarray:
    """Normalised discounted cumulative gain of the first `top` of each ranking (Järvelin & Kekäläinen 2002), [sets]."""
    discounts = 1.0 / np.log2(np.arange(2, max(top, found.shape[1]) + 2))
    hit = (found >= 0) & (found < top)
    gained = np.where(hit, discounts[np.clip(found, 0, len(discounts) - 1)], 0.0).sum(axis=1)
    best = np.cumsum(discounts)[np.minimum((found >= 0).sum(axis=1), top) - 1]
    return gained / best


def recall(found: np.ndarray, top: int = 20) -> np.ndarray:
    """The share of what was wanted among the first `top`, of `top` where more was wanted, [sets]."""
    hits = ((found >= 0) & (found < top)).sum(axis=1)
    return hits / np.minimum((found >= 0).sum(axis=1), top)


def standardised(scores: np.ndarray) -> np.ndarray:
    """Each row with mean 0 and deviation 1, so that scores of two kinds can be added up."""
    mean, deviation = scores.mean(axis=1, keepdims=True), scores.std(axis=1, keepdims=True)
    return (scores - mean) / np.maximum(deviation, 1e-6)
