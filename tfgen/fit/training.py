"""What a fit asks of data, whatever its modality: one class for each in catalog.TRAININGS."""

import abc
from typing import Any

from tfgen.data.examples import Report


class Training(abc.ABC):
    """Examples on their way into a model: how they are cut into batches, described, shown and measured by."""

    measures = False  # whether a fit measures itself unasked, and ends with its best weights

    def __init__(self, examples: Any):
        self.examples = examples
        self.report: Report = examples.report

    @abc.abstractmethod
    def codec(self) -> dict[str, Any]:
        """What turns the outside into what the model takes and back, as JSON; `example` is a specification's fields."""

    def kept(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Settings of the data as a run keeps them: a path as it is from any folder."""
        return settings

    def files(self) -> dict[str, bytes]:
        """Files of the run that belong to the codec, by name."""
        return {}

    @abc.abstractmethod
    def check(self, settings: Any) -> None:
        """Raises UserError where a model with these settings can't learn from so few examples."""

    @abc.abstractmethod
    def count(self, settings: Any) -> int:
        """How many examples an epoch has."""

    @abc.abstractmethod
    def batches(self, settings: Any, seed: int, start: int, stop: int) -> Any:
        """A tf.data.Dataset of what `train_step` takes, for steps `start` to `stop - 1`, a function of (seed, step)."""

    @abc.abstractmethod
    def steps_per_call(self, settings: Any) -> int:
        """As many steps in one call as keep Ctrl-C quick; Python between the calls costs a tiny model its speed."""

    @abc.abstractmethod
    def describe(self) -> str:
        """The data in a sentence that a fit begins with; the source follows it."""

    @abc.abstractmethod
    def sheets(self, run: Any, model: Any) -> Any:
        """What shows samples while the model learns: an object with `write()`."""

    @abc.abstractmethod
    def tracker(self, run: Any, model: Any) -> Any:
        """What measures the model: an object with `name` and `measure()`, less for better."""
