"""Pictures in their three forms: uint8 as they are stored, [-1, 1] inside a model, [0, 1] for callers of an export."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tfgen.representations.arrays.codec import ArrayCodec
from tfgen.representations.arrays.specification import GAUSSIAN, ArraySpecification, Part

FILE_SIGNATURE = "png"
AUGMENT = "color,translation,cutout"  # what a discriminator may be shown, where there are few examples


class ImageCodec(ArrayCodec):
    """See ArrayCodec; values are uint8 [n, height, width, channels]."""

    outside_peak = 1.0

    @classmethod
    def of_shape(cls, shape: tuple[int, ...], count: int) -> "ImageCodec":
        """The codec of so many pictures of one shape."""
        shape = tuple(int(side) for side in shape)
        # How a reconstruction is scored: a learned variance beat Bernoulli on grey digits too (docs/log.md).
        return cls(ArraySpecification(shape, (Part(shape[-1], GAUSSIAN),), count, AUGMENT, "images"))

    def encode(self, values: Any) -> Any:
        if isinstance(values, np.ndarray):
            return values.astype(np.float32) / np.float32(127.5) - np.float32(1.0)
        import tensorflow as tf

        return tf.cast(values, tf.float32) / 127.5 - 1.0

    def decode(self, values: Any) -> np.ndarray:
        """Rounded; what is outside is clipped, and what is no number is grey."""
        scaled = (np.asarray(values, np.float32) + np.float32(1.0)) * np.float32(127.5)
        return np.clip(np.rint(np.nan_to_num(scaled)), 0, 255).astype(np.uint8)

    def to_outside(self, examples: Any) -> Any:
        """255 times that, rounded, is `decode`'s answer to the last bit: halving a float loses nothing."""
        import tensorflow as tf

        # Not tf.clip_by_value, for which TFLite's int8 takes a range of twice the width.
        return tf.minimum(tf.nn.relu((examples + 1.0) * 0.5), 1.0)

    def to_inside(self, values: Any) -> Any:
        return values * 2.0 - 1.0

    def as_files(self) -> Mapping[str, tuple[str, Callable[[Any], Any]]]:
        """PNGs: a thirtieth of the same picture in JSON."""
        return {FILE_SIGNATURE: ("image_bytes", _to_png)}


def _to_png(images: Any) -> Any:
    """Inside a graph: pictures in [0, 1] as PNGs, strings [batch]."""
    import tensorflow as tf

    pixels = tf.cast(tf.clip_by_value(tf.round(images * 255.0), 0.0, 255.0), tf.uint8)
    return tf.map_fn(tf.io.encode_png, pixels, fn_output_signature=tf.string)
