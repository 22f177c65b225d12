"""The steps of a fit, and the data of each: the same for a chief and for those who follow it."""

from typing import Any

from tfgen.errors import Failure
from tfgen.representations.base import WHOLE, Examples, Share
from tfgen.restore import build_model
from tfgen.run import Run
from tfgen.training import private
from tfgen.training.crew import Crew

_ENOUGH_EXAMPLES = 60000


def make_model(run: Run, examples: Examples, crew: Crew) -> Any:
    """The run's model, ready to be fitted. Raises UserError where its batches can't be shared by all replicas."""
    with crew.scope():
        model = build_model(run)
    model.check_shareable(crew.replicas)
    alone = crew.replicas == 1
    # Under a strategy, TensorFlow can't run several steps in one call, and XLA can't compile what lies between workers;
    # of Poisson samples, it would compile each size anew.
    steps = examples.steps_per_call(model.config) if alone else 1
    model.compile(steps_per_execution=steps, jit_compile=model.jit_compile and alone and "privacy" not in run.record)
    return model


class Steps:
    """A model that learns from examples, from one step to another."""

    def __init__(self, run: Run, model: Any, examples: Examples, crew: Crew):
        self.run, self.model, self.examples, self.crew = run, model, examples, crew

    def take(self, start: int, stop: int, *callbacks: Any) -> None:
        """Trains on the batches of the steps `start` to `stop - 1`.

        Raises:
            Failure: the memory is too small for them.
        """
        import tensorflow as tf

        crew = self.crew
        crew.send_steps(self.run, self.model, start, stop)
        batches = crew.batches(lambda share: self.batches(start, stop, share))
        steps = {"epochs": 1, "steps_per_epoch": stop - start, "verbose": 0, "shuffle": False}
        try:
            with crew.in_step():
                self.model.fit(batches, **steps, callbacks=[*callbacks, *crew.callbacks()])
        except tf.errors.ResourceExhaustedError as error:
            raise Failure(
                "The memory is too small for this model.",
                "Lower --size, --set batch_size=... or --set size=..., and begin anew.",
            ) from error

    def batches(self, start: int, stop: int, share: Share = WHOLE) -> Any:
        """The data of the steps `start` to `stop - 1`."""
        if self.model.fitted_at_once:  # its steps take none
            import tensorflow as tf

            return tf.data.Dataset.range(start, stop)
        if self.model.privacy is not None:
            return private.batches(self.run, self.model, self.examples, start, stop, share)
        return self.examples.batches(self.model.config, self.run.record["seed"], start, stop, share)

    @property
    def enough(self) -> int | None:
        """After how many steps more would do no good; None where that isn't known."""
        return self.examples.enough_steps(self.model.config, private.expected_count(self.run))

    @property
    def epoch_size(self) -> int:
        """Every example about once, but no more than is enough to fit something to."""
        return min(self.examples.count(self.model.config), _ENOUGH_EXAMPLES)

    def epoch(self, most: int = _ENOUGH_EXAMPLES) -> Any:
        """The batches of `epoch_size` examples, or of at most so many."""
        if self.model.fitted_at_once:
            return self.batches(0, 1)
        return self.batches(0, max(1, min(self.epoch_size, most) // self.model.config.batch_size))
