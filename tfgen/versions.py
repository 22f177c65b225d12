"""Versions of a run's model: what was learned from people after the fit, beside the weights that the fit ended with.

RUN/versions/NAME/version.json says what it came from; arrays.npz holds what stands in place of the model's own. A
version never changes once it is there. `run.json` names the one in use, and none is the fit's own, called "base".
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfgen import checkpoints, files
from tfgen.console import command_line
from tfgen.errors import UserError
from tfgen.run import BASE, Run, now

FORMAT = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Version:
    """One version: its folder and its record."""

    def __init__(self, path: Path, record: dict[str, Any]):
        self.path = path
        self.record = record

    @property
    def name(self) -> str:
        return self.path.name

    def arrays(self) -> dict[str, np.ndarray]:
        """What `model.adopt` takes. Raises UserError where the file is damaged."""
        try:
            arrays = checkpoints.read(self.path / "arrays.npz", self.record["digest"])
        except FileNotFoundError:
            arrays = None
        if arrays is None:
            raise UserError(f"The version '{self.name}' is damaged.", "Use another, or tune again.")
        return arrays


def create(run: Run, name: str | None, arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> Version:
    """A new version of a run; it appears whole, and is not yet in use.

    Args:
        name: by default v1, v2, ...
        facts: where it is from, as plain JSON; "kind" among them: "tuned", "preset" or "watermarked", and "marked"
            where the arrays have the key of a watermark, so that their owner alone may read them.

    Raises:
        UserError: the name is taken, or can't be one.
    """
    if name is not None:
        check_name(run, name)
    content, digest = checkpoints.pack(arrays)
    record = {
        "format": FORMAT,
        **facts,
        "parent": run.version,
        "checkpoint": checkpoints.newest_name(run.checkpoints),
        "digest": digest,
        "created": now(),
    }
    while True:
        path = run.path / "versions" / (name or _next_name(run))
        try:
            with files.folder_atomically(path) as folder:
                files.write_bytes(folder / "arrays.npz", content, 0o600 if record.get("marked") else 0o666)
                files.write_json(folder / "version.json", record)
            return Version(path, record)
        except OSError:
            if name is not None or not path.exists():
                raise


def check_name(run: Run, name: str) -> None:
    """Raises UserError where a new version can't be called so."""
    if name == BASE:
        raise UserError(f"'{BASE}' is what the fit ended with.", "Choose another name.")
    if not _NAME.fullmatch(name):
        raise UserError(f"'{name}' can't be the name of a version.", "Use letters, digits, '-', '_' and '.'.")
    if (run.path / "versions" / name).exists():
        raise UserError(f"The run '{run.name}' has a version '{name}' already.", "Choose another name.")


def every(run: Run) -> list[Version]:
    """The versions of a run, oldest first; without those that can't be read."""
    found = []
    for path in (run.path / "versions").glob("[!.]*/version.json"):
        try:
            found.append(_read(run, path.parent))
        except UserError:
            continue
    return sorted(found, key=lambda version: (version.record["created"], version.name))


def described(run: Run) -> list[dict[str, Any]]:
    """The versions of a run as plain JSON, oldest first: each one's record with its name, and whether it is in use."""
    used = run.record.get("version") or BASE
    return [{"name": each.name, "in_use": each.name == used, **each.record} for each in every(run)]


def find(run: Run, name: str) -> Version:
    """The version of this name. Raises UserError, with the nearest name, where there is none."""
    run.check_version(name)
    return _read(run, run.path / "versions" / name)


def identity(run: Run) -> str:
    """What names the run's present version for good: "base", or the name with the beginning of its digest, since a
    name alone can come again when a version is removed, or in a copy of the run."""
    return BASE if run.version == BASE else _identity(find(run, run.version))


def by_identity(run: Run) -> dict[str, str]:
    """The names of the versions that a run has, "base" among them, by their identities."""
    return {BASE: BASE, **{_identity(version): version.name for version in every(run)}}


def _identity(version: Version) -> str:
    return f"{version.name}:{version.record['digest'][:8]}"


def use(run: Run, name: str) -> None:
    """Makes a version the one in use; "base" is what the fit ended with.

    Raises:
        UserError: there is none, it is of other weights, or a fit is at work on the run.
    """
    with files.locked(run.path):
        run.record = Run.open(str(run.path)).record  # others may have changed it meanwhile
        if name != BASE:
            check_weights(run, find(run, name), checkpoints.newest_name(run.checkpoints))
        run.update(version=None if name == BASE else name)


def check_weights(run: Run, version: Version, checkpoint: str | None) -> None:
    """Raises UserError where a version was made for other weights than those of a checkpoint."""
    if version.record["checkpoint"] != checkpoint:
        raise UserError(
            f"The version '{version.name}' is of weights that '{run.name}' no longer has, since it was fitted further.",
            f"Go on without it: {command_line('runs', 'revert', run.name, BASE)}",
        )


def _next_name(run: Run) -> str:
    taken = [int(path.name[1:]) for path in (run.path / "versions").glob("v*") if path.name[1:].isdigit()]
    return f"v{max(taken, default=0) + 1}"


def _read(run: Run, path: Path) -> Version:
    try:
        record = json.loads((path / "version.json").read_text(encoding="utf-8"))
        known = record["format"] <= FORMAT and {"digest", "checkpoint", "created", "kind"} <= record.keys()
        known = known and isinstance(record["created"], str) and isinstance(record["digest"], str)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise UserError(
            f"The version '{path.name}' of the run '{run.name}' is damaged.", "Use another, or tune again."
        ) from None
    if not known:
        raise UserError(f"The version '{path.name}' was made by a newer tfgen.", "Update tfgen to use it.")
    return Version(path, record)
