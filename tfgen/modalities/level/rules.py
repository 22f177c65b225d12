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
    levels at once. One begins and ends standing, within a jump's reach of the edges, since a window is cut anywhere.
    """
    count, height, width = levels.shape
    solid = tiles.solid[levels]
    free = ~solid
    below = np.zeros_like(solid)
    below[:, :-1] = solid[:, 1:]
    standing = free & below
    edge = min(reach, max(1, width // 3))
    reached = np.zeros([count, jump + 1, reach + 1, height, width], bool)
    start = standing.copy()
    start[:, :, edge:] = False
    reached[:, jump, reach] = start
    while True:
        before = np.count_nonzero(reached)
        # Up; sideways in the air; down, after which one rises no more.
        reached[:, :-1, :, :-1] |= reached[:, 1:, :, 1:] & free[:, None, None, :-1]
        reached[:, :, :-1, :, 1:] |= reached[:, :, 1:, :, :-1] & free[:, None, None, :, 1:]
        reached[:, :, :-1, :, :-1] |= reached[:, :, 1:, :, 1:] & free[:, None, None, :, :-1]
        falling = reached.any(1)
        reached[:, 0, :, 1:] |= falling[:, :, :-1] & free[:, None, 1:]
        reached[:, jump, reach] |= falling.any(1) & standing
        if np.count_nonzero(reached) == before:
            break
    return (reached[:, jump, reach] & standing)[:, :, -edge:].any((1, 2))


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
