"""Folders that part a set into what is learned and what is held out: train, val, validation, test."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from tfgen.errors import unknown

LEARNED = ("train", "training")
HELD_OUT = ("test", "testing")
VALIDATION = ("val", "valid", "validation")
_ALL = (*LEARNED, *HELD_OUT, *VALIDATION)
CHOICES = ("train", "test", "all")


def check_split(split: str) -> str:
    """The setting `split`. Raises UserError where it is none."""
    if split not in CHOICES:
        raise unknown("split", str(split), CHOICES)
    return split


def split_level(folders: Sequence[Sequence[str]]) -> int | None:
    """At which depth every file lies in a folder that is called like a split; None where they don't."""
    folders = list(dict.fromkeys(map(tuple, folders)))
    if not folders:
        return None
    for level in range(min(map(len, folders))):
        if all(each[level].lower() in _ALL for each in folders):
            return level
    return None


def without_split(folders: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """The folders of every file, without the one that names a split."""
    level = split_level(folders)
    if level is None:
        return [tuple(each) for each in folders]
    return [(*each[:level], *each[level + 1 :]) for each in folders]


def held_out(paths: Sequence[str]) -> list[bool]:
    """Which files are for evaluation alone: those of `test`, or where there is none but `train`, of `val`.

    Nothing is held out where nothing would be left.
    """
    folders = [PurePosixPath(path).parts[:-1] for path in paths]
    level = split_level(folders)
    if level is None:
        return [False] * len(paths)
    splits = [each[level].lower() for each in folders]
    names = HELD_OUT if set(splits) & set(HELD_OUT) else VALIDATION
    apart = [split in names for split in splits]
    return [False] * len(paths) if all(apart) else apart
