"""The tile set of some levels: each tile's letter and number, and what it is.

What tiles are is said by a legend: VGLC's JSON, {"tiles": {"X": ["solid", "ground"]}}, or lines "X = SOLID, GROUND" in
a README. Of what it doesn't name, VGLC's usual letters are known; a tile of which nothing is known is passable scenery.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

MOST_TILES = 250  # different ones: a tile is a byte, and some values stay free
MOST_ROWS, MOST_COLUMNS = 1024, 20_000
# What a tile can be, the first that fits; a tag is looked for as a word in what the legend says.
KINDS: Mapping[str, tuple[str, ...]] = {
    "pipe": ("pipe",),
    "cannon": ("cannon",),
    "door": ("door", "exit"),
    "stair": ("stair", "ladder", "rope"),
    "enemy": ("enemy", "monster", "boss"),
    "hazard": ("hazard", "damaging", "spike", "lava", "water", "element"),
    "collectible": ("collectable", "collectible", "coin", "key", "item", "gold", "triforce", "gem"),
    "block": ("block", "breakable", "question"),
    "solid": ("solid", "ground", "wall"),
    "floor": ("floor",),
    "empty": ("empty", "void", "sky", "passable"),
}
OTHER = "other"
_SOLID = ("solid", "ground", "wall", "block", "breakable")
# VGLC's letters, for what no legend names; games use them alike.
USUAL: Mapping[str, tuple[str, ...]] = {
    "X": ("solid", "ground"), "#": ("solid", "ground"), "S": ("solid", "breakable"), "-": ("passable", "empty"),
    " ": ("passable", "empty"), ".": ("passable", "empty"), "?": ("solid", "question block"),
    "Q": ("solid", "question block"), "E": ("enemy",),
    "<": ("solid", "top-left pipe"), ">": ("solid", "top-right pipe"),
    "[": ("solid", "left pipe"), "]": ("solid", "right pipe"), "o": ("coin", "collectable"),
    "B": ("cannon top", "solid"), "b": ("cannon bottom", "solid"), "F": ("floor",), "W": ("solid", "wall"),
    "D": ("door",), "M": ("enemy",), "^": ("hazard",), "C": ("coin", "collectable"), "H": ("ladder",),
}
_LINE = re.compile(r"^\s*(\S)\s*[=:]\s*(\S.*)$")
# Letters for tiles that have numbers, the first for the emptiest.
_LETTERS = "-XSEoTDBGWFMPCHKLNRUVYZabcdefghijklmnpqrstuvwxyz0123456789#@%&*+=~^?!/|()[]{}<>"
_LETTERS += "".join(map(chr, range(0xC0, 0x180)))


@dataclass(frozen=True)
class TileSet:
    """Tiles by their place: a letter, the number that it has in a map of numbers, and the legend's tags."""

    letters: str
    numbers: tuple[int, ...] = ()  # empty where levels are text
    tags: tuple[tuple[str, ...], ...] = ()
    background: int = 0  # the place of the tile that there is nothing at

    def __len__(self) -> int:
        return len(self.letters)

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """Of each tile one of KINDS, or OTHER."""
        return tuple(map(kind_of, self.tags))

    @cached_property
    def solid(self) -> np.ndarray:
        """Whether each tile can be stood on and not passed, bool [tiles]."""
        return np.array([is_solid(tags) for tags in self.tags], bool)

    def are(self, *kinds: str) -> np.ndarray:
        """Which tiles are of one of some kinds, bool [tiles]."""
        return np.array([kind in kinds for kind in self.kinds], bool)

    def letters_of(self, chosen: np.ndarray) -> str:
        """The letters of some tiles, bool [tiles]."""
        return "".join(letter for letter, is_chosen in zip(self.letters, chosen, strict=True) if is_chosen)

    def rows(self, tiles: np.ndarray) -> list[str]:
        """A level [rows, columns] as lines of letters."""
        letters = np.array(list(self.letters))
        return ["".join(row) for row in letters[tiles].tolist()]

    def parse(self, text: str) -> np.ndarray:
        """Tiles uint8 [rows, columns] of lines of letters; ragged ones are filled with the background.

        Raises ValueError where a letter is none of the tiles'.
        """
        lines = [line for line in text.splitlines() if line]
        tiles = np.full([len(lines), max(map(len, lines), default=0)], self.background, np.uint8)
        for row, line in enumerate(lines):
            tiles[row, : len(line)] = [self.letters.index(letter) for letter in line]
        return tiles

    def to_json(self) -> dict[str, Any]:
        """Plain lists; `from_json` takes it back."""
        return {
            "letters": self.letters, "numbers": list(self.numbers), "tags": list(map(list, self.tags)),
            "background": self.background,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "TileSet":
        """What `to_json` gave."""
        return cls(value["letters"], tuple(value["numbers"]), tuple(map(tuple, value["tags"])), value["background"])


def numbered_tiles() -> TileSet:
    """Tiles of which nothing but their place is known, for what comes without its tile set."""
    letters = _LETTERS[:MOST_TILES]
    return TileSet(letters, (), (("empty",), *[("solid",)] * (len(letters) - 1)))


@dataclass
class TileCount:
    """Counts the tiles of levels that are read one after the other, and gives the set of them."""

    legend: dict[str, tuple[str, ...]] = field(default_factory=dict)
    counts: dict[str | int, int] = field(default_factory=dict)

    def add(self, names: np.ndarray) -> None:
        """Letters or numbers [rows, columns] of one level."""
        for name, count in zip(*np.unique(names, return_counts=True), strict=True):
            self.counts[name.item()] = self.counts.get(name.item(), 0) + int(count)

    def tile_set(self) -> tuple[TileSet, dict[str | int, int]]:
        """The set, the commonest tiles first, and the place of each name in it."""
        names = sorted(self.counts, key=lambda name: (-self.counts[name], str(name)))
        by_number = any(isinstance(name, int) for name in names)
        letters = _LETTERS[: len(names)] if by_number else "".join(names)
        tags = tuple(self._tags(name) for name in names)
        if by_number and not any(tags):
            # In maps of numbers the commonest is mostly nothing, or Tiled's 0 and CSV's -1 are.
            nothing = next((place for place, name in enumerate(names) if name in (0, -1)), 0)
            tags = tuple(("empty",) if place == nothing else ("solid",) for place in range(len(names)))
        kinds = list(map(kind_of, tags))
        background = kinds.index("empty") if "empty" in kinds else 0
        numbers = tuple(int(name) for name in names) if by_number else ()
        return TileSet(letters, numbers, tags, background), {name: place for place, name in enumerate(names)}

    def _tags(self, name: str | int) -> tuple[str, ...]:
        if str(name) in self.legend:
            return self.legend[str(name)]
        return () if isinstance(name, int) else USUAL.get(name, ())


def read_legend(text: str) -> dict[str, tuple[str, ...]]:
    """What each tile is, by its letter or number; nothing of a text that is no legend."""
    try:
        tiles = json.loads(text).get("tiles", {})
        items = tiles.items() if isinstance(tiles, dict) else ()
        found = {str(name): tags if isinstance(tags, list) else [tags] for name, tags in items}
        return {name: tuple(str(tag).lower() for tag in tags) for name, tags in found.items()}
    except (ValueError, AttributeError, RecursionError):
        lines = [_LINE.match(line) for line in text.splitlines() if line.strip()]
        if not lines or not all(lines):
            return {}
        said = {line[1]: re.sub(r"\(.*?\)", "", line[2]).strip().lower() for line in lines}
        return {name: tuple(re.split(r"\s*[,+]\s*|\s+and\s+", tags)) for name, tags in said.items()}


def kind_of(tags: Sequence[str]) -> str:
    """One of KINDS that tags fit first, or OTHER."""
    words = set(re.findall(r"[a-z]+", " ".join(tags).replace("coins", "coin").replace("pipes", "pipe")))
    return next((kind for kind, marks in KINDS.items() if words & set(marks)), OTHER)


def is_solid(tags: Sequence[str]) -> bool:
    """Whether something can stand on it."""
    words = set(re.findall(r"[a-z]+", " ".join(tags)))
    return bool(words & set(_SOLID)) and not words & {"passable", "floor"}
