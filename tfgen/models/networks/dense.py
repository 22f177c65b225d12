"""Two dense layers each way: the network of most first GAN tutorials, for examples of any shape.

Quick and weak. It is here to compare against, and for examples that aren't pictures.
"""

import math

import keras
import tensorflow as tf

from tfgen.models.networks.layers import Dense
from tfgen.models.networks.prompts import Judgement, build_embedding, join_prompt, prompt_embedding
from tfgen.models.outputs import Activation, activation_of
from tfgen.representations.arrays.specification import ArraySpecification

layers = keras.layers


class Generator(layers.Layer):
    """Latents and a condition to examples of `shape`, through one hidden layer."""

    def __init__(self, shape: tuple[int, ...], hidden: int, prompt_dim: int, activation: Activation, **kwargs):
        super().__init__(**kwargs)
        self.shape = shape
        self.embedding = prompt_embedding(prompt_dim)
        self.hidden = Dense(hidden, activation="relu", name="hidden")
        self.last = Dense(math.prod(shape), name="last")
        self.activation = activation

    def build(self, latents_shape: tuple, condition_shape: tuple) -> None:
        build_embedding(self.embedding, condition_shape)

    def first_weights(self) -> tf.Tensor:
        """The matrix that latents, and the embedded condition behind them, meet first: [latent_dim + ..., units]."""
        return self.hidden.kernel.value

    def call(self, latents: tf.Tensor, condition: tf.Tensor, training: bool = False) -> tf.Tensor:
        features = join_prompt(latents, condition, self.embedding)
        return self.activation(tf.reshape(self.last(self.hidden(features)), [-1, *self.shape]))


class Discriminator(layers.Layer):
    """Examples and a condition to a Judgement, through one hidden layer."""

    def __init__(self, shape: tuple[int, ...], hidden: int, spectral_norm: bool, **kwargs):
        super().__init__(**kwargs)
        bound = layers.SpectralNormalization if spectral_norm else (lambda layer: layer)
        self.size = math.prod(shape)
        self.hidden = bound(Dense(hidden, name="hidden"))
        self.judgement = Judgement(spectral_norm, name="judgement", dtype="float32")

    def blocks_from_below(self) -> list[list[layers.Layer]]:
        """The layers from the values that come in, in blocks."""
        return [[self.hidden]]

    def call(self, examples: tf.Tensor, condition: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        return self.judgement(self.features_of(examples, training), condition, training=training)

    def features_of(self, examples: tf.Tensor, training: bool = False) -> tf.Tensor:
        """What the judgement is made of, [batch, features]."""
        return tf.nn.leaky_relu(self.hidden(tf.reshape(examples, [-1, self.size]), training=training), 0.2)


class Encoder(layers.Layer):
    """Examples and a condition to the mean and log variance of a Gaussian over latents."""

    def __init__(self, shape: tuple[int, ...], hidden: int, latent_dim: int, **kwargs):
        super().__init__(**kwargs)
        self.size = math.prod(shape)
        self.hidden = Dense(hidden, activation="relu", name="hidden")
        self.mean = Dense(latent_dim, name="mean")
        self.log_variance = Dense(latent_dim, name="log_variance")

    def blocks_from_below(self) -> list[list[layers.Layer]]:
        """The layers from the values that come in, in blocks."""
        return [[self.hidden]]

    def call(self, examples: tf.Tensor, condition: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        features = tf.concat([tf.reshape(examples, [-1, self.size]), condition], axis=1)
        features = self.hidden(features)
        return self.mean(features), self.log_variance(features)


class DenseNetworks:
    """The parts of a model for arrays of any shape; a `width` of 32 gives 256 hidden units."""

    def __init__(self, example: ArraySpecification, config):
        self.example = example
        self.shape = example.shape
        self.config = config
        self.hidden = 8 * config.width

    @staticmethod
    def suits(example: ArraySpecification) -> bool:
        """Any shape."""
        return True

    def generator(self, name: str) -> layers.Layer:
        activation = activation_of(self.example, tf.tanh)
        return Generator(self.shape, self.hidden, self.config.prompt_dim, activation, name=name)

    decoder = generator

    def discriminator(self, name: str) -> layers.Layer:
        return Discriminator(self.shape, self.hidden, self.config.spectral_norm, name=name)

    def encoder(self, name: str) -> layers.Layer:
        return Encoder(self.shape, self.hidden, self.config.latent_dim, name=name)
