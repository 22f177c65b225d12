"""Examples to batches, in an order that is a function: which example is at place k of epoch e depends on (seed, e, k).

So a resumed fit needs the step count and no iterator state. Small data sets are gathered inside the graph; large ones
are read from their memory-mapped file, a batch ahead of the model.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen.data.tuning import untuned

_IN_MEMORY_BYTES = 2**29


def order(seed: int, first: tf.Tensor, count: int, examples: int) -> tf.Tensor:
    """Which examples stand at places `first` ... `first + count - 1`, counted over all epochs: int64 [count].

    Each epoch is its own permutation of all examples.
    """
    places = first + tf.range(count, dtype=tf.int64)
    epoch, place = places // examples, places % examples
    key = tf.stack([tf.zeros_like(epoch), tf.fill([count], tf.constant(seed, tf.int64)), epoch], axis=1)
    last = tf.fill([count], tf.constant(examples - 1, tf.int64))
    # The public wrapper, tf.random.experimental.index_shuffle, pads a batch of seeds wrongly in 2.21.
    return tf.raw_ops.RandomIndexShuffle(index=place, seed=key, max_index=last, rounds=8)


def batches(
    values: np.ndarray,
    prompt_index: np.ndarray,
    encode: Callable[[tf.Tensor], tf.Tensor],
    batch_size: int,
    seed: int,
    start: int,
    stop: int,
) -> tf.data.Dataset:
    """The batches of steps `start` to `stop - 1`: encoded examples [batch, ...] and prompt places int32 [batch].

    Args:
        values: uint8 [examples, ...], in memory or memory-mapped.
        encode: uint8 to what the model takes.
    """
    read = _reader(values)
    index = tf.constant(prompt_index, tf.int32)

    def batch_of(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        chosen = order(seed, step * batch_size, batch_size, len(values))
        return encode(read(chosen)), tf.gather(index, chosen)

    return by_steps(batch_of, start, stop)


def by_steps(batch_of: Callable[[tf.Tensor], Any], start: int, stop: int) -> tf.data.Dataset:
    """`batch_of` of the steps `start` to `stop - 1`, some steps ahead of the model."""
    steps = tf.data.Dataset.range(start, stop)
    return untuned(steps.map(batch_of, num_parallel_calls=1, deterministic=True).prefetch(4))


def _reader(values: np.ndarray) -> Callable[[tf.Tensor], tf.Tensor]:
    if values.nbytes <= _IN_MEMORY_BYTES:
        held = tf.constant(np.asarray(values))
        return lambda chosen: tf.gather(held, chosen)

    def read(chosen: tf.Tensor) -> tf.Tensor:
        picked = tf.numpy_function(lambda places: values[places], [chosen], tf.uint8, stateful=False)
        return tf.ensure_shape(picked, [None, *values.shape[1:]])

    return read
