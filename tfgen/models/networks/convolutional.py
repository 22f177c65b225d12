"""Convolutional networks for pictures of any height and width from 8 to 256 (DCGAN, Radford et al. 2015).

Each stage doubles the resolution on the way up and halves it, rounded up, on the way down. A size that isn't a power of
two is reached by cropping one row or column after doubling, so 28, 72 and 48x97 all work.
"""

import math

import keras
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.models import replicas
from tfgen.models.networks.layers import Conv2D, Dense
from tfgen.models.networks.prompts import Judgement, build_embedding, join_prompt, prompt_embedding
from tfgen.models.outputs import Activation, activation_of
from tfgen.representations.arrays.specification import ArraySpecification

layers = keras.layers


_LOWEST = 7  # pixels of the longer side at the lowest resolution, about, where the config has no say


def stage_sizes(height: int, width: int, lowest: int) -> list[tuple[int, int]]:
    """The resolutions from full size down; the longer side of the last is about `lowest` pixels."""
    stages = max(1, round(math.log2(max(height, width) / lowest)))
    return [(math.ceil(height / 2**stage), math.ceil(width / 2**stage)) for stage in range(stages + 1)]


def stage_widths(width: int, stages: int) -> list[int]:
    """Channels at half resolution, quarter resolution, ...: doubling, up to eight times the first."""
    return [width * min(2**stage, 8) for stage in range(stages)]


