"""Diversity within a prompt: whether samples of one prompt differ as much as real examples of it do."""

import numpy as np

from tfgen.evaluate.metrics import MOST_PAIRED, metric

_LEAST = 5  # examples of a prompt for it to count


@metric(least=2 * _LEAST, most=MOST_PAIRED, diversity="near 1")
def diversity(
    real: np.ndarray, generated: np.ndarray, real_prompts: np.ndarray, asked: np.ndarray
) -> dict[str, float]:
    """Spread of the samples' features around their prompt's mean, as a share of the real examples' spread.

    Spread is the root of the mean squared distance, which is half the mean squared distance of pairs. Prompts with few
    examples on either side don't count; where that leaves none, all samples are taken together.
    """
    common = [
        place
        for place in np.unique(asked[asked >= 0])
        if min(np.sum(asked == place), np.sum(real_prompts == place)) >= _LEAST
    ]
    if not common:
        return {"diversity": float(np.sqrt(_variance(generated) / max(_variance(real), 1e-12)))}
    shares = np.array([np.sum(real_prompts == place) for place in common], np.float64)
    made = np.array([_variance(generated[asked == place]) for place in common])
    true = np.array([_variance(real[real_prompts == place]) for place in common])
    return {"diversity": float(np.sqrt((shares * made).sum() / max((shares * true).sum(), 1e-12)))}


def _variance(rows: np.ndarray) -> float:
    return float(np.var(rows, axis=0, ddof=1, dtype=np.float64).sum())
