"""Folders that part a set into what is learned and what is held out: train, val, validation, test."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from tfgen.errors import unknown

LEARNED = ("train", "training")
HELD_OUT = ("test", "testing")
VALIDATION = ("val", "valid", "validation", "dev")
_UNLABELLED = ("pred",)  # what some sets call a second test part, whose labels were kept back
_ALL = (*LEARNED, *HELD_OUT, *VALIDATION)
CHOICES = ("train", "test", "all")
_STRAYS_AT_MOST = 0.05  # of the files, which may lie outside of the splits


@dataclass(frozen=True)
class _Parts:
    """At which depth folders are splits, and which: by a folder's name in lower case, one of _ALL or _UNLABELLED.

    domains: whether the last letter of each name is a label, as of trainA and trainB.
    """

    level: int
    splits: Mapping[str, str]
    domains: bool = False

    def of(self, folders: Sequence[str]) -> str | None:
        """The split of a file; None of a stray one."""
        return self.splits.get(folders[self.level].lower()) if len(folders) > self.level else None


def check_split(split: str) -> str:
    """The setting `split`. Raises UserError where it is none."""
    if split not in CHOICES:
        raise unknown("split", str(split), CHOICES)
    return split


def without_split(
    folders: Sequence[Sequence[str]], among: Sequence[Sequence[str]] | None = None
) -> list[tuple[str, ...]]:
    """The folders of every file, without the one that names a split, or two of one name in each other.

    among: the folders of the whole set, of which these may be a part.
    """
    parts = _find_parts(folders if among is None else among)
    return [_without(tuple(each), parts) for each in folders]


def held_out(paths: Sequence[str]) -> list[bool]:
    """Which files are for evaluation alone: those of `test`, or where there is none but `train`, of `val`.

    Nothing is held out where nothing would be left.
    """
    folders = folders_of(paths)
    parts = _find_parts(folders)
    if parts is None:
        return [False] * len(paths)
    splits = [parts.of(each) for each in folders]
    names = HELD_OUT if set(splits) & set(HELD_OUT) else VALIDATION
    apart = [split in (*names, *_UNLABELLED) for split in splits]
    return [False] * len(paths) if all(apart) else apart


def like_a_test(folders: Sequence[Sequence[str]]) -> list[str]:
    """Folders whose names have a word for a test part, where the set isn't parted by them."""
    if _find_parts(folders) is not None:
        return []
    names = dict.fromkeys(name for each in folders for name in each)
    return [name for name in names if {*HELD_OUT, *VALIDATION} & set(re.split(r"[\W\d_]+", name.lower()))]


def folders_of(paths: Sequence[str]) -> list[tuple[str, ...]]:
    """The folders that each file lies in, from the outermost."""
    return [PurePosixPath(path).parts[:-1] for path in paths]


def _find_parts(folders: Sequence[Sequence[str]]) -> _Parts | None:
    """The depth at which (nearly) every file lies in a folder that is called like a split; None where they don't.

    Names that only contain a word for a split, and strays, are believed where there is something to learn and
    something to hold out: "toy_train" may be a toy.
    """
    counts = Counter(map(tuple, folders))
    for level in range(max(map(len, counts), default=0)):
        names: Counter[str] = Counter()
        for each, count in counts.items():
            names[each[level].lower() if len(each) > level else ""] += count
        if set(names) <= set(_ALL):
            return _Parts(level, {name: name for name in names})
        domains = _of_domains(names)
        for splits in (_exact(names), _lengthened(names), domains):
            inside = sum(names[name] for name in splits)
            is_parted = set(splits.values()) & set(LEARNED) and set(splits.values()) & {*HELD_OUT, *VALIDATION}
            if is_parted and inside >= (1 - _STRAYS_AT_MOST) * names.total():
                return _Parts(level, splits, splits is domains)
    return None


def _exact(names: Counter[str]) -> dict[str, str]:
    return {name: name for name in names if name in (*_ALL, *_UNLABELLED)}


def _lengthened(names: Counter[str]) -> dict[str, str]:
    """"training_set" and "test_set", or "seg_train" and "seg_test": what they have beside the split is the same."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for name in names:
        words = "|".join((*_ALL, *_UNLABELLED))
        matched = re.fullmatch(rf"(?P<before>(?:.*[_\W])?)(?P<split>{words})(?P<after>(?:[_\W]?set)?)", name)
        if matched:
            found.setdefault((matched["before"], matched["after"]), {})[name] = matched["split"]
    return max(found.values(), key=lambda splits: sum(names[name] for name in splits), default={})


def _of_domains(names: Counter[str]) -> dict[str, str]:
    """"trainA", "trainB", "testA" and "testB", as CycleGAN has them."""
    matched = {name: re.fullmatch(rf"({'|'.join(_ALL)})[_\W]?[a-z]", name) for name in names}
    return {name: match[1] for name, match in matched.items() if match}


def _without(folders: tuple[str, ...], parts: _Parts | None) -> tuple[str, ...]:
    if parts is None or parts.of(folders) is None:
        return folders
    before, name, after = folders[: parts.level], folders[parts.level], folders[parts.level + 1 :]
    kept = (name[-1],) if parts.domains else ()
    return (*before, *kept, *(after[1:] if after[:1] == (name,) else after))
