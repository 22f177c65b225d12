"""Density and coverage: precision and recall that one stray example can't fool (Naeem et al. 2020)."""

import numpy as np

from tfgen.evaluate.metrics import MOST_PAIRED, metric
from tfgen.evaluate.metrics.precision_recall import NEIGHBOURS
from tfgen.evaluate.statistics import centred, neighbour_distances, squared_distances, tiles


@metric(least=2 * NEIGHBOURS, most=MOST_PAIRED, density="near 1", coverage="higher")
def density_coverage(real: np.ndarray, generated: np.ndarray) -> dict[str, float]:
    """How many real balls a sample lies in, as a share of k, and how many real balls hold a sample (equations 4, 5).

    Balls are around real features [n, d] alone, each as large as the distance to the fifth neighbour.
    """
    real, generated = centred(real, generated)
    radii = neighbour_distances(real, NEIGHBOURS)
    inside, covered = 0, np.zeros(len(real), bool)
    for one, first in tiles(real):
        for _, second in tiles(generated):
            within = squared_distances(first, second) < radii[one, None]
            inside += int(np.count_nonzero(within))
            covered[one] |= within.any(axis=1)
    return {"density": inside / (NEIGHBOURS * len(generated)), "coverage": float(covered.mean())}
