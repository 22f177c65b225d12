"""Where words enter a network and leave it: the same for every design."""

import math

import keras
import tensorflow as tf

from tfgen.models.networks.layers import Dense

layers = keras.layers


def prompt_embedding(size: int) -> layers.Layer:
    """A condition [batch, words], the words' order with them or not (tfgen.models.latent), to [batch, size].

    Its start is standard normal, as loud as the latent.
    """
    return Dense(
        size, use_bias=False, kernel_initializer=keras.initializers.RandomNormal(0.0, 1.0), name="words"
    )


def build_embedding(embedding: layers.Layer, condition_shape: tuple) -> None:
    """Makes the words' weights, if there are words: Keras warns of a layer that its owner leaves unbuilt."""
    if condition_shape[1]:
        embedding.build(condition_shape)


def join_prompt(latents: tf.Tensor, condition: tf.Tensor, embedding: layers.Layer) -> tf.Tensor:
    """Latents with the embedded condition behind them; the latents alone for a model without prompts."""
    return tf.concat([latents, embedding(condition)], axis=1) if condition.shape[1] else latents


class Judgement(layers.Layer):
    """A discriminator's last layer: features and a condition to logits [batch] and word logits [batch, words].

    The condition's projection on the features is added to the logit (Miyato & Koyama 2018, equation 4).
    """

    def __init__(self, spectral_norm: bool = False, **kwargs):
        super().__init__(**kwargs)
        bound = layers.SpectralNormalization if spectral_norm else (lambda layer: layer)
        self.logit = bound(Dense(1, name="logit", dtype=self.dtype_policy))

    def build(self, features_shape: tuple, condition_shape: tuple) -> None:
        self.logit.build(features_shape)
        if condition_shape[1]:
            self.projection = prompt_embedding(features_shape[1])
            self.projection.build(condition_shape)
            self.recognise = Dense(condition_shape[1], name="recognise")
            self.recognise.build(features_shape)

    def call(self, features: tf.Tensor, condition: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        logits = self.logit(features, training=training)[:, 0]
        if not condition.shape[1]:
            return logits, condition
        projected = tf.reduce_sum(self.projection(condition) * features, axis=1)
        return logits + projected / math.sqrt(features.shape[1]), self.recognise(features)
