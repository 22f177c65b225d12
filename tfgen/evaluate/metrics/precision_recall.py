"""Precision and recall: how much of what is generated is real, and the reverse (Kynkäänniemi et al. 2019)."""

import numpy as np

from tfgen.evaluate.metrics import MOST_PAIRED, metric
from tfgen.evaluate.statistics import centred, neighbour_distances, squared_distances, tiles

NEIGHBOURS = 5


@metric(least=2 * NEIGHBOURS, most=MOST_PAIRED, precision="higher", recall="higher")
def precision_recall(real: np.ndarray, generated: np.ndarray) -> dict[str, float]:
    """Share of samples inside the real manifold, and of real examples inside the samples' (equations 1 and 2).

    A manifold is the union of balls around features [n, d], each as large as the distance to the fifth neighbour.
    """
    return precision_recall_of(real, generated, NEIGHBOURS)


def precision_recall_of(real: np.ndarray, generated: np.ndarray, neighbours: int) -> dict[str, float]:
    """The same for another number of neighbours."""
    real, generated = centred(real, generated)
    around_real, around_generated = (neighbour_distances(rows, neighbours) for rows in (real, generated))
    inside, recalled = np.zeros(len(generated), bool), np.zeros(len(real), bool)
    for one, first in tiles(real):
        for other, second in tiles(generated):
            apart = squared_distances(first, second)
            inside[other] |= (apart <= around_real[one, None]).any(axis=0)
            recalled[one] |= (apart <= around_generated[other]).any(axis=1)
    return {"precision": float(inside.mean()), "recall": float(recalled.mean())}
