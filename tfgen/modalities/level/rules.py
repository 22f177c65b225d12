"""Whether a level can be played, by the rules of a kind of game; further rules come in as functions.

A rule is a function of levels, tiles uint8 [n, rows, columns], and their TileSet to bool [n]. Another package adds one
by an entry point of the group `tfgen.level_rules`:

    [project.entry-points."tfgen.level_rules"]
    marble = "my_game:can_be_solved"
"""

from collections.abc import Callable

import numpy as np

from tfgen.catalog import Catalog
from tfgen.modalities.level.tiles import TileSet

Rule = Callable[[np.ndarray, TileSet], np.ndarray]

NO_RULE = "none"
RULES = Catalog(
    "rule",
    {
        "platformer": "tfgen.modalities.level.rules:platformer",
        "rooms": "tfgen.modalities.level.rules:rooms",
        NO_RULE: "tfgen.modalities.level.rules:anything",
    },
    group="tfgen.level_rules",
)
_NONE = np.uint64(0)
JUMP, REACH = 4, 6  # tiles up and sideways of one jump, in Super Mario Bros. as VGLC has it


def usual_rule(tiles: TileSet) -> str:
    """The rule that suits a set of tiles: rooms have doors and floors; where one stands on something, one jumps."""
    if "door" in tiles.kinds and "floor" in tiles.kinds:
        return "rooms"
    return "platformer" if tiles.solid.any() and "empty" in tiles.kinds else NO_RULE


def anything(levels: np.ndarray, tiles: TileSet) -> np.ndarray:
    """Every level can be played."""
    return np.ones(len(levels), bool)


def platformer(levels: np.ndarray, tiles: TileSet, jump: int = JUMP, reach: int = REACH) -> np.ndarray:
    """Whether one gets from the left edge to the right one: by walking, falling, and jumps past nothing that is solid.

    A breadth-first search over (place, how far one may still rise, how far one may still move in the air), for all
    levels together. One begins and ends standing, within a jump's reach of the edges, since a window is cut anywhere.

    Raises:
        ValueError: (jump + 1) (reach + 1) is above 64, the bits of the number that stands for a place.
    """
    if (jump + 1) * (reach + 1) > 64:
        raise ValueError(f"no jump of {jump} up and {reach} sideways fits into 64 bits")
    # A few at a time stay in the processor's cache.
    parts = [_platformer(levels[first : first + 64], tiles, jump, reach) for first in range(0, len(levels), 64)]
    return np.concatenate([np.zeros(0, bool), *parts])


def _platformer(levels: np.ndarray, tiles: TileSet, jump: int, reach: int) -> np.ndarray:
    """The search itself. Of a place's number, bit `rise (reach + 1) + move` says whether one can be there with so many
    tiles left to rise and to move."""
    moves, width = reach + 1, levels.shape[2]
    solid = tiles.solid[levels]
    below = np.zeros_like(solid)
    below[:, :-1] = solid[:, 1:]
    standing = ~solid & below
    free = np.where(solid, _NONE, ~_NONE)
    rising = [np.uint64(rise * moves) for rise in range(jump + 1)]
    after_a_move = np.uint64(sum((1 << reach) - 1 << rise * moves for rise in range(jump + 1)))
    not_rising, jumping, one = (np.uint64(each) for each in ((1 << moves) - 1, 1 << jump * moves + reach, 1))
    edge = min(reach, max(1, width // 3))
    landed = np.where(standing, jumping, _NONE)
    can = landed.copy()
    can[:, :, edge:] = 0
    while True:
        before = can.copy()
        # Up; sideways in the air; down, after which one rises no more.
        can[:, :-1] |= can[:, 1:] >> np.uint64(moves) & free[:, :-1]
        can[:, :, 1:] |= can[:, :, :-1] >> one & after_a_move & free[:, :, 1:]
        can[:, :, :-1] |= can[:, :, 1:] >> one & after_a_move & free[:, :, :-1]
        falling = np.bitwise_or.reduce([can >> each for each in rising]) & not_rising
        can[:, 1:] |= falling[:, :-1] & free[:, 1:]
        can |= np.where(can > 0, landed, _NONE)
        if np.array_equal(can, before):
            break
    return (standing & (can > 0))[:, :, -edge:].any((1, 2))


def rooms(levels: np.ndarray, tiles: TileSet) -> np.ndarray:
    """Whether all doors and stairs of a room can be reached from each other over floor; one without any can't be left.

    One walks in four directions, on all that is neither solid nor a hazard nor the void outside.
    """
    floor = np.array(["floor" in tags for tags in tiles.tags], bool)
    doors = tiles.are("door", "stair")[levels]
    walkable = (floor | ~(tiles.solid | tiles.are("hazard", "block", "empty")))[levels] | doors
    reached = np.zeros_like(doors)
    first = doors.reshape(len(doors), -1).argmax(1)
    reached.reshape(len(doors), -1)[np.arange(len(doors)), first] = doors.any((1, 2))
    while True:
        before = np.count_nonzero(reached)
        reached[:, 1:] |= reached[:, :-1] & walkable[:, 1:]
        reached[:, :-1] |= reached[:, 1:] & walkable[:, :-1]
        reached[:, :, 1:] |= reached[:, :, :-1] & walkable[:, :, 1:]
        reached[:, :, :-1] |= reached[:, :, 1:] & walkable[:, :, :-1]
        if np.count_nonzero(reached) == before:
            break
    return doors.any((1, 2)) & ~(doors & ~reached).any((1, 2))
