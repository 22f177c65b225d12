"""Whether bytes are anywhere below some folders: also in archives, .npz among them, and in what gzip has packed."""

import contextlib
import gzip
import mmap
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SHORTEST = 8  # bytes; less is anywhere by chance
_LARGEST_MEMBER = 2**30  # bytes of an archive's member that are unpacked
_MOST_NEEDLES = 10_000


@dataclass(frozen=True)
class Search:
    """What was looked through, and where something was found; `unread` could not be opened."""

    needles: int
    files: int
    bytes: int
    found: tuple[str, ...]
    unread: tuple[str, ...]


def needles_of(contents: Iterable[bytes]) -> list[bytes]:
    """Those that are long enough to mean something, each once."""
    found = dict.fromkeys(each for each in contents if len(each) >= SHORTEST)
    return list(found)[:_MOST_NEEDLES]


def present(needles: Sequence[bytes], place: Path) -> set[bytes]:
    """Those of some bytes that are in a file, or in any below a folder."""
    found: set[bytes] = set()
    for path in _files(place):
        for content in _contents(path):
            found.update(each for each in needles if each not in found and content.find(each) >= 0)
    return found


def search(needles: "Sequence[bytes | re.Pattern[bytes]]", places: Iterable[Path]) -> Search:
    """Looks for each of some bytes in every file below some folders, and in files' names."""
    found, unread, count, size = [], [], 0, 0
    for path in sorted({file for place in places for file in _files(place)}):
        count, size = count + 1, size + path.stat().st_size
        try:
            name = str(path).encode(errors="surrogateescape")
            if _has(name, needles) or any(_has(content, needles) for content in _contents(path)):
                found.append(str(path))
        except OSError:
            unread.append(str(path))
    return Search(len(needles), count, size, tuple(found), tuple(unread))


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place.resolve()
    elif place.is_dir():
        yield from (path.resolve() for path in place.rglob("*") if path.is_file() and not path.is_symlink())


def _has(content: "bytes | mmap.mmap", needles: "Sequence[bytes | re.Pattern[bytes]]") -> bool:
    return any(content.find(each) >= 0 if isinstance(each, bytes) else each.search(content) for each in needles)


def _contents(path: Path) -> "Iterator[bytes | mmap.mmap]":
    """A file's bytes, and those of what is packed in it."""
    with open(path, "rb") as file:
        if not path.stat().st_size:
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield content
            packed = content[:2] == b"\x1f\x8b", content[:4] == b"PK\x03\x04"
    with contextlib.suppress(zipfile.BadZipFile, EOFError, zlib.error, gzip.BadGzipFile, NotImplementedError):
        if packed[0]:
            with gzip.open(path) as unpacked:
                yield unpacked.read(_LARGEST_MEMBER)
        if packed[1]:
            with zipfile.ZipFile(path) as archive:
                for member in archive.infolist():
                    with archive.open(member) as unpacked:
                        yield unpacked.read(_LARGEST_MEMBER)
