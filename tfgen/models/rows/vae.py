"""A VAE of rows: all columns at once from a few latent numbers (Kingma & Welling 2013; TVAE, Xu et al. 2019).

Each column is drawn from its distribution, never the likeliest value. Samples start from a mixture of Gaussians over
the latents of the rows, as of arrays. Under conditions, a row is weighted by how probable its latents make them.
"""

import functools
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from tfgen.models import noise
from tfgen.models.mixture import MixturePrior
from tfgen.models.networks.layers import Dense, Embedding
from tfgen.models.optimizer import FusedAdam
from tfgen.models.private import norm_of
from tfgen.models.rows.base import RowModel
from tfgen.models.rows.configs import RowVAEConfig
from tfgen.models.rows.pairs import Pairs
from tfgen.models.rows.parallel import Columns, ParallelFields, latent_seeds
from tfgen.models.vae import kl_to_standard_normal
from tfgen.representations.arrays.conditions import Conditions
from tfgen.representations.rows.specification import RowSpecification

layers = keras.layers
_DRAWS = 2  # latents from each row's posterior that the mixture is fitted to
_WEIGHTED_DRAWS = 16  # latents from a row's posterior for its likelihood
_ENCODING = 0.25  # of a training step's time, for a batch
_NO_PROMPTS = Conditions(0, (), ())


