"""The judge of pictures: a classifier with 128 features trained on the training images, and distances in those."""

import os
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from common import kept_folder, talk

from tfgen.data import open_data

VERSION = 2  # raise it whenever the network or its training changes
EPOCHS = 5
BATCH = 128
FEATURES = 128


class Pictures(NamedTuple):
    """uint8 [n, height, width, channels], and the place of each one's label among `names`."""

    images: np.ndarray
    labels: np.ndarray
    names: list[str]


class Seen(NamedTuple):
    """What the classifier makes of n pictures: float32 [n, 128], and the place of the likeliest label [n]."""

    features: np.ndarray
    labels: np.ndarray


def pictures_of(name: str, split: str) -> Pictures:
    """One split, "train" or "test", of a TensorFlow Datasets set with labels."""
    examples = open_data(f"{name}@{split}")
    return Pictures(np.asarray(examples.values), np.asarray(examples.prompt_index), list(examples.prompts))


def classifier_of(name: str, seed: int) -> keras.Model:
    """The classifier for this set; trained when there is none yet (about 5 minutes on two cores), then kept."""
    path = kept_folder() / f"classifier-{name.replace(':', '-')}-{seed}-{VERSION}.weights.h5"
    train = pictures_of(name, "train")
    classifier = _network(train.images.shape[1:], len(train.names))
    if not path.exists():
        talk(f"Training classifier {seed} for {name}; it is kept in {path}.")
        _train(classifier, train, seed)
        _save(classifier, path)
    classifier.load_weights(path)
    return classifier


def look(classifier: keras.Model, images: np.ndarray, at_once: int = 500) -> Seen:
    """Features and likeliest labels of uint8 pictures [n, height, width, channels]."""
    model = keras.Model(classifier.inputs, [classifier.get_layer("features").output, classifier.outputs[0]])
    call = tf.function(lambda batch: model(batch, training=False), reduce_retracing=True)
    parts = [call(_scaled(images[start:start + at_once])) for start in range(0, len(images), at_once)]
    features, logits = (np.concatenate([part[place].numpy() for part in parts]) for place in (0, 1))
    return Seen(features, logits.argmax(axis=1))


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Fréchet distance of the Gaussians that fit two sets of features [n, d] (Heusel et al. 2017, equation 6).

    In float64, and symmetric: tr sqrt(AB) = sum of the roots of the eigenvalues of sqrt(A) B sqrt(A).
    """
    first, second = first.astype(np.float64), second.astype(np.float64)
    covariance_a, covariance_b = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    values, vectors = np.linalg.eigh(covariance_a)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ covariance_b @ root), 0)).sum()
    apart = np.square(first.mean(axis=0) - second.mean(axis=0)).sum()
    return float(apart + np.trace(covariance_a) + np.trace(covariance_b) - 2 * shared)


def precision_and_recall(
    real: np.ndarray, generated: np.ndarray, neighbours: int = 5, count: int = 5000, seed: int = 0
) -> tuple[float, float]:
    """Share of generated samples inside the real manifold, and the reverse (Kynkäänniemi et al. 2019, equation 1)."""
    draw = np.random.default_rng(seed)
    real, generated = (each[draw.permutation(len(each))[:count]].astype(np.float64) for each in (real, generated))
    apart = _distances(real, generated)
    precision = (apart <= _radii(real, neighbours)[:, None]).any(axis=0).mean()
    recall = (apart <= _radii(generated, neighbours)[None, :]).any(axis=1).mean()
    return float(precision), float(recall)


def _radii(points: np.ndarray, neighbours: int) -> np.ndarray:
    """Each point's distance to its k-th neighbour; the point itself, at distance 0, doesn't count."""
    return np.partition(_distances(points, points), neighbours, axis=1)[:, neighbours]


def _distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Squared distances [n, m]."""
    squares = np.square(first).sum(axis=1)[:, None] + np.square(second).sum(axis=1)[None, :]
    return np.maximum(squares - 2 * first @ second.T, 0)


def _network(shape: tuple[int, ...], labels: int) -> keras.Model:
    """Two blocks of two convolutions. A quicker network (one of stride 2 first) was 99.4 % accurate too, but real
    against real fell from 2.3 to 0.6 by its features: figures of different networks can't be compared."""
    layers = keras.layers

    def convolution(channels: int) -> list[keras.layers.Layer]:
        return [layers.Conv2D(channels, 3, activation="relu"), layers.BatchNormalization()]

    return keras.Sequential([
        keras.Input(shape),
        *convolution(32),
        *convolution(32),
        layers.MaxPool2D(),
        layers.Dropout(0.25),
        *convolution(64),
        *convolution(64),
        layers.MaxPool2D(),
        layers.Dropout(0.25),
        layers.Flatten(),
        layers.Dense(FEATURES, activation="relu", name="features"),
        layers.Dropout(0.5),
        layers.Dense(labels),
    ])


def _train(classifier: keras.Model, train: Pictures, seed: int) -> None:
    keras.utils.set_random_seed(seed)
    # The layers were made before the seed was set, so their weights are drawn again.
    classifier.set_weights(_network(train.images.shape[1:], len(train.names)).get_weights())
    steps = len(train.images) // BATCH
    rate = keras.optimizers.schedules.CosineDecay(2e-3, EPOCHS * steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    classifier.compile(keras.optimizers.Adam(rate), loss, steps_per_execution=8)
    data = tf.data.Dataset.from_tensor_slices((train.images, train.labels)).shuffle(len(train.images), seed=seed)
    data = data.batch(BATCH, drop_remainder=True).map(_shifted).prefetch(16)
    classifier.fit(data, epochs=EPOCHS, verbose=2)


def _shifted(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """A batch moved by up to two pixels each way."""
    padded = tf.pad(_scaled(images), [[0, 0], [2, 2], [2, 2], [0, 0]])
    return tf.image.random_crop(padded, [BATCH, *images.shape[1:]]), labels


def _scaled(images: np.ndarray | tf.Tensor) -> tf.Tensor:
    return tf.cast(images, tf.float32) / 255.0


def _save(classifier: keras.Model, path: Path) -> None:
    """Under its own name only once it is whole."""
    temporary = path.with_name(f"{os.getpid()}-{path.name}")
    classifier.save_weights(temporary)
    temporary.replace(path)
