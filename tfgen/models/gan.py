"""Generative adversarial network: a generator learns to fool a discriminator (Goodfellow et al., 2014)."""

from collections.abc import Callable, Mapping

import keras
import tensorflow as tf

from tfgen.errors import UserError, unknown
from tfgen.models import noise, replicas
from tfgen.models.augment import augment, parse_kinds, random_roll
from tfgen.models.base import GenerativeModel
from tfgen.models.configs import GANConfig
from tfgen.models.latent import LatentModel
from tfgen.models.losses import LOSSES, gradient_penalty, squared_gradient, word_cross_entropy
from tfgen.models.networks import open_networks
from tfgen.models.optimizer import FusedAdam
from tfgen.models.precision import calculating_in
from tfgen.models.private import GradientMechanism, clipped_sum, norm_of
from tfgen.representations.arrays.conditions import Conditions
from tfgen.representations.arrays.specification import ArraySpecification
from tfgen.representations.signatures import Kind, Signature


_FEW_EXAMPLES = 6000
_POINTS = 1024  # of noise, of which the mean of latents is taken where a network maps it


class GAN(LatentModel):
    """Generator, its running average (which samples come from), and a projection discriminator."""

    Config = GANConfig
    can_be_private = True
    few_examples = 500
    of_few = "These are few examples for a GAN. Compare it with a VAE: tfgen fit vae, then tfgen evaluate of both."
    remedy = (
        "Raise --set r1=... by a factor of 4, lower --set learning_rate=... by half, or begin with another --seed; "
        "with few examples, use --set augment=color,translation,cutout."
    )

    def __init__(self, config: GANConfig, example: ArraySpecification, conditions: Conditions, seed: int = 0):
        super().__init__(config, example, conditions, seed)
        if config.loss not in LOSSES:
            raise unknown("loss", config.loss, LOSSES)
        self.latent_dim = config.latent_dim
        self.loss_functions = LOSSES[config.loss]
        kinds = config.augment
        if kinds == "auto":
            kinds = example.augment if example.count < _FEW_EXAMPLES else "none"
        self.augmentations = parse_kinds(kinds)
        networks = open_networks(example, config)
        if config.spectral_norm and config.precision != "float32":
            # Keras stores the weights that it normalised, which would be rounded.
            raise UserError("spectral_norm=true needs precision=float32.", "Leave one of the two out.")
        with calculating_in(config.precision):
            self.generator = networks.generator(name="generator")
        # In float32, since samples and exports come from it; between the two, since the order draws the first weights.
        self.generator_average = networks.generator(name="generator_average")
        with calculating_in(config.precision):
            self.discriminator = networks.discriminator(name="discriminator")
        self._build_parts()
        self.generator_optimizer = self._adam(self.generator.trainable_variables)
        self.discriminator_optimizer = self._adam(self._judging_variables())
        self.make_means("generator_loss", "discriminator_loss", "diversity")

    def _build_parts(self) -> None:
        latents = tf.zeros([1, self.latent_dim])
        condition = tf.zeros([1, self.condition_size])
        for generator in (self.generator, self.generator_average):
            generator(latents, condition)
        self.discriminator(tf.zeros([1, *self.example.shape]), condition)
        self.generator_average.set_weights(self.generator.get_weights())
        self.freeze(self.discriminator.blocks_from_below(), self.config.freeze)
        self.built = True

    def _judging_variables(self) -> list[keras.Variable]:
        """The discriminator's, with the encoder of captions: what tells real pairs from others learns to read."""
        return [*self.discriminator.trainable_variables, *self.caption_variables()]

    def _adam(self, variables: list[keras.Variable]) -> keras.optimizers.Optimizer:
        adam = FusedAdam(self.config.learning_rate, beta_1=self.config.beta_1, beta_2=self.config.beta_2, epsilon=1e-8)
        adam.build(variables)
        return adam

    def parts(self) -> Mapping[str, keras.layers.Layer]:
        return {
            "generator": self.generator,
            "generator_average": self.generator_average,
            "discriminator": self.discriminator,
            **self.caption_parts(),
        }

    def optimizers(self) -> Mapping[str, keras.optimizers.Optimizer]:
        return {
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
        }

    def trained_variables(self) -> list[keras.Variable]:
        return [*self.generator.trainable_variables, *self._judging_variables()]

    @property
    def _mapping(self) -> keras.layers.Layer | None:
        """What makes latents of noise, where the network has such a part: StyleGAN's w."""
        return getattr(self.generator_average, "mapping", None)

    def latents_from(self, deviations: tf.Tensor, seeds: tf.Tensor, prompts: tf.Tensor) -> tf.Tensor:
        return deviations if self._mapping is None else self._mapping(deviations)

    def mean_latents(self, prompts: tf.Tensor) -> tf.Tensor:
        if self._mapping is None:
            return super().mean_latents(prompts)
        rows, points = tf.shape(prompts)[0], noise.normal(tf.range(_POINTS), self.latent_dim)
        if self.steered is None:
            return tf.repeat(tf.reduce_mean(self._mapping(points), axis=0, keepdims=True), rows, axis=0)

        def mean_of(prompt: tf.Tensor) -> tf.Tensor:
            moved = self.steered.move(points, tf.repeat(prompt[None], _POINTS, axis=0))
            return tf.reduce_mean(self._mapping(moved), axis=0)

        return tf.map_fn(mean_of, prompts, fn_output_signature=tf.float32)  # in the memory of one

    def decode_condition(self, latents: tf.Tensor, condition: tf.Tensor) -> tf.Tensor:
        return getattr(self.generator_average, "synthesis", self.generator_average)(latents, condition)

    def signatures(self) -> dict[str, Signature]:
        signatures = super().signatures()
        if self._mapping is not None:
            known = signatures["decode"]
            inputs = {"w": Kind.LATENTS, **{name: kind for name, kind in known.inputs.items() if name != "z"}}
            signatures["map"] = Signature(self._mapping, {"z": Kind.NOISE}, {"w": Kind.LATENTS})
            signatures["decode"] = Signature(known.function, inputs, known.outputs)
        return signatures

    def latent_weights(self) -> tf.Tensor | None:
        first = getattr(self.generator_average, "first_weights", None)  # networks of other packages may have none
        return None if first is None else first()[: self.latent_dim]

    def measurements(self) -> dict:
        def scores(examples: tf.Tensor, prompts: tf.Tensor) -> tf.Tensor:
            return self.discriminator(examples, self.condition(prompts, live=True))[0]

        return {"scores": scores}

    def check_shareable(self, replicas: int) -> None:
        super().check_shareable(replicas)
        if replicas > 1 and self.config.discriminator_steps > 1:  # a strategy can't update weights in some steps alone
            raise UserError("Several replicas need one step of each part.", "Begin anew with discriminator_steps=1.")

    def features(self, examples: tf.Tensor, lengths: None = None) -> tf.Tensor:
        return tf.cast(self.discriminator.features_of(examples), tf.float32)

    def train_step(self, batch: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One discriminator step and, from the same generated batch, one generator step.

        The generator's gradient passes through the generated examples, so they are made once. Takes encoded examples
        [batch, ...] and the places of their prompts [batch].
        """
        if self.privacy is not None:
            return self._private_step(batch)
        real, prompt_index = batch
        prompts = self.prompts_of(prompt_index)
        condition = self.condition(prompts, live=True)
        latents = self.random_normal([tf.shape(real)[0], self.latent_dim], salt=1)
        with tf.GradientTape() as generator_tape:
            made, fake = self._make(latents, condition)

        discriminator_loss = self._update_discriminator(real, tf.stop_gradient(fake), prompts)

        with tf.GradientTape() as tape:
            tape.watch(fake)
            fake_logits, words = self._judge(fake, condition, salt=20)
            real_logits = self._judge(real, condition, salt=20)[0] if self.config.loss == "relativistic" else None
            generator_loss = self.loss_functions.generator(real_logits, fake_logits)
            generator_loss += self.config.word_loss * self._word_loss(words, condition)
        wanted_change = tape.gradient(generator_loss, fake)
        self._update_generator(generator_tape, fake, wanted_change)

        self.step.assign_add(1)
        return self.track(
            {
                "generator_loss": generator_loss,
                "discriminator_loss": discriminator_loss,
                "diversity": _spread(made) / _spread(real),
            }
        )

    def make_private(self, mechanism: GradientMechanism) -> None:
        super().make_private(mechanism)
        self.remedy = GenerativeModel.remedy

    def _private_step(self, batch: tuple[tuple[tf.Tensor, tf.Tensor], tf.Tensor]) -> dict[str, tf.Tensor]:
        """As `train_step`, where the discriminator's gradients of real examples are private (Xie et al. 2018): all that
        the generator learns is made of these, and of nothing else that the data has.

        Generated examples cost no privacy, so their gradients get no noise; they are clipped all the same, or they
        would outweigh the real ones. Their prompts are drawn, since those of the batch would tell who is in it.
        """
        (real, prompt_index), mask = batch
        fake, prompts, _ = self._draw_generated(salt=1)
        gradients = self._judging_gradients(real, self.prompts_of(prompt_index), mask, fake, prompts)
        self._descend_discriminator(gradients)
        self._in_turn(self._follow_discriminator)
        self.step.assign_add(1)
        return self.track({"gradient_norm": norm_of(gradients)})

    def _draw_generated(self, salt: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Generated examples as the discriminator sees them, their prompts' word ids and the condition of these."""
        rows = self.config.batch_size // replicas.count()
        seed = self.step_seed(salt + 10)
        seeds = replicas.own_rows(
            lambda count: tf.random.stateless_uniform([count], seed, 0, 2**31 - 1, tf.int32), rows
        )
        prompts = self.filled_prompts(seeds, tf.zeros([rows, self.conditions.longest], tf.int32))
        condition = self.condition(prompts, live=True)
        return self._make(self.random_normal([rows, self.latent_dim], salt), condition)[1], prompts, condition

    def _follow_discriminator(self) -> None:
        """The generator's step, on examples of its own."""
        with tf.GradientTape() as tape:
            fake, _, condition = self._draw_generated(salt=2)
            logits, words = self.discriminator(fake, condition, training=True)
            loss = self.loss_functions.generator(None, logits)
            loss += self.config.word_loss * self._word_loss(words, condition)
        self._descend_generator(tape.gradient(loss, self.generator.trainable_variables))

    def _judging_gradients(
        self, real: tf.Tensor, prompts: tf.Tensor, mask: tf.Tensor, fake: tf.Tensor, fake_prompts: tf.Tensor
    ) -> list[tf.Tensor]:
        """What the discriminator learns by, of real examples in noise and of generated ones."""
        variables = self._judging_variables()
        of_real = self.private_gradients(lambda: self.losses_of_real(real, prompts), mask, variables)

        def losses_of_fake() -> tf.Tensor:
            return tf.nn.softplus(self.discriminator(fake, self.condition(fake_prompts, live=True), training=True)[0])

        rows = tf.shape(fake)[0]
        with tf.control_dependencies(of_real):  # one after the other, in the memory of one
            of_fake = clipped_sum(losses_of_fake, tf.ones([rows]), variables, self.privacy.clip)
        of_fake = replicas.means([each / tf.cast(rows, tf.float32) for each in of_fake])
        return [one + other for one, other in zip(of_real, of_fake, strict=True)]

    def losses_of_real(self, examples: tf.Tensor, prompts: tf.Tensor) -> tf.Tensor:
        """A private discriminator's loss at each encoded example with its word ids [batch, words], [batch]."""
        condition = self.condition(prompts, live=True)
        logits, words = self.discriminator(examples, condition, training=True)
        losses = tf.nn.softplus(-logits)
        if self.config.word_loss:
            losses += self.config.word_loss * self._word_losses(words, condition)
        return losses

    def symptom(self, means: Mapping[str, float]) -> str | None:
        if means.get("diversity", 1.0) < 0.1:
            return "The generator has collapsed: its samples are nearly all the same."
        return None

    def _make(self, latents: tf.Tensor, condition: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Generated examples [batch, ...], and how the discriminator sees them."""
        made = tf.cast(self.generator(latents, condition, training=True), tf.float32)
        # Where a tile's edge was, the discriminator sees its inside, and a seam would give it away.
        return made, random_roll(made, self.step_seed(3)) if self.config.tile else made

    def _judge(self, examples: tf.Tensor, condition: tf.Tensor, salt: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Logits [batch] of being real, and of each word [batch, words], after augmentation."""
        seed = ((self.seed * 1000003 + salt * 10007) % 2**31, self.step.value)
        probability = self.config.augment_probability * self.progress()
        changed = augment(examples, self.augmentations, seed, probability)
        return self.discriminator(changed, condition, training=True)

    def _word_loss(self, words: tf.Tensor, condition: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(self._word_losses(words, condition))

    def _word_losses(self, words: tf.Tensor, condition: tf.Tensor) -> tf.Tensor:
        """Of each example, [batch]. Of the words alone: the logits of the order's numbers mean nothing."""
        return word_cross_entropy(words[:, self.order_size :], condition[:, self.order_size :])

    def _update_discriminator(self, real: tf.Tensor, fake: tf.Tensor, prompts: tf.Tensor) -> tf.Tensor:
        """One step of the discriminator, with R1 and R2 when it is their turn; gives the loss."""
        config, variables = self.config, self._judging_variables()

        def loss_and_gradients(weight: float) -> list[tf.Tensor]:
            with tf.GradientTape() as tape:
                condition = self.condition(prompts, live=True)
                loss = self._discriminator_loss(real, fake, condition, config.r1 * weight, config.r2 * weight)
            return [loss, *tape.gradient(loss, variables)]

        if config.penalty_every == 1 or not (config.r1 or config.r2):
            loss, *gradients = loss_and_gradients(1.0)
        else:
            turn = tf.equal(self.step.value % config.penalty_every, 0)
            every = float(config.penalty_every)
            loss, *gradients = tf.cond(turn, lambda: loss_and_gradients(every), lambda: loss_and_gradients(0.0))
        self._descend_discriminator(gradients)
        return loss

    def _descend_discriminator(self, gradients: list[tf.Tensor]) -> None:
        config = self.config
        rate = self.cosine_rate(config.learning_rate * config.discriminator_rate, config.end_rate)
        self.discriminator_optimizer.learning_rate.assign(rate)
        self.descend(self.discriminator_optimizer, gradients, self._judging_variables())

    def _discriminator_loss(
        self, real: tf.Tensor, fake: tf.Tensor, condition: tf.Tensor, r1: float, r2: float
    ) -> tf.Tensor:
        """The loss and its penalties; these are taken at the examples before augmentation, through it."""

        def judge_real(examples: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return self._judge(examples, condition, salt=30)

        def judge_fake(examples: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return self._judge(examples, condition, salt=40)

        (real_logits, words), real_squared = squared_gradient(judge_real, real) if r1 else (judge_real(real), 0.0)
        (fake_logits, _), fake_squared = squared_gradient(judge_fake, fake) if r2 else (judge_fake(fake), 0.0)
        loss = self.loss_functions.discriminator(real_logits, fake_logits)
        loss += 0.5 * (r1 * real_squared + r2 * fake_squared)
        if self.config.gradient_penalty:
            places = self.random_uniform([tf.shape(real)[0], *[1] * len(self.example.shape)], salt=2)
            loss += self.config.gradient_penalty * gradient_penalty(judge_fake, real, fake, places)
        if self.config.word_loss:
            loss += self._word_loss(words, condition)
        return loss

    def _update_generator(self, tape: tf.GradientTape, fake: tf.Tensor, wanted_change: tf.Tensor) -> None:
        variables = self.generator.trainable_variables
        gradients = tape.gradient(fake, variables, output_gradients=wanted_change)

        self._in_turn(lambda: self._descend_generator(gradients))

    def _descend_generator(self, gradients: list[tf.Tensor]) -> None:
        self.generator_optimizer.learning_rate.assign(self.cosine_rate(self.config.learning_rate, self.config.end_rate))
        self.descend(self.generator_optimizer, gradients, self.generator.trainable_variables)
        self.update_average(self.generator, self.generator_average, self.config.average_decay)
        self.average_captions(self.config.average_decay)

    def _in_turn(self, act: Callable[[], None]) -> None:
        """Acts in the steps that are the generator's too: one of every `discriminator_steps`."""

        def acted() -> tf.Tensor:
            act()
            return tf.constant(True)

        if self.config.discriminator_steps == 1:
            acted()
        else:
            turn = tf.equal(self.step.value % self.config.discriminator_steps, 0)
            tf.cond(turn, acted, lambda: tf.constant(False))


def _spread(examples: tf.Tensor) -> tf.Tensor:
    """How much a batch varies: the standard deviation over the batch, meaned over an example's values."""
    return tf.reduce_mean(tf.math.reduce_std(examples, axis=0)) + 1e-6
