"""Residual networks without normalisation, for long runs (the design of R3GAN, Huang et al. 2024, section 3).

A block is a 1x1 convolution to twice the channels, bias and leaky ReLU, a 3x3 convolution, bias and leaky ReLU, and a
1x1 convolution that starts at zero; it is added to its input. Resampling smooths by [1, 2, 1]. The 3x3 convolution is
not grouped as the paper's is: TensorFlow's CPU kernels have no gradient for groups.
"""

import math

import keras
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.models.networks.convolutional import ConvolutionalNetworks, stage_sizes, stage_widths
from tfgen.models.networks.layers import Conv2D, Dense
from tfgen.models.outputs import Activation, activation_of
from tfgen.models.networks.prompts import Judgement, build_embedding, join_prompt, prompt_embedding

layers = keras.layers


class Block(layers.Layer):
    """Residual block on [batch, height, width, channels]."""

    def __init__(self, channels: int, blocks: int, **kwargs):
        super().__init__(**kwargs)
        # Leaky ReLU's gain, and L^(-1/4) for L blocks of which two layers each start away from zero.
        gain = math.sqrt(2.0 / 1.04) * blocks**-0.25
        self.expand = convolution(2 * channels, 1, gain, name="expand")
        self.mix = convolution(2 * channels, 3, gain, name="mix")
        self.reduce = convolution(channels, 1, 0.0, name="reduce", use_bias=False)

    def call(self, features: tf.Tensor) -> tf.Tensor:
        hidden = tf.nn.leaky_relu(self.expand(features), 0.2)
        return features + self.reduce(tf.nn.leaky_relu(self.mix(hidden), 0.2))


class Generator(layers.Layer):
    """Latents and a condition to pictures; a learned basis at the lowest resolution is scaled by the latents."""

    def __init__(
        self, shape: tuple[int, ...], width: int, prompt_dim: int, activation: Activation, lowest: int, **kwargs
    ):
        super().__init__(**kwargs)
        self.sizes = stage_sizes(*shape[:2], lowest)
        widths = stage_widths(width, len(self.sizes))[::-1]
        self.embedding = prompt_embedding(prompt_dim)
        self.scale = Dense(widths[0], name="scale")
        self.blocks = [Block(channels, len(widths), name=f"block_{i}") for i, channels in enumerate(widths)]
        self.narrow = [convolution(channels, 1, 1.0, name=f"narrow_{i}") for i, channels in enumerate(widths[1:])]
        self.last = convolution(shape[2], 1, 1.0, name="last")
        self.activation = activation
        self.first_channels = widths[0]

    def build(self, latents_shape: tuple, condition_shape: tuple) -> None:
        build_embedding(self.embedding, condition_shape)
        self.basis = self.add_weight(
            shape=(1, *self.sizes[-1], self.first_channels), initializer=keras.initializers.RandomNormal(0.0, 1.0)
        )

    def first_weights(self) -> tf.Tensor:
        """The matrix that latents, and the embedded condition behind them, meet first: [latent_dim + ..., units]."""
        return self.scale.kernel.value

    def call(self, latents: tf.Tensor, condition: tf.Tensor, training: bool = False) -> tf.Tensor:
        features = join_prompt(latents, condition, self.embedding)
        features = self.basis * self.scale(features)[:, None, None, :]
        for place, block in enumerate(self.blocks):
            if place:
                features = upsample(self.narrow[place - 1](features), self.sizes[-1 - place])
            features = block(features)
        return self.activation(self.last(features))


class Discriminator(layers.Layer):
    """Pictures and a condition to a Judgement: the generator's stages in reverse."""

    def __init__(self, shape: tuple[int, ...], width: int, lowest: int, features: int = 128, **kwargs):
        super().__init__(**kwargs)
        sizes = stage_sizes(*shape[:2], lowest)
        widths = stage_widths(width, len(sizes))
        self.first = convolution(widths[0], 1, 1.0, name="first")
        self.blocks = [Block(channels, len(widths), name=f"block_{i}") for i, channels in enumerate(widths)]
        self.widen = [convolution(channels, 1, 1.0, name=f"widen_{i}") for i, channels in enumerate(widths[1:])]
        self.features = Dense(features, name="features")
        self.judgement = Judgement(name="judgement", dtype="float32")

    def blocks_from_below(self) -> list[list[layers.Layer]]:
        """The layers from the values that come in, in blocks."""
        return [[narrow, block] for narrow, block in zip([self.first, *self.widen], self.blocks, strict=True)]

    def call(self, pictures: tf.Tensor, condition: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        return self.judgement(self.features_of(pictures, training), condition, training=training)

    def features_of(self, pictures: tf.Tensor, training: bool = False) -> tf.Tensor:
        """What the judgement is made of, [batch, features]."""
        features = self.first(pictures)
        for place, block in enumerate(self.blocks):
            if place:
                features = self.widen[place - 1](tf.nn.avg_pool2d(features, 2, 2, "SAME"))
            features = block(features)
        features = tf.reshape(features, [-1, math.prod(features.shape[1:])])
        return tf.nn.leaky_relu(self.features(features), 0.2)


def convolution(channels: int, kernel: int, gain: float, name: str, use_bias: bool = True) -> layers.Layer:
    """A convolution whose start keeps the variance, times `gain` squared."""
    if gain:
        start = keras.initializers.VarianceScaling(gain**2, "fan_in", "untruncated_normal")
    else:
        start = "zeros"
    return Conv2D(channels, kernel, padding="same", kernel_initializer=start, use_bias=use_bias, name=name)


def upsample(features: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """Doubles the resolution by linear interpolation, the [1, 2, 1] filter's effect, and crops to `size`."""
    height, width = features.shape[1:3]
    return tf.image.resize(features, [2 * height, 2 * width], "bilinear")[:, : size[0], : size[1]]


class ResidualNetworks(ConvolutionalNetworks):
    """Residual generator and discriminator; the encoder is the convolutional one."""

    can_tile = False

    def generator(self, name: str) -> layers.Layer:
        activation = activation_of(self.example, lambda values: values)
        return Generator(self.shape, self.config.width, self.config.prompt_dim, activation, self.lowest, name=name)

    decoder = generator

    def discriminator(self, name: str) -> layers.Layer:
        if self.config.spectral_norm:
            raise UserError("The residual network has no spectral norm.", "Set network=convolutional, or leave it out.")
        return Discriminator(self.shape, self.config.width, self.lowest, name=name)
