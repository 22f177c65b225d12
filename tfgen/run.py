"""A run: one folder that every stage reads and writes. Plain JSON, arrays and pictures; nothing that runs code.

run.json        what was trained on what, with which settings, and how it stands
codec.json      the examples' shape and the vocabulary: what turns words into conditions and tensors into pictures
tokenizer.json  of a model of text: what turns text into tokens and back; the library `tokenizers` reads it
data.json       what was read, what was left out and why
checkpoints/    the newest training states, each with its hash in its name
history.jsonl   one line per report: step, seconds, losses
start.npz       of a fit with a pre-trained start: its weights, unless the checkpoints hold them all
start-tokenizer.json  what it came with, to which the data may have added: tokenizer.json is with that
canaries.npz    of a fit with canaries: all that were made up, and which it learned (tfgen.trust.canaries)
samples/        pictures from fixed seeds while it learned
losses.png      the losses over the steps
quality.jsonl   one line per measurement, of a fit that was told to measure; its best weights are in best/
upscalers/      what enlarges its pictures, if anything (tfgen.upscale)
versions/       what was learned from people since, if anything (tfgen.versions)
evaluation.json what `tfgen evaluate` found, and report.html for reading
"""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tfgen import __version__, files
from tfgen.console import command_line
from tfgen.errors import UserError, nearest, unknown
from tfgen.representations.arrays.vocabulary import Vocabulary

FORMAT = 1
BASE = "base"  # the version that a fit ended with
SECRET = ".key"  # ends the names of files that their owner alone may read
START = "start.npz"
START_TOKENIZER = "start-tokenizer.json"
_KINDS = {
    "format": int, "model": str, "status": str, "data": dict, "config": dict, "environment": dict, "created": str,
}  # fmt: skip
_MAYBE = {
    "modality": str, "version": (str, type(None)), "start": dict, "lineage": (dict, type(None)), "seed": int,
    "canaries": dict,
}  # fmt: skip
# Of version 0.1, which kept them among the facts on the data.
_OLD_DATA_SETTINGS = ("size", "channels", "tokenizer", "vocabulary_size", "holdout")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def runs_folder() -> Path:
    """Where runs live by default: `saved_models` in the current folder, or $TFGEN_RUNS."""
    return Path(os.environ.get("TFGEN_RUNS", "saved_models"))


