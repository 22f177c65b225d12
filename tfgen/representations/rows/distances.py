"""A column that is learned as its distance from another, in a graph: which two tokens add up to what is asked of it,
and the values of both. As Conditions.within has it for arrays."""

import tensorflow as tf

from tfgen.representations.rows.codec import KNOTS, Bins, Distance
from tfgen.representations.rows.conditions import BEYOND


def shares_together(bins: Bins, how: Distance, begin: tf.Tensor, ends: tf.Tensor, decimals: int) -> tf.Tensor:
    """How much of each pair of a base's token and a distance's adds up to a value that is asked for, float32 [..., base
    tokens, distance tokens]; of the part of a base's token that is asked for itself.

    Values are taken for uniform in each token. A missing distance is in no interval, and may be (`allowed` says it);
    with a missing base only that may be. Where an interval has everything, all may be.

    begin: float64 [..., 2], between which values the base lies.
    ends: float64 [..., intervals, 2], in which the sum lies, both ends included; they don't overlap.
    """
    half = 0.5 * 10.0**-decimals
    margin = half / 4  # so that one value alone has a width
    first, last = begin[..., None, None, None, 0], begin[..., None, None, None, 1]  # [..., intervals, base, distance]
    low_base = tf.minimum(tf.maximum(bins.knots[:, :1], first), last) - margin
    high_base = tf.minimum(tf.maximum(bins.knots[:, -1:], first), last) + margin
    low_distance = how.knots[None, :, 0] - margin
    wide, wide_too = high_base - low_base, how.knots[None, :, -1] + margin - low_distance
    least, whole = low_base + low_distance, wide + wide_too

    def below(ends: tf.Tensor) -> tf.Tensor:
        """The probability that a sum is below each end [..., intervals]: [..., intervals, base, distance]."""
        apart = tf.minimum(tf.nn.relu(ends[..., None, None] - least), whole)
        parts = [tf.square(tf.nn.relu(apart - each)) for each in (0.0, wide, wide_too, whole)]
        return (parts[0] - parts[1] - parts[2] + parts[3]) / (2 * wide * wide_too)

    low, high = ends[..., 0], ends[..., 1]
    shares = tf.where((low <= high)[..., None, None], tf.nn.relu(below(high + half) - below(low - half)), 0.0)
    table = tf.minimum(tf.reduce_sum(shares, axis=-3), 1.0)
    margins = [[0, 0]] * (len(table.shape) - 2)
    table = tf.pad(table, [*margins, [0, int(bins.has_missing)], [0, 0]])
    table = tf.pad(table, [*margins, [0, 0], [0, int(how.has_missing)]], constant_values=1.0)
    has_all = tf.reduce_any((low <= -BEYOND) & (high >= BEYOND), axis=-1)
    return tf.cast(tf.where(has_all[..., None, None], tf.ones_like(table), table), tf.float32)


def uniform_within(how: Bins, tokens: tf.Tensor, low: tf.Tensor, high: tf.Tensor) -> tf.Tensor:
    """As Bins.uniform_within, float64 [batch, 2]."""
    knots = tf.gather(tf.constant(how.knots), tf.minimum(tokens, len(how.knots) - 1))
    first, last = knots[:, : KNOTS - 1], knots[:, 1:]
    is_wide, wide = last > first, tf.where(last > first, last - first, tf.ones_like(first))
    ends = []
    for value in (low[:, None], high[:, None]):
        behind = tf.clip_by_value((value - first) / wide, tf.constant(0.0, tf.float64), 1.0)
        ends.append(tf.reduce_mean(tf.where(is_wide, behind, tf.cast(value >= first, tf.float64)), axis=1))
    return tf.stack(ends, axis=1)


def value_at(how: Distance, base: tf.Tensor, distance: tf.Tensor) -> tf.Tensor:
    """As Distance.value; NaN of either is NaN."""
    least = base + tf.constant(how.knots[0, 0], base.dtype)
    low, high = (tf.constant(end, base.dtype) for end in how.ends)
    return tf.maximum(tf.minimum(tf.maximum(base + distance, low), high), least)
