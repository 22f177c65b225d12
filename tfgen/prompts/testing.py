"""Tests of prompts: every combination is made at the same seeds, measured, and held against what is asserted.

A test file has prompts x variables x assertions in one, as promptfoo's do, in JSON or TOML:

    {"prompts": ["@hearts", "a {color} heart"], "variables": {"color": ["red", "blue"]},
     "assert": ["recognised>=0.9"], "n": 16, "seed": 0, "settings": {"truncation": 0.8},
     "tests": [{"variables": {"color": "gold"}, "assert": ["diversity>=0.3"]}]}

`assert` holds for all; each of `tests` is made beside with its own values, and held against its own assertions too.
"""

import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.console import say
from tfgen.errors import UserError, nearest, unknown
from tfgen.evaluate.statistics import wilson
from tfgen.generate import Origin, seeds_from
from tfgen.prompts.cells import Cell, Cells, Drawn, open_cells
from tfgen.prompts.judges import Judge, Measure, open_assertion
from tfgen.prompts.matrix import Filling, Named, find, is_named
from tfgen.run import Run

_KEYS = ("prompts", "variables", "assert", "n", "seed", "settings", "tests")
_KEYS_OF_A_TEST = ("variables", "assert")


@dataclass(frozen=True)
class Case:
    """Prompts with values of their variables, and what is asserted of every combination."""

    prompts: tuple[str, ...]
    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    asserted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Request:
    """What is tested: cases, so many samples of each combination, and settings for all."""

    cases: tuple[Case, ...]
    count: int | None = None
    seed: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    random: int | None = None


@dataclass(frozen=True)
class Checked:
    """An assertion of one combination, as it was typed."""

    spec: str
    value: float | None  # None: couldn't be measured
    passed: bool


@dataclass(frozen=True)
class Row:
    """One combination, its scores with 95 % intervals, and its assertions."""

    cell: Cell
    address: str
    count: int
    scores: Mapping[str, tuple[float, tuple[float, float] | None]]
    checks: Sequence[Checked]

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)


@dataclass(frozen=True)
class Result:
    """What a test ended with; `drawn` are the samples, a row of each."""

    run: str
    rows: Sequence[Row]
    drawn: Sequence[Drawn]
    seed: int

    @property
    def passed(self) -> bool:
        return all(row.passed for row in self.rows)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; what couldn't be measured is null."""
        rows = [
            {
                "prompt": row.cell.prompt,
                "version": row.address,
                "choices": dict(row.cell.choices),
                "settings": dict(row.cell.settings),
                "samples": row.count,
                "scores": {name: _number(value) for name, (value, _) in row.scores.items()},
                "intervals": {name: limits for name, (_, limits) in row.scores.items()},
                "assertions": [asdict(check) for check in row.checks],
                "passed": row.passed,
            }
            for row in self.rows
        ]
        return {"run": self.run, "seed": self.seed, "passed": self.passed, "rows": rows}


class PromptTest:
    """A request that was looked at: opening it needs no TensorFlow, and raises UserError for all that is wrong."""

    def __init__(
        self, cells: Cells, request: Request, others: Mapping[str, Measure] | None = None, output: Path | None = None
    ):
        """others: measures beside the run's own, by name, such as people's ratings. output: where `save` writes."""
        self.cells, self.request, self.output = cells, request, output
        if output:
            cells.check_output(output)
        self.others = dict(others or {})
        self.seeds = seeds_from(request.seed, cells.default_count if request.count is None else request.count)
        self.planned: list[tuple[Cell, str, list[Judge]]] = []
        for case in request.cases:
            judges = [open_assertion(text, cells, self.others) for text in case.asserted]
            for prompt in case.prompts:
                named = find(prompt)
                filling = Filling(_only(named, case.values, case.prompts), random=request.random, seed=request.seed)
                found = named.cells(filling, request.settings)
                self.planned += [(cell, named.address, judges) for cell in found]
        if not self.planned:
            raise UserError("There is nothing to test.", "Name a prompt, or some in the file.")
        cells.check([cell for cell, _, _ in self.planned])

    def run(self) -> Result:
        """Makes and measures the samples."""
        cells, seeds = self.cells, self.seeds
        say(f"Making {len(self.planned)} x {len(seeds)} samples ...")
        drawn = cells.draw([cell for cell, _, _ in self.planned], seeds)
        measures = {**cells.measures(), **self.others}
        left_out: dict[str, str] = {}
        rows = []
        for (cell, address, judges), samples in zip(self.planned, drawn, strict=True):
            scores: dict[str, tuple[float, float | None]] = {}
            measured: dict[str, np.ndarray] = {}
            for name, measure in measures.items():
                if name in left_out:
                    continue
                try:
                    each = np.asarray(measure.function(samples), np.float64)
                except UserError as error:  # such as data that isn't there any more; an assertion of it fails aloud
                    left_out[name] = str(error)
                    continue
                measured[name] = each
                if not np.all(np.isnan(each)):
                    scores[name] = float(each.mean()), None if name in self.others else _interval(each)
            checks = [_checked(judge, samples, measured) for judge in judges]
            rows.append(Row(cell, address, len(samples), scores, checks))
        for name, why in left_out.items():
            say(f"Left out: {name}. {why}")
        return Result(cells.run.title, rows, drawn, self.request.seed)

    def save(self, result: Result) -> str:
        """Writes all samples to `output`, a row for each combination, and gives a phrase on what was written."""
        addresses = {row.address for row in result.rows}
        named = addresses.pop() if len(addresses) == 1 else ""
        return self.cells.save(result.drawn, self.output, Origin.of(self.cells.run, prompt_version=named or ""))


