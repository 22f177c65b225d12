"""What every generative model shares: prompts as conditions, averaged weights, the step count, and its whole state.

A model knows nothing of files, runs or commands. It takes encoded examples and word ids, and gives samples.
"""

import dataclasses
import enum
import math
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen.models import noise


@dataclasses.dataclass(frozen=True)
class ExampleSpecification:
    """What one encoded example is: its shape, the values' likelihood, which networks suit it, how many there are."""

    shape: tuple[int, ...]
    likelihood: str  # "bernoulli" or "gaussian"
    networks: str  # the prefix of its entries in catalog.NETWORKS
    count: int
    augment: str = "none"  # the augmentations that suit it when there are few examples
    plural: str = "images"  # what outsiders call them, in signatures


@dataclasses.dataclass(frozen=True)
class Conditions:
    """What a model knows of prompts: each known prompt as word ids (from 1; 0 pads), and how often the data had it."""

    vocabulary_size: int = 0
    prompt_words: tuple[tuple[int, ...], ...] = ()
    prompt_counts: tuple[int, ...] = ()

    @property
    def longest(self) -> int:
        """How many word ids a prompt has at the most; at least 1, so that every input has a shape."""
        return len(self.prompt_words[0]) if self.prompt_words else 1


class Kind(enum.Enum):
    """What a tensor of a signature is; each has a leading batch dimension."""

    SEED = "seed"  # int32 [batch]
    PROMPT = "prompt"  # int32 [batch, words], word ids; absent where the model knows no prompts
    LATENTS = "latents"  # float32 [batch, latent_dim]
    EXAMPLES = "examples"  # float32 [batch, ...], encoded as `train_step` takes them


@dataclasses.dataclass(frozen=True)
class Signature:
    """One thing that a model can do from outside: a function of batched tensors, and what goes in and comes out."""

    function: Callable[..., Any]  # takes the inputs in order; gives the outputs in order, one alone as it is
    inputs: Mapping[str, Kind]
    outputs: Mapping[str, Kind]


