"""A generator whose latents become a style, by which each convolution is modulated (StyleGAN2, Karras et al. 2020).

A mapping network turns noise z into w. Each convolution's input channels are multiplied by an affine function of w and
of the prompt, and its output channels divided by what that made of their size (section 2.2, equations 1 and 3). Every
resolution adds a picture of its own to the enlarged one from below (section 4.1, output skips). What a model with this
network calls its latents is w: truncation, walks and directions are of it.

It differs from the paper: the mapping has two layers, a w of fixed length and no learning rate of its own; upsampling
is a transposed convolution of 4x4 without a blur; the noise in each layer is a function of w, so that a seed names one
sample; the discriminator is the convolutional one; there is no style mixing and no path length regularisation.
"""

import itertools
import math
from typing import Any

import keras
import tensorflow as tf

from tfgen.models.networks.convolutional import ConvolutionalNetworks, clipped_tanh, crop, stage_sizes, stage_widths
from tfgen.models.networks.layers import Dense
from tfgen.models.networks.prompts import build_embedding, join_prompt, prompt_embedding
from tfgen.models.outputs import Activation, activation_of

layers = keras.layers

_GAIN = math.sqrt(2.0)  # of a leaky ReLU, about
_FAINT = 0.15  # each resolution's picture at the start: a sum of louder ones would be all black and white
_DEMODULATED = 0.1  # the start of such kernels, whose size is free: so large that Adam's steps are small beside it
_FIELDS = 8  # of noise in each layer; each sample has its own weighted sum of them


def leaky(values: tf.Tensor) -> tf.Tensor:
    return tf.nn.leaky_relu(values, 0.2)


def normalised(rows: tf.Tensor) -> tf.Tensor:
    """Rows [batch, numbers] whose mean square is 1."""
    return rows * tf.math.rsqrt(tf.reduce_mean(tf.square(rows), axis=1, keepdims=True) + 1e-8)


def equalised(rows: tf.Tensor) -> tf.Tensor:
    """Rows [batch, numbers], scaled for a dense layer whose weights start with a variance of 1, so that its outputs
    have one too. Adam's steps are small beside such weights: the equalised learning rate (Karras et al. 2018, section
    4.1)."""
    return rows / math.sqrt(rows.shape[1])


class Mapping(layers.Layer):
    """Noise [batch, latent_dim] to the w of each sample, of the same shape and about the size of noise."""

    def __init__(self, latent_dim: int, **kwargs):
        super().__init__(**kwargs)
        self.hidden, self.last = (
            Dense(latent_dim, use_bias=bias, kernel_initializer=keras.initializers.RandomNormal(0.0, 1.0), name=name)
            for name, bias in (("hidden", True), ("last", False))
        )

    def build(self, noise_shape: tuple) -> None:
        self.hidden.build(noise_shape)
        self.last.build(noise_shape)

    def call(self, noise: tf.Tensor) -> tf.Tensor:
        return normalised(self.last(leaky(self.hidden(equalised(normalised(noise))))))


class ModulatedConvolution(layers.Layer):
    """A convolution of features [batch, height, width, channels] by a style [batch, latent_dim + prompt_dim].

    upsample: a transposed convolution to twice the resolution. demodulate: whether output channels are brought back to
    the size that they had without the style.
    """

    def __init__(
        self, inputs: int, channels: int, kernel: int, upsample: bool = False, demodulate: bool = True, **kwargs
    ):
        super().__init__(**kwargs)
        self.channels, self.upsample, self.demodulate = channels, upsample, demodulate
        kind, strides = (layers.Conv2DTranspose, 2) if upsample else (layers.Conv2D, 1)
        deviation = _DEMODULATED if demodulate else _FAINT / (kernel * math.sqrt(inputs))
        start = keras.initializers.RandomNormal(0.0, deviation)
        self.convolution = kind(
            channels, kernel, strides, "same", use_bias=False, kernel_initializer=start, name="convolution"
        )
        start = keras.initializers.RandomNormal(0.0, 1.0)
        self.affine = Dense(inputs, kernel_initializer=start, bias_initializer="ones", name="affine")

    def build(self, features_shape: tuple, style_shape: tuple) -> None:
        self.affine.build(style_shape)
        self.convolution.build(features_shape)

    def call(self, features: tf.Tensor, style: tf.Tensor) -> tf.Tensor:
        factors = self.affine(equalised(style))
        features = self.convolution(features * factors[:, None, None, :])
        if not self.demodulate:
            return features
        squares = tf.reduce_sum(tf.square(self.convolution.kernel), axis=[0, 1])  # in, out
        if self.upsample:
            squares = tf.transpose(squares) / 4  # its kernel is out, in; a quarter of its taps meet in one place
        size = tf.math.rsqrt(tf.matmul(tf.square(factors), squares) + 1e-8)
        return features * size[:, None, None, :]


