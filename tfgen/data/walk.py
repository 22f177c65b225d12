"""Everything below a folder: every level, hidden things skipped, links followed without going in circles."""

import os
from collections.abc import Iterator
from pathlib import Path

# What file managers and network drives keep beside files, and nobody means; in lower case.
NEVER_READ = frozenset(
    ("__macosx", "@eadir", "#recycle", "@recycle", "$recycle.bin", "system volume information", "lost+found")
)
DOCUMENTS = (".pdf", ".doc", ".docx", ".odt", ".rtf", ".epub", ".pages")  # with a layout, which nobody here reads
MANY = 10  # other files in a folder, from which on it is worth a word


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
            if entry.name.startswith(".") or entry.name.lower() in NEVER_READ:
                continue
            if _is_folder(entry):
                (links if entry.is_symlink() else waiting).append((relative, Path(entry.path)))
            else:
                yield relative, entry


def why_unread(error: OSError) -> str:
    """What is wrong with a file whose status can't be had."""
    return "a link to nothing" if isinstance(error, FileNotFoundError) else str(error.strerror)


def kinds(endings) -> str:
    """The most common endings of a Counter, with their numbers."""
    return ", ".join(f"{count} {ending or 'without an ending'}" for ending, count in endings.most_common(5))


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
