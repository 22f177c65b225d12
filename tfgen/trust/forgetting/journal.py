"""So that forgetting may be killed at any line: what was done so far, and old runs that lie aside meanwhile.

A run that is fitted anew lies aside until the new one is whole: then one rename makes the old one a thing to delete.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfgen import files
from tfgen.errors import UserError
from tfgen.run import runs_folder

_ASIDE, _GONE = ".forgotten", ".deleted"  # end the names of old runs, hidden ones: until the new one is whole, and then


def recover() -> None:
    """Puts back runs that lie aside, since what was fitted in their place never became whole, and deletes those that
    were done. Raises UserError where another forgetting is at work."""
    if not runs_folder().is_dir():
        return
    journal = read_journal()
    places = [Path(each["path"]) for each in journal["runs"]] if journal else []
    hidden = [path for path in runs_folder().glob(".*") if path.name.endswith((_ASIDE, _GONE))]
    places += [path.with_name(path.name[1:].removesuffix(_ASIDE).removesuffix(_GONE)) for path in hidden]
    if not any(aside(path).exists() or gone(path).exists() for path in places):
        return
    with alone():
        for path in places:
            put_back(path)
            if gone(path).exists():
                shutil.rmtree(gone(path))


def put_back(path: Path) -> None:
    """The old run comes back in place of what was begun."""
    if aside(path).exists():
        if path.exists():
            with files.locked(path):  # nobody is at work on it
                os.rename(path, gone(path))
        os.rename(aside(path), path)
        if gone(path).exists():
            shutil.rmtree(gone(path))


def aside(path: Path) -> Path:
    """Where an old run lies while it is fitted anew."""
    return path.with_name(f".{path.name}{_ASIDE}")


def gone(path: Path) -> Path:
    """Where what is deleted lies while that takes."""
    return path.with_name(f".{path.name}{_GONE}")


def folder() -> Path:
    return runs_folder() / "forgotten"


def journal_path() -> Path:
    return folder() / ".under-way.json"


def read_journal() -> dict[str, Any] | None:
    try:
        return json.loads(journal_path().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        raise UserError(f"'{journal_path()}' is damaged.", "Remove it, and look at the runs first.") from None


def write_journal(journal: dict[str, Any]) -> None:
    files.write_json(journal_path(), journal)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    folder().mkdir(parents=True, exist_ok=True)
    with files.locked(folder()):
        yield
