"""Levels by simpler makers: tiles that are drawn row by row, and Markov chains over one to three columns."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from tfgen.modalities.level.open_levels import Split

ORDERS = (1, 2, 3)


def random_tiles(windows: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Windows uint8 [count, rows, columns]; each tile is drawn from what windows have in its row."""
    generator = np.random.default_rng([seed, 31])
    rows, columns = windows.shape[1:]
    by_row = np.swapaxes(windows, 0, 1).reshape(rows, -1)
    drawn = generator.integers(0, by_row.shape[1], [count, rows, columns])
    return by_row[np.arange(rows)[None, :, None], drawn]


def chained(levels: Sequence[np.ndarray], size: tuple[int, int], order: int, count: int, seed: int) -> np.ndarray:
    """Windows uint8 [count, rows, columns] by a chain: each column is one that followed the last `order` in a level.

    Where nothing followed, it begins anew.
    """
    generator = np.random.default_rng([seed, 32, order])
    rows, width = size
    following: dict[bytes, list[bytes]] = defaultdict(list)
    starts = []
    for level in levels:
        for top in range(0, level.shape[0] - rows + 1, rows):
            content = np.ascontiguousarray(level[top : top + rows].T).tobytes()
            for at in range(0, len(content) - order * rows, rows):
                stop = at + order * rows
                starts.append(content[at:stop])
                following[content[at:stop]].append(content[stop : stop + rows])
    made = []
    while len(made) < count and starts:
        content = starts[generator.integers(len(starts))]
        while len(content) < width * rows:
            known = following.get(content[-order * rows :])
            content += known[generator.integers(len(known))] if known else starts[generator.integers(len(starts))]
        made.append(np.frombuffer(content[: width * rows], np.uint8).reshape(width, rows).T)
    return np.array(made, np.uint8).reshape(-1, rows, width)


def baselines(parts: Split, own: np.ndarray, count: int, seed: int) -> dict[str, tuple[str, np.ndarray]]:
    """By name, what it is in words, and windows; `own` are windows of levels that were learned.

    Windows of held-out levels are "real" ones.
    """
    size, generator = own.shape[1:], np.random.default_rng([seed, 33])
    found = {"copies": ("", own[generator.permutation(len(own))[:count]])}
    if len(parts.unseen):
        found["real"] = ("", parts.unseen.tiles[generator.permutation(len(parts.unseen))[:count]])
    found |= {"random tiles": ("each tile drawn from its row of the levels", random_tiles(own, count, seed))}
    for order in ORDERS:
        made = chained(parts.learned_levels, size, order, count, seed)
        if len(made):
            columns = "the last column" if order == 1 else f"the last {order} columns"
            found[f"chain of {order}"] = (f"a Markov chain: what followed {columns} in a level", made)
    return found
