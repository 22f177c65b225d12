"""Which files of a folder are pictures."""

import os
import stat
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tfgen.data.examples import natural_order
from tfgen.data.walk import MANY, kinds, walk, why_unread
from tfgen.modalities.image.decode import is_picture_name

_CAPTION_ENDINGS = (".txt", ".caption")
CAMERA_ENDINGS = (".heic", ".heif", ".svg", ".psd", ".cr2", ".nef", ".arw", ".dng", ".jxl", ".jp2")


@dataclass
class Listing:
    """What a folder holds. `pictures` are (path relative to the folder, size in bytes, time of change)."""

    pictures: list[tuple[str, int, int]] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)
    ignored: Counter = field(default_factory=Counter)  # endings of the files that are no pictures
    texts: list[str] = field(default_factory=list)  # those of them that may be captions

    def notes(self) -> list[str]:
        """What to say about ignored files: nothing about a README or two."""
        count, notes = sum(self.ignored.values()), []
        unread = [ending for ending in self.ignored if ending in CAMERA_ENDINGS]
        if count >= MANY or unread:
            notes.append(f"{count} files are no pictures that can be read and were ignored ({self.kinds_ignored()}).")
        captions = len(self.named_like_pictures())
        if captions:
            notes.append(
                f"{captions} text file{'s have' if captions > 1 else ' has'} the name of a picture. Captions are read "
                "from a captions.csv, with the columns file and caption."
            )
        return notes

    def named_like_pictures(self) -> list[str]:
        """Texts that have a picture's name but for its ending, as tools write captions."""
        stems = {os.path.splitext(name)[0] for name, _, _ in self.pictures}
        return [name for name in self.texts if os.path.splitext(name)[0] in stems]

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
    listing.pictures.sort(key=lambda picture: [natural_order(part) for part in picture[0].split("/")])
    _name_folders_like_pictures(folder, listing)
    return listing


def _sort_in(entry: os.DirEntry, relative: str, listing: Listing) -> None:
    if not is_picture_name(entry.name):
        ending = os.path.splitext(entry.name)[1].lower()
        listing.ignored[ending] += 1
        listing.texts += [relative] if ending in _CAPTION_ENDINGS else []
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
