"""A VAE of sets: Mult-VAE (Liang et al. 2018), a multinomial over all items from a few latent numbers.

tanh layers, items left out at random while it learns, and a KL term that rises to a fraction of its weight.
"""

from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from tfgen.models import replicas
from tfgen.models.optimizer import FusedAdam
from tfgen.models.sets.base import SetModel
from tfgen.models.sets.configs import SetVAEConfig
from tfgen.models.sets.ease import directions_of
from tfgen.models.vae import kl_to_standard_normal
from tfgen.representations.sets.specification import SetSpecification

layers = keras.layers
_DIRECTED = 0.3  # of the leading directions, in the weights at the start
_MIXED = 0.1  # of the random weights between them
_LOG_VARIANCE = -3.0  # of the latents at the start


class SetVAE(SetModel):
    """Encoder and decoder; the mean of the latents is what rankings and invented sets come from."""

    Config = SetVAEConfig

    def __init__(self, config: SetVAEConfig, example: SetSpecification, conditions: None, seed: int = 0):
        super().__init__(config, example, conditions, seed)
        self.encoder = keras.Sequential(
            [layers.Dense(config.width, activation="tanh"), layers.Dense(2 * config.latent_dim)], name="encoder"
        )
        self.decoder = keras.Sequential(
            [
                layers.Dense(config.width, activation="tanh"),
                # How common items are is known from the start.
                layers.Dense(example.items, bias_initializer=keras.initializers.Constant(example.log_popularity)),
            ],
            name="decoder",
        )
        self.encoder.build([None, example.items])
        self.decoder.build([None, config.latent_dim])
        self.built = True
        self.optimizer_of_all = FusedAdam(config.learning_rate)
        self.optimizer_of_all.build(self.trained_variables())
        self.make_means("loss", "reconstruction", "kl")

    def begin_from(self, counts: np.ndarray) -> None:
        """The network begins as about a principal component analysis: inward along the leading directions of what is
        in the same sets, and outward along the same. From random weights it stays far behind that on few sets."""
        width, latents = self.config.width, self.config.latent_dim
        directions, values = directions_of(counts, width, self.seed)
        unit = directions / np.sqrt(np.mean(np.square(directions), axis=0, keepdims=True))
        weights = (values / values[min(1, len(values) - 1)]) ** 0.25
        dense = (*self.encoder.layers, *self.decoder.layers)
        inward, to_latents, outward, to_items = (layer.kernel.numpy() for layer in dense)
        inward[:, : unit.shape[1]] = _DIRECTED * unit
        to_items[: unit.shape[1]] = _DIRECTED * weights[:, None] * unit.T
        to_latents *= _MIXED
        to_latents[:, :latents] += np.eye(width, latents)
        outward = _MIXED * outward + np.eye(latents, width)
        for layer, kernel in zip(dense, (inward, to_latents, outward, to_items), strict=True):
            layer.kernel.assign(kernel)
        # Little noise at first.
        dense[1].bias.assign(np.repeat([0.0, _LOG_VARIANCE], latents))

    def networks(self) -> Mapping[str, keras.layers.Layer]:
        return {"encoder": self.encoder, "decoder": self.decoder}

    def trained_variables(self) -> list[keras.Variable]:
        return [*self.encoder.trainable_variables, *self.decoder.trainable_variables]

    def optimizers(self) -> Mapping[str, keras.optimizers.Optimizer]:
        return {"optimizer": self.optimizer_of_all}

    def network_logits(self, rows: tf.Tensor, multi_hot: tf.Tensor) -> tf.Tensor:
        return self.decoder(self.encoder(_normalised(multi_hot))[:, : self.config.latent_dim])

    def features(self, examples: tf.Tensor, lengths: None = None) -> tf.Tensor:
        return self.encoder(_normalised(self.multi_hot(examples)))[:, : self.config.latent_dim]

    def train_step(self, rows: tf.Tensor) -> dict[str, tf.Tensor]:
        """One step on the negative evidence lower bound of rows int32 [batch, length], the KL term annealed."""
        config, whole = self.config, self.multi_hot(rows)
        chance = tf.random.stateless_uniform(tf.shape(whole), replicas.own_seed(self.step_seed(1)))
        kept = chance >= config.dropout
        shown = _normalised(whole) * tf.cast(kept, tf.float32) / (1.0 - config.dropout)
        deviations = self.random_normal([tf.shape(rows)[0], config.latent_dim], salt=2)
        beta = config.beta * tf.minimum(1.0, self.progress() / max(config.annealing, 1e-6))
        variables = self.trained_variables()
        with tf.GradientTape() as tape:
            mean, log_variance = tf.split(self.encoder(shown), 2, axis=1)
            latents = mean + tf.exp(0.5 * log_variance) * deviations
            log_probabilities = tf.nn.log_softmax(self.decoder(latents))
            reconstruction = -tf.reduce_mean(tf.reduce_sum(whole * log_probabilities, axis=1))
            kl = tf.reduce_mean(kl_to_standard_normal(mean, log_variance))
            loss = reconstruction + beta * kl
        self.optimizer_of_all.learning_rate.assign(self.cosine_rate(config.learning_rate, config.end_rate))
        self.descend(self.optimizer_of_all, tape.gradient(loss, variables), variables)
        self.step.assign_add(1)
        return self.track({"loss": loss, "reconstruction": reconstruction, "kl": kl})


def _normalised(multi_hot: tf.Tensor) -> tf.Tensor:
    """Rows of length 1, so that large sets don't speak louder; an empty one stays empty."""
    squares = tf.reduce_sum(tf.square(multi_hot), axis=1, keepdims=True)
    return multi_hot / tf.sqrt(tf.maximum(squares, 1e-12))
