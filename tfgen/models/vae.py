"""Variational autoencoder: examples to a Gaussian over latents and back (Kingma & Welling, 2013).

After training, Gaussian mixtures are fitted to the latents of the training examples, and samples start from those: the
encoder never fills the standard normal prior exactly, and the gaps decode badly (Ghosh et al. 2020, section 3.2).
"""

import math
from collections.abc import Mapping
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf

from tfgen.errors import UserError, unknown
from tfgen.models import noise, outputs
from tfgen.models.configs import VAEConfig
from tfgen.models.latent import LatentModel
from tfgen.models.mixture import MixturePrior
from tfgen.models.networks import open_networks
from tfgen.models.optimizer import FusedAdam
from tfgen.models.private import listening, norm_of
from tfgen.representations.arrays.conditions import Conditions
from tfgen.representations.arrays.specification import BERNOULLI, CATEGORICAL, GAUSSIAN, ArraySpecification, Part
from tfgen.representations.signatures import Kind, Signature

LIKELIHOODS = (BERNOULLI, GAUSSIAN)  # that a user may choose between
_ENCODING = 0.25  # of a training step's time, for a batch
_WEIGHTED_DRAWS = 64  # latents from an example's posterior for the importance-weighted bound
_AT_ONCE = 1024  # prompts whose conditions are made together
_DRAWS = 2  # latents from each example's posterior that the mixtures are fitted to


