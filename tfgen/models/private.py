"""DP-SGD (Abadi et al. 2016, algorithm 1): the gradient of a batch from which no example can be told.

Each example's gradient is clipped to a norm, their sum gets Gaussian noise, and is divided by the size that a batch is
expected to have. Batches are Poisson samples, so their sizes differ: they come padded to whole chunks, with a mask.
The noise is a function of (key, step, place), as all that is random in training, so a resumed fit adds the very same.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

# Parts of one example, without the batch's dimension, to its loss.
ExampleLoss = Callable[..., tf.Tensor]

_PLACES = 2**20  # in the second half of a seed, for each step
_SALTS = 2**10  # of these, the last, for what else a step draws


class GradientMechanism:
    """What makes a model's gradients private.

    clip: the norm that no example's gradient exceeds. noise_multiplier: standard deviation of the noise, in units of
    clip; set once the steps are planned. expected_batch: examples of a batch on average.
    """

    def __init__(self, key: int, clip: float, expected_batch: float):
        self.key, self.clip, self.expected_batch = key, clip, expected_batch
        self.noise_multiplier = tf.Variable(1.0, trainable=False, dtype=tf.float32)

    def gradients(self, clipped_sums: Sequence[tf.Tensor], step: tf.Tensor) -> list[tf.Tensor]:
        """Private means of the gradients, from the sums of clipped ones as `clipped_sum` gives them."""
        deviation = self.noise_multiplier * self.clip
        return [
            (total + deviation * self._noise(tf.shape(total), step, place)) / self.expected_batch
            for place, total in enumerate(clipped_sums)
        ]

    def seed(self, step: tf.Tensor, salt: int) -> tf.Tensor:
        """An int64 [2] seed for what a step draws for its examples, such as dropout.

        It is as secret as the noise. By a public one everybody would know what is drawn for which place in a batch, and
        one example more would give all behind it another place: the sum would move by all their gradients. What is
        secret, and drawn for each example by itself, is as likely with that example as without it.
        """
        place = _PLACES - _SALTS + salt % _SALTS
        return tf.stack([tf.constant(self.key, tf.int64), tf.cast(step, tf.int64) * _PLACES + place])

    def _noise(self, shape: tf.Tensor, step: tf.Tensor, place: int) -> tf.Tensor:
        seed = tf.stack([tf.constant(self.key, tf.int64), tf.cast(step, tf.int64) * _PLACES + place])
        return tf.random.stateless_normal(shape, seed)


def clipped_sum(
    loss_of: ExampleLoss, parts: Sequence[tf.Tensor], mask: tf.Tensor, variables: Sequence[keras.Variable],
    clip: float, chunk: int,
) -> list[tf.Tensor]:  # fmt: skip
    """The sum over a batch of each example's gradient, scaled down to the norm `clip` where it is longer.

    Args:
        loss_of: takes one example's part of each of `parts` and gives a scalar.
        parts: tensors [batch, ...]; the batch is a multiple of `chunk`.
        mask: float32 [batch], 0 for what only pads.
        variables: by which the loss is derived; the norm is that of all of them together.
        chunk: as many examples as have their gradients in memory at once.
    """

    def gradients_of(example: tuple[tf.Tensor, ...]) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            loss = loss_of(*example)
        found = tape.gradient(loss, list(variables), unconnected_gradients="zero")
        return [tf.convert_to_tensor(each) for each in found]

    def add_chunk(start: tf.Tensor, *sums: tf.Tensor) -> tuple[tf.Tensor, ...]:
        own = tuple(part[start : start + chunk] for part in parts)
        own = tuple(tf.ensure_shape(each, [chunk, *each.shape[1:]]) for each in own)
        gradients = tf.vectorized_map(gradients_of, own)
        squares = tf.add_n([tf.reduce_sum(tf.reshape(each**2, [chunk, -1]), axis=1) for each in gradients])
        factors = clip_factors(squares, mask[start : start + chunk], clip)
        added = [total + tf.tensordot(factors, each, 1) for total, each in zip(sums, gradients, strict=True)]
        return start + chunk, *added

    zeros = [tf.zeros(variable.shape) for variable in variables]
    _, *sums = tf.while_loop(
        lambda start, *_: start < tf.shape(mask)[0], add_chunk, (tf.constant(0), *zeros), parallel_iterations=1
    )
    return sums


def clip_factors(squared_norms: tf.Tensor, mask: tf.Tensor, clip: float) -> tf.Tensor:
    """What each example's gradient is multiplied by, [batch], so that none is longer than `clip`; 0 for what pads."""
    return tf.minimum(1.0, clip / tf.sqrt(tf.maximum(squared_norms, 1e-24))) * mask


def norm_of(gradients: Sequence[tf.Tensor]) -> tf.Tensor:
    """The norm of all of them together; of private ones, as private as they are."""
    return tf.linalg.global_norm(gradients)


class Products:
    """The norms of all examples' gradients without the gradients (Goodfellow 2015; Li et al. 2022): of weights that
    an example uses once, in a product, the gradient is what goes in times what is wanted of what comes out."""

    def __init__(self) -> None:
        self._outputs: list[tf.Tensor] = []
        self._weights: list[tf.Tensor | float] = []

    def note(self, output: tf.Tensor, weight: tf.Tensor | float) -> tf.Tensor:
        """Notes a product's output [batch, ..., features], and the square norm of what went in [batch, ...], plus 1
        where a bias was added; gives the output."""
        self._outputs.append(output)
        self._weights.append(weight)
        return output

    def squared_norms(self, tape: tf.GradientTape, losses: tf.Tensor) -> tf.Tensor:
        """Of each example's gradient by all weights of the products, [batch]; `tape` must be persistent."""
        wanted = tape.gradient(losses, self._outputs)
        parts = [
            tf.reduce_sum(tf.reshape(weight * tf.reduce_sum(each**2, axis=-1), [tf.shape(losses)[0], -1]), axis=1)
            for each, weight in zip(wanted, self._weights, strict=True)
        ]
        return functools.reduce(tf.add, parts)


def squared(values: Any) -> tf.Tensor:
    """The square norms of vectors [..., features], [...], as numbers that no gradient passes."""
    return tf.stop_gradient(tf.reduce_sum(tf.convert_to_tensor(values) ** 2, axis=-1))