class Generator(layers.Layer):
    """Latents [batch, latent_dim] and a condition [batch, words] to pictures in [-1, 1], by the last activation."""

    def __init__(
        self,
        shape: tuple[int, ...],
        width: int,
        prompt_dim: int,
        activation: Activation,
        lowest: int,
        tile: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.sizes = stage_sizes(*shape[:2], lowest)
        self.tile = tile
        widths = stage_widths(width, len(self.sizes) - 1)
        self.first_shape = (*self.sizes[-1], widths[-1])
        self.embedding = prompt_embedding(prompt_dim)
        self.first = Dense(math.prod(self.first_shape), use_bias=False, name="first")
        self.norms = [batch_norm(f"norm_{place}") for place in range(len(widths))]
        self.ups = [
            layers.Conv2DTranspose(channels, 4, 2, "same", use_bias=False, name=f"up_{place}")
            for place, channels in enumerate(reversed(widths[:-1]))
        ]
        self.last = layers.Conv2DTranspose(shape[2], 4, 2, "same", activation=activation, name="last")

    def build(self, latents_shape: tuple, condition_shape: tuple) -> None:
        build_embedding(self.embedding, condition_shape)

    def first_weights(self) -> tf.Tensor:
        """The matrix that latents, and the embedded condition behind them, meet first: [latent_dim + ..., units]."""
        return self.first.kernel.value

    def call(self, latents: tf.Tensor, condition: tf.Tensor, training: bool = False) -> tf.Tensor:
        features = join_prompt(latents, condition, self.embedding)
        features = tf.reshape(self.first(features), [-1, *self.first_shape])
        for norm, up, size in zip(self.norms, [*self.ups, self.last], reversed(self.sizes[:-1]), strict=True):
            features = tf.nn.leaky_relu(norm(features, training=training), 0.2)
            features = _circular(up, features) if self.tile else crop(up(features), size)
        return features


def _circular(up: layers.Layer, features: tf.Tensor) -> tf.Tensor:
    """A transposed convolution (4x4, stride 2) of features with circular padding."""
    for axis in (1, 2):
        ends = [tf.gather(features, [place], axis=axis) for place in (features.shape[axis] - 1, 0)]
        features = tf.concat([ends[0], features, ends[1]], axis)
    return up(features)[:, 2:-2, 2:-2]


class Discriminator(layers.Layer):
    """Pictures and a condition to a Judgement."""

    def __init__(
        self, shape: tuple[int, ...], width: int, lowest: int, spectral_norm: bool, features: int = 128, **kwargs
    ):
        super().__init__(**kwargs)
        bound = layers.SpectralNormalization if spectral_norm else (lambda layer: layer)
        widths = stage_widths(width, len(stage_sizes(*shape[:2], lowest)) - 1)
        self.downs = [
            bound(Conv2D(channels, 4, 2, "same", name=f"down_{place}")) for place, channels in enumerate(widths)
        ]
        self.features = bound(Dense(features, name="features"))
        self.judgement = Judgement(spectral_norm, name="judgement", dtype="float32")

    def blocks_from_below(self) -> list[list[layers.Layer]]:
        """The layers from the values that come in, in blocks."""
        return [[down] for down in self.downs]

    def call(self, pictures: tf.Tensor, condition: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        return self.judgement(self.features_of(pictures, training), condition, training=training)

    def features_of(self, pictures: tf.Tensor, training: bool = False) -> tf.Tensor:
        """What the judgement is made of, [batch, features]."""
        features = pictures
        for down in self.downs:
            features = tf.nn.leaky_relu(down(features, training=training), 0.2)
        features = tf.reshape(features, [-1, math.prod(features.shape[1:])])
        return tf.nn.leaky_relu(self.features(features, training=training), 0.2)


class Encoder(layers.Layer):
    """Pictures and a condition to the mean and log variance of a Gaussian over latents, each [batch, latent_dim]."""

    def __init__(self, shape: tuple[int, ...], width: int, latent_dim: int, lowest: int, **kwargs):
        super().__init__(**kwargs)
        widths = stage_widths(width, len(stage_sizes(*shape[:2], lowest)) - 1)
        self.downs = [Conv2D(channels, 4, 2, "same", name=f"down_{i}") for i, channels in enumerate(widths)]
        self.norms = [batch_norm(f"norm_{i}") for i in range(len(widths))]
        self.mean = Dense(latent_dim, name="mean")
        self.log_variance = Dense(latent_dim, name="log_variance")

    def blocks_from_below(self) -> list[list[layers.Layer]]:
        """The layers from the values that come in, in blocks."""
        return [list(block) for block in zip(self.downs, self.norms, strict=True)]

    def call(self, pictures: tf.Tensor, condition: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        features = pictures
        for down, norm in zip(self.downs, self.norms, strict=True):
            features = tf.nn.silu(norm(down(features), training=training))
        features = tf.reshape(features, [-1, math.prod(features.shape[1:])])
        features = tf.concat([features, condition], axis=1)
        return self.mean(features), self.log_variance(features)


def clipped_tanh(values: tf.Tensor) -> tf.Tensor:
    """A tanh that reaches -1 and 1. One that only nears them leaves a grey veil by which generated pictures are told
    from real ones, most of whose pixels are black or white (docs/log.md)."""
    return tf.clip_by_value(1.1 * tf.tanh(values), -1.0, 1.0)


def _factor(sides: tuple[int, int], lowest: int) -> int:
    """By how much the lowest resolution is doubled in all."""
    return 2 ** (len(stage_sizes(*sides, lowest)) - 1)


def fitting_sides(sides: tuple[int, int], lowest: int) -> tuple[int, int]:
    """Sides near these that doubling from about `lowest` pixels reaches without cropping."""
    while any(side % _factor(sides, lowest) for side in sides):
        factor = _factor(sides, lowest)
        sides = tuple(max(1, round(side / factor)) * factor for side in sides)
    return sides


def crop(features: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """The first rows and columns; no operation where it would cut nothing, since that hinders fusing in TFLite."""
    return features if tuple(features.shape[1:3]) == tuple(size) else features[:, : size[0], : size[1]]


def batch_norm(name: str) -> layers.Layer:
    return layers.BatchNormalization(momentum=0.95, name=name, synchronized=replicas.will_be_several())


class ConvolutionalNetworks:
    """The parts of a model for arrays with a height and a width, from a config's `width`, `prompt_dim` and the rest."""

    can_tile = True

    def __init__(self, example: ArraySpecification, config):
        self.example = example
        self.shape = example.shape
        self.config = config
        self.lowest = getattr(config, "lowest", _LOWEST)

    @staticmethod
    def suits(example: ArraySpecification) -> bool:
        """Whether there is a height and a width."""
        return example.is_grid

    def generator(self, name: str) -> layers.Layer:
        return self._upward(clipped_tanh, name)

    def decoder(self, name: str) -> layers.Layer:
        return self._upward(tf.tanh, name)

    def _upward(self, continuous: Activation, name: str) -> layers.Layer:
        activation = activation_of(self.example, continuous)
        tile = getattr(self.config, "tile", False)
        if tile:
            self._check_sides()
        return Generator(
            self.shape, self.config.width, self.config.prompt_dim, activation, self.lowest, tile, name=name
        )

    def _check_sides(self) -> None:
        """What is cropped after doubling no longer goes on at the other edge."""
        sides = tuple(self.shape[:2])
        fitting, factor = fitting_sides(sides, self.lowest), _factor(sides, self.lowest)
        if fitting != sides:
            what = f"With tile=true both sides are multiples of {factor}, and these are {sides[0]}x{sides[1]}."
            other = f"Set size={fitting[0]}x{fitting[1]}"
            if not any(side % _factor(sides, _LOWEST) for side in sides):
                other += f", or lowest={_LOWEST}"
            raise UserError(what, f"{other}, or leave tile out.")

    def discriminator(self, name: str) -> layers.Layer:
        return Discriminator(self.shape, self.config.width, self.lowest, self.config.spectral_norm, name=name)

    def encoder(self, name: str) -> layers.Layer:
        return Encoder(self.shape, self.config.width, self.config.latent_dim, self.lowest, name=name)
