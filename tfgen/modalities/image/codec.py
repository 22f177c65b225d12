"""Pictures in their three forms: uint8 as they are stored, [-1, 1] inside a model, [0, 1] for callers of an export."""

from collections.abc import Callable, Mapping
from typing import Any

from tfgen.representations.arrays.codec import LevelsCodec
from tfgen.representations.arrays.specification import GAUSSIAN, ArraySpecification, Part

FILE_SIGNATURE = "png"
AUGMENT = "color,translation,cutout"  # what a discriminator may be shown, where there are few examples


class ImageCodec(LevelsCodec):
    """See LevelsCodec; values are uint8 [n, height, width, channels]."""

    outside_peak = 1.0

    @classmethod
    def of_shape(cls, shape: tuple[int, ...], count: int) -> "ImageCodec":
        """The codec of so many pictures of one shape."""
        shape = tuple(int(side) for side in shape)
        # How a reconstruction is scored: a learned variance beat Bernoulli on grey digits too (docs/log.md).
        return cls(ArraySpecification(shape, (Part(shape[-1], GAUSSIAN),), count, AUGMENT, "images", may_tile=True))

    def as_files(self) -> Mapping[str, tuple[str, Callable[[Any], Any]]]:
        """PNGs: a thirtieth of the same picture in JSON."""
        return {FILE_SIGNATURE: ("image_bytes", _to_png)}


def _to_png(images: Any) -> Any:
    """Inside a graph: pictures in [0, 1] as PNGs, strings [batch]."""
    import tensorflow as tf

    pixels = tf.cast(tf.clip_by_value(tf.round(images * 255.0), 0.0, 255.0), tf.uint8)
    return tf.map_fn(tf.io.encode_png, pixels, fn_output_signature=tf.string)
