"""Which runs a record touched: by the data that they learned, and by what they began with."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfgen import files
from tfgen.errors import UserError
from tfgen.evaluate.training_data import open_showing
from tfgen.restore import open_codec
from tfgen.run import Run, all_runs, split_version
from tfgen.trust.descent import ancestors
from tfgen.trust.forgetting.records import Records


@dataclass(frozen=True)
class Touched:
    """A run that learned the records: why it is thought so, whether it is fitted anew, and on the clean data that was
    named or on its own."""

    run: Run
    because: str
    anew: bool
    on_clean: bool


@dataclass(frozen=True)
class Findings:
    """Every run here: those that were touched, parents first, the names of others, and of those of which nobody can
    tell."""

    touched: list[Touched]
    untouched: list[str]
    unknown: list[str]


def look_at_runs(run: Run, records: Records, clean: Any, data: str | None, delete: bool) -> Findings:
    """What the records touched, beside a run of which that is known.

    Args:
        clean: its examples without them. data: where these are, if it isn't where the run found its own.
        delete: nothing is fitted anew.

    Raises:
        UserError: the data of another run holds a record, or a fit is at work on a run that was touched.
    """
    others = [each for each in all_runs() if each.path.resolve() != run.path]
    found, unknown, on_clean = {run.path: "learned the data that held it"}, set(), {run.path}
    for each in others:
        because = _because(run, each, records, clean, data)
        if because:
            found[each.path.resolve()] = because
            on_clean.add(each.path.resolve())
        elif because is None:
            unknown.add(each.path.resolve())
    grown = True
    while grown:  # what began with a touched run, and what began with that
        grown, names = False, {path.name for path in found}
        for each in others:
            path = each.path.resolve()
            if path not in found and names & dict(ancestors(each.record)).keys():
                found[path], grown = "began with one that did", True
    runs = [Run.open(str(path)) for path in found]
    runs.sort(key=lambda each: (len(ancestors(each.record)), each.record["created"]))
    touched: list[Touched] = []
    for each in runs:
        if files.is_locked(each.path):
            raise UserError(f"A fit is at work on '{each.name}', which learned it too.", "Wait for it, or stop it.")
        gone = {other.run.path for other in touched if not other.anew}
        anew = not delete and each.path not in unknown and _can_be_anew(each, gone)
        touched.append(Touched(each, found[each.path], anew, each.path in on_clean))
    rest = [each for each in others if each.path.resolve() not in found]
    untouched = [each.name for each in rest if each.path.resolve() not in unknown]
    return Findings(touched, untouched, [each.name for each in rest if each.path.resolve() in unknown])


def _because(run: Run, other: Run, records: Records, clean: Any, data: str | None) -> str | None:
    """Why another run is touched by its own data; empty where it isn't, None where nobody can tell.

    Raises UserError where its data, at another place, holds a record still.
    """
    mine, its = run.record["data"], other.record["data"]
    if its.get("fingerprint") == mine["fingerprint"]:
        return "learned the same data"
    if its.get("fingerprint") == clean.fingerprint:
        return ""
    same_place = bool(mine.get("path")) and its.get("path") == mine["path"]
    changed = "learned data from the same place" if same_place else None
    source = other.data_source()
    if not (same_place and data):
        if records.packed_in(source) is not None:
            return changed
        records.check_person(source)
    if other.record["modality"] != run.record["modality"]:
        return ""
    try:
        examples = open_showing(source, other.data_settings(), open_codec(other).representation)
    except UserError:
        return changed
    if examples.fingerprint != its["fingerprint"]:
        return changed
    try:
        held = records.held_by(other, examples, source)
    except UserError:  # they have other columns, or are of another size: it can't have learned them
        return ""
    if held and same_place:
        return changed
    if held:
        raise UserError(
            f"The data of '{other.name}', '{source}', holds {held} of the records too, or something equal.",
            "Take it out there and name that run as well, or where it is somebody else's: --keep-equal.",
        )
    return ""


def _can_be_anew(run: Run, gone: set[Path]) -> bool:
    """Whether a run can be fitted once more: its steps are known, and what it began with is there, and not `gone`."""
    start = run.record.get("start", {})
    if not run.record.get("steps"):
        return False
    if start.get("run"):
        with contextlib.suppress(UserError):
            parent, version = split_version(start["run"])
            # A learned version goes with the old weights of its run.
            return version is None and Run.open(parent).path.resolve() not in gone
        return False
    return not start.get("preset") or Path(start["preset"]).exists()
