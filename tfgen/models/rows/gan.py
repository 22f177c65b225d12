"""A GAN of rows (CTGAN, Xu et al. 2019): a generator of columns, and a discriminator that judges several rows together.

It judges packs of rows (PacGAN, Lin et al. 2018), so that it notices what rows of one pack have too much in common;
drawing a category is relaxed (Gumbel-softmax, Jang et al. 2017), so that it has a gradient.
"""

from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.models import noise
from tfgen.models.losses import LOSSES, squared_gradient
from tfgen.models.optimizer import FusedAdam
from tfgen.models.rows.base import RowModel
from tfgen.models.rows.configs import RowGANConfig
from tfgen.models.rows.pairs import Pairs
from tfgen.models.rows.parallel import Columns, ParallelFields, latent_seeds
from tfgen.representations.rows.specification import RowSpecification

layers = keras.layers


class RowGAN(RowModel):
    """Generator, its running average (which rows come from), and discriminator."""

    Config = RowGANConfig
    remedy = "Raise --set r1=... by a factor of 4, lower --set learning_rate=... by half, or fit a gpt."

    def __init__(self, config: RowGANConfig, example: RowSpecification, conditions: None, seed: int = 0):
        super().__init__(config, example, conditions, seed)
        if config.batch_size < config.pack:
            what = f"A batch of {config.batch_size} rows holds no pack of {config.pack}."
            raise UserError(what, "Set batch_size to several times pack.")
        self.columns = ParallelFields(self)
        names = ("generator", "generator_average")
        self.generator, self.generator_average = (Columns(config.width, example, name=name) for name in names)
        self.discriminator = Discriminator(config, name="discriminator")
        for generator in (self.generator, self.generator_average):
            generator(tf.zeros([1, config.latent_dim]))
        self.discriminator(tf.zeros([config.pack, self.tokens]))
        self.generator_average.set_weights(self.generator.get_weights())
        self.built = True
        self.generator_optimizer = self._adam(self.generator)
        self.discriminator_optimizer = self._adam(self.discriminator)
        self.make_means("generator_loss", "discriminator_loss")

    def _adam(self, part: keras.layers.Layer) -> keras.optimizers.Optimizer:
        adam = FusedAdam(self.config.learning_rate, beta_1=0.0, beta_2=0.99, epsilon=1e-8)
        adam.build(part.trainable_variables)
        return adam

    def trained_variables(self) -> list[keras.Variable]:
        return [*self.generator.trainable_variables, *self.discriminator.trainable_variables]

    def parts(self) -> Mapping[str, keras.layers.Layer]:
        return {
            "generator": self.generator,
            "generator_average": self.generator_average,
            "discriminator": self.discriminator,
        }

    def optimizers(self) -> Mapping[str, keras.optimizers.Optimizer]:
        return {
            "generator_optimizer": self.generator_optimizer, "discriminator_optimizer": self.discriminator_optimizer
        }

    def candidate(
        self, seeds: tf.Tensor, draws: tf.Tensor, given: tf.Tensor, allowed: tf.Tensor | None,
        asked: Sequence[int] | None = None, pairs: Pairs | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        latents = noise.normal(latent_seeds(seeds, draws), self.config.latent_dim)
        return self.columns.draw(self.generator_average(latents), seeds, draws, given, allowed, pairs)

    def measurements(self) -> Mapping:
        return {}  # a GAN has no likelihood

    def check_shareable(self, replicas: int) -> None:
        super().check_shareable(replicas)
        size, pack = self.config.batch_size, self.config.pack
        if replicas > 1 and size % (replicas * pack):
            raise UserError(
                f"A batch of {size} can't be shared evenly by {replicas} replicas, in packs of {pack}.",
                f"Begin anew with --set batch_size={-(-size // (replicas * pack)) * replicas * pack}.",
            )

    def features(self, examples: tf.Tensor, lengths: None = None) -> tf.Tensor:
        return self.discriminator.features(self._one_hot(examples))

    def train_step(self, tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        """One step of the discriminator and, from the same generated batch, one of the generator.

        tokens: int32 [batch, fields].
        """
        rows, loss_of = tf.shape(tokens)[0] // self.config.pack * self.config.pack, LOSSES["non-saturating"]
        real = self._one_hot(tokens[:rows])
        with tf.GradientTape() as generator_tape:
            fake = self._relaxed(self.generator(self.random_normal([rows, self.config.latent_dim], salt=1)), salt=2)
            fake_score = self.discriminator(fake)
            generator_loss = loss_of.generator(None, fake_score)
        with tf.GradientTape() as tape:
            (real_score, _), penalty = squared_gradient(lambda rows: (self.discriminator(rows), None), real)
            discriminator_loss = loss_of.discriminator(real_score, self.discriminator(tf.stop_gradient(fake)))
            discriminator_loss += 0.5 * self.config.r1 * penalty
        rate = self.cosine_rate(self.config.learning_rate, self.config.end_rate)
        pairs = (
            (self.generator, self.generator_optimizer, generator_tape, generator_loss),
            (self.discriminator, self.discriminator_optimizer, tape, discriminator_loss),
        )
        for part, optimizer, taped, loss in pairs:
            optimizer.learning_rate.assign(rate)
            self.descend(optimizer, taped.gradient(loss, part.trainable_variables), part.trainable_variables)
        self.update_average(self.generator, self.generator_average, self.config.average_decay)
        self.step.assign_add(1)
        return self.track({"generator_loss": generator_loss, "discriminator_loss": discriminator_loss})

    def _one_hot(self, tokens: tf.Tensor) -> tf.Tensor:
        """Rows as float32 [batch, tokens]."""
        parts = [tf.one_hot(tokens[:, field], int(size)) for field, size in enumerate(self.example.sizes)]
        return tf.concat(parts, axis=1)

    def _relaxed(self, logits: tf.Tensor, salt: int) -> tf.Tensor:
        """Rows drawn from logits as nearly one-hot float32 [batch, tokens]."""
        uniform = self.random_uniform([tf.shape(logits)[0], self.tokens], salt, 1e-9, 1.0)
        noisy = (logits - tf.math.log(-tf.math.log(uniform))) / self.config.temperature
        parts = tf.split(noisy, [int(size) for size in self.example.sizes], axis=1)
        return tf.concat([tf.nn.softmax(each) for each in parts], axis=1)


class Discriminator(layers.Layer):
    """Rows [batch, tokens] to how real each pack of them looks, [batch / pack]."""

    def __init__(self, config: RowGANConfig, **kwargs):
        super().__init__(**kwargs)
        self.pack = config.pack
        self.embedding = layers.Dense(config.width // 2)
        self.hidden = [layers.Dense(config.width, keras.layers.LeakyReLU(0.2)) for _ in range(2)]
        self.last = layers.Dense(1)

    def call(self, rows: tf.Tensor) -> tf.Tensor:
        embedded = self.embedding(rows)
        values = tf.reshape(embedded, [-1, self.pack * embedded.shape[1]])
        for layer in self.hidden:
            values = layer(values)
        return self.last(values)[:, 0]

    def features(self, rows: tf.Tensor) -> tf.Tensor:
        """What it sees in single rows, [batch, width / 2]."""
        return self.embedding(rows)