class StyledConvolution(layers.Layer):
    """A modulated convolution, noise, a bias and a leaky ReLU."""

    def __init__(self, inputs: int, channels: int, size: tuple[int, int], upsample: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.size = size
        self.modulated = ModulatedConvolution(inputs, channels, 4 if upsample else 3, upsample, name="modulated")

    def build(self, features_shape: tuple, style_shape: tuple, noise_weights_shape: tuple) -> None:
        self.modulated.build(features_shape, style_shape)
        self.fields = self.add_weight(
            shape=(noise_weights_shape[1], math.prod(self.size)), initializer=keras.initializers.RandomNormal(0.0, 1.0),
            trainable=False, name="fields",
        )  # fmt: skip
        self.noise_strength = self.add_weight(shape=(), initializer="zeros", name="noise_strength")
        self.bias = self.add_weight(shape=(self.modulated.channels,), initializer="zeros", name="bias")

    def call(self, features: tf.Tensor, style: tf.Tensor, noise_weights: tf.Tensor) -> tf.Tensor:
        features = crop(self.modulated(features, style), self.size)
        noise = tf.reshape(tf.matmul(noise_weights, self.fields), [-1, *self.size, 1])
        return leaky(features + self.noise_strength * noise + self.bias) * _GAIN


class Synthesis(layers.Layer):
    """w [batch, latent_dim] and a condition to pictures."""

    def __init__(
        self, shape: tuple[int, ...], width: int, prompt_dim: int, activation: Activation, lowest: int, **kwargs
    ):
        super().__init__(**kwargs)
        sizes = stage_sizes(*shape[:2], lowest)[::-1]
        widths = [*stage_widths(width, len(sizes) - 1)[::-1], max(1, width // 2)]
        self.first_shape = (*sizes[0], widths[0])
        self.embedding = prompt_embedding(prompt_dim)
        self.ups = [
            StyledConvolution(*channels, size, upsample=True, name=f"up_{place}")
            for place, (channels, size) in enumerate(zip(itertools.pairwise(widths), sizes[1:], strict=True), 1)
        ]
        self.convolutions = [
            StyledConvolution(channels, channels, size, name=f"convolution_{place}")
            for place, (channels, size) in enumerate(zip(widths, sizes, strict=True))
        ]
        self.to_pictures = [
            ModulatedConvolution(channels, shape[2], 1, demodulate=False, name=f"to_picture_{place}")
            for place, channels in enumerate(widths)
        ]
        self.sizes = sizes
        self.channels = shape[2]
        self.activation = activation

    def build(self, w_shape: tuple, condition_shape: tuple) -> None:
        build_embedding(self.embedding, condition_shape)
        self.constant = self.add_weight(
            shape=(1, *self.first_shape), initializer=keras.initializers.RandomNormal(0.0, 1.0), name="constant"
        )
        self.bias = self.add_weight(shape=(self.channels,), initializer="zeros", name="bias")
        self.frequencies, self.phases = (
            self.add_weight(shape=shape, initializer=start, trainable=False, name=name)
            for name, shape, start in (
                ("frequencies", (w_shape[1], _FIELDS), keras.initializers.RandomNormal(0.0, 1.0)),
                ("phases", (_FIELDS,), keras.initializers.RandomUniform(-math.pi, math.pi)),
            )
        )

    def call(self, w: tf.Tensor, condition: tf.Tensor, training: bool = False) -> tf.Tensor:
        style = join_prompt(w, condition, self.embedding)
        noise_weights = math.sqrt(2.0 / _FIELDS) * tf.cos(tf.matmul(w, self.frequencies) + self.phases)
        features = self.constant * tf.ones_like(style[:, :1])[:, :, None, None]
        picture, stages = None, zip(self.convolutions, self.to_pictures, self.sizes, strict=True)
        for place, (convolution, to_picture, size) in enumerate(stages):
            if place:
                features = self.ups[place - 1](features, style, noise_weights)
                height, width = picture.shape[1:3]
                picture = crop(tf.image.resize(picture, [2 * height, 2 * width], "bilinear"), size)
            features = convolution(features, style, noise_weights)
            own = tf.cast(to_picture(features, style), tf.float32)
            picture = own if picture is None else picture + own
        return self.activation(picture + tf.cast(self.bias, tf.float32))

    def first_weights(self) -> tf.Tensor:
        """The matrix by which w, and the embedded condition behind it, become styles: [latent_dim + ..., channels]."""
        styled = [*(each.modulated for each in (*self.convolutions, *self.ups)), *self.to_pictures]
        return tf.concat([each.affine.kernel.value for each in styled], axis=1)


class Generator(layers.Layer):
    """Noise z [batch, latent_dim] and a condition to pictures: `mapping`, and then `synthesis`."""

    def __init__(self, latent_dim: int, *synthesis: Any, **kwargs):
        super().__init__(**kwargs)
        self.mapping = Mapping(latent_dim, name="mapping")
        self.synthesis = Synthesis(*synthesis, name="synthesis")

    def build(self, noise_shape: tuple, condition_shape: tuple) -> None:
        self.mapping.build(noise_shape)
        self.synthesis.build(noise_shape, condition_shape)

    def call(self, noise: tf.Tensor, condition: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.synthesis(self.mapping(noise), condition)

    def first_weights(self) -> tf.Tensor:
        """See Synthesis: SeFa's directions of a style network are those of w."""
        return self.synthesis.first_weights()


class StyleNetworks(ConvolutionalNetworks):
    """The style generator; the discriminator is the convolutional one."""

    can_tile = False

    def generator(self, name: str) -> layers.Layer:
        return Generator(self.config.latent_dim, *self._synthesis(clipped_tanh), name=name)

    def decoder(self, name: str) -> layers.Layer:
        return Synthesis(*self._synthesis(tf.tanh), name=name)

    def _synthesis(self, continuous: Activation) -> tuple[Any, ...]:
        activation = activation_of(self.example, continuous)
        return self.shape, self.config.width, self.config.prompt_dim, activation, self.lowest
