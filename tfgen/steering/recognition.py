"""Whether samples still look like their prompt, as the model itself tells its prompts apart.

Linear discriminant analysis (Fisher 1936) of what the model sees in samples of its common prompts: fitted in a moment,
and a product of matrices for each new sample.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tfgen.steering.directions import Directions

_FEWEST = 20  # samples of a prompt that it is known by
_COMPONENTS = 64
_RIDGE = 1e-3  # of the mean variance


@dataclass(frozen=True)
class Recognition:
    """words: word ids int32 [prompts, words]. slopes: [prompts, k] and offsets: [prompts], of the logarithm of how
    likely each prompt is, up to a constant. Without prompts, everything passes."""

    words: np.ndarray
    slopes: np.ndarray
    offsets: np.ndarray
    directions: Directions | None

    @classmethod
    def nothing(cls, longest: int) -> "Recognition":
        """Of a model that knows fewer than two prompts."""
        return cls(np.zeros([0, longest], np.int32), np.zeros([0, 1]), np.zeros(0), None)

    @classmethod
    def of(cls, features: np.ndarray, prompts: np.ndarray) -> "Recognition":
        """From features [n, d] of samples and the word ids [n, words] of their prompts."""
        words, place, counts = np.unique(prompts, axis=0, return_inverse=True, return_counts=True)
        common = np.flatnonzero(counts >= _FEWEST)
        if len(common) < 2:
            return cls.nothing(prompts.shape[1])
        directions = Directions.of(features, _COMPONENTS)
        positions = directions(features).astype(np.float64)
        place = place.ravel()
        means = np.stack([positions[place == each].mean(axis=0) for each in common])
        within = np.concatenate([positions[place == each] - mean for each, mean in zip(common, means, strict=True)])
        covariance = within.T @ within / len(within)
        covariance += _RIDGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
        slopes = np.linalg.solve(covariance, means.T).T
        return cls(words[common].astype(np.int32), slopes, -0.5 * np.sum(slopes * means, axis=1), directions)

    def margins(self, features: Any, prompts: Any) -> Any:
        """How much likelier than any other its own prompt is for each sample, [n], in nats; infinite where that is
        none of the known ones. TensorFlow's tensors, by which gradients pass, give tensors."""
        if not isinstance(features, np.ndarray):
            return self._margins_of_tensors(features, prompts)
        if not len(self.words):
            return np.full(len(features), np.inf, np.float32)
        likely = self.directions(features) @ self.slopes.T + self.offsets
        own = (prompts[:, None, :] == self.words[None]).all(axis=2)
        other = np.where(own, -np.inf, likely).max(axis=1)
        mine = np.where(own, likely, -np.inf).max(axis=1)
        return np.where(own.any(axis=1), mine - other, np.inf).astype(np.float32)

    def _margins_of_tensors(self, features: Any, prompts: Any) -> Any:
        import tensorflow as tf

        if not len(self.words):
            return tf.fill([tf.shape(features)[0]], np.float32(np.inf))
        slopes, offsets = tf.constant(self.slopes, tf.float32), tf.constant(self.offsets, tf.float32)
        likely = tf.matmul(self.directions(features), slopes, transpose_b=True) + offsets
        own = tf.reduce_all(tf.equal(prompts[:, None, :], self.words[None]), axis=2)
        other = tf.reduce_max(tf.where(own, -np.inf, likely), axis=1)
        mine = tf.reduce_max(tf.where(own, likely, -np.inf), axis=1)
        return tf.where(tf.reduce_any(own, axis=1), mine - other, np.inf)