def open_test(
    run: Run,
    prompt: str,
    count: int | None,
    seed: int | None,
    asserted: Sequence[str],
    values: Mapping[str, Sequence[str]],
    settings: Mapping[str, Any],
    random: int | None,
    output: Path | None,
) -> PromptTest:
    """The test of a prompt, or of a file, whose own count, seed and settings hold where none are given."""
    from tfgen.feedback.store import open_store
    from tfgen.prompts.ratings import measures_of

    request = read_file(Path(prompt)) if is_file(prompt) else Request((Case((prompt,)),))
    cases = tuple(
        replace(case, values={**case.values, **values}, asserted=(*case.asserted, *asserted)) for case in request.cases
    )
    request = Request(
        cases,
        request.count if count is None else count,
        request.seed if seed is None else seed,
        {**request.settings, **settings},
        random,
    )
    with open_store() as store:
        ratings = measures_of(store, run)
    return PromptTest(open_cells(run), request, ratings, output)


def read_file(path: Path) -> Request:
    """The request of a test file.

    Raises:
        UserError: it isn't there, isn't JSON or TOML, or has a key that means nothing.
    """
    try:
        content = path.read_text(encoding="utf-8")
        data = tomllib.loads(content) if path.suffix.lower() == ".toml" else json.loads(content)
    except OSError as error:
        raise UserError(f"'{path}' can't be read: {error.strerror}.", "Name a file that is there.") from error
    except ValueError as error:
        raise UserError(f"'{path}' is no {path.suffix[1:].upper()}: {error}.", "Mend it.") from error
    if not isinstance(data, dict):
        raise UserError(f"'{path}' is no test file.", f"It is a table with: {', '.join(_KEYS)}.")
    _check_keys(path, data, _KEYS)
    prompts, asserted = _strings(path, "prompts", data), _strings(path, "assert", data)
    if not prompts:
        raise UserError(f"'{path}' has no prompts.", 'Give some: "prompts": ["@hearts"]')
    common = _values(path, data)
    cases = [] if "tests" in data and not asserted and not common else [Case(prompts, common, asserted)]
    for test in data.get("tests", []):
        if not isinstance(test, dict):
            raise UserError(f"A test in '{path}' is no table.", f"It is one with: {', '.join(_KEYS_OF_A_TEST)}.")
        _check_keys(path, test, _KEYS_OF_A_TEST)
        own = (*asserted, *_strings(path, "assert", test))
        cases.append(Case(prompts, {**common, **_values(path, test)}, own))
    settings = data.get("settings", {})
    if not isinstance(settings, dict):
        raise UserError(f"'settings' of '{path}' is no table.", 'Write one: {"truncation": 0.8}')
    return Request(tuple(cases), _whole(path, "n", data), _whole(path, "seed", data) or 0, settings)


def is_file(text: str) -> bool:
    """Whether what a person typed is a test file, and no prompt."""
    return Path(text).suffix.lower() in (".json", ".toml") and not is_named(text)


def _check_keys(path: Path, data: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in data:
        if key not in known:
            close = nearest(key, known, count=1)
            advice = f"Did you mean '{close[0]}'?" if close else f"It knows: {', '.join(known)}."
            raise UserError(f"'{path}' has a key '{key}' that means nothing.", advice)


def _strings(path: Path, key: str, data: Mapping[str, Any]) -> tuple[str, ...]:
    value = data.get(key, [])
    value = [value] if isinstance(value, str) else value
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise UserError(f"'{key}' of '{path}' is no list of texts.", f'Write one: "{key}": ["..."]')
    return tuple(value)


def _values(path: Path, data: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    values = data.get("variables", {})
    if not isinstance(values, dict):
        raise UserError(f"'variables' of '{path}' are no table.", 'Write one: {"color": ["red", "blue"]}')
    return {name: _strings(path, name, values) for name in values}


def _whole(path: Path, key: str, data: Mapping[str, Any]) -> int | None:
    value = data.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise UserError(f"'{key}' of '{path}' must be a whole number, not {value!r}.", "Give one such as 16.")
    return value


def _only(named: Named, values: Mapping[str, Sequence[str]], prompts: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """The values that a prompt has a variable for; a value that no prompt has one for is a mistake."""
    known = named.template.variables
    if len(prompts) == 1:
        return values
    every = {name for prompt in prompts for name in find(prompt).template.variables}
    for name in values:
        if name not in every:
            if every:
                raise unknown("variable", name, sorted(every))
            raise UserError(f"No prompt has the variable '{name}'.", "Leave its values out.")
    return {name: each for name, each in values.items() if name in known}


def _checked(judge: Judge, drawn: Drawn, measured: Mapping[str, np.ndarray]) -> Checked:
    """The assertion of a cell's samples; what was measured of them already, by name, isn't measured again."""
    scores = measured[judge.name] if judge.name in measured else judge.scores(drawn)
    value = float(np.mean(scores))
    return Checked(judge.spec, _number(value), judge.passes(scores))


def _interval(scores: np.ndarray) -> tuple[float, float] | None:
    """A 95 % interval of the mean; of yes and no by Wilson's limits. None where all are alike, as of what is measured
    of several samples together: how sure that is, they don't tell."""
    count = len(scores)
    if count < 2:
        return None
    if np.all((scores == 0) | (scores == 1)):
        low, high = wilson(float(scores.mean()), count)
        return max(low, 0.0), min(high, 1.0)
    mean, half = float(scores.mean()), float(1.96 * scores.std(ddof=1) / math.sqrt(count))
    return (mean - half, mean + half) if half > 0 else None


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value
