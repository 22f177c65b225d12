"""Zip and tar files, read as the folder that they hold: unpacked once into the cache, safely.

Nothing is written outside that folder, links and devices are left out, and an archive that would fill the disk is
refused before it does.
"""

import hashlib
import lzma
import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from tfgen.data.prepared import cache_folder
from tfgen.data.walk import NEVER_READ
from tfgen.errors import Failure, UserError

ENDINGS = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
UNREADABLE = (".7z", ".rar", ".tar.zst")  # archives too, which Python has no reader for
MOST_BYTES = 2**36  # of what an archive holds
MOST_FILES = 5 * 10**6
_BOMB = 200  # times the archive's own size: text of one letter packs to a thousandth, pictures hardly at all
_SMALL = 2**28  # bytes that may come from however small an archive
_BLOCK = 2**20


def is_archive(path: Path) -> bool:
    """Whether a file's name says that it is an archive that can be read."""
    return path.name.lower().endswith(ENDINGS)


def unpacked(path: Path) -> Path:
    """The folder with an archive's content; the one folder in it, where there is nothing else.

    Raises:
        UserError: it is damaged, encrypted, or holds more than would be sensible.
        Failure: the disk is full.
    """
    status = path.stat()
    place, content = (_digest(each) for each in (str(path.resolve()), f"{status.st_size} {status.st_mtime_ns}"))
    kept = cache_folder() / "archives" / f"{place}-{content}"
    if not kept.is_dir():
        _unpack(path, kept)
        for older in kept.parent.glob(f"{place}-*"):
            if older != kept:
                shutil.rmtree(older, ignore_errors=True)
    (folder,) = kept.iterdir()
    names = [each for each in os.listdir(folder) if not each.startswith(".") and each.lower() not in NEVER_READ]
    inside = [folder / name for name in names]
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder


def _unpack(path: Path, kept: Path) -> None:
    """Into a folder called like the archive, for the names of runs; it appears whole."""
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        # Not files.folder_atomically: flushing each of 100,000 pictures takes minutes, and this can be made again.
        with tempfile.TemporaryDirectory(dir=kept.parent, suffix=".tmp", ignore_cleanup_errors=True) as staged:
            folder = Path(staged, "whole", path.name[: -len(_ending(path))] or "archive")
            folder.mkdir(parents=True)
            _write_all(path, folder)
            if not kept.is_dir():  # else another process was quicker
                folder.parent.rename(kept)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, ValueError) as error:
        raise _damaged(path) from error
    except (NotImplementedError, RuntimeError) as error:  # how zipfile says that it is encrypted, or packed unusually
        reason = "encrypted" if "encrypted" in str(error) else "packed in an unusual way"
        raise UserError(f"'{path}' can't be unpacked: it is {reason}.", "Unpack it and give the folder.") from error
    except OSError as error:
        if error.errno is None:  # how bz2 and gzip say it
            raise _damaged(path) from error
        raise Failure(
            f"'{path}' can't be unpacked into {kept.parent}: {error.strerror}.",
            "Make room, or name a folder elsewhere in TFGEN_CACHE.",
        ) from error


def _damaged(path: Path) -> UserError:
    return UserError(f"'{path}' can't be unpacked: it is damaged, or no such archive.", "Get it anew, or unpack it.")


def _ending(path: Path) -> str:
    return max((each for each in ENDINGS if path.name.lower().endswith(each)), key=len)


def _digest(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:16]


def _write_all(path: Path, folder: Path) -> None:
    most = min(MOST_BYTES, max(_SMALL, _BOMB * path.stat().st_size))
    written = 0
    for count, (name, source) in enumerate(_members(path), 1):
        if count > MOST_FILES:
            raise UserError(f"'{path}' holds more than {MOST_FILES:,} files.", "Unpack it and give a folder of it.")
        target = _place(folder, name)
        if target is None:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "wb") as output:
            while block := source.read(_BLOCK):
                written += len(block)
                if written > most:
                    raise UserError(
                        f"'{path}' holds more than {most / 2**30:.1f} GB, {_BOMB} times its own size or more.",
                        "If that is right, unpack it by hand and give the folder.",
                    )
                output.write(block)


def _place(folder: Path, name: str) -> Path | None:
    """Where a member goes; None for one whose path would leave the folder."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or any(part in ("..", "/") or ":" in part or "\0" in part for part in parts):
        return None
    return folder.joinpath(*parts)


def _members(path: Path) -> Iterator[tuple[str, BinaryIO]]:
    """Every regular file of an archive, by name, open for reading."""
    if path.name.lower().endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                kind = stat.S_IFMT(entry.external_attr >> 16)
                if not entry.is_dir() and kind in (0, stat.S_IFREG):
                    with archive.open(entry) as source:
                        yield entry.filename, source
        return
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile():
                yield member.name, archive.extractfile(member)
