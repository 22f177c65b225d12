"""Convolutions with random weights from a fixed seed: need no training, no download and no labels.

What weights a network has matters less than that it looks at pictures by convolution (Naeem et al. 2020, section 3.3).
"""

import math

import numpy as np

from tfgen.data.examples import Examples
from tfgen.evaluate.extractors import Extractor, digest_of

_SEED = 20261124
_CHANNELS = (64, 128, 256)
_SIZE = 256
_GRID = 2  # features keep where something is, in halves of the height and the width


def open_random_convolutions(examples: Examples) -> Extractor:
    """The extractor for pictures of the examples' shape; the same on every machine."""
    import tensorflow as tf

    kernels, projection = _weights(examples.channels)
    constants = [tf.constant(kernel) for kernel in kernels]

    @tf.function(input_signature=[tf.TensorSpec([None, *examples.values.shape[1:]], tf.uint8)])
    def look(values: tf.Tensor) -> tf.Tensor:
        features = tf.cast(values, tf.float32) / 127.5 - 1.0
        for kernel in constants:
            features = tf.nn.relu(tf.nn.conv2d(features, kernel, 2, "SAME"))
        features = tf.concat([tf.reduce_mean(part, axis=[1, 2]) for part in _quarters(features)], axis=1)
        return tf.matmul(features, projection)

    return Extractor("random", digest_of([*kernels, projection]), "none", lambda values: look(values).numpy())


def _weights(channels: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Kernels [5, 5, in, out] of He's scale, and an orthogonal projection, [in, size]."""
    generator = np.random.default_rng(_SEED)
    kernels = []
    for before, after in zip((channels, *_CHANNELS), _CHANNELS, strict=False):
        scale = math.sqrt(2.0 / (25 * before))
        kernels.append(generator.normal(0.0, scale, [5, 5, before, after]).astype(np.float32))
    square = generator.standard_normal([_GRID**2 * _CHANNELS[-1], _SIZE])
    return kernels, np.linalg.qr(square)[0].astype(np.float32)


def _quarters(features):
    """The parts of [n, height, width, channels], top to bottom and left to right; they overlap where a side is odd."""
    height, width = (math.ceil(side / _GRID) for side in features.shape[1:3])
    rows = (features[:, :height], features[:, -height:])
    return [part for row in rows for part in (row[:, :, :width], row[:, :, -width:])]
