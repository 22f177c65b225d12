"""Checkpoints: the whole training state in one .npz file that carries the SHA-256 of its bytes in its name.

One rename makes it appear whole, hash and all. A file whose bytes don't match its name is damaged, and the one before
it is used. By hand: `sha256sum 000003-step-00001234-*.npz` begins with the digits in the name.
"""

import hashlib
import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfgen import files
from tfgen.errors import Failure, UserError

KEEP = 3
_NAME = re.compile(r"(?P<serial>\d{6,})-step-(?P<step>\d{8,})-(?P<digest>[0-9a-f]{32})\.npz")


class NotFinite(Exception):
    """The state holds values that aren't finite numbers, so it was not saved."""


class Checkpoint(NamedTuple):
    """The arrays of a whole checkpoint, its step, the names of newer checkpoints that are damaged, and its own."""

    arrays: dict[str, np.ndarray]
    step: int
    damaged: list[str]
    name: str


def save(folder: Path, arrays: Mapping[str, np.ndarray], step: int, keep: int = KEEP) -> Path:
    """Writes a checkpoint and drops all but the newest `keep`.

    Raises:
        NotFinite: the state holds a value that isn't a number; nothing is written.
        Failure: it could not be written; the checkpoints from before are untouched.
    """
    for name, value in arrays.items():
        if not np.all(np.isfinite(value)):
            raise NotFinite(name)
    content, digest = pack(arrays)
    newest = _all(folder)[-1:]
    if newest and newest[0].name.endswith(f"-step-{step:08d}-{digest}.npz") and read(newest[0], digest) is not None:
        return newest[0]  # it is there already, and whole
    serial = max([_part(path, "serial") for path in _all(folder)], default=0) + 1
    path = folder / f"{serial:06d}-step-{step:08d}-{digest}.npz"
    try:
        files.write_bytes(path, content)
    except OSError as error:
        raise Failure(
            f"A checkpoint could not be written: {error.strerror or error}.",
            "Make room or mend the folder, then continue with --resume; the checkpoint before it is whole.",
        ) from error
    for old in _all(folder)[:-keep]:
        old.unlink(missing_ok=True)
    return path


def newest_name(folder: Path) -> str | None:
    """The name of the newest checkpoint, whole or not; None where there is none."""
    return next((path.name for path in reversed(_all(folder))), None)


def newest_step(folder: Path) -> int:
    """The step of the newest checkpoint, whole or not; 0 where there is none."""
    return next((_part(path, "step") for path in reversed(_all(folder))), 0)


def load_newest(folder: Path) -> Checkpoint:
    """The newest whole checkpoint. Raises UserError where there is none."""
    damaged = []
    for path in reversed(_all(folder)):
        try:
            arrays = read(path, _NAME.fullmatch(path.name)["digest"])
        except FileNotFoundError:
            continue  # a fit under way has dropped it for newer ones
        if arrays is not None:
            return Checkpoint(arrays, _part(path, "step"), damaged, path.name)
        damaged.append(path.name)
    if damaged:
        raise UserError(f"Every checkpoint in '{folder}' is damaged.", "Restore one from a backup, or fit again.")
    raise UserError(f"There is no checkpoint in '{folder}'.", "Fit again: the run ended before its first one.")


def capture(variables: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The values of a model's state as arrays."""
    return {name: variable.numpy() for name, variable in variables.items()}


def restore(variables: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Sets a model's state. Raises UserError where names or shapes differ, before anything is set."""
    same = {name: tuple(variable.shape) for name, variable in variables.items()}
    if same != {name: value.shape for name, value in arrays.items()}:
        raise UserError(
            "The checkpoint's weights don't fit this version's model.", "Use the version of tfgen that made the run."
        )
    for name, variable in variables.items():
        variable.assign(arrays[name])


def pack(arrays: Mapping[str, np.ndarray]) -> tuple[memoryview, str]:
    """The bytes of an .npz file and their digest, for `read`."""
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getbuffer(), _digest(content.getbuffer())


def read(path: Path, digest: str) -> dict[str, np.ndarray] | None:
    """The arrays of a file, or None where its bytes are not those with this digest, or not those of arrays. Raises
    FileNotFoundError."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError:
        return None
    if _digest(content) != digest:
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:  # as `pack` wrote it: what is packed could be a bomb
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                return None
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        return arrays if all(isinstance(each, np.ndarray) for each in arrays.values()) else None
    except (ValueError, OSError, EOFError, MemoryError, zipfile.BadZipFile):
        return None


def _digest(content: bytes | memoryview) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _part(path: Path, part: str) -> int:
    return int(_NAME.fullmatch(path.name)[part])


def _all(folder: Path) -> list[Path]:
    """Checkpoints, oldest first."""
    paths = [path for path in folder.glob("*.npz") if _NAME.fullmatch(path.name)]
    return sorted(paths, key=lambda path: _part(path, "serial"))
