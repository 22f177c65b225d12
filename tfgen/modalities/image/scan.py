"""Which files of a folder are pictures."""

import os
import stat
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tfgen.data.examples import natural_order
from tfgen.data.walk import MANY, NEVER_READ, kinds, walk, why_unread
from tfgen.errors import nearest
from tfgen.modalities.image.decode import is_picture_name
from tfgen.modalities.image.tables import ENDINGS, KNOWN

_CAPTION_ENDINGS = (".txt", ".caption")
CAMERA_ENDINGS = (".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2", ".svg", ".psd", ".jxl", ".jp2")
_NO_READER = "a kind of picture that can't be read; save it as PNG or JPEG"


@dataclass
class Listing:
    """What a folder holds. Files are (path relative to the folder, size in bytes, time of change)."""

    pictures: list[tuple[str, int, int]] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)
    ignored: Counter = field(default_factory=Counter)  # endings of the files that are no pictures
    texts: list[tuple[str, int, int]] = field(default_factory=list)  # those of them that may be captions
    tables: list[tuple[str, int, int]] = field(default_factory=list)  # and those that may be tables of captions
    unread: list[str] = field(default_factory=list)  # pictures of kinds that nobody here reads

    def notes(self) -> list[str]:
        """What to say about ignored files: nothing about a README or two."""
        # Texts with a picture's name may be captions, and are spoken of where those are.
        texts = Counter(os.path.splitext(name)[1].lower() for name in self.texts_beside())
        others = self.ignored - texts
        if others.total() < MANY:
            return []
        return [f"{others.total()} files are no pictures that can be read and were ignored ({kinds(others)})."]

    def texts_beside(self) -> list[str]:
        """Texts named like a picture."""
        stems = {os.path.splitext(name)[0] for name, _, _ in self.pictures} | {name for name, _, _ in self.pictures}
        return [name for name, _, _ in self.texts if os.path.splitext(name)[0] in stems]

    def judge_unread(self) -> None:
        """Pictures that nobody here reads are broken, but for those that lie beside the same one in a kind that is."""
        stems = {os.path.splitext(name)[0].lower() for name, _, _ in self.pictures}
        for name in self.unread:
            if os.path.splitext(name)[0].lower() not in stems:
                self.broken.append((name, _NO_READER))

    def words(self) -> list[str]:
        """Files that may hold the pictures' words: tables, and texts named like a picture."""
        return [*self.texts_beside(), *[name for name, _, _ in self.tables]]

    def kinds_ignored(self) -> str:
        """The most common endings of the ignored files, with their numbers."""
        return kinds(self.ignored)


def holds_pictures(folder: Path) -> int:
    """2 where there is a picture below a folder, 1 where most files are pictures that can't be read, else 0."""
    others: Counter = Counter()
    for _, entry in walk(folder, []):
        if is_picture_name(entry.name):
            return 2
        others[os.path.splitext(entry.name)[1].lower()] += 1
    unread = sum(others[ending] for ending in CAMERA_ENDINGS)
    return int(2 * unread > others.total() > 0)


def list_pictures(folder: Path) -> Listing:
    """Every picture below `folder`, in an order that depends on their names alone."""
    listing = Listing()
    for relative, entry in walk(folder, listing.broken):
        _sort_in(entry, relative, listing)
    listing.judge_unread()
    listing.pictures.sort(key=lambda picture: [natural_order(part) for part in picture[0].split("/")])
    _name_folders_like_pictures(folder, listing)
    return listing


def _sort_in(entry: os.DirEntry, relative: str, listing: Listing) -> None:
    ending = os.path.splitext(entry.name)[1].lower()
    is_picture = is_picture_name(entry.name)
    if ending in CAMERA_ENDINGS:
        listing.unread.append(relative)
        return
    kept = listing.pictures if is_picture else listing.texts if ending in _CAPTION_ENDINGS else None
    if kept is None and _may_be_table(entry.name):
        kept = listing.tables
    if kept is None or kept is listing.texts:
        listing.ignored[ending] += 1
    if kept is None:
        return
    try:
        status = entry.stat()
    except OSError as error:
        if is_picture:
            listing.broken.append((relative, why_unread(error)))
        return
    if stat.S_ISREG(status.st_mode):
        kept.append((relative, status.st_size, status.st_mtime_ns))
    elif is_picture:
        listing.broken.append((relative, "not a regular file"))


def _may_be_table(name: str) -> bool:
    return name.lower().endswith(ENDINGS) or bool(nearest(name, KNOWN, 1))


def _name_folders_like_pictures(folder: Path, listing: Listing) -> None:
    """A folder called x.png is most likely a mistake; one that holds pictures is not."""
    holders = {os.path.dirname(path) for path, _, _ in listing.pictures}
    for path, names, _ in os.walk(folder):
        names[:] = [name for name in names if not name.startswith(".") and name.lower() not in NEVER_READ]
        for name in filter(is_picture_name, names):
            relative = os.path.relpath(os.path.join(path, name), folder)
            if not any(holder == relative or holder.startswith(relative + "/") for holder in holders):
                listing.broken.append((relative, "a folder, not a picture"))
