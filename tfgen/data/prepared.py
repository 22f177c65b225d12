"""Prepared files: examples decoded once, kept in a cache folder, and read through the page cache afterwards.

A prepared file is an .npy with a .json manifest beside it. The manifest is written last, so an .npy without one was
never finished. It is trusted while its size and time are as the manifest says; otherwise its content is hashed, and it
is made anew when that differs. The cache may be deleted at any time.
"""

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tfgen import files
from tfgen.errors import Failure

# What is kept in the cache folder: prepared files, unfinished ones, tokenizers of presets, what other modules keep.
_OWN = re.compile(
    r".+-[0-9a-f]{16}-[0-9a-f]{32}\.(npy|json)|\..+\.tmp|tokenizer-[0-9a-f]{16}\.json|extractors|steering|archives"
    r"|privacy\.json"
)
FORMAT = 1  # raise it whenever the same files would give other values
STALE_AFTER_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Key:
    """What a prepared file was made of: `place` is what it replaces older ones by, `content` tells it from them."""

    name: str
    place: str
    content: str

    @classmethod
    def of(cls, name: str, place: Any, content: Any) -> "Key":
        """A key from plain values; equal values give equal keys."""
        return cls(name, _digest([FORMAT, place])[:16], _digest([FORMAT, place, content])[:32])


def open_or_prepare(key: Key, prepare: Callable[["Writer"], dict[str, Any]]) -> tuple[np.ndarray, str, dict[str, Any]]:
    """The values, their SHA-256 and the details that `prepare` gave, from the cache or made now.

    `prepare` writes the values to the Writer and returns the details, which must be plain JSON.
    """
    path = cache_folder() / f"{key.name}-{key.place}-{key.content}.npy"
    return _read(path) or _prepare(path, key, prepare)


def cache_folder() -> Path:
    """TFGEN_CACHE, else `tfgen` in the user's cache folder."""
    if os.environ.get("TFGEN_CACHE"):
        return Path(os.environ["TFGEN_CACHE"]).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tfgen"


def clear_cache() -> int:
    """Deletes what tfgen keeps in the cache folder, and nothing of others; how many files that was."""
    folder, gone = cache_folder(), 0
    own = [path for path in folder.glob("*") if _OWN.fullmatch(path.name)] if folder.is_dir() else []
    for path in own:
        inside = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
        with contextlib.suppress(OSError):  # another process uses it
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            gone += len(inside)
    return gone


class Writer:
    """An .npy that grows: rows are appended, and their number is put into the header at the end."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self._digest = hashlib.sha256()
        self._header_length: int | None = None
        self.shape: tuple[int, ...] = ()
        self.dtype = np.dtype(np.uint8)
        self.count = 0

    def append(self, rows: np.ndarray) -> None:
        """Adds rows [k, ...], all of one shape and type."""
        if self._header_length is None:
            self.shape, self.dtype = rows.shape[1:], rows.dtype
            self._write_header()
            self._header_length = self._file.tell()
        if rows.dtype != self.dtype or rows.shape[1:] != self.shape:
            raise ValueError(f"rows are {rows.dtype} {rows.shape[1:]}, not {self.dtype} {self.shape}")
        content = np.ascontiguousarray(rows).data
        self._file.write(content)
        self._digest.update(content)
        self.count += len(rows)

    def restart(self) -> None:
        """Forgets all rows."""
        self._file.seek(0)
        self._file.truncate()
        self._digest, self._header_length, self.count = hashlib.sha256(), None, 0

    def finish(self) -> str:
        """Completes the file; the SHA-256 of the values."""
        self._file.seek(0)
        self._write_header()
        # numpy pads the header so that a growing first axis fits; were it not so, the values would be overwritten.
        if self._file.tell() != self._header_length:
            raise ValueError("the header of the prepared file changed its length")
        return self._digest.hexdigest()

    def _write_header(self) -> None:
        descr = np.lib.format.dtype_to_descr(self.dtype)
        header = {"descr": descr, "fortran_order": False, "shape": (self.count, *self.shape)}
        np.lib.format.write_array_header_1_0(self._file, header)


@dataclass(frozen=True)
class _Manifest:
    format: int
    bytes: int
    modified_ns: int
    values_sha256: str
    dtype: str
    details: dict[str, Any]


def _prepare(path: Path, key: Key, prepare: Callable[[Writer], dict[str, Any]]) -> tuple[np.ndarray, str, dict]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path, key)
        with files.open_atomically(path) as file:
            writer = Writer(file)
            details = prepare(writer)
            digest = writer.finish()
        status = path.stat()
        dtype = np.lib.format.dtype_to_descr(writer.dtype)
        manifest = _Manifest(FORMAT, status.st_size, status.st_mtime_ns, digest, dtype, details)
        body = json.dumps(asdict(manifest), ensure_ascii=True)
        sealed = {"sha256": hashlib.sha256(body.encode()).hexdigest(), "body": body}
        files.write_bytes(_manifest_path(path), json.dumps(sealed).encode())
        return np.load(path, mmap_mode="r", allow_pickle=False), digest, details
    except OSError as error:
        raise _cache_failure(path.parent, error) from error


def _read(path: Path) -> tuple[np.ndarray, str, dict[str, Any]] | None:
    """What a whole prepared file holds; None where there is none, or where it is damaged."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, EOFError):
        sealed = json.loads(_manifest_path(path).read_bytes())
        if hashlib.sha256(sealed["body"].encode()).hexdigest() != sealed["sha256"]:
            return None
        manifest = _Manifest(**json.loads(sealed["body"]))
        status = path.stat()
        if manifest.format != FORMAT or status.st_size != manifest.bytes:
            return None
        values = np.load(path, mmap_mode="r", allow_pickle=False)
        if values.dtype.str != manifest.dtype or not values.flags.c_contiguous:
            return None
        if status.st_mtime_ns != manifest.modified_ns and sha256_of_values(values) != manifest.values_sha256:
            return None
        return values, manifest.values_sha256, manifest.details
    return None


def sha256_of_values(values: np.ndarray, block: int = 1024) -> str:
    """The SHA-256 of an array's values, read block by block."""
    digest = hashlib.sha256()
    for start in range(0, len(values), block):
        digest.update(np.ascontiguousarray(values[start:start + block]).data)
    return digest.hexdigest()


def _manifest_path(path: Path) -> Path:
    return path.with_suffix(".json")


def _remove_leftovers(path: Path, key: Key) -> None:
    """Older versions of the same source, and temporary files of preparations that were killed."""
    for old in path.parent.glob(f"{key.name}-{key.place}-*"):
        if old.stem != path.stem:
            old.unlink(missing_ok=True)
    for temporary in path.parent.glob(".*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - temporary.stat().st_mtime > STALE_AFTER_SECONDS:
                temporary.unlink()


def _cache_failure(folder: Path, error: OSError) -> Failure:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return Failure(
            f"The disk that holds {folder} is full.", "Free some space, or name a folder elsewhere in TFGEN_CACHE."
        )
    return Failure(
        f"The prepared data can't be kept in {folder}: {error.strerror or error}.",
        "Name a folder that can be written in the environment variable TFGEN_CACHE.",
    )


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