class VAE(LatentModel):
    """Encoder, decoder, and a running average of both, which samples come from."""

    Config = VAEConfig
    can_be_private = True
    can_have_canaries = True
    fitted_last = ("prior",)

    def __init__(self, config: VAEConfig, example: ArraySpecification, conditions: Conditions, seed: int = 0):
        super().__init__(config, example, conditions, seed)
        self.scored = _scored(example, config.likelihood)
        self.latent_dim = config.latent_dim
        networks = open_networks(example, config)
        self.encoder = networks.encoder(name="encoder")
        self.encoder_average = networks.encoder(name="encoder_average")
        self.decoder = networks.decoder(name="decoder")
        self.decoder_average = networks.decoder(name="decoder_average")
        # Ten times the weight, so that Adam's small steps reach the right variance soon.
        self.tenth_log_variance = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(-0.2), name="tenth_log_variance"
        )
        moved_by = self.condition_size if self.caption_encoder else 0
        self.prior = MixturePrior(config.components, config.latent_dim, conditions, moved_by, name="prior")
        self._build_parts()
        self.optimizer_of_all = FusedAdam(config.learning_rate)
        self.optimizer_of_all.build(self.trained_variables())
        self.make_means("loss", "reconstruction", "kl")

    def _build_parts(self) -> None:
        condition = tf.zeros([1, self.condition_size])
        for encoder, decoder in ((self.encoder, self.decoder), (self.encoder_average, self.decoder_average)):
            encoder(tf.zeros([1, *self.example.shape]), condition)
            decoder(tf.zeros([1, self.latent_dim]), condition)
        self.encoder_average.set_weights(self.encoder.get_weights())
        self.decoder_average.set_weights(self.decoder.get_weights())
        self.freeze(self.encoder.blocks_from_below(), self.config.freeze)
        self.built = True

    @property
    def _has_scale(self) -> bool:
        return any(part.likelihood == GAUSSIAN for part in self.scored.parts)

    def trained_variables(self) -> list[keras.Variable]:
        scale = [self.tenth_log_variance] if self._has_scale else []
        return [
            *self.encoder.trainable_variables, *self.decoder.trainable_variables, *scale, *self.caption_variables()
        ]

    def parts(self) -> Mapping[str, keras.layers.Layer]:
        return {
            "encoder": self.encoder,
            "encoder_average": self.encoder_average,
            "decoder": self.decoder,
            "decoder_average": self.decoder_average,
            "prior": self.prior,
            **self.caption_parts(),
        }

    def state(self) -> dict[str, keras.Variable]:
        return {**super().state(), "tenth_log_variance": self.tenth_log_variance}

    def optimizers(self) -> Mapping[str, keras.optimizers.Optimizer]:
        return {"optimizer": self.optimizer_of_all}

    def call(self, inputs: tf.Tensor | tuple[tf.Tensor, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Reconstructions of encoded examples [batch, ...], or of (examples, word ids [batch, words])."""
        examples, prompts = self._with_prompts(inputs)
        return self.reconstruct(examples, prompts)

    # Samples.

    def features(self, examples: tf.Tensor, lengths: None = None) -> tf.Tensor:
        return tf.reshape(examples, [tf.shape(examples)[0], math.prod(self.example.shape)])

    def decode_condition(self, latents: tf.Tensor, condition: tf.Tensor) -> tf.Tensor:
        return self.decoder_average(latents, condition)

    def encode(self, examples: tf.Tensor, prompts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean and log variance of the latents, each [batch, latent_dim], by the averaged weights."""
        return _bounded(*self.encoder_average(examples, self.condition(prompts)))

    def reconstruct(self, examples: tf.Tensor, prompts: tf.Tensor) -> tf.Tensor:
        """Examples to the mean of their latents and back."""
        return self.decode(self.encode(examples, prompts)[0], prompts)

    def generate_from_prior(self, seeds: tf.Tensor, prompts: tf.Tensor) -> tf.Tensor:
        """As `generate`, but from the standard normal prior instead of the fitted mixture."""
        prompts = self.filled_prompts(seeds, prompts)
        return self.decode(noise.normal(seeds, self.latent_dim), prompts)

    def signatures(self) -> dict[str, Signature]:
        given = {"x": Kind.EXAMPLES, "prompt": Kind.PROMPT}
        latents = {"mean": Kind.LATENTS, "log_variance": Kind.LATENTS}
        return {
            **super().signatures(),
            "encode": Signature(self.encode, given, latents),
            "reconstruct": Signature(self.reconstruct, given, {self.example.plural: Kind.EXAMPLES}),
        }

    def samplers(self) -> dict:
        return {"samples": self.generate, "prior": self.generate_from_prior}

    def measurements(self) -> dict:
        measurements = {
            "scores": lambda examples, prompts: self._log_weights(examples, prompts, 1)[:, 0],
            "reconstruction_errors": self._reconstruction_errors,
            "latent_kl": lambda examples, prompts: kl_of_latents(*self.encode(examples, prompts)),
        }
        if outputs.is_density(self.scored):
            measurements["log_weights"] = lambda *given: self._log_weights(*given, _WEIGHTED_DRAWS)
        return measurements

    def _log_weights(self, examples: tf.Tensor, prompts: tf.Tensor, draws: int) -> tf.Tensor:
        """log p(x | z) + log p(z) - log q(z | x) of latents drawn from the posteriors, [batch, draws], in nats.

        p(z) is the standard normal, which training bounds the likelihood by. Pixels are densities on [0, 1].
        """
        mean, log_variance = self.encode(examples, prompts)
        constant = outputs.left_out(self.scored)

        def log_weight(draw: tf.Tensor) -> tf.Tensor:
            deviation = tf.random.stateless_normal(tf.shape(mean), tf.stack([self.seed, draw]))
            latents = mean + tf.exp(0.5 * log_variance) * deviation
            ratio = 0.5 * tf.reduce_sum(tf.square(deviation) + log_variance - tf.square(latents), axis=1)
            return ratio - self._negative_log_likelihood(examples, self.decode(latents, prompts)) - constant

        return tf.transpose(tf.map_fn(log_weight, tf.range(draws), fn_output_signature=tf.float32))

    def _reconstruction_errors(self, examples: tf.Tensor, prompts: tf.Tensor) -> tf.Tensor:
        """Root mean squared error of each reconstruction, [batch], as a share of the values' range."""
        apart = outputs.squared_errors(self.scored, examples, self.reconstruct(examples, prompts))
        return tf.sqrt(tf.reduce_mean(tf.reshape(apart, [tf.shape(apart)[0], -1]), axis=1))

    # Training.

    def train_step(self, batch: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One step of all weights on the negative evidence lower bound, KL weighted by beta."""
        variables = self.trained_variables()
        (examples, prompt_index), mask = (batch, None) if self.privacy is None else batch
        prompts = self.prompts_of(prompt_index)
        deviations = self.random_normal([tf.shape(examples)[0], self.latent_dim], salt=1)
        if mask is None:
            with tf.GradientTape() as tape:
                reconstruction, kl = (tf.reduce_mean(term) for term in self._terms(examples, prompts, deviations))
                loss = reconstruction + self.config.beta * kl
            gradients = tape.gradient(loss, variables)
            tracked = {"loss": loss, "reconstruction": reconstruction, "kl": kl}
        else:
            gradients = self.private_gradients(lambda: self.losses(examples, prompts, deviations), mask, variables)
            tracked = {"gradient_norm": norm_of(gradients)}
        self.optimizer_of_all.learning_rate.assign(self.cosine_rate(self.config.learning_rate, self.config.end_rate))
        self.descend(self.optimizer_of_all, gradients, variables)
        self.update_average(self.encoder, self.encoder_average, self.config.average_decay)
        self.update_average(self.decoder, self.decoder_average, self.config.average_decay)
        self.average_captions(self.config.average_decay)
        self.step.assign_add(1)
        return self.track(tracked)

    def losses(self, examples: tf.Tensor, prompts: tf.Tensor, deviations: tf.Tensor) -> tf.Tensor:
        """The loss of each encoded example with its word ids [batch, words] and its latents' deviation
        [batch, latent_dim]."""
        reconstruction, kl = self._terms(examples, prompts, deviations)
        return reconstruction + self.config.beta * kl

    def _terms(self, examples: tf.Tensor, prompts: tf.Tensor, deviations: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The reconstruction's and the KL's nats of each example, [batch]."""
        condition = self.condition(prompts, live=True)
        mean, log_variance = _bounded(*self.encoder(examples, condition, training=True))
        decoded = self.decoder(mean + tf.exp(0.5 * log_variance) * deviations, condition, training=True)
        return self._negative_log_likelihood(examples, decoded), kl_to_standard_normal(mean, log_variance)

    def _negative_log_likelihood(self, examples: tf.Tensor, decoded: tf.Tensor) -> tf.Tensor:
        """Nats per example, [batch], less a constant."""
        log_variance = 10.0 * self.tenth_log_variance.value
        products = listening()
        if products is not None and self._has_scale:  # an own one of each example, by which its gradient is found
            own = tf.fill([tf.shape(examples)[0], 1], log_variance)
            log_variance = tf.reshape(
                products.note(own, 100.0, self.tenth_log_variance), [-1, *[1] * len(self.example.shape)]
            )
        log_variance = tf.clip_by_value(log_variance, -12.0, 4.0)
        return outputs.negative_log_likelihood(self.scored, examples, decoded, log_variance)

    def symptom(self, means: Mapping[str, float]) -> str | None:
        if means.get("kl", 0.0) > 1e4:
            return "The latents have run away: the KL term is far too large."
        return None

    def after_fit(self, batches: tf.data.Dataset) -> None:
        """Fits the mixtures to latents drawn from the posteriors of the examples in `batches`."""
        if not self.config.components:
            return
        encode = tf.function(lambda examples, index: self.encode(examples, self.prompts_of(index)), autograph=False)
        latents, places = [], []
        generator = np.random.default_rng(self.seed)
        for examples, index in batches:
            mean, log_variance = (part.numpy() for part in encode(examples, index))
            for _ in range(_DRAWS):
                latents.append(mean + np.exp(0.5 * log_variance) * generator.standard_normal(mean.shape))
                places.append(index.numpy())
        conditions = None
        if self.caption_encoder:
            rows = len(self.conditions.prompt_words)
            known = [self._moving(self._prompt_words[at : at + _AT_ONCE]).numpy() for at in range(0, rows, _AT_ONCE)]
            conditions = np.concatenate(known)
        self.prior.fit(np.concatenate(latents), np.concatenate(places), self.seed, conditions)

    def after_fit_seconds(self, examples: int, seconds_per_step: float) -> float:
        if not self.config.components:
            return 0.0
        encoding = _ENCODING * seconds_per_step * examples / self.config.batch_size
        return encoding + self.prior.fit_seconds(_DRAWS * examples)


def _scored(example: ArraySpecification, likelihood: str) -> ArraySpecification:
    """The specification with the likelihood that the user chose for all that isn't categorical."""
    if likelihood == "auto":
        return example
    if likelihood not in LIKELIHOODS:
        raise unknown("likelihood", likelihood, LIKELIHOODS)
    kinds = {part.likelihood for part in example.parts}
    if kinds == {CATEGORICAL}:
        what = "The data is made of categories, which have a likelihood of their own."
        raise UserError(what, "Leave likelihood out.")
    parts = (each if each.likelihood == CATEGORICAL else Part(each.size, likelihood) for each in example.parts)
    return replace(example, parts=tuple(parts))


def _bounded(mean: tf.Tensor, log_variance: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """An encoder's answer with a variance whose exponential is a number."""
    return mean, tf.clip_by_value(log_variance, -12.0, 12.0)


def kl_to_standard_normal(mean: tf.Tensor, log_variance: tf.Tensor) -> tf.Tensor:
    """KL divergence of N(mean, exp(log_variance)) from N(0, 1), [batch], in nats (paper, appendix B)."""
    return tf.reduce_sum(kl_of_latents(mean, log_variance), axis=1)


def kl_of_latents(mean: tf.Tensor, log_variance: tf.Tensor) -> tf.Tensor:
    """The share of each latent in `kl_to_standard_normal`, [batch, latent_dim]."""
    return 0.5 * (tf.square(mean) + tf.exp(log_variance) - 1.0 - log_variance)
