"""Runs beside each other: what each is, where they differ, and their samples in one picture."""

import math
from pathlib import Path
from typing import Any

from tfgen.catalog import MODALITIES
from tfgen.console import several
from tfgen.errors import UserError
from tfgen.evaluate import canaries
from tfgen.evaluate.record import Evaluation
from tfgen.run import Run
from tfgen.trust.energy import energy_of
from tfgen.trust.privacy import Account
from tfgen.trust.provenance import SIDECAR

_QUALITY = ("detectability_to_the_eye", "detectability", "quality", "ndcg_at_100")  # scores, the first that there is
_TIMES = ("step", "seconds", "steps_per_second")  # in a report, beside the losses


def summary(run: Run) -> dict[str, Any]:
    """The few facts that a list shows."""
    record, history = run.record, run.history()
    return {
        "name": run.name,
        "model": record["model"],
        "data": record["data"]["source"],
        "examples": record["data"]["count"],
        "status": record["status"],
        "step": history[-1]["step"] if history else 0,
        "minutes": round(history[-1]["seconds"] / 60, 1) if history else 0.0,
        "created": record["created"],
        "version": run.version,
        "versions": run.version_names,
    }


def outline(run: Run) -> dict[str, Any]:
    """What a person asks first: how the run stands, how far it came of what was planned, and its last losses."""
    record, history = run.record, run.history()
    facts = {**record, **summary(run)}
    first = {key: facts[key] for key in ("name", "status", "problem", "model", "data", "examples") if key in facts}
    if (record.get("lineage") or {}).get("from"):
        first["from"] = _descent(record["lineage"])
    if "privacy" in record:
        first["privacy"] = Account.from_json(record["privacy"]).in_words
    if "canaries" in record:
        evaluation = Evaluation.read(run.results)
        first["canaries"] = canaries.found_in_words(run, evaluation.scores if evaluation else {})
    losses = {key: _finite(value) for key, value in (history[-1] if history else {}).items() if key not in _TIMES}
    step, minutes = _of(facts["step"], record.get("steps")), _of(facts["minutes"], record.get("minutes"))
    spent = energy_of(record)
    energy = {} if spent is None else {"energy": spent.short()}
    return {**first, "step": step, "minutes": minutes, **energy, **losses}


def _descent(lineage: dict[str, Any]) -> str:
    """The runs that a run began with, the last first, and the steps that each took: "animals (2000 steps), photos (500
    steps)"."""
    runs = []
    while lineage and "from" in lineage:
        runs.append(f"{lineage['from']} ({several(lineage['steps'], 'step')})")
        lineage = lineage["before"]
    return ", ".join(runs)


def _of(reached: float, planned: float | None) -> str:
    return f"{reached} of {planned}" if planned else str(reached)


def details(run: Run) -> dict[str, Any]:
    """Every fact of the record on one level, and the last losses."""
    record, history = run.record, run.history()
    flat = {key: value for key, value in record.items() if not isinstance(value, dict)}
    for group in ("data", "config", "environment"):
        flat.update({f"{group}.{key}": value for key, value in record[group].items()})
    for group in ("privacy", "canaries"):
        flat.update({f"{group}.{key}": value for key, value in record.get(group, {}).items()})
    flat.update({f"lineage.{key}": value for key, value in (record.get("lineage") or {}).items()})
    last = history[-1] if history else {}
    flat.update({f"last.{key}": value for key, value in last.items()})
    flat.update(_energy(run))
    return {"name": run.name, "path": str(run.path), **{key: _finite(value) for key, value in flat.items()}}


def _energy(run: Run) -> dict[str, Any]:
    """What the fit cost; and where the run was evaluated, its quality, and that of each watt-hour."""
    spent, evaluation = energy_of(run.record), Evaluation.read(run.results)
    found: dict[str, Any] = {}
    if spent is not None:
        found = {"energy.watt_hours": spent.watt_hours, "energy.grams_co2": spent.grams, "energy.how": spent.sort}
    quality = None if evaluation is None else quality_of(evaluation)
    if quality is None:
        return found
    name, value = quality
    found |= {"quality": value, "quality.by": name}
    if spent is not None and spent.watt_hours > 0:
        found["quality.per_watt_hour"] = value / spent.watt_hours
    return found


def quality_of(evaluation: Evaluation) -> tuple[str, float] | None:
    """What it is taken from, and a number from 0 to 1 of which more is better; None where nothing such was measured.

    Of samples that a classifier tells from real examples, 2 less twice how often it is right about a pair: 1 where it
    can only guess, 0 where it is always right. Of rows that are too few for that, how like real ones they are; of sets,
    how well they rank.
    """
    found = next((name for name in _QUALITY if name in evaluation.scores), None)
    if found is None:
        return None
    value = evaluation.scores[found].value
    return found, min(1.0, max(0.0, 2 - 2 * value)) if found.startswith("detectability") else value


def _finite(value: Any) -> Any:
    """None for what isn't a number: JSON has no word for it."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def differences(runs: list[Run]) -> dict[str, list[Any]]:
    """What isn't the same in all runs: the fact's name to its value in each."""
    every = [details(run) for run in runs]
    keys = dict.fromkeys(key for one in every for key in one if key not in ("name", "path", "updated"))
    rows = {key: [one.get(key) for one in every] for key in keys}
    return {key: values for key, values in rows.items() if any(value != values[0] for value in values)}


def check_alike(runs: list[Run]) -> None:
    """Raises UserError where the samples of runs can't be put side by side."""
    kinds = {run.record["modality"] for run in runs}
    if len(kinds) > 1:
        names = " and ".join(MODALITIES.load(kind).plural for kind in sorted(kinds))
        raise UserError(f"The runs make different things ({names}).", "Compare runs on the same kind of data.")


def side_by_side(runs: list[Run], path: Path) -> None:
    """Writes one file with the newest sheet of samples of each run."""
    sheets = [newest_sheet(run) for run in runs]
    MODALITIES.load(runs[0].record["modality"]).join_sheets(sheets, [run.name for run in runs], path)


def sheets_ending(runs: list[Run]) -> str:
    """The ending of the file that `side_by_side` writes."""
    return newest_sheet(runs[0]).suffix


def newest_sheet(run: Run) -> Path:
    """The last samples that a fit wrote for a person to look at. Raises UserError where there are none."""
    sheets = sorted(path for path in (run.path / "samples").glob("samples-*.*") if path.suffix != SIDECAR)
    if not sheets:
        raise UserError(f"'{run.name}' has no samples yet.", f"Finish it with: {run.resume_command}")
    return sheets[-1]
