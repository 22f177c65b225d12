"""Features by random weights from a fixed seed: need no training, no download and no labels.

What has a height and a width is looked at by convolutions: what weights a network has matters less than that (Naeem et
al. 2020, section 3.3). Other arrays go through two dense layers.
"""

import math
from typing import Any

import numpy as np

from tfgen.evaluate.extractors import Extractor, digest_of
from tfgen.representations.arrays.examples import ArrayExamples

_SEED = 20261124
_CHANNELS = (64, 128, 256)
_HIDDEN = 512
_SIZE = 256
_GRID = 2  # features keep where something is, in halves of the height and the width


def open_random_features(examples: ArrayExamples) -> Extractor:
    """The extractor for arrays of the examples' shape; the same on every machine."""
    import tensorflow as tf

    specification, encode = examples.codec.specification, examples.codec.encode
    if specification.is_grid:
        kernels, projection = _convolutions(specification.shape[-1])
        features = _look_by_convolutions
    else:
        kernels, projection = _dense(math.prod(specification.shape))
        features = _look_by_dense_layers
    constants = [tf.constant(kernel) for kernel in kernels]

    stored = tf.TensorSpec([None, *examples.values.shape[1:]], examples.values.dtype)

    @tf.function(input_signature=[stored], autograph=False)
    def look(values: tf.Tensor) -> tf.Tensor:
        return tf.matmul(features(encode(values), constants), projection)

    return Extractor("random", digest_of([*kernels, projection]), "none", lambda values: look(values).numpy())


def _look_by_convolutions(values: Any, kernels: list[Any]) -> Any:
    import tensorflow as tf

    for kernel in kernels:
        values = tf.nn.relu(tf.nn.conv2d(values, kernel, 2, "SAME"))
    return tf.concat([tf.reduce_mean(part, axis=[1, 2]) for part in _quarters(values)], axis=1)


def _look_by_dense_layers(values: Any, kernels: list[Any]) -> Any:
    import tensorflow as tf

    values = tf.reshape(values, [-1, kernels[0].shape[0]])
    for kernel in kernels:
        values = tf.nn.relu(tf.matmul(values, kernel))
    return values


def _convolutions(channels: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Kernels [5, 5, in, out] of He's scale, and an orthogonal projection, [in, size]."""
    generator = np.random.default_rng(_SEED)
    kernels = []
    for before, after in zip((channels, *_CHANNELS), _CHANNELS, strict=False):
        scale = math.sqrt(2.0 / (25 * before))
        kernels.append(generator.normal(0.0, scale, [5, 5, before, after]).astype(np.float32))
    return kernels, _orthogonal(generator, _GRID**2 * _CHANNELS[-1])


def _dense(size: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Matrices [in, out] of He's scale, and an orthogonal projection, [in, size]."""
    generator = np.random.default_rng(_SEED)
    sizes = zip((size, _HIDDEN), (_HIDDEN, _HIDDEN))
    kernels = [
        generator.normal(0.0, math.sqrt(2.0 / before), [before, after]).astype(np.float32) for before, after in sizes
    ]
    return kernels, _orthogonal(generator, _HIDDEN)


def _orthogonal(generator: np.random.Generator, size: int) -> np.ndarray:
    return np.linalg.qr(generator.standard_normal([size, _SIZE]))[0].astype(np.float32)


def _quarters(features: Any) -> list[Any]:
    """The parts of [n, height, width, channels], top to bottom and left to right; they overlap where a side is odd."""
    height, width = (math.ceil(side / _GRID) for side in features.shape[1:3])
    rows = (features[:, :height], features[:, -height:])
    return [part for row in rows for part in (row[:, :, :width], row[:, :, -width:])]
