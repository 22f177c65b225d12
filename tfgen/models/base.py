"""What every generative model shares: the step count, schedules, running means, and its whole state.

A model knows nothing of files, runs or commands. It takes encoded examples and ids, and gives samples.
"""

import dataclasses
import enum
import math
from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class ExampleSpecification:
    """What one encoded example is: its shape, the values' likelihood, which networks suit it, how many there are."""

    shape: tuple[int, ...]
    likelihood: str  # "bernoulli", "gaussian" or "categorical"
    networks: str  # the prefix of its entries in catalog.NETWORKS
    count: int
    augment: str = "none"  # the augmentations that suit it when there are few examples
    plural: str = "images"  # what outsiders call them, in signatures
    vocabulary_size: int = 0  # of text: how many token ids there are
    end: int = 0  # of text: the id that ends a document
    start: int = 0  # of text: the id that stands in for an empty prompt
    closing: tuple[int, ...] = ()  # of chats: the ids that end an answer as well

    @property
    def ends(self) -> tuple[int, ...]:
        """Of text: every id after which no more is made."""
        return (self.end, *self.closing)


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
    TOKENS = "tokens"  # int32 [batch, length], token ids
    LENGTH = "length"  # int32 [batch], how many of a row's tokens count
    LIMIT = "limit"  # int32 [batch], how many new tokens a row may have
    TOKEN = "token"  # int32 [batch], one token id
    POSITION = "position"  # int32 [batch], the place of a token, from 0
    TEMPERATURE = "temperature"  # float32 [batch]; 0 takes the likeliest
    TOP_K = "top_k"  # int32 [batch]; 0 for all
    TOP_P = "top_p"  # float32 [batch]; 1 for all
    CACHE = "cache"  # float32 [batch, ...], what attention keeps of earlier tokens
    LOGITS = "logits"  # float32 [batch, ..., vocabulary]


@dataclasses.dataclass(frozen=True)
class Signature:
    """One thing that a model can do from outside: a function of batched tensors, and what goes in and comes out."""

    function: Callable[..., Any]  # takes the inputs in order; gives the outputs in order, one alone as it is
    inputs: Mapping[str, Kind]
    outputs: Mapping[str, Kind]
    audience: str = "all"  # "server", "phone" or "all"


class GenerativeModel(keras.Model):
    """Base of the models in the catalog.

    A subclass sets `Config` (a frozen dataclass), creates its parts and optimizers in `__init__`, names them in
    `parts` and `optimizers`, and defines `train_step` and `signatures`.
    """

    Config: type
    modalities: tuple[str, ...]  # what it can learn
    default_data = "digits"  # what it learns where the user names nothing
    jit_compile = False  # whether XLA makes a training step quicker
    remedy = "Lower the learning rate with --set learning_rate=..., or begin with another --seed."

    def __init__(self, config: Any, example: ExampleSpecification, conditions: Conditions, seed: int):
        super().__init__()
        self.config = config
        self.example = example
        self.conditions = conditions
        self.seed = seed
        self.step = self.add_weight(shape=(), dtype="int64", initializer="zeros", trainable=False, name="step")
        self.horizon = self.add_weight(shape=(), dtype="int64", initializer="ones", trainable=False, name="horizon")

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

    def signatures(self) -> dict[str, Signature]:
        """What the model can do from outside, by name; exports, the server, the docs and the tests read it here.

        `generate` comes first and is what a caller gets who names none.
        """
        raise NotImplementedError

    def measurements(self) -> dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]]:
        """What the model can say of given examples, by the name of what it is evidence for (tfgen.evaluate.metrics).

        Functions of encoded examples [batch, ...] and word ids [batch, words] to [batch, ...]. "scores" says how at
        home an example is in the model: more for one that it would sooner take for its own kind.
        """
        return {}

    # Training.

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

    def frozen(self) -> dict[str, keras.Variable]:
        """What training never changes, by name: a run keeps it once, beside the checkpoints."""
        return {}

    def symptom(self, means: Mapping[str, float]) -> str | None:
        """A sentence on what is going wrong, judged by the tracked means of the last steps; None while all is well."""
        return None

    def after_fit(self, batches: tf.data.Dataset) -> None:
        """What is fitted once, after the last step, to batches as `train_step` takes them; nothing here."""

    def after_fit_seconds(self, examples: int, seconds_per_step: float) -> float:
        """About how long `after_fit` will take for so many examples; the plan keeps it free."""
        return 0.0
