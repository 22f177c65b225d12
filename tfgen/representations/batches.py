"""Batches in an order that is a function: which example is at place k of epoch e depends on (seed, e, k).

So a resumed fit needs the step count and no iterator state.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfgen.data.tuning import untuned


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


def by_steps(batch_of: Callable[[tf.Tensor], Any], start: int, stop: int) -> tf.data.Dataset:
    """`batch_of` of the steps `start` to `stop - 1`, some steps ahead of the model."""
    steps = tf.data.Dataset.range(start, stop)
    batch_of = tf.autograph.experimental.do_not_convert(batch_of)  # it is a graph's already
    return untuned(steps.map(batch_of, num_parallel_calls=1, deterministic=True).prefetch(4))
