"""Few numbers that say how a sample differs from others of its prompt: principal directions of what the model sees."""

from dataclasses import dataclass

import numpy as np

COUNT = 32


@dataclass(frozen=True)
class Directions:
    """Features [n, d] to positions [n, k]: along the principal directions, not whitened, so that what varies most
    weighs most, scaled to a mean squared length of 1; and last the squared length itself, standardised, since "a
    medium amount" is no direction.

    mean: [d]. components: [d, k - 1], scaled. spread: the mean and twice the standard deviation of squared lengths.
    """

    mean: np.ndarray
    components: np.ndarray
    spread: tuple[float, float]

    @classmethod
    def of(cls, features: np.ndarray, count: int = COUNT) -> "Directions":
        """The directions of a bank of samples. Raises ValueError where they are all the same."""
        mean = features.mean(axis=0)
        centred = (features - mean).astype(np.float64)
        count = min(count, *centred.shape)
        if centred.shape[1] > 2 * len(centred):  # fewer samples than features: the small side is decomposed
            values, vectors = np.linalg.eigh(centred @ centred.T)
            vectors = centred.T @ (vectors / np.sqrt(np.maximum(values, 1e-12)))
        else:
            values, vectors = np.linalg.eigh(centred.T @ centred)
        components = vectors[:, ::-1][:, :count]
        length = np.mean(np.sum(np.square(centred @ components), axis=1))
        if not length > 1e-12:
            raise ValueError("the samples are all the same")
        components = components / np.sqrt(length)
        lengths = np.sum(np.square(centred @ components), axis=1)
        spread = float(lengths.mean()), float(2 * max(lengths.std(), 1e-9))
        return cls(mean.astype(np.float32), components.astype(np.float32), spread)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Positions [n, k] of features [n, d]; TensorFlow's tensors give tensors."""
        if isinstance(features, np.ndarray):
            along = (features - self.mean) @ self.components
            lengths = np.sum(np.square(along), axis=1, keepdims=True)
            return np.concatenate([along, (lengths - self.spread[0]) / self.spread[1]], axis=1)
        import tensorflow as tf

        along = tf.matmul(features - self.mean, self.components)
        lengths = tf.reduce_sum(tf.square(along), axis=1, keepdims=True)
        return tf.concat([along, (lengths - self.spread[0]) / self.spread[1]], axis=1)
