"""What every generative model shares: the step count, schedules, running means, and its whole state.

A model knows nothing of files, runs or commands. It takes encoded examples and ids, and gives samples.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.models import replicas
from tfgen.models.private import GradientMechanism, clipped_sum
from tfgen.representations.signatures import Signature
from tfgen.trust.privacy import GRADIENTS


class GenerativeModel(keras.Model):
    """Base of the models in the catalog.

    A subclass sets `Config` (a frozen dataclass), creates its parts and optimizers in `__init__`, names them in
    `parts` and `optimizers`, and defines `train_step` and `signatures`.
    """

    Config: type
    representations: tuple[str, ...]  # what it can learn
    default_data = "digits"  # what it learns where the user names nothing
    jit_compile = False  # whether XLA makes a training step quicker
    few_examples = 0  # with fewer, `of_few` is said before the fit
    of_few = ""
    can_be_private = False  # whether `train_step`, or `before_fit`, heeds `privacy`
    privacy_mechanism = GRADIENTS  # what a private fit of it learns by
    fitted_at_once = False  # whether all is learned in `before_fit`, so that one step is enough, and heeds no batch
    can_have_canaries = False  # whether it says how well it knows an example, so that an attack can be tried
    fitted_last: tuple[str, ...] = ()  # parts that `after_fit` fits anew, whatever they were
    remedy = "Lower the learning rate with --set learning_rate=..., or begin with another --seed."

    def __init__(self, config: Any, example: Any, conditions: Any, seed: int):
        """See the subclasses for what `example` and `conditions` are: a representation's specification and prompts."""
        super().__init__()
        self.config = config
        self.example = example
        self.conditions = conditions
        self.seed = seed
        self.privacy: GradientMechanism | None = None
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

    def check_shareable(self, replicas: int) -> None:
        """Raises UserError where so many replicas can't share a batch evenly."""
        if self.fitted_at_once:
            if replicas > 1:
                raise UserError("This model has no steps that could be shared.", "Leave --strategy out.")
            return
        size = self.config.batch_size
        if size % replicas:
            raise UserError(
                f"A batch of {size} can't be shared evenly by {replicas} replicas.",
                f"Begin anew with --set batch_size={-(-size // replicas) * replicas}.",
            )

    def features(self, examples: tf.Tensor, lengths: tf.Tensor | None = None) -> tf.Tensor:
        """What the model sees in given examples, [batch, features]; people's judgements are learned from it.

        Args:
            examples: encoded ones [batch, ...], or tokens [batch, length], of which each row has the first `lengths`.
        """
        raise NotImplementedError

    def adopt(self, arrays: Mapping[str, Any]) -> None:
        """Takes what a version of the run (tfgen.versions) has in place of the model's own, by name."""
        raise NotImplementedError

    # As Keras knows a model.

    def compile(self, optimizer: Any = None, loss: Any = None, metrics: Any = None, **options: Any) -> None:
        """As keras.Model.compile, for `fit` on batches as an Examples' `batches` gives them.

        Raises:
            UserError: an optimizer, a loss or metrics are given: a generative model brings its own.
        """
        if optimizer is not None or loss is not None or metrics is not None:
            raise UserError(
                "A model of tfgen brings its own optimizers, losses and metrics.",
                "Leave them out of compile(), and set them by the model's settings, such as learning_rate=1e-3.",
            )
        super().compile(optimizer="sgd", **options)  # never used: train_step has optimizers of its own

    def _maybe_symbolic_build(self, *arguments: Any, **options: Any) -> None:
        """Nothing: all parts are built. Under a strategy, Keras would call the model with the mean of two batches."""

    def call(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """What `model(inputs)` gives; each kind of model says in its own docstring what that is."""
        raise NotImplementedError

    def save(self, *arguments: Any, **options: Any) -> None:
        """Raises UserError: the run's folder holds the model, and exports are what works elsewhere."""
        raise UserError("A model of tfgen is kept in its run.", "For a file that works elsewhere: run.export().")

    def get_config(self) -> dict[str, Any]:
        """Raises UserError, as `save` does: a model is built from its run."""
        raise UserError("A model of tfgen is built from its run.", "Load it anew: tfgen.load(NAME).model")

    def freeze(self, blocks: Sequence[Sequence[keras.layers.Layer]], count: int) -> None:
        """Leaves the first blocks of a part as they are; it is built already. Raises UserError for more than it has."""
        if count > len(blocks):
            raise UserError(f"freeze is {count}, and there are {len(blocks)} blocks.", "Set a lower number.")
        for block in blocks[:count]:
            for layer in block:
                layer.trainable = False

    # Training.

    def make_private(self, mechanism: GradientMechanism) -> None:
        """From here on `train_step` takes (batch, mask), learns by the mechanism's gradients alone, and tracks nothing
        that is not made of them: a loss would say of the examples what nobody paid for."""
        self.privacy = mechanism
        self.make_means("gradient_norm")

    def private_gradients(
        self, losses_of: Callable[[], tf.Tensor], mask: tf.Tensor, variables: Sequence[keras.Variable]
    ) -> list[tf.Tensor]:
        """What a private step learns by, from each example's own loss: see `clipped_sum`."""
        return self.noisy_gradients(clipped_sum(losses_of, mask, variables, self.privacy.clip))

    def noisy_gradients(self, clipped_sums: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Private means of the gradients, from this replica's sum of clipped ones; the noise is added once, to all."""
        return self.privacy.gradients(replicas.sums(clipped_sums), self.step.value)

    def random_normal(self, shape: list, salt: int) -> tf.Tensor:
        """Training noise [batch, ...] that depends on (seed, salt, step, place in the batch) alone, so a resumed run
        draws what the first would have, on any number of replicas."""
        seed, rest = self.step_seed(salt), shape[1:]
        return replicas.own_rows(lambda rows: tf.random.stateless_normal([rows, *rest], seed), shape[0])

    def random_uniform(self, shape: list, salt: int, low: float = 0.0, high: float = 1.0) -> tf.Tensor:
        """As `random_normal`, between two numbers."""
        seed, rest = self.step_seed(salt), shape[1:]
        return replicas.own_rows(lambda rows: tf.random.stateless_uniform([rows, *rest], seed, low, high), shape[0])

    def step_seed(self, salt: int) -> tf.Tensor:
        """A seed [2] for this step and purpose; of a private fit, a secret one."""
        if self.privacy is not None:
            return self.privacy.seed(self.step.value, salt)
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

    def descend(
        self, optimizer: keras.optimizers.Optimizer, gradients: Sequence[tf.Tensor], variables: Sequence[keras.Variable]
    ) -> None:
        """One step of an optimizer along the mean of all replicas' gradients."""
        optimizer.apply(replicas.shares_of(gradients), variables)

    def track(self, values: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Adds one step's scalars to the running means and gives the means."""
        for name, value in zip(values, replicas.means(list(values.values())), strict=True):
            self._means[name].update_state(value)
        return replicas.as_reduced({name: mean.result() for name, mean in self._means.items()})

    def make_means(self, *names: str) -> None:
        """Declares the scalars that `train_step` tracks."""
        self._means = {name: RunningMean(name=name) for name in names}

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

    def before_fit(self, examples: Any) -> None:
        """What is fitted once to all examples, before the first step, and kept in the state; nothing here.

        Called whenever a fit begins or goes on, with the weights restored: what is no variable is made again.
        """

    def after_fit(self, batches: tf.data.Dataset) -> None:
        """What is fitted once, after the last step, to batches as `train_step` takes them; nothing here."""

    def after_fit_seconds(self, examples: int, seconds_per_step: float) -> float:
        """About how long `after_fit` will take for so many examples; the plan keeps it free."""
        return 0.0


class RunningMean(keras.metrics.Metric):
    """The mean of scalars that are the same on all replicas: each keeps its own, so that reading it asks no other.

    keras.metrics.Mean adds up what its replicas have wherever it is read, for which all of them must be there.
    """

    def __init__(self, name: str):
        super().__init__(name=name)
        self.total, self.count = (keras.Variable(0.0, trainable=False, name=each) for each in ("total", "count"))

    def update_state(self, value: tf.Tensor) -> None:
        self.total.assign_add(tf.cast(value, tf.float32))
        self.count.assign_add(1.0)

    def result(self) -> tf.Tensor:
        return tf.math.divide_no_nan(self.total.value, self.count.value)