class GenerativeModel(keras.Model):
    """Base of the models in the catalog.

    A subclass sets `Config` (a frozen dataclass), creates its parts and optimizers in `__init__`, names them in
    `parts` and `optimizers`, and defines `train_step` and `decode`.
    """

    Config: type
    latent_dim: int
    remedy = "Lower the learning rate with --set learning_rate=..., or begin with another --seed."

    def __init__(self, config: Any, example: ExampleSpecification, conditions: Conditions, seed: int):
        super().__init__()
        self.config = config
        self.example = example
        self.conditions = conditions
        self.seed = seed
        self.step = self.add_weight(shape=(), dtype="int64", initializer="zeros", trainable=False, name="step")
        self.horizon = self.add_weight(shape=(), dtype="int64", initializer="ones", trainable=False, name="horizon")
        words = conditions.prompt_words or ((0,),)
        counts = np.asarray(conditions.prompt_counts or (1,), np.float64)
        self._prompt_words = tf.constant(words, tf.int32)
        ends = np.cumsum(counts / counts.sum())[:-1]
        self._prompt_ends = tf.constant(np.rint(ends * noise.INTEGERS), tf.int32)

    # What a subclass says of itself.

    def parts(self) -> Mapping[str, keras.layers.Layer]:
        """The networks, by name, averaged ones included."""
        raise NotImplementedError

    def optimizers(self) -> Mapping[str, keras.optimizers.Optimizer]:
        """The optimizers, by name."""
        raise NotImplementedError

    def trained_variables(self) -> list[keras.Variable]:
        """What the optimizers change: the live networks' weights, without their averages."""
        raise NotImplementedError

    def decode(self, latents: tf.Tensor, prompts: tf.Tensor) -> tf.Tensor:
        """Encoded examples from latents [batch, latent_dim] and word ids [batch, words], by the averaged weights."""
        raise NotImplementedError

    def latents(self, seeds: tf.Tensor, prompts: tf.Tensor) -> tf.Tensor:
        """Latents [batch, latent_dim] for int32 seeds [batch]: standard normal, unless a model learns better."""
        return noise.normal(seeds, self.latent_dim)

    # Samples.

    def generate(self, seeds: tf.Tensor, prompts: tf.Tensor) -> tf.Tensor:
        """Encoded examples for int32 seeds [batch] and word ids [batch, words].

        A row of zeros, the empty prompt, draws a prompt as often as the data had it. A sample depends on its own seed
        and prompt alone.
        """
        prompts = self._fill_empty_prompts(seeds, prompts)
        return self.decode(self.latents(seeds, prompts), prompts)

    def signatures(self) -> dict[str, Signature]:
        """What the model can do from outside, by name; exports, the server, the docs and the tests read it here.

        `generate` comes first and is what a caller gets who names none.
        """
        prompt, examples = {"prompt": Kind.PROMPT}, {self.example.plural: Kind.EXAMPLES}
        return {
            "generate": Signature(self.generate, {"seed": Kind.SEED, **prompt}, examples),
            "decode": Signature(self.decode, {"z": Kind.LATENTS, **prompt}, examples),
        }

    def measurements(self) -> dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]]:
        """What the model can say of given examples, by the name of what it is evidence for (tfgen.evaluate.metrics).

        Functions of encoded examples [batch, ...] and word ids [batch, words] to [batch, ...]. "scores" says how at
        home an example is in the model: more for one that it would sooner take for its own kind.
        """
        return {}

    def samplers(self) -> dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]]:
        """The ways to generate that are worth showing after a fit, by name; all take (seeds, prompts)."""
        return {"samples": self.generate}

    def drawn_prompts(self, seeds: tf.Tensor) -> tf.Tensor:
        """The places of the prompts that stand in for empty ones, [batch], drawn as often as the data had them."""
        # Compared, not searched: TFLite has no searchsorted.
        draw = noise.integers(seeds, 1, stream=7)
        return tf.reduce_sum(tf.cast(draw >= self._prompt_ends[None, :], tf.int32), axis=1)

    def _fill_empty_prompts(self, seeds: tf.Tensor, prompts: tf.Tensor) -> tf.Tensor:
        if not self.conditions.prompt_words:
            return prompts
        empty = tf.reduce_all(tf.equal(prompts, 0), axis=1, keepdims=True)
        return tf.where(empty, tf.gather(self._prompt_words, self.drawn_prompts(seeds)), prompts)

    # Training.

    def condition(self, prompts: tf.Tensor) -> tf.Tensor:
        """Word ids [batch, words] as bags of words [batch, vocabulary], of unit length: long prompts don't shout."""
        # Compared, not tf.one_hot: TFLite's converter gives that a scale of 0 when it quantises.
        known = tf.range(1, self.conditions.vocabulary_size + 1)
        bag = tf.cast(tf.reduce_any(tf.equal(prompts[:, :, None], known), axis=1), tf.float32)
        return bag / tf.sqrt(tf.maximum(tf.reduce_sum(bag, axis=1, keepdims=True), 1.0))

    def prompts_of(self, prompt_index: tf.Tensor) -> tf.Tensor:
        """Word ids [batch, words] of examples whose prompts stand at `prompt_index` [batch]; -1 is the empty prompt."""
        words = tf.gather(self._prompt_words, tf.maximum(prompt_index, 0))
        return tf.where(prompt_index[:, None] < 0, 0, words)

    def random_normal(self, shape: list, salt: int) -> tf.Tensor:
        """Training noise that depends on (seed, salt, step) alone, so a resumed run draws what the first would have."""
        return tf.random.stateless_normal(shape, self.step_seed(salt))

    def step_seed(self, salt: int) -> tf.Tensor:
        """An int32 [2] seed for this step and purpose."""
        return tf.stack(
            [tf.constant((self.seed * 1000003 + salt) % 2**31, tf.int32), tf.cast(self.step.value, tf.int32)]
        )

    def progress(self) -> tf.Tensor:
        """The share of the horizon that is behind, from 0 to 1."""
        return tf.minimum(1.0, tf.cast(self.step.value, tf.float32) / tf.cast(self.horizon.value, tf.float32))

    def cosine_rate(self, start: float, end_factor: float) -> tf.Tensor:
        """A learning rate that falls from `start` to `start * end_factor` over the horizon along half a cosine."""
        falling = 0.5 * (1.0 + tf.cos(math.pi * self.progress()))
        return start * (end_factor + (1.0 - end_factor) * falling)

    def update_average(self, live: keras.layers.Layer, average: keras.layers.Layer, decay: float) -> None:
        """Moves `average`'s weights towards `live`'s; early on faster, so that the start is forgotten."""
        count = tf.cast(self.step.value, tf.float32)
        keep = tf.minimum(decay, (1.0 + count) / (10.0 + count))
        for source, target in zip(live.weights, average.weights, strict=True):
            target.assign(target.value + (1.0 - keep) * (source.value - target.value))

    def track(self, values: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Adds one step's scalars to the running means and gives the means."""
        for name, value in values.items():
            self._means[name].update_state(value)
        return {name: mean.result() for name, mean in self._means.items()}

    def make_means(self, *names: str) -> None:
        """Declares the scalars that `train_step` tracks."""
        self._means = {name: keras.metrics.Mean(name=name) for name in names}

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The running means; the fit resets them at every report."""
        return list(self._means.values())

    # The whole state: what a checkpoint holds and a resumed run needs.

    def state(self) -> dict[str, keras.Variable]:
        """Every variable that a training step reads or writes, by a name that does not depend on the process."""
        variables = {"step": self.step, "horizon": self.horizon}
        for name, part in self.parts().items():
            variables.update({f"{name}/{place:03d}": weight for place, weight in enumerate(part.weights)})
        for name, optimizer in self.optimizers().items():
            variables.update({f"{name}/{place:03d}": weight for place, weight in enumerate(optimizer.variables)})
        return variables

    def symptom(self, means: Mapping[str, float]) -> str | None:
        """A sentence on what is going wrong, judged by the tracked means of the last steps; None while all is well."""
        return None

    def after_fit(self, batches: tf.data.Dataset) -> None:
        """What is fitted once, after the last step, to batches as `train_step` takes them; nothing here."""

    def after_fit_seconds(self, examples: int, seconds_per_step: float) -> float:
        """About how long `after_fit` will take for so many examples; the plan keeps it free."""
        return 0.0