class Run:
    """One run's folder and its record, `run.json`."""

    def __init__(self, path: Path, record: dict[str, Any], version: str | None = None):
        self.path = path
        self.record = record
        self._version = version

    @classmethod
    def create(
        cls,
        path: Path,
        record: dict[str, Any],
        codec: dict[str, Any],
        report: dict[str, Any],
        parts: Mapping[str, bytes] | None = None,
        held: contextlib.ExitStack | None = None,
    ) -> "Run":
        """A new folder with its first files, which appears whole, and locked for as long as `held` is.

        `parts` are files that belong to the codec, by name.

        Raises:
            FileExistsError: something is there already, other than an empty folder.
            OSError: it can't be written.
        """
        record = {"format": FORMAT, "tfgen": __version__, "created": now(), **record}
        try:
            with files.folder_atomically(path) as folder:
                if held is not None:
                    held.enter_context(files.locked(folder))  # the lock goes along when the folder is renamed
                for name in ("checkpoints", "samples"):
                    (folder / name).mkdir()
                for name, content in (parts or {}).items():
                    files.write_bytes(folder / name, content, 0o600 if name.endswith(SECRET) else 0o666)
                files.write_json(folder / "codec.json", codec)
                files.write_json(folder / "data.json", report)
                cls(folder, record).save()
        except OSError as error:
            if not is_free(path):
                raise FileExistsError(path) from error
            raise
        return cls(path, record)

    @classmethod
    def create_numbered(cls, wanted: str, *content: Any) -> "Run":
        """As `create`, under `wanted` or the first number behind it that no other process takes before."""
        while True:
            with contextlib.suppress(FileExistsError):
                return cls.create(runs_folder() / free_name(wanted), *content)

    @classmethod
    def open(cls, name: str) -> "Run":
        """The run with this name under `saved_models`, or at this path; name@version is one of its versions.

        Raises:
            UserError: there is none (names the nearest), or its record can't be read.
        """
        name, version = split_version(name)
        path = locate(name)
        if not (path / "run.json").is_file():
            close = nearest(name, [run.name for run in all_runs()], count=1)
            advice = f"Did you mean '{close[0]}'?" if close else "See what there is with: tfgen runs list"
            raise UserError(f"There is no run '{name}'.", advice)
        run = cls(path, _read_record(path), version)
        if version is not None:
            run.check_version(version)
        return run

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @property
    def title(self) -> str:
        """The name, with the version where it isn't the fit's own."""
        return self.name if self.version == BASE else f"{self.name}@{self.version}"

    @property
    def version(self) -> str:
        """The version that is meant: the one that was asked for, else the one in use; "base" is the fit's own."""
        return self._version or self.record.get("version") or BASE

    @property
    def version_names(self) -> list[str]:
        """What it has beside "base"."""
        return sorted(path.parent.name for path in (self.path / "versions").glob("[!.]*/version.json"))

    def check_version(self, name: str) -> None:
        """Raises UserError, with the nearest name, where there is no such version."""
        if name == BASE or name in self.version_names:
            return
        if not self.version_names:
            presets, tuned = (command_line(each, self.name) for each in ("steer", "tune"))
            raise UserError(
                f"The run '{self.name}' has no version '{name}', and no other.",
                f"Make one by picks: {presets}, or from feedback: {tuned}",
            )
        raise unknown(f"version of '{self.name}'", name, [BASE, *self.version_names])

    @property
    def results(self) -> Path:
        """Where what is made of the model is kept, such as scores and exports: each version has its own."""
        return self.path if self.version == BASE else self.path / "versions" / self.version

    @property
    def reference(self) -> str:
        """What to type to name this run: its name where that is enough, else its path."""
        return self._of_version(self.name if self.path == runs_folder() / self.name else str(self.path))

    @property
    def short_reference(self) -> str:
        """The same without its folders, for what others read."""
        return self._of_version(self.name)

    def _of_version(self, name: str) -> str:
        return f"{name}@{self._version}" if self._version else name

    @property
    def resume_command(self) -> str:
        """What a person types to continue the fit."""
        return command_line("fit", self.record["model"], "-o", self.reference, "--resume")

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def save(self) -> None:
        """Writes `run.json`, atomically."""
        self.record["updated"] = now()
        files.write_json(self.path / "run.json", self.record)

    def update(self, **changes: Any) -> None:
        """Changes the record and writes it."""
        self.record.update(changes)
        self.save()

    def data_settings(self) -> dict[str, Any]:
        """The settings that `open_data` needs to find the run's data as they were; files of the run among them."""
        stored = self.record["data"]
        own = self.record.get("start", {}).get("files", {})
        settings = stored.get("settings", {key: stored[key] for key in _OLD_DATA_SETTINGS if key in stored})
        return {
            **settings,
            **{key: str(self.path / name) for key, name in own.items()},
        }

    def data_source(self) -> str:
        """Where the data is that the run learned, for `open_data`: a path where it has one."""
        stored = self.record["data"]
        return str(self.path / stored["file"]) if stored.get("file") else stored["path"] or stored["source"]

    def codec(self) -> dict[str, Any]:
        """What turns the outside into what the model takes and back, as the fit wrote it."""
        return _read_json(self.path, "codec.json")

    def vocabulary(self) -> Vocabulary:
        """The words and prompts that the run knows."""
        try:
            return Vocabulary.from_json(self.codec()["vocabulary"])
        except (ValueError, TypeError, KeyError) as error:
            raise _damaged(self.path, "codec.json") from error

    def history(self, name: str = "history.jsonl") -> list[dict[str, float]]:
        """The reports of the fit in order; a last line that a killed fit left half-written is skipped."""
        path = self.path / name
        rows = []
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return rows

    def remove(self) -> None:
        """Deletes the folder; the record goes first, so that a half-deleted run isn't taken for one.

        Of a symbolic link, only the link goes: what it leads to was put elsewhere on purpose. Of a run that was opened
        as name@version, only that version goes.

        Raises:
            UserError: the version is in use, or it is the fit's own.
        """
        if self._version is not None:
            return self._remove_version(self._version)
        with files.locked(self.path):
            if self.path.is_symlink():
                self.path.unlink()
                return
            (self.path / "run.json").unlink()
            shutil.rmtree(self.path)

    def _remove_version(self, name: str) -> None:
        if name == BASE:
            raise UserError(f"'{BASE}' is what the fit of '{self.name}' ended with.", f"Remove '{self.name}' itself.")
        if name == self.record.get("version"):
            advice = f"Put another into use first: {command_line('runs', 'revert', self.name)}"
            raise UserError(f"The version '{name}' of '{self.name}' is in use.", advice)
        (self.path / "versions" / name / "version.json").unlink()
        shutil.rmtree(self.path / "versions" / name)


