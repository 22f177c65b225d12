"""DP-SGD (Abadi et al. 2016, algorithm 1): the gradient of a batch from which no example can be told.

Each example's gradient is clipped to a norm, their sum gets Gaussian noise, and is divided by the size that a batch is
expected to have. Batches are Poisson samples, so their sizes differ: they come with a mask, since none may be empty.
The noise is a function of (key, step, place), as all that is random in training, so a resumed fit adds the very same.
"""

import functools
import math
import threading
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgen.errors import UserError

_PLACES = 2**20  # in the second half of a seed, for each step
_SALTS = 2**10  # of these, the last, for what else a step draws
_NUMBERS_OF_A_SLICE = 2**25  # of what goes into convolutions, at once


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
    losses_of: Callable[[], tf.Tensor], mask: tf.Tensor, variables: Sequence[keras.Variable], clip: float
) -> list[tf.Tensor]:
    """The sum over a batch of each example's gradient, scaled down to the norm `clip` where it is longer.

    Args:
        losses_of: each example's own loss, [batch], through layers of tfgen.models.networks.layers alone.
        mask: float32 [batch], 0 for what only pads.
        variables: by which the loss is derived; the norm is that of all of them together.

    Raises:
        UserError: a variable is in none of these layers, so its part of the norm would be missing.
    """
    with tf.GradientTape(persistent=True) as tape, Products() as products:
        losses = losses_of()
    products.check(variables)
    factors = clip_factors(products.squared_norms(tape, losses), mask, clip)
    sums = tape.gradient(losses, [variable.value for variable in variables], output_gradients=factors)
    products.check_unused([variable for variable, each in zip(variables, sums, strict=True) if each is None])
    return [
        tf.zeros(variable.shape) if each is None else tf.convert_to_tensor(each)
        for variable, each in zip(variables, sums, strict=True)
    ]


def clip_factors(squared_norms: tf.Tensor, mask: tf.Tensor, clip: float) -> tf.Tensor:
    """What each example's gradient is multiplied by, [batch], so that none is longer than `clip`; 0 for what pads."""
    return tf.minimum(1.0, clip / tf.sqrt(tf.maximum(squared_norms, 1e-24))) * mask


def norm_of(gradients: Sequence[tf.Tensor]) -> tf.Tensor:
    """The norm of all of them together; of private ones, as private as they are."""
    return tf.linalg.global_norm(gradients)


