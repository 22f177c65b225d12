"""What a GAN and a VAE share: prompts as conditions, and samples that are decoded from latents."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen.errors import unknown
from tfgen.models import noise
from tfgen.models.base import GenerativeModel
from tfgen.models.mixture import MixturePrior, Tilt
from tfgen.models.networks.captions import SIZE, CaptionEncoder
from tfgen.models.steered import SteeredPrior
from tfgen.representations import ARRAYS
from tfgen.representations.arrays.conditions import Conditions
from tfgen.representations.arrays.specification import ArraySpecification
from tfgen.representations.signatures import Kind, Signature


CAPTIONS = ("encoder", "bag")


class LatentModel(GenerativeModel):
    """Base of models that sample by decoding latents; a subclass defines `decode_condition` and sets `latent_dim`.

    What a network is told of a prompt, its condition, is a bag of words [batch, words]; of captions, with
    `captions=encoder`, that is joined to what an encoder made of the words in their order, [batch, order_size + words].
    A subclass trains `caption_encoder`, and names it in its state by `caption_parts`.
    """

    latent_dim: int
    prior: MixturePrior | None = None  # where latents start, in place of the standard normal
    representations = (ARRAYS,)

    def __init__(self, config: Any, example: ArraySpecification, conditions: Conditions, seed: int):
        super().__init__(config, example, conditions, seed)
        self.steered: SteeredPrior | None = None
        captions = getattr(config, "captions", "bag")
        if captions not in CAPTIONS:
            raise unknown("kind of captions", captions, CAPTIONS)
        self.caption_encoder: CaptionEncoder | None = None
        self.caption_encoder_average: CaptionEncoder | None = None
        if captions == "encoder" and conditions.in_order:
            self._make_caption_encoders()
        self.order_size = SIZE if self.caption_encoder else 0
        self.condition_size = self.order_size + conditions.vocabulary_size
        words = conditions.prompt_words or ((0,),)
        counts = np.asarray(conditions.prompt_counts or (1,), np.float64)
        self._prompt_words = tf.constant(words, tf.int32)
        ends = np.cumsum(counts / counts.sum())[:-1]
        self._prompt_ends = tf.constant(np.rint(ends * noise.INTEGERS), tf.int32)

    def _make_caption_encoders(self) -> None:
        known = self.conditions.vocabulary_size, self.conditions.longest
        self.caption_encoder = CaptionEncoder(*known, name="captions")
        self.caption_encoder_average = CaptionEncoder(*known, name="captions_average")
        for encoder in (self.caption_encoder, self.caption_encoder_average):
            encoder.build((None, self.conditions.longest))
        self.caption_encoder_average.set_weights(self.caption_encoder.get_weights())

    def caption_parts(self) -> dict[str, CaptionEncoder]:
        """The encoders of captions by name, where there are any: a part of `parts`."""
        if not self.caption_encoder:
            return {}
        return {"captions": self.caption_encoder, "captions_average": self.caption_encoder_average}

    def caption_variables(self) -> list:
        """What is trained of the encoder of captions."""
        return self.caption_encoder.trainable_variables if self.caption_encoder else []

    def average_captions(self, decay: float) -> None:
        """One step of the averaged encoder of captions, by which samples are made."""
        if self.caption_encoder:
            self.update_average(self.caption_encoder, self.caption_encoder_average, decay)

    def decode(self, latents: tf.Tensor, prompts: tf.Tensor) -> tf.Tensor:
        """Encoded examples from latents [batch, latent_dim] and word ids [batch, words], by the averaged weights."""
        return self.decode_condition(latents, self.condition(prompts))

    def decode_condition(self, latents: tf.Tensor, condition: tf.Tensor) -> tf.Tensor:
        """As `decode`, for what `condition` made of word ids, or anything between two of those."""
        raise NotImplementedError

    def latent_weights(self) -> tf.Tensor | None:
        """The matrix [latent_dim, units] that latents meet first on their way to a sample; None where there is none."""
        return None

    def call(self, inputs: tf.Tensor | tuple[tf.Tensor, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Encoded examples from latents [batch, latent_dim], or from (latents, word ids [batch, words])."""
        latents, prompts = self._with_prompts(inputs)
        return self.decode(latents, prompts)

    def _with_prompts(self, inputs: tf.Tensor | tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """The first of the inputs, and word ids: the empty prompt where there are none."""
        if isinstance(inputs, (tuple, list)):
            return inputs[0], inputs[1]
        return inputs, tf.zeros([tf.shape(inputs)[0], self.conditions.longest], tf.int32)

    def latents(self, seeds: tf.Tensor, prompts: tf.Tensor) -> tf.Tensor:
        """Latents [batch, latent_dim] for int32 seeds [batch] and word ids [batch, words], steered where it is."""
        deviations = noise.normal(seeds, self.latent_dim)
        if self.steered is not None:
            deviations = self.steered.move(deviations, prompts)
        return self.latents_from(deviations, seeds, prompts)

    def latents_from(self, deviations: tf.Tensor, seeds: tf.Tensor, prompts: tf.Tensor) -> tf.Tensor:
        """Latents from standard normal deviations of their shape: these themselves, or in the prior's mixture."""
        if self.prior is None:
            return deviations
        return self.prior.sample(deviations, seeds, prompts, self._moving(prompts), self._tilt)

    def mean_latents(self, prompts: tf.Tensor) -> tf.Tensor:
        """The mean [batch, latent_dim] of what `latents` draws for word ids [batch, words]."""
        deviations = self.mean_deviations(prompts)
        if self.prior is None:
            return deviations
        return self.prior.mean(prompts, deviations, self._moving(prompts), self._tilt)

    def mean_deviations(self, prompts: tf.Tensor) -> tf.Tensor:
        """Where the deviations of a prompt lie in the mean, [batch, latent_dim]: 0 unless they are steered."""
        zeros = tf.zeros([tf.shape(prompts)[0], self.latent_dim])
        return zeros if self.steered is None else self.steered.move(zeros, prompts)

    def _moving(self, prompts: tf.Tensor) -> tf.Tensor | None:
        """The condition of word ids, where it moves the prior."""
        return self.condition(prompts) if self.caption_encoder else None

    @property
    def _tilt(self) -> Tilt | None:
        return None if self.steered is None else self.steered.tilt

    def adopt(self, arrays: Mapping[str, np.ndarray]) -> None:
        """A steered prior: see SteeredPrior, whose fields the arrays are."""
        self.steered = SteeredPrior(**arrays, mixture=self.prior)

    def generate(self, seeds: tf.Tensor, prompts: tf.Tensor) -> tf.Tensor:
        """Encoded examples for int32 seeds [batch] and word ids [batch, words].

        A row of zeros, the empty prompt, draws a prompt as often as the data had it. A sample depends on its own seed
        and prompt alone.
        """
        prompts = self.filled_prompts(seeds, prompts)
        return self.decode(self.latents(seeds, prompts), prompts)

    def scores(self, examples: tf.Tensor, prompts: tf.Tensor) -> tf.Tensor:
        """How much at home encoded examples are in the model, [batch]; zeros where it can't judge."""
        judge = self.measurements().get("scores")
        rows = tf.shape(examples)[0]
        return tf.zeros([rows]) if judge is None else tf.reshape(judge(examples, prompts), [rows])

    def signatures(self) -> dict[str, Signature]:
        """What the model can do from outside, by name; exports, the server, the docs and the tests read it here.

        `generate` comes first and is what a caller gets who names none.
        """
        prompt, examples = {"prompt": Kind.PROMPT}, {self.example.plural: Kind.EXAMPLES}
        return {
            "generate": Signature(self.generate, {"seed": Kind.SEED, **prompt}, examples),
            "decode": Signature(self.decode, {"z": Kind.LATENTS, **prompt}, examples),
        }

    def samplers(self) -> dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]]:
        """The ways to generate that are worth showing after a fit, by name; all take (seeds, prompts)."""
        return {"samples": self.generate}

    def drawn_prompts(self, seeds: tf.Tensor) -> tf.Tensor:
        """The places of the prompts that stand in for empty ones, [batch], drawn as often as the data had them."""
        # Compared, not searched: TFLite has no searchsorted.
        return tf.reduce_sum(tf.cast(_draws(seeds) >= self._prompt_ends[None, :], tf.int32), axis=1)

    def prompts_drawn_for(self, seeds: np.ndarray) -> np.ndarray:
        """The same as an array, [n], for int32 seeds [n]: outside a graph it is searched for, so that many seeds and
        many prompts take little time and memory."""
        draws = _draws(tf.constant(seeds, tf.int32)).numpy()[:, 0]
        return np.searchsorted(self._prompt_ends.numpy(), draws, side="right")

    def filled_prompts(self, seeds: tf.Tensor, prompts: tf.Tensor) -> tf.Tensor:
        """The word ids, with a prompt of the data's in place of each empty one."""
        if not self.conditions.prompt_words:
            return prompts
        empty = tf.reduce_all(tf.equal(prompts, 0), axis=1, keepdims=True)
        return tf.where(empty, tf.gather(self._prompt_words, self.drawn_prompts(seeds)), prompts)

    # Training.

    def condition(self, prompts: tf.Tensor, live: bool = False) -> tf.Tensor:
        """What the networks are told of word ids [batch, words], [batch, condition_size]: see the class.

        live: by the encoder that is trained, and not its average.
        """
        bag = self._bag(prompts)
        if not self.caption_encoder:
            return bag
        order = (self.caption_encoder if live else self.caption_encoder_average)(prompts)
        return tf.concat([order, bag], axis=1)  # the words last: where --from brings more of them, these grow

    def _bag(self, prompts: tf.Tensor) -> tf.Tensor:
        """Word ids [batch, words] as bags of words [batch, vocabulary], of unit length: long prompts don't shout."""
        # Compared, not tf.one_hot: TFLite's converter gives that a scale of 0 when it quantises.
        known = tf.range(1, self.conditions.vocabulary_size + 1)
        bag = tf.cast(tf.reduce_any(tf.equal(prompts[:, :, None], known), axis=1), tf.float32)
        return bag / tf.sqrt(tf.maximum(tf.reduce_sum(bag, axis=1, keepdims=True), 1.0))

    def prompts_of(self, prompt_index: tf.Tensor) -> tf.Tensor:
        """Word ids [batch, words] of examples whose prompts stand at `prompt_index` [batch]; -1 is the empty prompt."""
        words = tf.gather(self._prompt_words, tf.maximum(prompt_index, 0))
        return tf.where(prompt_index[:, None] < 0, 0, words)


def _draws(seeds: tf.Tensor) -> tf.Tensor:
    """The numbers [batch, 1] by which seeds draw a prompt."""
    return noise.integers(seeds, 1, stream=7)
