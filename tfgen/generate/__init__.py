"""A run, a prompt and seeds to samples: one file for each modality, and here what they share."""

import abc
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tfgen.catalog import GENERATORS
from tfgen.errors import UserError
from tfgen.run import Run


@dataclass(frozen=True)
class Request:
    """What a person asks `tfgen generate` for, beside the run."""

    prompt: str = ""
    count: int | None = None  # None: as many as suit the modality
    seed: int = 0
    output: Path | None = None  # None: where a person will see it
    options: Mapping[str, Any] = field(default_factory=dict)  # those that were given, which may suit another modality


@dataclass(frozen=True)
class Origin:
    """What made a sample, as its file says."""

    name: str  # the run's, or the served model's
    model: str  # which model of the catalog, or the server's address
    modality: str

    @classmethod
    def of(cls, run: Run) -> "Origin":
        return cls(run.name, run.record["model"], run.record["modality"])


class Generator(abc.ABC):
    """Samples of one run for one request, made and delivered: one class for each modality, in catalog.GENERATORS.

    Opening one imports no TensorFlow, and raises UserError for all that can be wrong with the request.
    """

    makes: ClassVar[str]  # in words: "pictures"
    default_count: ClassVar[int]
    settings: ClassVar[tuple[str, ...]] = ()  # the options of a request that it takes

    def __init__(self, run: Run, request: Request):
        for name in request.options:
            if name not in self.settings:
                what = f"'{flag(name)}' is for {_takers(name)}, and '{run.name}' makes {self.makes}."
                raise UserError(what, "Leave it out.")
        self.run = run
        self.request = request
        self.seeds = seeds_from(request.seed, self.default_count if request.count is None else request.count)

    @staticmethod
    def command(run: Run) -> str:
        """What a person types to get the first sample of a run."""
        return f"tfgen generate {shlex.quote(run.reference)}"

    @abc.abstractmethod
    def deliver(self) -> None:
        """Makes the samples, writes them and says where; a prompt that the model can't follow was refused before."""


def seeds_from(first: int, count: int) -> np.ndarray:
    """int32 [count]. Raises UserError where a seed would not fit."""
    if count < 1:
        raise UserError(f"{count} samples can't be made.", "Ask for at least 1 with -n.")
    if count > 10**8:
        raise UserError(f"{count} samples are too many for one command.", "Ask for fewer, from several first seeds.")
    if not -(2**31) <= first <= 2**31 - count:
        raise UserError(f"The seed {first} is out of range.", "Choose one from -2147483648 to 2147483647.")
    return np.arange(first, first + count, dtype=np.int64).astype(np.int32)


def flag(name: str) -> str:
    """An option's name as it is typed: 'top_k' as '--top-k'."""
    return "--" + name.replace("_", "-")


def _takers(name: str) -> str:
    """What is made with an option."""
    generators = [GENERATORS.load(each) for each in GENERATORS]
    return " and ".join(each.makes for each in generators if name in each.settings)
