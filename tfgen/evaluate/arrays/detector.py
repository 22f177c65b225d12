"""A small network that learns to tell two groups of arrays apart, and what it says of those that it never saw."""

import functools
import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from tfgen.data.prepared import Key, Writer, open_or_prepare
from tfgen.evaluate.arrays.features import libraries
from tfgen.evaluate.arrays.groups import Group, with_noise
from tfgen.evaluate.metrics.detectability import LEAST
from tfgen.representations.arrays.codec import ArrayCodec
from tfgen.representations.arrays.specification import ArraySpecification

VERSION = 2  # raise it whenever the network or its training changes
_MOST = 10_000  # of each group
_BATCH = 128
_EPOCHS = 8
_STEPS = (300, 700)  # at the least and at the most
_CHANNELS = 32
_HIDDEN = 128  # units of each layer for arrays without a height and a width


def judge(real: Group, made: Group, codec: ArrayCodec, noisy: bool, place: str) -> np.ndarray:
    """Logits float32 [n, 2] of the second halves of both groups, real first: the higher, the more like `made`.

    The first halves are learned from. The groups stand in random orders.

    Args:
        noisy: whether noise lies on both, a tenth of the values' range.
        place: what replaces what in the cache, such as the run.
    """
    count = min(len(real), len(made), _MOST) // 2 * 2

    def prepare(writer: Writer) -> dict[str, Any]:
        values = np.concatenate([_values(group.first(count)) for group in (real, made)])
        halves = np.arange(count).reshape(2, -1)
        learned, judged = (np.concatenate([half, half + count]) for half in halves)
        network = _fitted(codec, values[learned], noisy)
        writer.append(_scores(network, codec, values[judged], noisy).reshape(2, -1).T)
        return {}

    if count // 2 < LEAST:  # which nobody will ask for
        return np.zeros([count // 2, 2], np.float32)

    content = [libraries(), VERSION, real.identity, made.identity, count]
    rows, _, _ = open_or_prepare(Key.of("detector", [place, made.name, noisy, count], content), prepare)
    return rows


def _values(group: Group) -> np.ndarray:
    return np.concatenate(list(group.blocks()))


def _fitted(codec: ArrayCodec, values: np.ndarray, noisy: bool) -> keras.Model:
    """A network that has learned to tell the second half of the values from the first."""
    steps = int(np.clip(_EPOCHS * len(values) / _BATCH, *_STEPS))
    network, beginning = _compiled(codec.specification, steps)
    for variable, value in beginning:
        variable.assign(value)
    # Not by fit(), which calls a generator in a thread of TensorFlow's: an evaluation hung there (docs/log.md).
    for examples, made in _learned(codec, values, noisy, steps):
        network.train_on_batch(examples, made)
    return network


@functools.lru_cache(maxsize=1)
def _compiled(specification: ArraySpecification, steps: int) -> tuple[keras.Model, list[tuple[Any, np.ndarray]]]:
    """A network, and all its variables as they are before it learns: it serves several groups in turn, since tracing
    takes as long as learning from a few hundred examples."""
    keras.utils.set_random_seed(0)
    network = _network(specification)
    adam = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps))
    network.compile(adam, keras.losses.BinaryCrossentropy(from_logits=True))
    adam.build(network.trainable_variables)
    # The dropout's seeds are among the variables.
    return network, [(variable, variable.numpy()) for variable in (*network.variables, *adam.variables)]


def _network(specification: ArraySpecification) -> keras.Model:
    """3x3 convolutions down to a side of 4 to 7, or two dense layers; every layer normalised."""
    layers = keras.layers
    parts: list[Any] = [keras.Input(specification.shape)]
    if specification.is_grid:
        side, channels = max(specification.shape[:2]), _CHANNELS
        while side > 7 or channels == _CHANNELS:
            parts += [layers.Conv2D(channels, 3, 2, "same", use_bias=False), _norm(), layers.ReLU()]
            side, channels = math.ceil(side / 2), min(channels + 32, 128)
    parts += [layers.Flatten()]
    if not specification.is_grid:
        for _ in range(2):
            parts += [layers.Dense(_HIDDEN, use_bias=False), _norm(), layers.ReLU()]
    return keras.Sequential([*parts, layers.Dropout(0.5), layers.Dense(1)])


def _norm() -> keras.layers.Layer:
    return keras.layers.BatchNormalization(momentum=0.9)  # with Keras's .99, a few hundred steps leave it behind


def _learned(
    codec: ArrayCodec, values: np.ndarray, noisy: bool, steps: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches in a random order, and which of them are of the second half."""
    generator = np.random.default_rng(0)
    epochs = math.ceil(steps * _BATCH / len(values))
    order = np.concatenate([generator.permutation(len(values)) for _ in range(epochs)])
    for step, chosen in enumerate(np.resize(order, [steps, min(_BATCH, len(values))])):
        made = (chosen >= len(values) // 2).astype(np.float32)
        yield _looked_at(codec, values[chosen], noisy, step), made


def _scores(network: keras.Model, codec: ArrayCodec, values: np.ndarray, noisy: bool) -> np.ndarray:
    """Logits float32 [n]."""
    found = []
    for start in range(0, len(values), _BATCH):
        batch = _looked_at(codec, values[start : start + _BATCH], noisy, -1 - start)
        found.append(np.asarray(network(batch, training=False))[:, 0])
    return np.concatenate(found)


def _looked_at(codec: ArrayCodec, values: np.ndarray, noisy: bool, number: int) -> np.ndarray:
    encoded = codec.encode(values)
    if not noisy:
        return encoded
    return with_noise(encoded, codec.specification, np.random.default_rng([0, number + 2**31]))
