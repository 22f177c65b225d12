"""What is suggested to people whom no model saw: whether it is what they took, and how much it is the same for all.

Of each held-out set some items are given, and all others are ranked; `target_ranks` int [m, most] holds the places,
from 0, of the items that were to be guessed, -1 behind them.
"""

import numpy as np

from tfgen.evaluate.metrics import metric
from tfgen.models.sets.ranking import ndcg, recall

LEAST = 20  # held-out sets
RECALL_TOP, NDCG_TOP = 20, 100


@metric(least=LEAST, recall_at_20="higher", ndcg_at_100="higher")
def ranking(target_ranks: np.ndarray) -> dict[str, float]:
    """Recall@20, the share of what was to be guessed among the first 20 suggestions, of 20 where there was more; and
    NDCG@100, which counts a hit the more the higher it stands (Järvelin & Kekäläinen 2002). Means over sets."""
    return {
        "recall_at_20": float(recall(target_ranks, RECALL_TOP).mean()),
        "ndcg_at_100": float(ndcg(target_ranks, NDCG_TOP).mean()),
    }


@metric(least=LEAST, mean_of_rows=False, gain_over_ease="higher", gain_over_nearest="higher",
        gain_over_popular="higher")  # fmt: skip
def gain(
    target_ranks: np.ndarray, ease_ranks: np.ndarray, nearest_ranks: np.ndarray, popular_ranks: np.ndarray
) -> dict[str, float]:
    """By how much NDCG@100 is above that of simpler rankings, as a share of theirs: on the same sets, so that their
    intervals are those of paired differences."""
    own = float(ndcg(target_ranks, NDCG_TOP).mean())
    others = {"ease": ease_ranks, "nearest": nearest_ranks, "popular": popular_ranks}
    return {
        f"gain_over_{name}": own / max(float(ndcg(found, NDCG_TOP).mean()), 1e-9) - 1.0
        for name, found in others.items()
    }


@metric(least=LEAST, novelty="higher", popularity_bias="near 1")
def variety(suggested_shares: np.ndarray, wanted_shares: np.ndarray) -> dict[str, float]:
    """How common suggestions are.

    From the share of learned sets that have each of the first 20 suggestions, float [m, 20], and the mean of these
    shares over what was to be guessed, [m]. Novelty is the mean surprise in bits, minus the logarithm to base 2 of the
    share (Zhou et al. 2010); popularity bias is how many times commoner suggestions are than what people took.
    """
    return {
        "novelty": float(-np.log2(np.maximum(suggested_shares, 1e-9)).mean()),
        "popularity_bias": float(suggested_shares.mean() / max(float(wanted_shares.mean()), 1e-9)),
    }


@metric(least=5, catalog_coverage="higher")
def coverage(ever_suggested: np.ndarray) -> dict[str, float]:
    """The share of all items, bool [items], that stand among the first 20 suggestions of anybody."""
    return {"catalog_coverage": float(ever_suggested.mean())}
