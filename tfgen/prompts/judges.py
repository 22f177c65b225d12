"""What says how good samples are: measures of the run's kind, checks of texts, and functions of the caller's own.

As it is typed: NAME or NAME:ARGUMENT, and as an assertion with a limit behind it, such as `recognised>=0.9`. Every
judge gives a number for each sample; a cell's score is their mean.
"""

import importlib.util
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfgen.errors import UserError, unknown

if TYPE_CHECKING:
    from tfgen.prompts.cells import Cells, Drawn

_LIMIT = re.compile(r"\s*(>=|<=|>|<)\s*(-?[0-9]*\.?[0-9]+)\s*$")
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">=": lambda value, limit: value >= limit,
    "<=": lambda value, limit: value <= limit,
    ">": lambda value, limit: value > limit,
    "<": lambda value, limit: value < limit,
}
_CHECKS = ("contains", "regex", "min-length", "max-length")  # of texts


@dataclass(frozen=True)
class Measure:
    """A number for each sample of a cell. alone: whether it depends on the sample alone, not on the others too."""

    function: Callable[["Drawn"], np.ndarray]
    words: str
    better: int  # 1 where more is better, -1 where less is
    alone: bool = True


@dataclass(frozen=True)
class Judge:
    """A measure under its name, and the limit that an assertion has.

    every: whether each sample must pass, where no limit is given: a check says yes or no.
    """

    name: str
    measure: Measure
    comparison: str = ""
    limit: float = 0.0
    every: bool = False

    @property
    def spec(self) -> str:
        """As it is typed."""
        return f"{self.name}{self.comparison}{self.limit:g}" if self.comparison else self.name

    @property
    def better(self) -> int:
        return self.measure.better

    def scores(self, drawn: "Drawn") -> np.ndarray:
        """Float [n], one for each sample."""
        return np.asarray(self.measure.function(drawn), np.float64)

    def passes(self, scores: np.ndarray) -> bool:
        """Whether a cell's scores are as the assertion says. What couldn't be measured doesn't pass."""
        value = float(np.mean(scores)) if len(scores) else float("nan")
        if not self.comparison:
            return bool(np.all(scores > 0)) and bool(len(scores))
        return _COMPARE[self.comparison](value, self.limit)


def open_judge(
    text: str, cells: "Cells", others: Mapping[str, Measure] | None = None, further: Sequence[str] = ()
) -> Judge:
    """The judge that a person typed.

    Args:
        others: measures beside the run's own, by name.
        further: names of judges that the caller knows by itself, to be listed where the name is unknown.

    Raises:
        UserError: there is none of that name, its argument makes no sense, or it isn't for what the run makes.
    """
    found = _LIMIT.search(text)
    name = (text[: found.start()] if found else text).strip()
    comparison, limit = (found[1], float(found[2])) if found else ("", 0.0)
    kind, sign, argument = name.partition(":")
    own = {**cells.measures(), **(others or {})}
    if kind == "python":
        measure, every = Measure(_own_function(argument), "your own function", 1), not comparison
    elif kind == "recognised" and kind in own and sign:
        measure, every = _recognised_as(argument, cells), not comparison
    elif kind in own and not sign:
        measure, every = own[kind], not comparison and kind == "recognised"
    elif kind in _CHECKS and cells.strings:
        measure, every = Measure(_check_of(kind, argument), name, 1), not comparison
    else:
        known = [*own, *(_CHECKS if cells.strings else ()), *further, "python:FILE.py:FUNCTION"]
        advice = f"Judge by one of: {', '.join(known)}"
        if kind in _CHECKS:
            raise UserError(f"'{kind}' is for texts, and '{cells.run.name}' makes {cells.modality.plural}.", advice)
        if kind == "recognised" and kind not in own:
            raise UserError(f"'recognised' needs labels, and the data of '{cells.run.name}' has none.", advice)
        raise unknown("judge", kind, known)
    return Judge(name, measure, comparison, limit, every)


def open_assertion(text: str, cells: "Cells", others: Mapping[str, Measure] | None = None) -> Judge:
    """As `open_judge`, of what can pass or fail. Raises UserError for a measure without a limit."""
    judge = open_judge(text, cells, others)
    if not judge.comparison and not judge.every:
        raise UserError(f"'{text}' asserts nothing.", f"Give a limit, such as '{text}>=0.5'.")
    return judge


def _recognised_as(label: str, cells: Any) -> Measure:
    wanted = cells.label(label)

    def function(drawn: "Drawn") -> np.ndarray:
        return np.array([each == wanted for each in cells.recognised(drawn.values)], np.float64)

    return Measure(function, f"the share recognised as '{wanted}'", 1)


def _check_of(kind: str, argument: str) -> Callable[["Drawn"], np.ndarray]:
    if kind in ("contains", "regex") and not argument:
        raise UserError(f"'{kind}' needs something to look for.", f"Write {kind}:WORD")
    if kind == "contains":
        word = argument.lower()
        test = lambda text: word in text.lower()  # noqa: E731
    elif kind == "regex":
        try:
            pattern = re.compile(argument)
        except re.error as error:
            raise UserError(f"'{argument}' is no regular expression: {error}.", "Mend it.") from error
        test = lambda text: bool(pattern.search(text))  # noqa: E731
    else:
        if not argument.isdigit():
            raise UserError(f"'{argument}' is no number of letters.", f"Write {kind}:20")
        most = int(argument)
        test = (lambda text: len(text) >= most) if kind == "min-length" else (lambda text: len(text) <= most)
    return lambda drawn: np.array([test(text) for text in drawn.values], np.float64)


def _own_function(argument: str) -> Callable[["Drawn"], np.ndarray]:
    """The function of FILE.py:FUNCTION, which takes a sample and gives a bool or a number."""
    file, sign, name = argument.rpartition(":")
    path = Path(file)
    if not sign or not name.isidentifier():
        raise UserError(f"'python:{argument}' names no function.", "Write python:FILE.py:FUNCTION")
    if not path.is_file():
        raise UserError(f"There is no file '{file}'.", "Name one that holds the function.")
    specification = importlib.util.spec_from_file_location(f"tfgen_judge_{path.stem}", path)
    try:
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
    except Exception as error:  # the file is somebody's own
        raise UserError(f"'{file}' can't be loaded: {type(error).__name__}: {error}.", "Mend it.") from error
    functions = [key for key, value in vars(module).items() if inspect.isfunction(value)]
    function = getattr(module, name, None)
    if not callable(function):
        raise unknown(f"function in '{file}'", name, functions or ["none is there"])

    def score(drawn: "Drawn") -> np.ndarray:
        scores = []
        for seed, value in zip(drawn.seeds, drawn.values, strict=True):
            try:
                scores.append(float(function(value)))
            except Exception as error:
                what = f"'{name}' of '{file}' failed on the sample of seed {seed}: {type(error).__name__}: {error}."
                raise UserError(what, "It takes a sample and gives True, False or a number.") from error
        return np.array(scores, np.float64)

    return score