class Products:
    """The norms of all examples' gradients without the gradients (Goodfellow 2015; Li et al. 2022): of a weight that is
    used in products, the gradient is what goes in times what is wanted of what comes out.

    As a context, it records the products of all layers of tfgen.models.networks.layers that are called inside it.
    """

    def __init__(self) -> None:
        self._outputs: list[tf.Tensor] = []
        self._squares: list[Callable[[tf.Tensor], tf.Tensor]] = []
        self._variables: list[Sequence[Any]] = []
        self._unused: list[Any] = []

    def __enter__(self) -> "Products":
        _listening.products = self
        return self

    def __exit__(self, *_: Any) -> None:
        _listening.products = None

    def note(self, output: tf.Tensor, weight: tf.Tensor | float, *variables: Any) -> tf.Tensor:
        """Notes a product's output [batch, ..., features] by weights that an example uses once, and the square norm of
        what went in [batch, ...], plus 1 where a bias was added; gives the output."""

        def square(wanted: tf.Tensor) -> tf.Tensor:
            each = weight * tf.reduce_sum(wanted**2, axis=-1)
            return tf.reduce_sum(tf.reshape(each, [tf.shape(wanted)[0], -1]), axis=1)

        return self._add(output, square, variables)

    def note_places(
        self, output: tf.Tensor, inputs: tf.Tensor, entering: Callable[[tf.Tensor], tf.Tensor], kernel: Any,
        bias: Any | None,
    ) -> tf.Tensor:  # fmt: skip
        """Notes a product by a kernel that is used at several places of an example, such as a convolution's.

        Args:
            output: [batch, ..., features].
            entering: of inputs [batch, ...] what goes in at each place, [batch, places, numbers].
        """
        places, numbers = math.prod(output.shape[1:-1]), math.prod(kernel.shape[:-1])

        def square(inputs: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
            came, wanted = entering(inputs), tf.reshape(wanted, [-1, places, output.shape[-1]])
            if places**2 < numbers * output.shape[-1]:  # the smaller of the two (Bu et al. 2022)
                total = _square_of_sum(_inner_products(came), wanted)
            else:
                total = tf.reduce_sum(tf.matmul(came, wanted, transpose_a=True) ** 2, axis=[1, 2])
            return total if bias is None else total + tf.reduce_sum(tf.reduce_sum(wanted, axis=1) ** 2, axis=1)

        size = max(1, _NUMBERS_OF_A_SLICE // (places * numbers))
        variables = (kernel,) if bias is None else (kernel, bias)
        return self._add(output, lambda wanted: _in_slices(square, size, inputs, wanted), variables)

    def note_lookup(self, output: tf.Tensor, ids: tf.Tensor, table: Any) -> tf.Tensor:
        """Notes rows of a table [batch, places, features] that were looked up by ids [batch, places]."""
        same = tf.cast(tf.equal(ids[:, :, None], ids[:, None, :]), tf.float64)
        return self._add(output, lambda wanted: _square_of_sum(same, wanted), (table,))

    def _add(self, output: tf.Tensor, square: Callable[[tf.Tensor], tf.Tensor], variables: Sequence[Any]) -> tf.Tensor:
        self._outputs.append(output)
        self._squares.append(square)
        self._variables.append(variables)
        return output

    def check(self, variables: Sequence[keras.Variable]) -> None:
        """Raises UserError unless each of the variables was noted once: a norm without one of them is too small."""
        noted = [id(each) for own in self._variables for each in own]
        if sorted(noted) != sorted(id(each) for each in variables):
            raise not_private()

    def check_unused(self, variables: Sequence[keras.Variable]) -> None:
        """Raises UserError where others have no gradient than those whose products nobody used."""
        if sorted(map(id, self._unused)) != sorted(map(id, variables)):
            raise not_private()

    def squared_norms(self, tape: tf.GradientTape, losses: tf.Tensor) -> tf.Tensor:
        """Of each example's gradient by all weights of the products, [batch]; `tape` must be persistent."""
        found, self._unused = [], []
        wanted = tape.gradient(losses, self._outputs)
        for square, each, variables in zip(self._squares, wanted, self._variables, strict=True):
            if each is None and variables:
                self._unused.extend(variables)
            else:
                found.append(square(each))
        return functools.reduce(tf.add, found)


def not_private() -> UserError:
    """Of a network, a part of whose gradient has a norm that isn't known."""
    return UserError(
        "This network can't learn privately: it has weights whose gradients can't be told for each example.",
        "Set network=dense, or leave --private out.",
    )


def _square_of_sum(entering: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
    """The square norm, [batch], of the sum over places of the outer products of what goes in and what is wanted.

    In float64: where the outer products all but cancel, float32 may find too little, and a gradient would stay too
    long.

    Args:
        entering: the inner products of what goes in at two places, float64 [batch, places, places].
        wanted: [batch, places, features].
    """
    return tf.cast(tf.reduce_sum(entering * _inner_products(wanted), axis=[1, 2]), tf.float32)


def _inner_products(values: tf.Tensor) -> tf.Tensor:
    """Of the vectors at each two places of [batch, places, numbers], float64 [batch, places, places]."""
    values = tf.cast(values, tf.float64)
    return tf.matmul(values, values, transpose_b=True)


def _in_slices(function: Callable[..., tf.Tensor], size: int, *tensors: tf.Tensor) -> tf.Tensor:
    """What a function of tensors [k, ...] gives, [k], taken of `size` rows at a time, so that memory is enough."""
    count = (tf.shape(tensors[0])[0] + size - 1) // size
    found = tf.TensorArray(tf.float32, count, infer_shape=False, element_shape=[None])

    def add(number: tf.Tensor, found: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        own = (each[number * size : (number + 1) * size] for each in tensors)
        return number + 1, found.write(number, function(*own))

    _, found = tf.while_loop(lambda number, _: number < count, add, (0, found), parallel_iterations=1)
    return found.concat()


_listening = threading.local()


def listening() -> Products | None:
    """The context that layers called now, in this thread, report their products to; None where there is none."""
    return getattr(_listening, "products", None)


def squared(values: Any) -> tf.Tensor:
    """The square norms of vectors [..., features], [...], as numbers that no gradient passes."""
    return tf.stop_gradient(tf.reduce_sum(tf.convert_to_tensor(values) ** 2, axis=-1))
