"""Which of several a person picks: a softmax over linear utilities, with a Gaussian posterior over the weights.

McFadden 1974; Laplace's approximation around the mode, by Newton's method. A share of the answers is taken to be given
at random, which one mistaken answer can't bend.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PRIOR_VARIANCE = 6.0
RANDOM_SHARE = 0.1
_ROUNDS = 8  # of expectation maximisation over which answers were random
_NEWTON = 6


@dataclass(frozen=True)
class Choice:
    """One answer: positions [k, d] of what was shown, and the place of what was picked before all others there."""

    shown: np.ndarray
    picked: int
    weight: float = 1.0


@dataclass(frozen=True)
class ChoiceModel:
    """The posterior over a person's weights: N(mean [d], covariance [d, d]). evidence: the logarithm of how probable
    the answers are over all weights, about, by Laplace's approximation."""

    mean: np.ndarray
    covariance: np.ndarray
    evidence: float = 0.0

    @classmethod
    def fit(
        cls,
        choices: Sequence[Choice],
        size: int,
        prior_variance: float = PRIOR_VARIANCE,
        random_share: float = RANDOM_SHARE,
    ) -> "ChoiceModel":
        """The posterior given answers; the prior where there are none. `size` is the number of weights."""
        mean, precision = np.zeros(size), np.eye(size) / prior_variance
        if not choices:
            return cls(mean, np.linalg.inv(precision))
        shown, inside = _stacked(choices, size)
        picked = np.array([choice.picked for choice in choices])
        weights = np.array([choice.weight for choice in choices], np.float64)
        rows, counts = np.arange(len(choices)), inside.sum(axis=1)
        earnest = np.ones(len(choices))
        hessian = precision
        for _ in range(_ROUNDS if random_share else 1):
            for _ in range(_NEWTON):
                probability = _softmax(shown @ mean, inside)
                expected = np.einsum("nk,nkd->nd", probability, shown)
                each = (weights * earnest)[:, None]
                gradient = np.sum(each * (shown[rows, picked] - expected), axis=0) - precision @ mean
                centred = shown - expected[:, None, :]
                # As one product of matrices: einsum over three axes is many times slower.
                scaled = centred * np.sqrt(probability * each)[:, :, None]
                flat = scaled.reshape(-1, size)
                hessian = flat.T @ flat + precision
                step = np.linalg.solve(hessian, gradient)
                mean = mean + step
                if np.max(np.abs(step)) < 1e-4:
                    break
            likely = (1 - random_share) * _softmax(shown @ mean, inside)[rows, picked]
            before, earnest = earnest, likely / (likely + random_share / counts)
            if np.max(np.abs(earnest - before)) < 1e-3:
                break
        covariance = np.linalg.inv(hessian)
        fitted = float(weights @ np.log(likely + random_share / counts))
        narrowed = np.linalg.slogdet(covariance / prior_variance)[1]
        return cls(mean, covariance, float(fitted - mean @ mean / (2 * prior_variance) + narrowed / 2))

    def utilities(self, positions: np.ndarray) -> np.ndarray:
        """The mean utility of each position [n, d], in logits."""
        return positions @ self.mean

    def uncertainty(self, positions: np.ndarray) -> np.ndarray:
        """The standard deviation of each utility."""
        return np.sqrt(np.maximum(np.einsum("nd,de,ne->n", positions, self.covariance, positions), 0.0))

    def draws(self, generator: np.random.Generator, count: int) -> np.ndarray:
        """Weights [count, d] from the posterior."""
        factor = np.linalg.cholesky(self.covariance + 1e-9 * np.eye(len(self.mean)))
        return self.mean + generator.standard_normal([count, len(self.mean)]) @ factor.T


def pick(shown: np.ndarray, picked: Sequence[int], weight: float = 1.0) -> list[Choice]:
    """One answer of any kind as choices: each of the picked against all that was not. None where all were picked."""
    rest = [place for place in range(len(shown)) if place not in set(picked)]
    if not rest:
        return []
    return [Choice(shown[[place, *rest]], 0, weight / len(picked)) for place in picked]


def _stacked(choices: Sequence[Choice], size: int) -> tuple[np.ndarray, np.ndarray]:
    """What was shown [n, most, d], filled up with zeros, and which of it is no filling [n, most]."""
    most = max(len(choice.shown) for choice in choices)
    shown, inside = np.zeros([len(choices), most, size]), np.zeros([len(choices), most], bool)
    for row, choice in enumerate(choices):
        shown[row, : len(choice.shown)] = choice.shown
        inside[row, : len(choice.shown)] = True
    return shown, inside


def _softmax(utilities: np.ndarray, inside: np.ndarray) -> np.ndarray:
    utilities = np.where(inside, utilities, -np.inf)
    exponentials = np.exp(utilities - utilities.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)
