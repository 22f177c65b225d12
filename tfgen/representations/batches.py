"""Batches in an order that is a function: which example is at place k of epoch e depends on (seed, e, k).

So a resumed fit needs the step count and no iterator state.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from tfgen.data.tuning import untuned
from tfgen.representations.base import WHOLE, Share


class Part(NamedTuple):
    """One of the equal parts of a step's batch, which several replicas of a model share: all of it by default."""

    step: tf.Tensor
    number: tf.Tensor | int = 0
    parts: int = 1

    def places(self, batch_size: int) -> tuple[tf.Tensor, int]:
        """The first of its places, counted over all steps, and how many there are."""
        size = batch_size // self.parts
        return self.step * batch_size + self.number * size, size

    def order(self, seed: int, batch_size: int, examples: int) -> tf.Tensor:
        """Which examples it has, int64 [batch_size / parts]: see `order`."""
        return order(seed, *self.places(batch_size), examples)

    def rows(self, draw: Callable[[tf.Tensor], tf.Tensor], count: tf.Tensor) -> tf.Tensor:
        """Its `count` rows of what `draw(rows)` gives for the whole batch, [rows, ...]."""
        first = tf.cast(self.number, count.dtype) * count
        return draw(self.parts * count)[first : first + count]


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


def poisson_sample(key: int, part: Part, examples: int, rate: float) -> tuple[tf.Tensor, tf.Tensor]:
    """The places of the examples in a part of a step's batch, int64 [k], and a mask, float32 [k]: 0 for what only pads.

    Each example is in it with the probability `rate`, whatever else is in it and whatever was in other batches; that is
    why a step says so little of each (Abadi et al. 2016, section 3.1). A function of (key, step, part); k is never 0,
    and the same for all parts.
    """
    seed = tf.stack([tf.constant(key, tf.int64), tf.cast(part.step, tf.int64)])
    drawn = tf.random.stateless_uniform([examples], seed, minval=None, maxval=None, dtype=tf.uint32)
    chosen = tf.where(drawn < tf.constant(round(rate * RATES), tf.uint32))[:, 0]
    count = tf.shape(chosen)[0]
    padding = tf.where(count > 0, -count % part.parts, part.parts)
    mask = tf.concat([tf.ones([count]), tf.zeros([padding])], axis=0)
    places = tf.concat([chosen, tf.zeros([padding], tf.int64)], axis=0)
    size = tf.size(places) // part.parts
    return part.rows(lambda _: places, size), part.rows(lambda _: mask, size)


def by_steps(batch_of: Callable[[Part], Any], start: int, stop: int, share: Share = WHOLE) -> tf.data.Dataset:
    """`batch_of` of the steps `start` to `stop - 1`, and in each of the share's parts, some ahead of the model."""
    turns = tf.data.Dataset.range(start * share.count, stop * share.count)

    def of_turn(turn: tf.Tensor) -> Any:
        return batch_of(Part(turn // share.count, share.first + turn % share.count, share.parts))

    of_turn = tf.autograph.experimental.do_not_convert(of_turn)  # it is a graph's already
    return untuned(turns.map(of_turn, num_parallel_calls=1, deterministic=True).prefetch(4))
