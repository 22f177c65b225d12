"""The cells of a matrix, prompts by settings, and samples of them at common seeds.

Arrays of one seed are alike whatever the prompt, so what differs between cells at the same seeds is mostly the prompt's
doing (common random numbers).
"""

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tfgen.catalog import ENGINES
from tfgen.errors import UserError
from tfgen.generate import Origin
from tfgen.prompts.template import Combination
from tfgen.representations.base import Codec
from tfgen.restore import load_model, open_codec, open_modality
from tfgen.run import Run


@dataclass(frozen=True)
class Cell:
    """A prompt as the model gets it, and the settings that samples of it are made with."""

    prompt: str
    settings: tuple[tuple[str, Any], ...] = ()
    choices: tuple[tuple[str, str], ...] = field(default=(), compare=False)  # what filled the template

    @classmethod
    def of(cls, combination: Combination, settings: Mapping[str, Any]) -> "Cell":
        return cls(combination.prompt, _frozen(settings), tuple(combination.choices.items()))

    def with_settings(self, **changes: Any) -> "Cell":
        return Cell(self.prompt, _frozen({**dict(self.settings), **changes}), self.choices)

    @property
    def title(self) -> str:
        """The prompt and the settings, in a line."""
        shown = self.prompt if len(self.prompt) <= 60 else self.prompt[:57] + "..."
        shown = repr(shown) if not shown or shown != shown.strip() or "\n" in shown else shown
        return " ".join([shown, *(f"{name}={value}" for name, value in self.settings)])


def _frozen(settings: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted((key, tuple(value) if isinstance(value, list) else value) for key, value in settings.items()))


@dataclass(frozen=True, eq=False)
class Drawn:
    """Samples of a cell and their seeds: stored values [n, ...], or strings. known: what else is known of each."""

    cell: Cell
    seeds: np.ndarray
    values: Sequence[Any]
    known: tuple[Any, ...] = ()

    def __len__(self) -> int:
        return len(self.seeds)

    def joined(self, others: "Drawn") -> "Drawn":
        """These and more of the same cell."""
        if isinstance(self.values, np.ndarray):
            values = np.concatenate([self.values, others.values])
        else:
            values = [*self.values, *others.values]
        return Drawn(self.cell, np.concatenate([self.seeds, others.seeds]), values, (*self.known, *others.known))


class Cells(abc.ABC):
    """Samples of one run's model, loaded once for all cells: one class for each representation.

    Opening one and `check` import no TensorFlow; the first samples do.
    """

    settings: ClassVar[tuple[str, ...]]  # the options of `generate` that a cell can have
    tried: ClassVar[Mapping[str, Sequence[Any]]]  # values of settings that a search tries
    strings: ClassVar[bool]  # whether samples are strings, so that words can be looked for in them
    least: ClassVar[int]  # samples of a cell that cost no more than fewer
    default_count: ClassVar[int]  # samples of a cell that is tested
    shown_count: ClassVar[int]  # samples of a cell that is looked at

    def __init__(self, run: Run, codec: Codec):
        self.run, self.codec = run, codec
        self.modality = open_modality(run)
        self._model: Any = None

    @property
    def model(self) -> Any:
        if self._model is None:
            self._model = load_model(self.run)
        return self._model

    def check(self, cells: Sequence[Cell]) -> None:
        """Raises UserError where a cell can't be made."""
        for name in dict.fromkeys(name for cell in cells for name, _ in cell.settings):
            if name not in self.settings:
                given = "--" + name.replace("_", "-")
                raise UserError(
                    f"'{given}' doesn't go with a prompt's combinations of {self.modality.plural}.",
                    f"What does: {', '.join(self.settings)}." if self.settings else "Leave it out.",
                )
        for cell in cells:
            self.check_cell(cell)

    @classmethod
    @abc.abstractmethod
    def check_settings(cls, settings: Mapping[str, Any]) -> None:
        """Raises UserError where a setting makes no sense."""

    @abc.abstractmethod
    def check_cell(self, cell: Cell) -> None:
        """Raises UserError where the model can't follow the prompt, or a setting makes no sense."""

    @abc.abstractmethod
    def draw(self, cells: Sequence[Cell], seeds: np.ndarray) -> list[Drawn]:
        """Samples of every cell at the same seeds int32 [n]."""

    def draw_one_each(self, cells: Sequence[Cell], seeds: np.ndarray) -> list[Drawn]:
        """A sample of every cell, each at its own seed."""
        return [self.draw([cell], seeds[place : place + 1])[0] for place, cell in enumerate(cells)]

    @abc.abstractmethod
    def features(self, values: Sequence[Any]) -> np.ndarray:
        """What the model sees in samples, [n, size]."""

    @abc.abstractmethod
    def words(self) -> Sequence[str]:
        """What a search may put into a prompt."""

    @abc.abstractmethod
    def neighbours(self, cell: Cell) -> list[Cell]:
        """Prompts that differ from this one's in a word or in order, which the model can follow."""

    @abc.abstractmethod
    def measures(self) -> Mapping[str, Any]:
        """What can be measured of samples, by name: tfgen.prompts.judges.Measures."""

    @abc.abstractmethod
    def samples(self, drawn: Sequence[Drawn], origin: Origin) -> Any:
        """Samples of all cells one after the other, as Python has them."""

    @abc.abstractmethod
    def show(self, drawn: Sequence[Drawn], origin: Origin, stem: str, as_json: bool) -> None:
        """Where nobody says where samples go: a sheet in the current folder, or standard output."""

    @abc.abstractmethod
    def save(self, drawn: Sequence[Drawn], path: Path, origin: Origin) -> str:
        """Writes samples, a row for each cell where there is a sheet, and gives a phrase on what was written."""

    @abc.abstractmethod
    def check_output(self, path: Path) -> None:
        """Raises UserError where samples can't be written there."""


def open_cells(run: Run) -> Cells:
    """What makes samples of the run's cells."""
    codec = open_codec(run)
    return ENGINES.load(f"prompt/{codec.representation}")(run, codec)
