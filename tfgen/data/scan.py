"""Which files of a folder are pictures: every level, hidden ones skipped, links followed without going in circles."""

import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tfgen.data.decode import is_picture_name
from tfgen.data.examples import natural_order

CAMERA_ENDINGS = (".heic", ".heif", ".svg", ".psd", ".cr2", ".nef", ".arw", ".dng", ".jxl", ".jp2")
MANY = 10


@dataclass
class Listing:
    """What a folder holds. `pictures` are (path relative to the folder, size in bytes, time of change)."""

    pictures: list[tuple[str, int, int]] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)
    ignored: Counter = field(default_factory=Counter)  # endings of the files that are no pictures

    def note(self) -> list[str]:
        """What to say about ignored files: nothing about a README or two."""
        count = sum(self.ignored.values())
        unread = [ending for ending in self.ignored if ending in CAMERA_ENDINGS]
        if count < MANY and not unread:
            return []
        return [f"{count} files are no pictures that can be read and were ignored ({self.kinds_ignored()})."]

    def kinds_ignored(self) -> str:
        """The most common endings of the ignored files, with their numbers."""
        return ", ".join(f"{count} {ending or 'without an ending'}" for ending, count in self.ignored.most_common(5))


def walk(folder: Path, broken: list[tuple[str, str]]) -> Iterator[tuple[str, os.DirEntry]]:
    """Everything below `folder` but folders, with its path in it; hidden things are skipped.

    Links are followed, but not in circles, and real folders come first, so what is reached in two ways keeps its real
    name. Folders that can't be read are added to `broken`.
    """
    seen: set[tuple[int, int]] = set()
    waiting, links = [("", folder)], []
    while waiting or links:
        inside, path = waiting.pop() if waiting else links.pop(0)
        try:
            status = path.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(path) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            broken.append((inside or ".", f"a folder that can't be read ({error.strerror})"))
            continue
        for entry in entries:
            relative = f"{inside}/{entry.name}" if inside else entry.name
            if entry.name.startswith(".") or entry.name == "__MACOSX":
                continue
            if _is_folder(entry):
                (links if entry.is_symlink() else waiting).append((relative, Path(entry.path)))
            else:
                yield relative, entry


def list_pictures(folder: Path) -> Listing:
    """Every picture below `folder`, in an order that depends on their names alone."""
    listing = Listing()
    for relative, entry in walk(folder, listing.broken):
        _sort_in(entry, relative, listing)
    listing.pictures.sort(key=lambda picture: [natural_order(part) for part in picture[0].split("/")])
    _name_folders_like_pictures(folder, listing)
    return listing


def why_unread(error: OSError) -> str:
    """What is wrong with a file whose status can't be had."""
    return "a link to nothing" if isinstance(error, FileNotFoundError) else str(error.strerror)


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _sort_in(entry: os.DirEntry, relative: str, listing: Listing) -> None:
    if not is_picture_name(entry.name):
        listing.ignored[os.path.splitext(entry.name)[1].lower()] += 1
        return
    try:
        status = entry.stat()
    except OSError as error:
        listing.broken.append((relative, why_unread(error)))
        return
    if stat.S_ISREG(status.st_mode):
        listing.pictures.append((relative, status.st_size, status.st_mtime_ns))
    else:
        listing.broken.append((relative, "not a regular file"))


def _name_folders_like_pictures(folder: Path, listing: Listing) -> None:
    """A folder called x.png is most likely a mistake; one that holds pictures is not."""
    holders = {os.path.dirname(path) for path, _, _ in listing.pictures}
    for path, names, _ in os.walk(folder):
        names[:] = [name for name in names if not name.startswith(".")]
        for name in filter(is_picture_name, names):
            relative = os.path.relpath(os.path.join(path, name), folder)
            if not any(holder == relative or holder.startswith(relative + "/") for holder in holders):
                listing.broken.append((relative, "a folder, not a picture"))
