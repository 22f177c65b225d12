"""Whether bytes are anywhere below some folders: also in archives, .npz among them, and in what is compressed."""

import bz2
import gzip
import io
import lzma
import mmap
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SHORTEST = 8  # bytes; less is anywhere by chance
_LARGEST = 2**30  # bytes of an archive's member that are unpacked
_DEEPEST = 3  # archives in archives
_CHUNK = 2**22
_TABLE = 20  # bits of a hash by which most places are passed over
_UNREADABLE = (OSError, EOFError, RuntimeError, ValueError, NotImplementedError, zlib.error, lzma.LZMAError,
               zipfile.BadZipFile)  # fmt: skip
_OPENERS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}


@dataclass(frozen=True)
class Search:
    """What was looked through, and where something was found; `unread` could not be read to its end."""

    needles: int
    files: int
    bytes: int
    found: tuple[str, ...]
    unread: tuple[str, ...]


class _Finder:
    """Looks for any number of needles at once: by the hash of their first bytes, and then by all of them."""

    def __init__(self, needles: Iterable[bytes]):
        self._by_head: dict[bytes, list[bytes]] = {}
        for each in needles:
            self._by_head.setdefault(each[:SHORTEST], []).append(each)
        heads = np.frombuffer(b"".join(self._by_head), np.uint64) if self._by_head else np.zeros(0, np.uint64)
        self._known = np.zeros(2**_TABLE, bool)
        self._known[_hashed(heads)] = True

    def found_in(self, content: "bytes | mmap.mmap") -> Iterator[bytes]:
        """The needles that are there, some more than once."""
        if not self._by_head:
            return
        for start in range(0, max(1, len(content)), _CHUNK):
            part = np.frombuffer(content[start : start + _CHUNK + SHORTEST - 1], np.uint8)
            if len(part) < SHORTEST:
                return
            windows = np.lib.stride_tricks.sliding_window_view(part, SHORTEST)
            heads = np.zeros(len(windows), np.uint64)
            for place in range(SHORTEST):
                heads |= windows[:, place].astype(np.uint64) << np.uint64(8 * place)
            for place in np.flatnonzero(self._known[_hashed(heads)]).tolist():
                at = start + place
                for needle in self._by_head.get(bytes(content[at : at + SHORTEST]), ()):
                    if content[at : at + len(needle)] == needle:
                        yield needle


def _hashed(heads: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return (heads * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - _TABLE)


def long_enough(contents: Iterable[bytes]) -> list[bytes]:
    """Those that are long enough to mean something."""
    return [each for each in contents if len(each) >= SHORTEST]


def present(needles: Sequence[bytes], place: Path) -> set[bytes]:
    """Those of some bytes that are in a file, or in any below a folder."""
    finder, found = _Finder(long_enough(needles)), set()
    for path in _files(place):
        try:
            for content in _contents(path):
                found.update(finder.found_in(content))
        except _UNREADABLE:
            continue
    return found


def search(needles: Sequence[bytes], patterns: Sequence[re.Pattern[bytes]], places: Iterable[Path]) -> Search:
    """Looks for some bytes, and for some patterns, in every file below some folders, and in files' names."""
    finder, found, unread, count, size = _Finder(long_enough(needles)), [], [], 0, 0

    def is_there(content: "bytes | mmap.mmap") -> bool:
        return any(each.search(content) for each in patterns) or next(finder.found_in(content), None) is not None

    for path in sorted({file for place in places for file in _files(place)}):
        count += 1
        try:
            size += path.stat().st_size
            if is_there(str(path).encode(errors="surrogateescape")) or any(map(is_there, _contents(path))):
                found.append(str(path))
        except FileNotFoundError:  # gone by now
            count -= 1
        except _UNREADABLE:
            unread.append(str(path))
    return Search(len(needles) + len(patterns), count, size, tuple(found), tuple(unread))


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place.resolve()
    elif place.is_dir():
        yield from (path.resolve() for path in place.rglob("*") if path.is_file() and not path.is_symlink())


def _contents(path: Path) -> "Iterator[bytes | mmap.mmap]":
    """A file's bytes, and those of what is packed in it. Raises one of _UNREADABLE where that can't be told."""
    if not path.stat().st_size:
        return
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield content
        head = content[:6]
    if head.startswith(b"PK\x03\x04") or any(map(head.startswith, _OPENERS)):
        with open(path, "rb") as file:
            yield from _unpacked(file, head, _DEEPEST)


def _unpacked(file: io.BufferedIOBase, head: bytes, depth: int) -> Iterator[bytes]:
    if head.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                with archive.open(member) as packed:
                    yield from _with_inner(packed.read(_LARGEST + 1), depth)
        return
    for mark, opened in _OPENERS.items():
        if head.startswith(mark):
            with opened(file) as packed:
                yield from _with_inner(packed.read(_LARGEST + 1), depth)


def _with_inner(content: bytes, depth: int) -> Iterator[bytes]:
    if len(content) > _LARGEST:
        raise ValueError("too large to be looked through")
    yield content
    head = content[:6]
    if depth > 1 and (head.startswith(b"PK\x03\x04") or any(map(head.startswith, _OPENERS))):
        yield from _unpacked(io.BytesIO(content), head, depth - 1)
