"""Which files of a folder are pictures: every level, hidden ones skipped, links followed without going in circles."""

import os
import stat
from collections import Counter
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


def list_pictures(folder: Path) -> Listing:
    """Every picture below `folder`, in an order that depends on their names alone."""
    listing = Listing()
    seen: set[tuple[int, int]] = set()
    waiting = [("", folder)]
    links: list[tuple[str, Path]] = []
    while waiting or links:
        # Real folders first, so that a picture that is reached in two ways keeps its real name.
        inside, path = waiting.pop() if waiting else links.pop(0)
        try:
            status = path.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(path) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            listing.broken.append((inside or ".", f"a folder that can't be read ({error.strerror})"))
            continue
        for entry in entries:
            _sort_in(entry, inside, listing, waiting, links)
    listing.pictures.sort(key=lambda picture: [natural_order(part) for part in picture[0].split("/")])
    _name_folders_like_pictures(folder, listing)
    return listing


def _sort_in(entry: os.DirEntry, inside: str, listing: Listing, waiting: list, links: list) -> None:
    if entry.name.startswith(".") or entry.name == "__MACOSX":
        return
    relative = f"{inside}/{entry.name}" if inside else entry.name
    try:
        if entry.is_dir():
            (links if entry.is_symlink() else waiting).append((relative, Path(entry.path)))
            return
        if not is_picture_name(entry.name):
            listing.ignored[os.path.splitext(entry.name)[1].lower()] += 1
            return
        status = entry.stat()
    except OSError as error:
        if is_picture_name(entry.name):
            reason = "a link to nothing" if isinstance(error, FileNotFoundError) else str(error.strerror)
            listing.broken.append((relative, reason))
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
