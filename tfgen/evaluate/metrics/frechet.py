"""Fréchet distance between Gaussians fitted to features (Heusel et al. 2017, equation 6)."""

import math

import numpy as np

from tfgen.evaluate.metrics import metric
from tfgen.evaluate.statistics import Moments

LEAST_SAMPLES = 2048  # below, the score says more about their number than about the model


@metric(least=LEAST_SAMPLES, mean_of_rows=False, frechet_distance="lower")
def frechet_distance(real: np.ndarray, generated: np.ndarray) -> dict[str, float]:
    """|mean - mean'|^2 + tr(C + C' - 2 (C C')^(1/2)) of features [n, d] and [m, d]."""
    return {"frechet_distance": distance_of_moments(Moments.of(real), Moments.of(generated))}


def distance_of_moments(first: Moments, second: Moments) -> float:
    """The distance from means and covariances alone; not-a-number of fewer than two rows, or rows that are none."""
    if min(first.count, second.count) < 2:
        return math.nan
    apart = np.square(first.mean - second.mean).sum()
    one, other = first.covariance, second.covariance
    if not np.isfinite(apart + one.sum() + other.sum()):
        return math.nan
    return float(max(0.0, apart + np.trace(one) + np.trace(other) - 2 * _trace_of_root(one, other)))


def _trace_of_root(one: np.ndarray, other: np.ndarray) -> float:
    """tr (C C')^(1/2): with C = L L^T, the eigenvalues of C C' are those of the symmetric L^T C' L.

    So no matrix root is taken and nothing turns complex; a Cholesky factor costs a tenth of an eigendecomposition.
    """
    factor = _factor(one)
    return float(np.sqrt(np.maximum(np.linalg.eigvalsh(factor.T @ other @ factor), 0)).sum())


def _factor(covariance: np.ndarray) -> np.ndarray:
    """Some L with L L^T = C."""
    try:
        return np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:  # features that never vary, or fewer samples than features
        values, vectors = np.linalg.eigh(covariance)
        return vectors * np.sqrt(np.maximum(values, 0))
