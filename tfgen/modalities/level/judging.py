"""What metrics of levels look at, of samples and of others in their place: see tfgen/evaluate/metrics/levels.py."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tfgen.modalities.level.codec import LevelArrayCodec, LevelSequenceCodec
from tfgen.modalities.level.rules import NO_RULE, RULES
from tfgen.modalities.level.tiles import TileSet

if TYPE_CHECKING:
    from tfgen.modalities.level.open_levels import LevelArrays, LevelSequences

PATTERN, STRETCH = 3, 8  # tiles a side, and columns
_ALWAYS = 0.99  # of what has a neighbour at least as often, it is part of the structure
_STRUCTURED = ("pipe", "cannon", "door")
_SIDES = ((0, 1), (0, -1), (1, 0), (-1, 0))


class Judge:
    """Knows the levels that were learned."""

    def __init__(self, examples: "LevelArrays | LevelSequences"):
        self.examples, self.parts = examples, examples.parts
        self.tiles: TileSet = self.parts.levels.tiles
        self.codec: LevelArrayCodec | LevelSequenceCodec = examples.codec
        self.size = self.parts.learned.tiles.shape[1:]
        self._stretches_known: dict[int, set[bytes]] = {}

    def inputs(
        self, samples: Callable[[], Any], openings: Callable[[], Sequence[Any]]
    ) -> Mapping[str, Callable[[], np.ndarray]]:
        """By name, all made of the grids of the samples when it is asked for; playable where a rule says so."""
        made = _Made(self, samples)
        by_rule = {} if self.parts.rule == NO_RULE else {"playable": lambda: made.each(self.playable)}
        return {
            **by_rule,
            "generated_patterns": lambda: made.each(self.patterns),
            "real_patterns": lambda: self.real_patterns,
            "structures": lambda: made.each(self.structures),
            "stretches": lambda: made.each(self.stretches),
            "whole_copies": lambda: made.each(self.whole_copies),
            "columns_seen": lambda: made.each(self.columns_seen),
            "words_obeyed": lambda: self.words_obeyed(made.each(self.borne_out), openings()),
        }

    def grids(self, samples: Any) -> list[np.ndarray]:
        """Stored levels, or ids of sequences, each as tiles uint8 [rows, columns] of its own width."""
        return list(samples) if isinstance(samples, np.ndarray) else list(map(self.codec.grid, samples))

    def playable(self, windows: np.ndarray) -> np.ndarray:
        """float [n, 1]; a level of no width can't be."""
        if not windows.shape[2]:
            return np.zeros([len(windows), 1])
        return RULES.load(self.parts.rule)(windows, self.tiles).astype(float)[:, None]

    def borne_out(self, windows: np.ndarray) -> np.ndarray:
        return self.parts.words.borne_out(windows, self.tiles)

    def patterns(self, windows: np.ndarray) -> np.ndarray:
        """int [n, most], as many as the widest samples can have; -1 behind the end."""
        found = patterns_of(windows, len(self.tiles))
        most = self.real_patterns.shape[1]
        return np.pad(found[:, :most], [[0, 0], [0, max(0, most - found.shape[1])]], constant_values=-1)

    @cached_property
    def real_windows(self) -> np.ndarray:
        """Of the levels alone that were learned, without what was mixed of two."""
        return self.parts.learned.tiles[: self.parts.own]

    @cached_property
    def real_patterns(self) -> np.ndarray:
        return patterns_of(self.real_windows, len(self.tiles))

    @cached_property
    def _neighbours(self) -> list[tuple[int, int, tuple[int, int]]]:
        """(tile, neighbour, side): in what was learned such a tile of a structure always has this other one there."""
        found = []
        for tile in np.flatnonzero(self.tiles.are(*_STRUCTURED)).tolist():
            for side in _SIDES:
                beside = _beside(self.real_windows, tile, side)
                known = beside[beside < 255]
                counts = np.bincount(known, minlength=1)
                best = int(counts.argmax())
                if counts[best] >= _ALWAYS * len(known) > 0 and self.tiles.kinds[best] == self.tiles.kinds[tile]:
                    found.append((tile, best, side))
        return found

    def structures(self, windows: np.ndarray) -> np.ndarray:
        """int [n, 2]: what was never beside a tile of a structure is broken; the edge of a window never is."""
        padded = _padded(windows)
        inside = padded[:, 1:-1, 1:-1]
        needed = np.isin(inside, sorted({tile for tile, _, _ in self._neighbours}))
        wrong = np.zeros_like(needed)
        for tile, neighbour, side in self._neighbours:
            beside = _shifted(padded, side)
            wrong |= (inside == tile) & (beside != neighbour) & (beside != 255)
        return np.stack([needed.sum((1, 2)), wrong.sum((1, 2))], 1)

    def _known(self, columns: int) -> set[bytes]:
        """Every stretch of so many columns of the levels that were learned."""
        if columns in self._stretches_known:
            return self._stretches_known[columns]
        rows = self.size[0]
        self._stretches_known[columns] = {
            piece
            for level in self.parts.learned_levels
            for top in range(0, max(1, level.shape[0] - rows + 1), rows)
            for piece in _stretches(self._filled(level[top : top + rows]), columns)
        }
        return self._stretches_known[columns]

    def _filled(self, level: np.ndarray) -> np.ndarray:
        missing = max(0, self.size[0] - level.shape[0]), max(0, self.size[1] - level.shape[1])
        return np.pad(level, [[missing[0], 0], [0, missing[1]]], constant_values=self.tiles.background)

    def _count_known(self, windows: np.ndarray, columns: int) -> np.ndarray:
        """int [n, 2]: stretches of so many columns, and those that are known."""
        known = self._known(columns)
        rows = ([piece in known for piece in _stretches(window, columns)] for window in windows)
        return np.array([[len(row), sum(row)] for row in rows], np.int64).reshape(-1, 2)

    def stretches(self, windows: np.ndarray) -> np.ndarray:
        return self._count_known(windows, self._stretch)

    @property
    def _stretch(self) -> int:
        return min(STRETCH, self.size[1])

    def whole_copies(self, windows: np.ndarray) -> np.ndarray:
        """float [n, 1]; a level of less than a stretch is no copy."""
        if windows.shape[2] < self._stretch:
            return np.zeros([len(windows), 1])
        return self._count_known(windows, windows.shape[2])[:, 1:].astype(float)

    def columns_seen(self, windows: np.ndarray) -> np.ndarray:
        counted = self._count_known(windows, 1)
        return np.stack([counted[:, 0], counted[:, 0] - counted[:, 1]], 1)

    def words_obeyed(self, borne: np.ndarray, openings: Sequence[Any]) -> np.ndarray:
        """float [asked, 2], a row for each measured word of each sample's prompt; `borne` is bool [n, measured]."""
        usual = self.borne_out(self.real_windows).mean(axis=0)
        rows = [
            (float(borne[place, word]), float(usual[word]))
            for place, opening in enumerate(openings[: len(borne)])
            for word in self._asked(opening)
            if word < borne.shape[1]
        ]
        return np.array(rows, float).reshape(-1, 2)

    def _asked(self, opening: Any) -> list[int]:
        if isinstance(opening, str):
            return self.parts.words.parse(opening)
        return self.codec.words_asked(opening)


