"""A classifier fitted to the run's own labels: its last hidden layer sees what matters in this data.

It is fitted once for a data set and kept in the cache folder, with the weights' hash, so that every run on that data is
looked at by the same eyes.
"""

import hashlib
import io
import json
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tfgen import files
from tfgen.console import Preparation, say
from tfgen.data.prepared import cache_folder
from tfgen.errors import UserError
from tfgen.evaluate.extractors import Extractor, digest_of
from tfgen.representations.arrays.codec import ArrayCodec
from tfgen.representations.arrays.examples import ArrayExamples
from tfgen.representations.arrays.specification import ArraySpecification

VERSION = 4  # raise it whenever the network or its training changes
FEATURES = 128
_LEAST_EXAMPLES = 20  # of a label, on average
_BATCH = 128
_EPOCHS = 5
_STEPS = (400, 2500)  # at the least and at the most
_MOST_BYTES = 2**29  # of examples, as they are stored
_MOST_HELD_OUT = 2000
_SHIFT = 14  # what has a height and a width is moved by up to this part of them while the classifier learns
_HIDDEN = 256  # units of each hidden layer for arrays of other shapes


def open_classifier(examples: ArrayExamples) -> Extractor:
    """The classifier of this data; fitted when there is none yet, which takes a minute or so.

    Raises:
        UserError: the data has no labels, or too few examples of them.
    """
    if examples.prompt_kind != "labels" or len(examples.prompts) < 2:
        raise UserError("A classifier needs data with labels.", "Leave the extractor out, or choose random.")
    if len(examples) < _LEAST_EXAMPLES * len(examples.prompts):
        raise UserError("There are too few examples of each label for a classifier.", "Choose the extractor random.")
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(0)  # for its first weights and its dropout: the same data, the same classifier
    network = _network(examples.codec.specification, len(examples.prompts))
    path = _path(examples)
    stored = _read(path)
    if stored is None:
        stored = _fit(network, examples)
        _write(path, stored)
    *weights, accuracy, judged_by = stored
    network.set_weights(weights)
    both = keras.Model(network.inputs, [network.get_layer("features").output, network.outputs[0]])

    stored = tf.TensorSpec([None, *examples.values.shape[1:]], examples.values.dtype)

    @tf.function(input_signature=[stored], autograph=False)
    def look(values: tf.Tensor) -> tf.Tensor:
        return tf.concat(both(examples.codec.encode(values), training=False), axis=1)

    labels = tuple(examples.prompts)
    return Extractor(
        "classifier", digest_of(weights), "none", lambda values: look(values).numpy(), labels, float(accuracy),
        int(judged_by),
    )


def _network(specification: ArraySpecification, labels: int) -> Any:
    """Two convolutions at every resolution down to about 7, or two dense layers; then FEATURES and the labels."""
    import keras

    layers, shape = keras.layers, specification.shape
    parts = [keras.Input(shape)]
    if specification.is_grid:
        channels, side = 32, max(shape[:2])
        while side > 8:
            for kernel, strides in ((4, 2), (3, 1)):
                # With Keras's momentum of .99, a few hundred steps leave the norms behind: 84 % right instead of 99.
                norm = layers.BatchNormalization(momentum=0.9)
                parts += [layers.Conv2D(channels, kernel, strides, "same", use_bias=False), norm, layers.ReLU()]
            parts += [layers.Dropout(0.1)]
            channels, side = min(2 * channels, 128), math.ceil(side / 2)
    parts += [layers.Flatten()]
    if not specification.is_grid:
        for _ in range(2):
            norm = layers.BatchNormalization(momentum=0.9)
            parts += [layers.Dense(_HIDDEN, use_bias=False), norm, layers.ReLU(), layers.Dropout(0.1)]
    parts += [layers.Dense(FEATURES, activation="relu", name="features"), layers.Dropout(0.3)]
    return keras.Sequential([*parts, layers.Dense(labels)])


def _fit(network: Any, examples: ArrayExamples) -> list[np.ndarray]:
    """The weights and, last, the accuracy on examples that were kept apart, and how many those were."""
    import keras
    import tensorflow as tf

    from tfgen.data.tuning import untuned

    say(f"Fitting a classifier to the {len(examples.prompts)} labels, once for this data ...")
    order = np.random.default_rng(0).permutation(len(examples))
    order = order[examples.prompt_index[order] >= 0][: max(_BATCH, _MOST_BYTES // examples.values[0].nbytes)]
    held_out = min(_MOST_HELD_OUT, len(order) // 10)
    apart, chosen = order[:held_out], np.sort(order[held_out:])
    values, labels = np.asarray(examples.values[chosen]), examples.prompt_index[chosen]
    steps = int(np.clip(_EPOCHS * len(chosen) / _BATCH, *_STEPS))
    data = tf.data.Dataset.from_tensor_slices((values, labels)).shuffle(len(values), seed=0).repeat()
    prepare = partial(_prepared, examples.codec)
    data = untuned(data.batch(_BATCH, drop_remainder=True).enumerate().map(prepare).prefetch(8))
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"], steps_per_execution=8)
    wait = Preparation("... {done} of {total} steps, {left} left", every=15.0)
    progress = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: wait.show(batch + 1, steps))
    network.fit(data, epochs=1, steps_per_epoch=steps, shuffle=False, verbose=0, callbacks=[progress])
    unseen = examples.codec.encode(np.asarray(examples.values[apart])), examples.prompt_index[apart]
    accuracy = network.evaluate(*unseen, batch_size=_BATCH, verbose=0)[1]
    return [*network.get_weights(), np.float64(accuracy), np.int64(len(apart))]


def _prepared(codec: ArrayCodec, step: Any, batch: tuple[Any, Any]) -> tuple[Any, Any]:
    """A batch encoded, and where it has a height and a width moved by a little each way."""
    import tensorflow as tf

    values, labels = batch
    encoded = codec.encode(values)
    if not codec.specification.is_grid:
        return encoded, labels
    height, width = (max(1, side // _SHIFT) for side in encoded.shape[1:3])
    padded = tf.pad(encoded, [[0, 0], [height, height], [width, width], [0, 0]], "SYMMETRIC")
    seed = tf.stack([tf.constant(0, tf.int64), step])
    return tf.image.stateless_random_crop(padded, [_BATCH, *encoded.shape[1:]], seed), labels


def _path(examples: ArrayExamples) -> Path:
    """Where the classifier of these examples is kept: another one for the same values in another encoding."""
    content = json.dumps([examples.fingerprint, examples.codec.to_json()], sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:32]
    return cache_folder() / "extractors" / f"classifier-{VERSION}-{digest}.npz"


def _write(path: Path, arrays: list[np.ndarray]) -> None:
    content = io.BytesIO()
    np.savez(content, **{f"{place:03d}": array for place, array in enumerate(arrays)})
    files.write_bytes(path, content.getbuffer())


def _read(path: Path) -> list[np.ndarray] | None:
    """What `_write` wrote; None where there is none, or where it is damaged."""
    import zipfile

    try:
        with np.load(path, allow_pickle=False) as stored:
            return [stored[name] for name in sorted(stored.files)]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
