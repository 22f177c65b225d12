"""Portable noise: the same seed gives the same numbers in Python, in a SavedModel, on a server and on a phone.

`tf.random.stateless_*` can't run in TFLite's standalone interpreter, so the noise is a hash of (seed, position) made
from integer operations that every runtime has: multiply, add, exclusive or, arithmetic shift right. A row depends on
its own seed alone, so the batch that it rides in does not matter.
"""

import math

import tensorflow as tf

SCOPE = "noise"  # in the names of the operations that make noise, so that quantisation can leave them alone
INTEGERS = 2**23
_SEED_KEY = -1640531527  # 2^32 divided by the golden ratio, as a signed number: spreads neighbouring seeds
_POSITION_KEY = 741103597  # odd, so that distinct positions stay distinct
_STREAM_KEY = 1597334677


def bits(seeds: tf.Tensor, size: int, stream: int = 0) -> tf.Tensor:
    """Hashed int32 [batch, size], one row for each seed.

    Args:
        seeds: int32 [batch].
        size: how many numbers a row has.
        stream: numbers from different streams are independent.
    """
    with tf.name_scope(SCOPE):
        return bits_at(seeds, tf.range(size, dtype=tf.int32)[None, :], stream)


def bits_at(seeds: tf.Tensor, positions: tf.Tensor, stream: int = 0) -> tf.Tensor:
    """Hashed int32 [batch, size] at positions int32 [batch or 1, size]; `bits` is this at 0, 1, 2, ..."""
    with tf.name_scope(SCOPE):
        places = positions * _POSITION_KEY + (stream * _STREAM_KEY) % 2**31
        rows = _mix(tf.cast(seeds, tf.int32) * _SEED_KEY + 1013904223)
        return _mix(_mix(rows[:, None] + places) ^ rows[:, None])


def integers(seeds: tf.Tensor, size: int, stream: int = 0) -> tf.Tensor:
    """Uniform int32 [batch, size] from 0 up to, but not including, INTEGERS.

    What picks one of several things compares these: a threshold in float16 would pick another thing now and then.
    """
    with tf.name_scope(SCOPE):
        return _shift_right(bits(seeds, size, stream), 9)


def uniform(seeds: tf.Tensor, size: int, stream: int = 0) -> tf.Tensor:
    """Uniform float32 [batch, size] in the open interval (0, 1), on a grid of 2^-23 shifted by half a step."""
    with tf.name_scope(SCOPE):
        return _to_unit(integers(seeds, size, stream))


def uniform_at(seeds: tf.Tensor, positions: tf.Tensor, stream: int = 0) -> tf.Tensor:
    """Uniform float32 [batch] in (0, 1), one for each row at its own position, int32 [batch]."""
    return uniform_positions(seeds, positions[:, None], stream)[:, 0]


def uniform_positions(seeds: tf.Tensor, positions: tf.Tensor, stream: int = 0) -> tf.Tensor:
    """Uniform float32 [batch, size] in (0, 1) at positions int32 [batch or 1, size]."""
    with tf.name_scope(SCOPE):
        return _to_unit(_shift_right(bits_at(seeds, positions, stream), 9))


def normal(seeds: tf.Tensor, size: int, stream: int = 0) -> tf.Tensor:
    """Standard normal float32 [batch, size] by Box and Muller's transform (1958)."""
    with tf.name_scope(SCOPE):
        half = (size + 1) // 2
        radius = tf.sqrt(-2.0 * tf.math.log(uniform(seeds, half, 2 * stream + 1)))
        angle = 2.0 * math.pi * uniform(seeds, half, 2 * stream + 2)
        return tf.concat([radius * tf.cos(angle), radius * tf.sin(angle)], axis=1)[:, :size]


def _to_unit(whole: tf.Tensor) -> tf.Tensor:
    # With the half step, 23 bits are exact in float32.
    return (tf.cast(whole, tf.float32) + 0.5) * (1.0 / INTEGERS)


def _shift_right(values: tf.Tensor, places: int) -> tf.Tensor:
    """Logical shift by 2 to 31 places: the arithmetic shift less the copies of the sign that it moved in."""
    sign = tf.bitwise.right_shift(values, tf.constant(31, tf.int32))  # -1 or 0
    return tf.bitwise.right_shift(values, tf.constant(places, tf.int32)) - sign * 2 ** (32 - places)


def _mix(values: tf.Tensor) -> tf.Tensor:
    """A bijection of 32 bits in which each bit depends on every other (xor-shift-multiply, after MurmurHash3)."""
    values = values ^ _shift_right(values, 16)
    values = values * 2146121005
    values = values ^ _shift_right(values, 15)
    values = values * -2073254261
    return values ^ _shift_right(values, 16)
