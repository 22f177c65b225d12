"""Levels that come with the package, so that the first command works with no network: meadows of a plain platformer.

They are laid out here by rule and chance, from pieces that follow each other: flat ground, gaps, pipes, hills, stairs,
rows of blocks and coins, enemies. Each level has a mood of its own, so that words tell its windows apart.
"""

import random

import numpy as np

from tfgen.data.embedded import EmbeddedSet
from tfgen.data.examples import Report
from tfgen.data.request import DataRequest
from tfgen.modalities.level.open_levels import LevelArrays, Levels, LevelSequences, examples_of
from tfgen.modalities.level.tiles import USUAL, TileCount

ROWS, LEVELS = 12, 24
_LEAST_WIDTH, _MOST_WIDTH = 90, 150
_GROUND = ROWS - 2  # the row of the upper ground


def layout(seed: int) -> list[str]:
    """One level as lines of VGLC's letters."""
    chance = random.Random(f"meadow {seed}")
    width = chance.randint(_LEAST_WIDTH, _MOST_WIDTH)
    grid = [["-"] * width for _ in range(ROWS)]
    for column in range(width):
        grid[_GROUND][column] = grid[_GROUND + 1][column] = "X"
    pieces = [_gap, _pipe, _hill, _stairs, _blocks, _coins, _enemies]
    mood = [chance.choice((0.3, 1.0, 3.0)) for _ in pieces]
    column = chance.randint(5, 8)
    while column < width - 14:
        piece = chance.choices(pieces, mood)[0]
        column += piece(grid, column, chance) + chance.randint(1, 5)
    return ["".join(row) for row in grid]


def _gap(grid: list[list[str]], column: int, chance: random.Random) -> int:
    length = chance.randint(1, 4)
    for row in (_GROUND, _GROUND + 1):
        grid[row][column : column + length] = "-" * length
    return length + 1


def _pipe(grid: list[list[str]], column: int, chance: random.Random) -> int:
    top = _GROUND - chance.randint(2, 4)
    grid[top][column : column + 2] = "<>"
    for row in range(top + 1, _GROUND):
        grid[row][column : column + 2] = "[]"
    return 3


def _hill(grid: list[list[str]], column: int, chance: random.Random) -> int:
    length, height = chance.randint(3, 7), chance.randint(1, 3)
    for row in range(_GROUND - height, _GROUND):
        grid[row][column : column + length] = "X" * length
    return length + 1


def _stairs(grid: list[list[str]], column: int, chance: random.Random) -> int:
    steps = chance.randint(2, 4)
    for step in range(steps):
        for row in range(_GROUND - step - 1, _GROUND):
            grid[row][column + step] = "X"
    return steps + 1


def _blocks(grid: list[list[str]], column: int, chance: random.Random) -> int:
    length, row = chance.randint(1, 6), _GROUND - chance.choice((4, 4, 7))
    for place in range(length):
        grid[row][column + place] = chance.choice("SSS?Q")
    return length


def _coins(grid: list[list[str]], column: int, chance: random.Random) -> int:
    length, row = chance.randint(2, 5), _GROUND - chance.choice((2, 3, 6))
    grid[row][column : column + length] = "o" * length
    return length


def _enemies(grid: list[list[str]], column: int, chance: random.Random) -> int:
    count = chance.randint(1, 3)
    for place in range(count):
        grid[_GROUND - 1][column + 2 * place] = "E"
    return 2 * count


def _open(request: DataRequest) -> LevelArrays | LevelSequences:
    """Two dozen levels of a platformer."""
    texts = [np.array([list(row) for row in layout(seed)]) for seed in range(LEVELS)]
    counted = TileCount(dict(USUAL))
    for text in texts:
        counted.add(text)
    tiles, _ = counted.tile_set()
    grids = [tiles.parse("\n".join(map("".join, text.tolist()))) for text in texts]
    report = Report(LEVELS, LEVELS)
    return examples_of(request, Levels(grids, [""] * LEVELS, tiles, {"ending": ".txt"}, report, "meadows"))


open_meadows = EmbeddedSet("level", _open, "MIT, as tfgen, which makes it by a rule")
