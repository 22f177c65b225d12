"""A cheap score of a model while it learns: what every one has."""

import abc
from typing import Any


class Tracker(abc.ABC):
    """Measures a model as it is now; the same weights give the same number.

    name: of the score, in the reports of a fit; less is better.
    """

    name: str

    @abc.abstractmethod
    def measure(self) -> float:
        """The score of the model as it is now."""

    @abc.abstractmethod
    def steps_worth(self, settings: Any) -> float:
        """How many training steps of these settings are about as much work as a measurement."""

    def beside(self) -> dict[str, float]:
        """More numbers of the last measurement, by name."""
        return {}

    def objection(self, row: dict[str, float]) -> str | None:
        """A sentence where a measurement, as quality.jsonl has it, speaks against learning on."""
        return None
