"""Levels cut into windows of one size, some whole levels held out, and the layers of two windows put together.

Windows of one level overlap, so levels are held out, never windows: else a model would be judged by what it learned.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfgen.modalities.level.tiles import TileSet

WIDTH = 28  # columns of a window, where nobody says: what one sees of Super Mario Bros. and a bit
TALLEST = 32  # rows; levels up to there are cut into windows of their whole height
ROOM = (16, 11)  # rows and columns of a room in The Legend of Zelda, as VGLC has it
MOST_WINDOWS = 20_000


@dataclass(frozen=True)
class Windows:
    """Windows cut from levels: tiles uint8 [n, rows, columns], and the place of the level that each is from, [n]."""

    tiles: np.ndarray
    level: np.ndarray
    left_out: int = 0  # others of the same levels, since they would be too many

    def __len__(self) -> int:
        return len(self.tiles)

    def of(self, levels: np.ndarray) -> "Windows":
        """Those of some levels, bool [levels]."""
        chosen = levels[self.level]
        return Windows(self.tiles[chosen], self.level[chosen])


def window_size(levels: Sequence[np.ndarray], tiles: TileSet) -> tuple[int, int]:
    """Rows and columns that suit levels."""
    heights, widths = ([level.shape[axis] for level in levels] for axis in (0, 1))
    rooms = "door" in tiles.kinds and all(
        height % ROOM[0] == 0 and width % ROOM[1] == 0 for height, width in zip(heights, widths, strict=True)
    )
    if rooms and max(heights) > ROOM[0]:
        return ROOM
    rows = max(heights) if max(heights) <= TALLEST else 16
    return rows, min(max(widths), WIDTH)


def cut(levels: Sequence[np.ndarray], size: tuple[int, int], step: int, tiles: TileSet) -> Windows:
    """Windows from left to right, `step` columns apart, and side by side from top to bottom.

    Shorter levels are filled with the background on top, narrower ones to the right. A window of nothing but background
    is left out. Of more than MOST_WINDOWS so many are kept, evenly over all levels.
    """
    rows, columns = size
    found, owners = [], []
    for place, level in enumerate(levels):
        height, width = level.shape
        padded = np.pad(
            level, [[max(0, rows - height), 0], [0, max(0, columns - width)]], constant_values=tiles.background
        )
        for top in range(0, padded.shape[0] - rows + 1, rows):
            for left in _starts(padded.shape[1] - columns, step):
                window = padded[top : top + rows, left : left + columns]
                if (window != tiles.background).any():
                    found.append(window)
                    owners.append(place)
    kept = np.linspace(0, len(found) - 1, min(len(found), MOST_WINDOWS)).astype(int).tolist()
    chosen = np.array([found[place] for place in kept], np.uint8).reshape(-1, rows, columns)
    return Windows(chosen, np.array([owners[place] for place in kept], np.int32), len(found) - len(kept))


def _starts(room: int, step: int) -> list[int]:
    """Where windows begin; the last ends with the level."""
    return sorted({*range(0, room + 1, step), room})


def held_out(levels: Sequence[np.ndarray], share: float) -> np.ndarray:
    """Which levels are not learned, bool [levels]: about this share, by the content of each alone.

    Copies of a level stay together. One is held out even of few, and one is always learned.
    """
    digests = [hashlib.sha256(repr(level.shape).encode() + level.tobytes()).digest() for level in levels]
    distinct = sorted(set(digests))
    count = min(len(distinct) - 1, max(1, round(share * len(distinct)))) if share else 0
    chosen = set(distinct[:count])
    return np.array([digest in chosen for digest in digests], bool)


def layers(windows: np.ndarray, tiles: TileSet) -> np.ndarray:
    """What of each window stands on its lower edge, through tiles that touch each other, bool like `windows`.

    The rest that is not background floats: blocks, coins, what flies.
    """
    there = windows != tiles.background
    ground = np.zeros_like(there)
    ground[:, -1] = there[:, -1]
    while True:
        grown = ground.copy()
        grown[:, 1:] |= ground[:, :-1]
        grown[:, :-1] |= ground[:, 1:]
        wide = grown.copy()
        wide[:, :, 1:] |= grown[:, :, :-1]
        wide[:, :, :-1] |= grown[:, :, 1:]
        wide &= there
        if (wide == ground).all():
            return ground
        ground = wide


def mixed(windows: np.ndarray, count: int, tiles: TileSet, seed: int) -> np.ndarray:
    """Windows that no level has, uint8 [at most count, rows, columns]: what stands in one below what floats in another.

    Structures stay whole and never touch: a pair that would touch is not used. So columns are new, and pipes are not
    broken.
    """
    generator = np.random.default_rng([seed, 21])
    ground = layers(windows, tiles)
    floating = (windows != tiles.background) & ~ground
    below = np.flatnonzero(ground.any((1, 2)))
    above = np.flatnonzero(floating.any((1, 2)))
    if not len(below) or not len(above):
        return windows[:0]
    made: list[np.ndarray] = []
    for _ in range(8):
        low, high = generator.choice(below, 2 * count), generator.choice(above, 2 * count)
        near = ground[low].copy()
        near[:, 1:] |= ground[low][:, :-1]
        near[:, :-1] |= ground[low][:, 1:]
        near[:, :, 1:] |= near[:, :, :-1].copy()
        near[:, :, :-1] |= near[:, :, 1:].copy()
        apart = ~(near & floating[high]).any((1, 2)) & (low != high)
        low, high = low[apart], high[apart]
        standing = np.where(ground[low], windows[low], tiles.background)
        made += list(np.where(floating[high], windows[high], standing))
        if len(made) >= count:
            break
    return np.array(made[:count], np.uint8).reshape(-1, *windows.shape[1:])