def split_version(name: str) -> tuple[str, str | None]:
    """A run's name or path, and the version that stands behind an @, if one does."""
    run, sign, version = name.rpartition("@")
    if not sign or os.sep in version or (Path(name) / "run.json").is_file():
        return name, None
    return run, version


def locate(name: str) -> Path:
    """The path behind a name: a path where it looks like one, else a folder under `saved_models`."""
    if os.sep in name or name in (".", "..") or (Path(name) / "run.json").is_file():
        return Path(name)
    if not _NAME.fullmatch(name):
        raise UserError(f"'{name}' can't be the name of a run.", "Use letters, digits, '-', '_' and '.', or a path.")
    return runs_folder() / name


def all_runs(folder: Path | None = None) -> list[Run]:
    """Every readable run under `saved_models`, oldest first."""
    runs = []
    for path in (folder or runs_folder()).glob("[!.]*/run.json"):  # a hidden one is on its way
        try:
            runs.append(Run(path.parent, _read_record(path.parent)))
        except UserError:
            continue
    return sorted(runs, key=lambda run: run.record.get("created", ""))


def is_free(path: Path) -> bool:
    """Whether a run can have this path: nothing is there, or an empty folder. What holds a file is someone's."""
    return not any(path.iterdir()) if path.is_dir() else not os.path.lexists(path)


def check_free(path: Path) -> None:
    """Raises UserError where a run can't have this path."""
    if not is_free(path):
        raise UserError(f"'{path}' exists already.", "Choose another name with -o, or continue it with --resume.")
    if path.is_dir() and (path.is_mount() or path.samefile(".")):  # a run's folder comes in its place
        raise UserError(f"'{path}' can't become a run's folder.", f"Name a folder in it: -o {path / 'run'}")


def free_name(wanted: str) -> str:
    """`wanted`, or with the first number behind it that is free."""
    number, name = 1, wanted
    while not is_free(runs_folder() / name):
        number += 1
        name = f"{wanted}-{number}"
    return name


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _read_record(path: Path) -> dict[str, Any]:
    record = _read_json(path, "run.json")
    kinds = {**_KINDS, **{name: kind for name, kind in _MAYBE.items() if name in record}}
    if any(not isinstance(record.get(name), kind) for name, kind in kinds.items()) or not record["data"]:
        raise _damaged(path, "run.json")
    if not 0 <= record.get("seed", 0) < 2**32:
        raise _damaged(path, "run.json")
    if record["format"] > FORMAT:
        raise UserError(f"The run '{path.name}' was made by a newer tfgen.", "Update tfgen to use it.")
    return record


def _read_json(path: Path, name: str) -> dict[str, Any]:
    try:
        value = json.loads((path / name).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise _damaged(path, name)
    return value


def _damaged(path: Path, name: str) -> UserError:
    return UserError(f"'{name}' of the run '{path.name}' is damaged.", "Restore it, or fit again.")
