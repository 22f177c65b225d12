"""Files that appear whole or not at all.

Every write goes to a temporary name in the same folder, is flushed to the disk (file and folder), and is renamed.
A reader, or a process killed at any instant, sees the old file or the new one.
"""

import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from tfgen.errors import UserError

_FOLDER_PREFIX = ".tfgen-"
_STALE_AFTER_SECONDS = 24 * 3600.0


@contextlib.contextmanager
def open_atomically(path: Path, mode: int = 0o666) -> Iterator[BinaryIO]:
    """A binary file, to write and read, that replaces `path` when the block ends without an error, and vanishes
    otherwise.

    mode: who may read and write it, as far as the umask allows; until it is there, its owner alone may.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode & ~_umask())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def check_place(path: Path) -> None:
    """Raises UserError where nothing can be written at `path`, since what should be its folder is a file, or lets
    nobody write; called before the work, which would be lost with it."""
    folder = Path(path).absolute().parent
    while not os.path.lexists(folder):
        folder = folder.parent  # it will be made, in the first one that is there
    if not folder.is_dir():
        raise UserError(f"'{folder}' is no folder, so '{path}' can't be written.", "Give another path.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"You may not write in the folder '{folder}'.", "Give another path, or change its permissions.")


@contextlib.contextmanager
def folder_atomically(path: Path) -> Iterator[Path]:
    """A folder to fill, which appears whole as `path` when the block ends without an error, and vanishes otherwise.

    Raises:
        OSError: something is at `path` then, other than an empty folder; or the disk fails.
    """
    path = Path(os.path.realpath(path))  # of a link to a folder, the folder comes into being
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(path.parent)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=_FOLDER_PREFIX, suffix=".tmp"))
    try:
        yield temporary
        os.chmod(temporary, 0o777 & ~_umask())
        for folder, _, names in os.walk(temporary):
            for name in names:
                _sync_file(Path(folder) / name)
            sync_folder(Path(folder))
        os.rename(temporary, path)
        sync_folder(path.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _remove_stale(folder: Path) -> None:
    """Deletes folders that a killed process left half-filled long ago."""
    for temporary in folder.glob(f"{_FOLDER_PREFIX}*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - temporary.stat().st_mtime > _STALE_AFTER_SECONDS:
                shutil.rmtree(temporary, ignore_errors=True)


def write_bytes(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Replaces `path` by `content`, atomically; mode as in `open_atomically`."""
    with open_atomically(path, mode) as file:
        file.write(content)


def write_json(path: Path, value: Any) -> None:
    """Replaces `path` by `value` as indented JSON, atomically."""
    write_bytes(path, as_json(value))


def as_json(value: Any) -> bytes:
    """`value` as indented JSON."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def sync_folder(folder: Path) -> None:
    """Makes a rename inside `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other processes out of a folder while the block runs; a killed process lets go by itself.

    Raises:
        UserError: another process is in it.
    """
    import fcntl

    with open(folder / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"Another process is at work in '{folder}'.", "Wait for it, or stop it.") from None
        yield


def is_locked(folder: Path) -> bool:
    """Whether a process is in a folder by `locked`."""
    import fcntl

    try:
        with open(folder / ".lock", "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def remove_leftovers(folder: Path) -> None:
    """Deletes what a killed process had not yet renamed. Only for a folder that no other process writes to."""
    for temporary in folder.glob(".*.tmp"):
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def _sync_file(path: Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def _umask() -> int:
    with contextlib.suppress(OSError, IndexError, ValueError):  # to read it without setting it, as threads must
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return int([line.split()[1] for line in lines if line.startswith("Umask:")][0], 8)
    mask = os.umask(0)
    os.umask(mask)
    return mask
