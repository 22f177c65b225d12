"""Which files of a folder are examples of one kind, and which may be their words."""

import os
import stat
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tfgen.data.examples import clean_text, natural_order
from tfgen.data.label_tables import ENDINGS, KNOWN, is_unread_table
from tfgen.data.walk import MANY, NEVER_READ, kinds, walk, why_unread
from tfgen.errors import UserError, nearest

BROKEN_AT_MOST = 0.1
_CAPTION_ENDINGS = (".txt", ".caption")


@dataclass(frozen=True)
class FileKind:
    """What files of one kind are called.

    endings: of those that can be read; unread: of those that nobody here reads. advice: what to save those as.
    """

    singular: str
    plural: str
    endings: tuple[str, ...]
    unread: tuple[str, ...]
    advice: str

    def is_name(self, name: str) -> bool:
        """Whether a file's name says that it is of this kind, and can be read."""
        return name.lower().endswith(self.endings)


@dataclass
class Listing:
    """What a folder holds. Files are (path relative to the folder, size in bytes, time of change)."""

    kind: FileKind
    examples: list[tuple[str, int, int]] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)
    ignored: Counter = field(default_factory=Counter)  # endings of the files that are no examples
    texts: list[tuple[str, int, int]] = field(default_factory=list)  # those of them that may be captions
    tables: list[tuple[str, int, int]] = field(default_factory=list)  # and those that may be tables of captions
    unread: list[str] = field(default_factory=list)  # examples of kinds that nobody here reads

    def notes(self) -> list[str]:
        """What to say about ignored files: nothing about a README or two."""
        # Texts with an example's name may be captions, and are spoken of where those are.
        texts = Counter(os.path.splitext(name)[1].lower() for name in self.texts_beside())
        others = self.ignored - texts
        if others.total() < MANY:
            return []
        what = f"{others.total()} files are no {self.kind.plural} that can be read and were ignored"
        return [f"{what} ({kinds(others)})."]

    def texts_beside(self) -> list[str]:
        """Texts named like an example."""
        stems = {os.path.splitext(name)[0] for name, _, _ in self.examples} | {name for name, _, _ in self.examples}
        return [name for name, _, _ in self.texts if os.path.splitext(name)[0] in stems]

    def judge_unread(self) -> None:
        """Examples that nobody here reads are broken, but for those that lie beside the same one in a kind that is."""
        stems = {os.path.splitext(name)[0].lower() for name, _, _ in self.examples}
        for name in self.unread:
            if os.path.splitext(name)[0].lower() not in stems:
                self.broken.append((name, f"a kind of {self.kind.singular} that can't be read; {self.kind.advice}"))

    def words(self) -> list[str]:
        """Files that may hold the examples' words: tables, and texts named like an example."""
        return [*self.texts_beside(), *[name for name, _, _ in self.tables]]

    def kinds_ignored(self) -> str:
        """The most common endings of the ignored files, with their numbers."""
        return kinds(self.ignored)


def holds(folder: Path, kind: FileKind) -> int:
    """2 where there is a file of this kind below a folder, 1 where most files are such that can't be read, else 0."""
    others: Counter = Counter()
    for _, entry in walk(folder, []):
        if kind.is_name(entry.name):
            return 2
        others[os.path.splitext(entry.name)[1].lower()] += 1
    unread = sum(others[ending] for ending in kind.unread)
    return int(2 * unread > others.total() > 0)


def list_examples(folder: Path, kind: FileKind) -> Listing:
    """Every file of this kind below `folder`, in an order that depends on their names alone."""
    listing = Listing(kind)
    for relative, entry in walk(folder, listing.broken):
        _sort_in(entry, relative, listing)
    listing.judge_unread()
    listing.examples.sort(key=lambda file: [natural_order(part) for part in file[0].split("/")])
    _name_folders_like_examples(folder, listing)
    return listing


def _sort_in(entry: os.DirEntry, relative: str, listing: Listing) -> None:
    ending = os.path.splitext(entry.name)[1].lower()
    is_example = listing.kind.is_name(entry.name)
    if ending in listing.kind.unread:
        listing.unread.append(relative)
        return
    kept = listing.examples if is_example else listing.texts if ending in _CAPTION_ENDINGS else None
    if kept is None and _may_be_table(entry.name):
        kept = listing.tables
    if kept is None or kept is listing.texts:
        listing.ignored[ending] += 1
    if kept is None:
        return
    try:
        status = entry.stat()
    except OSError as error:
        if is_example:
            listing.broken.append((relative, why_unread(error)))
        return
    if stat.S_ISREG(status.st_mode):
        kept.append((relative, status.st_size, status.st_mtime_ns))
    elif is_example:
        listing.broken.append((relative, "not a regular file"))


def _may_be_table(name: str) -> bool:
    return name.lower().endswith(ENDINGS) or is_unread_table(name) or bool(nearest(name, KNOWN, 1))


def _name_folders_like_examples(folder: Path, listing: Listing) -> None:
    """A folder called x.png is most likely a mistake; one that holds examples is not."""
    holders = {os.path.dirname(path) for path, _, _ in listing.examples}
    for path, names, _ in os.walk(folder):
        names[:] = [name for name in names if not name.startswith(".") and name.lower() not in NEVER_READ]
        for name in filter(listing.kind.is_name, names):
            relative = os.path.relpath(os.path.join(path, name), folder)
            if not any(holder == relative or holder.startswith(relative + "/") for holder in holders):
                listing.broken.append((relative, f"a folder, not a {listing.kind.singular}"))


def refuse_broken(source: str, kind: FileKind, broken: list[tuple[str, str]], found: int) -> None:
    """Raises UserError: too many of the files that were found can't be used."""
    first = "; ".join(f"{clean_text(name)} ({reason})" for name, reason in broken[:5])
    raise UserError(
        f"{len(broken)} of {found} {kind.plural} in '{source}' are broken, more than a tenth: {first}"
        f"{'; ...' if len(broken) > 5 else ''}.",
        "Remove or replace them, or check that this is the right folder.",
    )


def refuse_without(source: str, listing: Listing) -> None:
    """Raises UserError: a folder has no files of the kind that can be read."""
    what = f"There are no {listing.kind.plural} in '{source}'"
    if listing.broken:
        first = "; ".join(f"{clean_text(name)} ({reason})" for name, reason in listing.broken[:3])
        raise UserError(f"{what} that can be read: {first}.", "Check the links and permissions.")
    advice = f"{listing.kind.advice[0].upper()}{listing.kind.advice[1:].replace(' it ', ' them ')}."
    raise UserError(f"{what}, only other files ({listing.kinds_ignored()}).", advice)
