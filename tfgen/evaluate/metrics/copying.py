"""Copying: whether samples lie nearer to training examples than other real examples do (Meehan et al. 2020)."""

import numpy as np

from tfgen.evaluate.metrics import metric

USUAL = 0.01  # the share of unseen examples that count as suspiciously near


@metric(least=20, nearness="near 0.5", copied="lower")
def copying(generated_nearest: np.ndarray, unseen_nearest: np.ndarray) -> dict[str, float]:
    """Two views of distances [n, 2] and [m, 2] to the nearest and second nearest training example.

    `nearness` is the three-sample test's statistic as a probability: that a sample is nearer to the training data than
    an example that the model never saw; .5 for a perfect model. `copied` is the share of samples that one training
    example is nearer to, measured by the second nearest, than it is to 99 of 100 unseen ones: .01 for a perfect model,
    1 for copies. Blurred samples have a high nearness and are no copies.
    """
    ratio, usual = (closeness(nearest) for nearest in (generated_nearest, unseen_nearest))
    copied = np.mean(ratio <= np.quantile(usual, USUAL))
    return {"nearness": auc(-unseen_nearest[:, 0], -generated_nearest[:, 0]), "copied": float(copied)}


def closeness(nearest: np.ndarray) -> np.ndarray:
    """The nearest's distance, as a share of the second nearest's; 0 for a copy, also of what the data has twice."""
    return nearest[:, 0] / np.maximum(nearest[:, 1], 1e-12)


def auc(low: np.ndarray, high: np.ndarray) -> float:
    """The probability that a value of `high` [m] is above one of `low` [n], ties half: Mann and Whitney's U / (n m)."""
    both = np.concatenate([low, high])
    _, place, counts = np.unique(both, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    above = ranks[len(low):].sum() - len(high) * (len(high) + 1) / 2
    return float(above / (len(low) * len(high)))
