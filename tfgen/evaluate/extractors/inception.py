"""InceptionV3 as Keras ships it, with its ImageNet weights: 2,048 features, for photographs.

The weights are 88 MB and downloaded by Keras once, into its own folder. They are not the weights of the original
Fréchet Inception distance, so the scores can't be compared with published ones.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.data.examples import Examples
from tfgen.errors import Failure
from tfgen.evaluate.extractors import Extractor, digest_of

WEIGHTS = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
_SIDE = 299
_AT_ONCE = 32


def open_inception(examples: Examples) -> Extractor:
    """The extractor. Raises Failure where the weights are neither here nor to be had."""
    import tensorflow as tf

    network = _network()

    @tf.function(input_signature=[tf.TensorSpec([None, *examples.values.shape[1:]], tf.uint8)])
    def look(values: tf.Tensor) -> tf.Tensor:
        pictures = tf.cast(values, tf.float32)
        if values.shape[-1] == 1:
            pictures = tf.image.grayscale_to_rgb(pictures)
        pictures = tf.image.resize(pictures, [_SIDE, _SIDE], antialias=True)
        return network(pictures / 127.5 - 1.0, training=False)

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
