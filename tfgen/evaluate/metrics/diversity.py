"""Diversity within a prompt: whether samples of one prompt differ as much as real examples of it do."""

import math

import numpy as np

from tfgen.evaluate.metrics import MOST_PAIRED, metric

_LEAST = 5  # examples of a prompt for it to count
_NO_SPREAD = 1e-12  # a variance that is rounding alone


@metric(least=2 * _LEAST, most=MOST_PAIRED, diversity="near 1")
def diversity(
    real: np.ndarray, generated: np.ndarray, real_prompts: np.ndarray, asked: np.ndarray
) -> dict[str, float]:
    """Spread of the samples' features around their prompt's mean, as a share of the real examples' spread.

    Spread is the root of the mean squared distance, which is half the mean squared distance of pairs. Prompts with few
    examples on either side don't count; where that leaves none, all samples are taken together. Not-a-number where the
    real examples are all alike: nothing is a share of nothing.
    """
    common = [
        place
        for place in np.unique(asked[asked >= 0])
        if min(np.sum(asked == place), np.sum(real_prompts == place)) >= _LEAST
    ]
    if not common:
        return {"diversity": _root_of_share(_variance(generated), _variance(real))}
    shares = np.array([np.sum(real_prompts == place) for place in common], np.float64)
    made = np.array([_variance(generated[asked == place]) for place in common])
    true = np.array([_variance(real[real_prompts == place]) for place in common])
    return {"diversity": _root_of_share((shares * made).sum(), (shares * true).sum())}


def _root_of_share(made: float, true: float) -> float:
    return float(np.sqrt(made / true)) if true > _NO_SPREAD else math.nan


def _variance(rows: np.ndarray) -> float:
    return float(np.var(rows, axis=0, ddof=1, dtype=np.float64).sum())
