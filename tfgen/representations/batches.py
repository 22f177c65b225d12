"""Batches in an order that is a function: which example is at place k of epoch e depends on (seed, e, k).

So a resumed fit needs the step count and no iterator state.
"""

import math
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


RATES = 2**32  # a sampling rate is so many of these parts


def sampling_rate(batch_size: int, examples: int) -> float:
    """The probability of an example to be in a Poisson sample that has `batch_size` of them on average: exactly the
    one that `poisson_sample` draws with."""
    return min(RATES - 1, math.ceil(RATES * batch_size / examples)) / RATES


def poisson_sample(key: int, step: tf.Tensor, examples: int, rate: float, multiple: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The places of the examples in a step's batch, int64 [k], and a mask, float32 [k]: 0 for what only pads.

    Each example is in it with the probability `rate`, whatever else is in it and whatever was in other batches; that is
    why a step says so little of each (Abadi et al. 2016, section 3.1). A function of (key, step); k is a multiple of
    `multiple`, and never 0.
    """
    seed = tf.stack([tf.constant(key, tf.int64), tf.cast(step, tf.int64)])
    drawn = tf.random.stateless_uniform([examples], seed, minval=None, maxval=None, dtype=tf.uint32)
    chosen = tf.where(drawn < tf.constant(round(rate * RATES), tf.uint32))[:, 0]
    count = tf.shape(chosen)[0]
    padding = tf.where(count > 0, -count % multiple, multiple)
    mask = tf.concat([tf.ones([count]), tf.zeros([padding])], axis=0)
    return tf.concat([chosen, tf.zeros([padding], tf.int64)], axis=0), mask


def by_steps(batch_of: Callable[[tf.Tensor], Any], start: int, stop: int) -> tf.data.Dataset:
    """`batch_of` of the steps `start` to `stop - 1`, some steps ahead of the model."""
    steps = tf.data.Dataset.range(start, stop)
    batch_of = tf.autograph.experimental.do_not_convert(batch_of)  # it is a graph's already
    return untuned(steps.map(batch_of, num_parallel_calls=1, deterministic=True).prefetch(4))