class _Made:
    """The levels of a group, made once, and looked at with those of the same width."""

    def __init__(self, judge: Judge, samples: Callable[[], Any]):
        self._judge, self._samples = judge, samples

    @cached_property
    def _by_width(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Places int [k] and windows uint8 [k, rows, columns] of each width."""
        grids = self._judge.grids(self._samples())
        widths = np.array([grid.shape[1] for grid in grids], np.int64)
        places = [np.flatnonzero(widths == width) for width in np.unique(widths)]
        return [(each, np.stack([grids[place] for place in each])) for each in places]

    def each(self, look: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """What `look` finds of windows, [n, size] in the order of the samples; [n] where that is one."""
        found = [look(windows) for _, windows in self._by_width]
        order = np.argsort(np.concatenate([places for places, _ in self._by_width]))
        values = np.concatenate(found)[order]
        return values[:, 0] if values.shape[1:] == (1,) else values


def patterns_of(windows: np.ndarray, tiles: int) -> np.ndarray:
    """The number of each 3x3 piece, int64 [n, pieces]."""
    rows, columns = (max(0, side - PATTERN + 1) for side in windows.shape[1:])
    numbers = np.zeros([len(windows), rows, columns], np.int64)
    for row in range(PATTERN):
        for column in range(PATTERN):
            # Of 250 tiles nine would not fit into 64 bits; what overflows still tells pieces apart, but for chance.
            numbers = numbers * (tiles | 1) + windows[:, row : row + rows, column : column + columns]
    return (numbers & (2**62 - 1)).reshape(len(windows), -1)


def _stretches(window: np.ndarray, columns: int) -> list[bytes]:
    if window.shape[1] < columns:
        return []
    content, rows = np.ascontiguousarray(window.T).tobytes(), window.shape[0]
    return [content[at * rows : (at + columns) * rows] for at in range(window.shape[1] - columns + 1)]


def _padded(windows: np.ndarray) -> np.ndarray:
    return np.pad(windows, [[0, 0], [1, 1], [1, 1]], constant_values=255)


def _shifted(padded: np.ndarray, side: tuple[int, int]) -> np.ndarray:
    """What stands on one side of each place inside."""
    down, right = side
    return padded[:, 1 + down : padded.shape[1] - 1 + down, 1 + right : padded.shape[2] - 1 + right]


def _beside(windows: np.ndarray, tile: int, side: tuple[int, int]) -> np.ndarray:
    """The neighbours of a tile on one side; 255 outside."""
    padded = _padded(windows)
    return _shifted(padded, side)[padded[:, 1:-1, 1:-1] == tile]
