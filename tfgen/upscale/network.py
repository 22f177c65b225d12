"""Doubles the sides of pictures: residual blocks at the low resolution, and a shuffle of channels into pixels."""

import keras
import numpy as np
import tensorflow as tf

layers = keras.layers

WIDTH = 32
BLOCKS = 4
_REACH = 2  # pixels to each side that bicubic interpolation looks at


class Upscaler(keras.Model):
    """Pictures [batch, height, width, channels] in 0 to 1, of any size, to [batch, 2 height, 2 width, channels].

    What is learned is added to a bicubic enlargement, and begins with nothing. Residual blocks without normalisation
    as in EDSR (Lim et al. 2017, section 3.1), pixels from channels as in ESPCN (Shi et al. 2016, equation 4); both use
    operations that TFLite has.
    """

    def __init__(self, channels: int, width: int = WIDTH, blocks: int = BLOCKS):
        super().__init__(name="upscaler")
        self.channels = channels
        self._bicubic = tf.constant(np.repeat(_bicubic_kernels(), channels, axis=2))
        # From each channel's four places within a pixel to what `depth_to_space` takes, each place's channels.
        self._order = [4 * channel + place for place in range(4) for channel in range(channels)]
        self.first = layers.Conv2D(width, 3, padding="same", name="first")
        self.blocks = [
            (
                layers.Conv2D(width, 3, padding="same", activation="relu", name=f"block_{place}_in"),
                layers.Conv2D(width, 3, padding="same", kernel_initializer="zeros", name=f"block_{place}_out"),
            )
            for place in range(blocks)
        ]
        self.last = layers.Conv2D(4 * channels, 3, padding="same", kernel_initializer="zeros", name="last")
        self(tf.zeros([1, 8, 8, channels]))

    def call(self, pictures: tf.Tensor, training: bool = False) -> tf.Tensor:
        features = first = self.first(pictures)
        for enter, leave in self.blocks:
            features = features + leave(enter(features))
        details = tf.nn.depth_to_space(self.last(features + first), 2)
        return self._interpolated(pictures) + details

    def _interpolated(self, pictures: tf.Tensor) -> tf.Tensor:
        """Bicubic, as a convolution, since TFLite has no such resizing."""
        around = tf.pad(pictures, [[0, 0], [_REACH, _REACH], [_REACH, _REACH], [0, 0]], "SYMMETRIC")
        places = tf.nn.depthwise_conv2d(around, self._bicubic, [1, 1, 1, 1], "VALID")
        return tf.nn.depth_to_space(tf.gather(places, self._order, axis=-1), 2)

    def enlarge(self, pictures: tf.Tensor, by: int) -> tf.Tensor:
        """Pictures with sides `by` times as long, 2 or 4, within 0 to 1: as often doubled as that takes.

        Of transparent ones, colours are doubled times their opacity: what can't be seen has none that could blur.
        """
        if self.channels == 4:
            pictures = tf.concat([pictures[..., :3] * pictures[..., 3:], pictures[..., 3:]], axis=-1)
        while by > 1:
            pictures, by = tf.clip_by_value(self(pictures), 0.0, 1.0), by // 2
        if self.channels == 4:
            opacity = pictures[..., 3:]
            colours = tf.clip_by_value(pictures[..., :3] / tf.maximum(opacity, 1.0 / 255.0), 0.0, 1.0)
            pictures = tf.concat([colours, opacity], axis=-1)
        return pictures


def _bicubic_kernels() -> np.ndarray:
    """float32 [5, 5, 1, 4]: weights of the pixels around one for each of the four that come from it.

    Keys (1981) with a = -.5. Their middles lie a quarter of a pixel up or down, and left or right.
    """
    apart = np.abs(np.arange(-_REACH, _REACH + 1)[None] - np.array([[-0.25], [0.25]]))
    near = 1.5 * apart**3 - 2.5 * apart**2 + 1.0
    far = -0.5 * apart**3 + 2.5 * apart**2 - 4.0 * apart + 2.0
    along = np.where(apart <= 1, near, np.where(apart < 2, far, 0.0))
    return np.einsum("au,bv->uvab", along, along).reshape(5, 5, 1, 4).astype(np.float32)
