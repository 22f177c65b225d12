"""Proof that an export answers as its model does: the same calls in a fresh process, compared value by value."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfgen.errors import Failure
from tfgen.export import apart
from tfgen.export.agreement import Agreement
from tfgen.export.formats import Tolerance
from tfgen.export.signatures import ExportedModel

_FIRST_SEED = 1000
_CALIBRATED_AT_ONCE = 20  # rows: some memory, and not a call for each


@dataclass(frozen=True)
class Proof:
    """What was measured of an export in a process of its own."""

    agreements: list[Agreement]
    latency: dict[str, dict[str, float]]  # by batch: milliseconds p50 and p95
    tolerance: Tolerance
    timed: str  # what took so long: "call", or a part of one

    @property
    def worst_difference(self) -> float:
        return max(each.difference for each in self.agreements)

    @property
    def worst_decibels(self) -> float:
        return min(each.decibels for each in self.agreements)

    @property
    def worst_perplexity(self) -> float | None:
        """The largest change; None where no text was looked at."""
        return max((each.perplexity for each in self.agreements if each.perplexity is not None), key=abs, default=None)

    def failures(self) -> list[Agreement]:
        return [each for each in self.agreements if not each.within(self.tolerance)]


Cases = dict[str, dict[str, np.ndarray]]  # by "call/batch": inputs by name


@dataclass(frozen=True)
class Expectation:
    """Calls, and what the live model answers to them."""

    exported: ExportedModel
    cases: Cases
    answers: dict[str, dict[str, np.ndarray]]  # by "call/batch": outputs by name


def make_cases(
    exported: ExportedModel, calls: Sequence[str], batches: Sequence[int], first_seed: int = _FIRST_SEED
) -> Cases:
    """Inputs for calls at several batch sizes."""
    return {
        f"{name}/{batch}": exported.inputs_of(name, np.arange(first_seed, first_seed + batch, dtype=np.int32))
        for name in calls
        for batch in batches
    }


def calibration_cases(exported: ExportedModel, count: int) -> Cases:
    """Single rows for every signature, from seeds that no comparison uses."""
    cases = {}
    for first in range(0, count, _CALIBRATED_AT_ONCE):
        places = range(first, min(first + _CALIBRATED_AT_ONCE, count))
        seeds = -1 - np.array(places, np.int32)
        for call in exported.entries:
            inputs = exported.inputs_of(call, seeds)
            for row, place in enumerate(places):
                cases[f"{call}/{place}"] = {name: value[row : row + 1] for name, value in inputs.items()}
    return cases


def save_cases(path: Path, cases: Cases) -> None:
    """As the scripts that run in processes of their own read them."""
    np.savez(path, **{f"{key}/{name}": value for key, inputs in cases.items() for name, value in inputs.items()})


def expect(exported: ExportedModel) -> Expectation:
    """What an export of this exported must answer."""
    cases = make_cases(exported, exported.calls(), exported.batches)
    return Expectation(
        exported, cases, {key: exported.answers(key.split("/")[0], inputs) for key, inputs in cases.items()}
    )


def prove(script: Path, artefact: Path, expected: Expectation, tolerance: Tolerance) -> Proof:
    """Runs `script` on an export in a fresh process and compares its answers with the expected ones.

    Raises:
        Failure: the export could not be run at all.
    """
    timed = expected.exported.timed
    with tempfile.TemporaryDirectory() as folder:
        given, got = Path(folder) / "cases.npz", Path(folder) / "answers.npz"
        save_cases(given, expected.cases)
        if reason := apart.run(script, artefact, given, got, timed):
            raise Failure(f"The export can't be run in a process of its own: {reason}.", "Nothing was published.")
        with np.load(got) as file:
            answers = {key: file[key] for key in file.files}
    parts = {
        key.split("/")[1]: expected.exported.steps(each)
        for key, each in expected.answers.items()
        if key.split("/")[0] == timed
    }
    latency = {batch: _percentiles(answers[f"latency/{batch}"] / count) for batch, (count, _) in parts.items()}
    return Proof(_compare(expected, answers), latency, tolerance, next(iter(parts.values()))[1])


def _percentiles(milliseconds: np.ndarray) -> dict[str, float]:
    return {f"p{share}": float(np.percentile(milliseconds, share)) for share in (50, 95)}


def _compare(expected: Expectation, answers: dict[str, np.ndarray]) -> list[Agreement]:
    together: dict[tuple[str, str], list] = {}
    for key, outputs in expected.answers.items():
        for name, value in outputs.items():
            call = key.split("/")[0]
            together.setdefault((call, name), []).append((value, answers[f"{key}/{name}"], expected.cases[key]))
    return [
        expected.exported.compare(*names, [each[:2] for each in found], [each[2] for each in found])
        for names, found in together.items()
    ]
