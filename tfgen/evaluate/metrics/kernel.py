"""Kernel distance: the squared maximum mean discrepancy of features (Binkowski et al. 2018, section 4)."""

import numpy as np

from tfgen.evaluate.metrics import MOST_PAIRED, metric
from tfgen.evaluate.statistics import TILE, blocks


@metric(mean_of_rows=False, most=MOST_PAIRED, kernel_distance="lower")
def kernel_distance(real: np.ndarray, generated: np.ndarray) -> dict[str, float]:
    """Unbiased estimate with the kernel (x . y / d + 1)^3 on features [n, d] and [m, d].

    All pairs count, not random subsets, so it has no chance of its own. Unbiased: its mean does not depend on how many
    samples there are, and for equal distributions it may fall below 0.
    """
    within = _mean_within(real) + _mean_within(generated)
    return {"kernel_distance": within - 2 * _mean_between(real, generated)}


def _kernel_sum(first: np.ndarray, second: np.ndarray) -> float:
    values = first @ second.T
    values *= 1.0 / first.shape[1]
    values += 1.0
    # Multiplied, since a power takes many times as long; summed row by row in float64.
    cubes = values * values
    cubes *= values
    return float(cubes.sum(axis=1, dtype=np.float64).sum())


def _mean_between(first: np.ndarray, second: np.ndarray) -> float:
    total = sum(_kernel_sum(one, other) for one in blocks(first, TILE) for other in blocks(second, TILE))
    return total / (len(first) * len(second))


def _mean_within(rows: np.ndarray) -> float:
    """Over pairs of different rows; each pair of tiles is taken once, since the kernel is symmetric."""
    count, total, diagonal = len(rows), 0.0, 0.0
    for place, one in enumerate(blocks(rows, TILE)):
        squares = np.einsum("nd,nd->n", one, one, dtype=np.float64) / rows.shape[1] + 1.0
        diagonal += float((squares**3).sum())
        total += _kernel_sum(one, one)
        total += 2 * sum(_kernel_sum(one, other) for other in blocks(rows[(place + 1) * TILE:], TILE))
    return (total - diagonal) / (count * (count - 1))
