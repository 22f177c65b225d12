"""Whether what goes together in real sets goes together in others, such as invented ones."""

import math

import numpy as np

from tfgen.evaluate.metrics import REAL, metric


@metric(least=30, rows="pairs of items that are common enough", mean_of_rows=False, pair_lifts=REAL)
def lifts(reference_lifts: np.ndarray, sample_lifts: np.ndarray) -> dict[str, float]:
    """The correlation of the lifts of common pairs of items, as logarithms, [k] in learned sets and in others.

    A pair's lift is how many times more often its items are together than if they were drawn by themselves (Brin et al.
    1997). Of few sets lifts are noisy, so hold the number against that of as many held-out ones.
    """
    if min(reference_lifts.std(), sample_lifts.std()) < 1e-9:
        return {"pair_lifts": math.nan}
    return {"pair_lifts": float(np.corrcoef(reference_lifts, sample_lifts)[0, 1])}
