"""InceptionV3 as Keras ships it, with its ImageNet weights: 2,048 features, for photographs.

The weights are 88 MB and downloaded by Keras once, into its own folder. They are not the weights of the original
Fréchet Inception distance, so the scores can't be compared with published ones.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.errors import Failure, UserError
from tfgen.evaluate.extractors import Extractor, digest_of
from tfgen.representations.arrays.examples import ArrayExamples

WEIGHTS = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
_SIDE = 299
_AT_ONCE = 32


def open_inception(examples: ArrayExamples) -> Extractor:
    """The extractor.

    Raises:
        UserError: the examples have no height and width, or another number of channels than 1 or 3.
        Failure: the weights are neither here nor to be had.
    """
    specification, encode = examples.codec.specification, examples.codec.encode
    if not specification.is_grid or specification.shape[-1] not in (1, 3):
        shape = " x ".join(map(str, specification.shape))
        raise UserError(
            f"Inception looks at photographs, with a height, a width and 1 or 3 channels, not at arrays of {shape}.",
            "Choose the extractor classifier or random.",
        )
    import tensorflow as tf

    network = _network()

    stored = tf.TensorSpec([None, *examples.values.shape[1:]], examples.values.dtype)

    @tf.function(input_signature=[stored], autograph=False)
    def look(values: tf.Tensor) -> tf.Tensor:
        pictures = encode(values)
        if values.shape[-1] == 1:
            pictures = tf.image.grayscale_to_rgb(pictures)
        return network(tf.image.resize(pictures, [_SIDE, _SIDE], antialias=True), training=False)

    def look_at_all(values: np.ndarray) -> np.ndarray:
        return np.concatenate([look(values[at:at + _AT_ONCE]).numpy() for at in range(0, len(values), _AT_ONCE)])

    resizer = f"tf.image.resize to {_SIDE}x{_SIDE}, bilinear, antialias"
    return Extractor("inception", digest_of(network.get_weights()), resizer, look_at_all)


def _network() -> Any:
    import keras

    stored = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models" / WEIGHTS
    try:
        return keras.applications.InceptionV3(
            include_top=False, pooling="avg", weights=str(stored) if stored.is_file() else "imagenet"
        )
    except Exception as error:  # the network's, HDF5's and Keras's own classes of errors
        raise Failure(
            f"InceptionV3's weights can't be had: {str(error).splitlines()[0].rstrip('.')}.",
            f"Connect to the network once, put the file at {stored}, or choose the extractor classifier or random.",
        ) from error
