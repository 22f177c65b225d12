"""Which example of a folder a table's cell names. Pure text; paths have "/" between their parts."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import PurePosixPath

from tfgen.data.examples import clean_text

_HERE = PurePosixPath(".")
_COUNTED = re.compile(r"#[0-9]$")  # as Flickr8k counts the captions of a picture
_ENDING = re.compile(r"\.[a-z][a-z0-9]{1,4}$")
_NUMBER = re.compile(r"([0-9]+)(\.0+)?")


class Lookup:
    """Finds a file by its path, by that path from a table's own folder, or by a name that one file alone has."""

    def __init__(self, paths: Sequence[str]):
        self.paths = paths
        self._paths = [_clean_path(path) for path in paths]
        self._place = {path: index for index, path in enumerate(self._paths)}
        self._by_name = _unique(PurePosixPath(path).name for path in self._paths)
        self._by_stem = _unique(PurePosixPath(path).stem for path in self._paths)

    def matches(self, file: str, inside: PurePosixPath = _HERE) -> list[int]:
        """The places of the files that `file` names: one or none."""
        file = _clean_path(file)
        for place in (self._place.get(str(inside / file)) if file else None, self._place.get(file)):
            if place is not None:
                return [place]
        name = PurePosixPath(file).name
        place = self._by_name.get(name, self._by_stem.get(name))
        if place is None and _COUNTED.search(file):
            return self.matches(_COUNTED.sub("", file), inside)
        return [] if place is None or not name else [place]

    def alike(self, file: str, inside: PurePosixPath = _HERE) -> list[int]:
        """The places of the files that `file` names but for zeros in front, case and ending: one or none."""
        file = _clean_path(file)
        if not file:
            return []
        by_path, by_name = self._by_spelling
        name = _spelling(PurePosixPath(file).name)
        places = (by_path.get(_spelling(str(inside / file))), by_path.get(_spelling(file)), by_name.get(name))
        return next(([place] for place in places if place is not None), [])

    @cached_property
    def _by_spelling(self) -> tuple[dict[str, int], dict[str, int]]:
        by_name = _unique(_spelling(PurePosixPath(path).name) for path in self._paths)
        return _unique(map(_spelling, self._paths)), by_name


def _spelling(path: str) -> str:
    """A path without what Excel and other systems change: "A/007.JPG" and "a/7.0" are one."""
    folder, slash, name = path.casefold().rpartition("/")
    name = _ENDING.sub("", name)
    number = _NUMBER.fullmatch(name)
    return f"{folder}{slash}{int(number[1]) if number else name}"


def _unique(names) -> dict[str, int]:
    names = list(names)
    counts = Counter(names)
    return {name: index for index, name in enumerate(names) if counts[name] == 1}


def _clean_path(path: str) -> str:
    path = clean_text(path.replace("\\", "/"))
    return path.removeprefix("./")
