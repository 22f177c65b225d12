"""Learning for good: from what people said of a run's samples to a new version of its model."""

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfgen.errors import UserError, unknown
from tfgen.feedback.oddities import Said, oddities
from tfgen.feedback.preferences import Comparison, Preferences
from tfgen.representations.base import Codec
from tfgen.run import Run

LEAST = 10  # comparisons, for any test at all
MOST_STRENGTH = 4.0
STRENGTHS = {"low": 0.5, "medium": 1.0, "high": 2.0}  # as words; any number from 0 to 4 is one too


@dataclass(frozen=True)
class TuneRequest:
    """What a person asks for, beside the run.

    strength: how far the new version may go from the old one: 1 is usual. method: None for the representation's own.
    """

    strength: float = 1.0
    method: str | None = None
    name: str | None = None
    seed: int = 0


@dataclass(frozen=True)
class HeldOut:
    """How well preferences that were held out are predicted: right of count, and how probable that is by chance."""

    right: int
    count: int
    p_value: float
    needed: int | None = None  # about how many more comparisons would do, where chance can't be excluded

    @property
    def accuracy(self) -> float:
        return self.right / max(self.count, 1)


@dataclass(frozen=True)
class Outcome:
    """A new version before it is published.

    arrays: for `model.adopt`. held_out: None where nothing was held out. before, after: measurements by name, such as
    "as asked", "diversity", "perplexity". concerns: sentences on what got worse than it may; then the version is kept
    apart, and isn't put into use.
    """

    arrays: Mapping[str, np.ndarray]
    held_out: HeldOut | None
    win_rate: tuple[float, float, float] | None  # new against old by held-out judgement: value, low, high
    before: Mapping[str, float] = field(default_factory=dict)
    after: Mapping[str, float] = field(default_factory=dict)
    concerns: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)  # more for version.json, plain JSON


class Tuner(abc.ABC):
    """Learns from preferences: one class for each representation, in catalog.ENGINES as "tune/...".

    Opening one imports no TensorFlow, and raises UserError for all that can be wrong with the request.
    """

    methods: tuple[str, ...]  # the first is the usual one

    def __init__(self, run: Run, preferences: Preferences, codec: Codec, request: TuneRequest):
        if request.method not in (None, *self.methods):
            raise unknown("method", request.method, self.methods)
        if not 0.0 < request.strength <= MOST_STRENGTH:
            raise UserError(
                f"The strength must be above 0 and at most {MOST_STRENGTH:g}, not {request.strength:g}.",
                "1 is usual, 0.5 is careful, 2 goes far.",
            )
        self.run, self.preferences, self.codec, self.request = run, preferences, codec, request
        self.method = request.method or self.methods[0]

    @staticmethod
    def oddities(comparisons: Sequence[Comparison]) -> list[str]:
        """What looks wrong in the answers, in sentences, without names."""
        return oddities([Said.of_comparison(each) for each in comparisons])

    @abc.abstractmethod
    def plan(self) -> str:
        """What will be done, in a sentence or two, for before it begins."""

    @abc.abstractmethod
    def tune(self) -> Outcome:
        """The new version.

        Raises:
            UserError: held-out preferences are not predicted better than chance; says by which test, and about how many
                more comparisons would do.
        """
