"""Differentiable augmentation for discriminators that see few examples (DiffAugment, Zhao et al. 2020).

Real and generated pictures pass through the same kinds of random change before the discriminator looks, and the
gradients pass back through them, so the generator never learns to draw the changes themselves.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfgen.errors import unknown
from tfgen.models import replicas

Seed = tuple[int, tf.Tensor]


def augment(
    pictures: tf.Tensor, kinds: tuple[str, ...], seed: Seed, probability: float | tf.Tensor = 1.0
) -> tf.Tensor:
    """Pictures [batch, height, width, channels] in [-1, 1], each changed at random in each of `kinds`.

    The same seed (a number and the step) makes the same changes. Each kind of change happens to a picture with the
    given probability, so below 1 the discriminator sees unchanged ones too (Karras et al. 2020, section 2.2).
    """
    for place, kind in enumerate(kinds):
        own = (seed[0] + 101 * (place + 1), seed[1])
        # Choosing how much is changed, a number for each picture, costs nothing; choosing among pictures does.
        happens = tf.cast(_uniform(pictures, (own[0] + 50, own[1]), 0.0, 1.0) < probability, pictures.dtype)
        pictures = AUGMENTATIONS[kind](pictures, own, happens)
    return pictures


def random_roll(pictures: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Pictures [batch, height, width, channels], each moved at random: what leaves at an edge enters at the opposite.

    Args:
        seed: [2], for the whole batch.
    """
    def draw(rows: tf.Tensor) -> tf.Tensor:
        return tf.transpose(tf.random.stateless_uniform([2, rows, 1], seed), [1, 0, 2])

    shares = replicas.own_rows(draw, tf.shape(pictures)[0])
    for axis, share in zip((1, 2), tf.unstack(shares, axis=1), strict=True):
        size = pictures.shape[axis]
        places = (tf.range(size) + tf.cast(share * size, tf.int32)) % size
        pictures = tf.gather(pictures, places, axis=axis, batch_dims=1)
    return pictures


def parse_kinds(text: str) -> tuple[str, ...]:
    """'color,cutout' as names of AUGMENTATIONS; raises UserError for a name that isn't one."""
    kinds = tuple(kind.strip() for kind in text.split(",") if kind.strip() not in ("", "none"))
    for kind in kinds:
        if kind not in AUGMENTATIONS:
            raise unknown("augmentation", kind, AUGMENTATIONS)
    return kinds


def _uniform(pictures: tf.Tensor, seed: Seed, low: float, high: float) -> tf.Tensor:
    return _drawn(pictures, [1, 1, 1], seed, low, high)


def _drawn(pictures: tf.Tensor, shape: list[int], seed: Seed, *limits: Any) -> tf.Tensor:
    """Uniform numbers [batch, *shape], and their kind where they are no float32."""
    key = _pair(seed)
    return replicas.own_rows(
        lambda rows: tf.random.stateless_uniform([rows, *shape], key, *limits), tf.shape(pictures)[0]
    )


def _pair(seed: Seed) -> tf.Tensor:
    return tf.stack([tf.constant(seed[0], tf.int32), tf.cast(seed[1], tf.int32)])


def _color(pictures: tf.Tensor, seed: Seed, happens: tf.Tensor) -> tf.Tensor:
    """Brightness, saturation and contrast, as far as the paper's code changes them."""
    pictures += happens * _uniform(pictures, seed, -0.5, 0.5)
    grey = tf.reduce_mean(pictures, axis=3, keepdims=True)
    pictures += (pictures - grey) * (happens * _uniform(pictures, (seed[0] + 1, seed[1]), -1.0, 1.0))
    mean = tf.reduce_mean(pictures, axis=[1, 2, 3], keepdims=True)
    return pictures + (pictures - mean) * (happens * _uniform(pictures, (seed[0] + 2, seed[1]), -0.5, 0.5))


def _translation(pictures: tf.Tensor, seed: Seed, happens: tf.Tensor, ratio: float = 0.125) -> tf.Tensor:
    """Shifts by up to an eighth of the height and of the width; what comes in repeats the edge."""
    happens = tf.cast(tf.reshape(happens, [-1, 1]), tf.int32)
    for axis in (1, 2):
        size = pictures.shape[axis]
        reach = max(1, int(size * ratio + 0.5))
        shift = _drawn(pictures, [1], (seed[0] + axis, seed[1]), -reach, reach + 1, tf.int32) * happens
        places = tf.clip_by_value(tf.range(size)[None, :] + shift, 0, size - 1)
        pictures = tf.gather(pictures, places, axis=axis, batch_dims=1)
    return pictures


def _cutout(pictures: tf.Tensor, seed: Seed, happens: tf.Tensor, ratio: float = 0.5) -> tf.Tensor:
    """Sets a rectangle of half the height and half the width to mid-grey."""
    inside = None
    for axis in (1, 2):
        size = pictures.shape[axis]
        length = int(size * ratio + 0.5)
        centre = _drawn(pictures, [1], (seed[0] + axis, seed[1]), 0, size + 1, tf.int32)
        distance = tf.range(size)[None, :] - centre + length // 2
        within = tf.cast((distance >= 0) & (distance < length), pictures.dtype)
        within = tf.reshape(within, [-1, size, 1, 1] if axis == 1 else [-1, 1, size, 1])
        inside = within if inside is None else inside * within
    return pictures * (1.0 - happens * inside)


# Each takes pictures, a seed and whether it happens to a picture, [batch, 1, 1, 1] of 0 and 1.
AUGMENTATIONS: dict[str, Callable[[tf.Tensor, Seed, tf.Tensor], tf.Tensor]] = {
    "color": _color,
    "translation": _translation,
    "cutout": _cutout,
}