class RowVAE(RowModel):
    """Encoder, decoder, and a running average of both, which rows come from."""

    Config = RowVAEConfig
    can_be_private = True
    can_have_canaries = True
    fitted_last = ("prior",)

    def __init__(self, config: RowVAEConfig, example: RowSpecification, conditions: None, seed: int = 0):
        super().__init__(config, example, conditions, seed)
        self.columns = ParallelFields(self)
        self.encoder, self.encoder_average = (Encoder(config, self.tokens, name=name) for name in _names("encoder"))
        self.decoder, self.decoder_average = (Columns(config.width, example, name=name) for name in _names("decoder"))
        self.prior = MixturePrior(config.components, config.latent_dim, _NO_PROMPTS, name="prior")
        for encoder, decoder in ((self.encoder, self.decoder), (self.encoder_average, self.decoder_average)):
            encoder(tf.zeros([1, self.fields], tf.int32))
            decoder(tf.zeros([1, config.latent_dim]))
        self.encoder_average.set_weights(self.encoder.get_weights())
        self.decoder_average.set_weights(self.decoder.get_weights())
        self.built = True
        self.optimizer_of_all = FusedAdam(config.learning_rate)
        self.optimizer_of_all.build(self.trained_variables())
        self.make_means("loss", "reconstruction", "kl")
        self._encode = None  # traced once, since a fit that measures itself fits the mixture often

    def trained_variables(self) -> list[keras.Variable]:
        return [*self.encoder.trainable_variables, *self.decoder.trainable_variables]

    def parts(self) -> Mapping[str, keras.layers.Layer]:
        return {
            "encoder": self.encoder,
            "encoder_average": self.encoder_average,
            "decoder": self.decoder,
            "decoder_average": self.decoder_average,
            "prior": self.prior,
        }

    def optimizers(self) -> Mapping[str, keras.optimizers.Optimizer]:
        return {"optimizer": self.optimizer_of_all}

    def candidate(
        self, seeds: tf.Tensor, draws: tf.Tensor, given: tf.Tensor, allowed: tf.Tensor | None,
        asked: Sequence[int] | None = None, pairs: Pairs | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        own = latent_seeds(seeds, draws)
        deviations, no_prompts = noise.normal(own, self.config.latent_dim), tf.zeros([tf.shape(own)[0], 1], tf.int32)
        logits = self.decoder_average(self.prior.sample(deviations, own, no_prompts))
        return self.columns.draw(logits, seeds, draws, given, allowed, pairs)

    def features(self, examples: tf.Tensor, lengths: None = None) -> tf.Tensor:
        return self.encoder_average(self._flat(examples))[0]

    def log_likelihood(self, tokens: tf.Tensor) -> tf.Tensor:
        """A lower bound by weighted draws from the posterior (Burda et al. 2016).

        p(z) is the standard normal, which training bounds the likelihood by; rows are made from the mixture.
        """
        mean, log_variance = self._posterior(self.encoder_average, tokens)
        # The same draws for every row, by noise that a phone makes too, and without TensorFlow's own loops, which it
        # doesn't.
        deviations = noise.normal(tf.range(_WEIGHTED_DRAWS), self.config.latent_dim)
        weights = []
        for draw in range(_WEIGHTED_DRAWS):
            deviation = deviations[draw][None]
            latents = mean + tf.exp(0.5 * log_variance) * deviation
            ratio = 0.5 * tf.reduce_sum(tf.square(deviation) + log_variance - tf.square(latents), axis=1)
            weights.append(ratio + self.columns.log_likelihood(self.decoder_average(latents), tokens))
        most = functools.reduce(tf.maximum, weights)
        return most + tf.math.log(tf.add_n([tf.exp(each - most) for each in weights]) / _WEIGHTED_DRAWS)

    def held_out_loss(self, tokens: tf.Tensor) -> tf.Tensor:
        """What training lowers, of the averaged weights at the posteriors' means, [batch]."""
        mean, log_variance = self._posterior(self.encoder_average, tokens)
        kl = kl_to_standard_normal(mean, log_variance)
        return self.config.beta * kl - self.columns.log_likelihood(self.decoder_average(mean), tokens)

    def train_step(self, tokens: tf.Tensor | tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One step of all weights on the negative evidence lower bound of rows int32 [batch, fields], KL weighted by
        beta."""
        variables = self.trained_variables()
        rows, mask = (tokens, None) if self.privacy is None else tokens
        deviations = self.random_normal([tf.shape(rows)[0], self.config.latent_dim], salt=1)
        if mask is None:
            with tf.GradientTape() as tape:
                reconstruction, kl = (tf.reduce_mean(term) for term in self._terms(rows, deviations))
                loss = reconstruction + self.config.beta * kl
            gradients = tape.gradient(loss, variables)
            tracked = {"loss": loss, "reconstruction": reconstruction, "kl": kl}
        else:
            gradients = self.private_gradients(lambda: self.losses(rows, deviations), mask, variables)
            tracked = {"gradient_norm": norm_of(gradients)}
        self.optimizer_of_all.learning_rate.assign(self.cosine_rate(self.config.learning_rate, self.config.end_rate))
        self.descend(self.optimizer_of_all, gradients, variables)
        self.update_average(self.encoder, self.encoder_average, self.config.average_decay)
        self.update_average(self.decoder, self.decoder_average, self.config.average_decay)
        self.step.assign_add(1)
        return self.track(tracked)

    def losses(self, tokens: tf.Tensor, deviations: tf.Tensor) -> tf.Tensor:
        """The loss of each row int32 [batch, fields], with its latents' deviation [batch, latent_dim]."""
        reconstruction, kl = self._terms(tokens, deviations)
        return reconstruction + self.config.beta * kl

    def _terms(self, tokens: tf.Tensor, deviations: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The reconstruction's and the KL's nats of each row, [batch]."""
        mean, log_variance = self._posterior(self.encoder, tokens)
        latents = mean + tf.exp(0.5 * log_variance) * deviations
        reconstruction = -self.columns.log_likelihood(self.decoder(latents), tokens)
        return reconstruction, kl_to_standard_normal(mean, log_variance)

    def after_fit(self, batches: tf.data.Dataset) -> None:
        """Fits the mixture to latents drawn from the posteriors of the rows in `batches`."""
        if not self.config.components:
            return
        if self._encode is None:
            self._encode = tf.function(lambda tokens: self._posterior(self.encoder_average, tokens), autograph=False)
        generator, latents = np.random.default_rng(self.seed), []
        for tokens in batches:
            mean, log_variance = (part.numpy() for part in self._encode(tokens))
            for _ in range(_DRAWS):
                latents.append(mean + np.exp(0.5 * log_variance) * generator.standard_normal(mean.shape))
        made = np.concatenate(latents)
        self.prior.fit(made, np.full(len(made), -1), self.seed)

    def after_fit_seconds(self, examples: int, seconds_per_step: float) -> float:
        if not self.config.components:
            return 0.0
        encoding = _ENCODING * seconds_per_step * examples / self.config.batch_size
        return encoding + self.prior.fit_seconds(_DRAWS * examples)

    def _posterior(self, encoder: keras.layers.Layer, tokens: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean and log variance of the latents of rows, each [batch, latent_dim]."""
        mean, log_variance = encoder(self._flat(tokens))
        return mean, tf.clip_by_value(log_variance, -12.0, 12.0)

    def _flat(self, tokens: tf.Tensor) -> tf.Tensor:
        return tf.cast(tokens, tf.int32) + tf.constant(self.example.offsets, tf.int32)


class Encoder(layers.Layer):
    """Tokens of all fields, counted through, int32 [batch, fields], to mean and log variance of the latents."""

    def __init__(self, config: RowVAEConfig, tokens: int, **kwargs):
        super().__init__(**kwargs)
        self.embedding = Embedding(tokens, config.embedding, keras.initializers.RandomNormal(0.0, 0.3))
        self.flat = layers.Flatten()
        self.hidden = [Dense(config.width, "relu") for _ in range(2)]
        self.last = Dense(2 * config.latent_dim)

    def call(self, tokens: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        values = self.flat(self.embedding(tokens))
        for layer in self.hidden:
            values = layer(values)
        mean, log_variance = tf.split(self.last(values), 2, axis=1)
        return mean, log_variance


def _names(part: str) -> tuple[str, str]:
    return part, f"{part}_average"
