"""Means, covariances and neighbours of features, block by block: a million rows never lie in memory at once."""

import math
from collections.abc import Iterator

import numpy as np

BLOCK = 4096  # rows of features that are looked at together
TILE = 2048  # rows that are compared with as many others at a time


class Moments:
    """Count, mean and covariance of rows that come in blocks (Chan, Golub & LeVeque, 1983)."""

    def __init__(self, size: int):
        self.count = 0
        self.mean = np.zeros(size)
        self._scatter = np.zeros([size, size])  # the sum of outer products of deviations from the mean

    @classmethod
    def of(cls, rows: np.ndarray) -> "Moments":
        """Of features [n, d], in memory or memory-mapped."""
        moments = cls(rows.shape[1])
        for block in blocks(rows):
            moments.add(block)
        return moments

    def add(self, block: np.ndarray) -> None:
        """Takes rows [k, d] in."""
        mean = block.mean(axis=0, dtype=np.float64)
        # float32 has enough digits for deviations from the block's own mean, and half the work of float64.
        deviations = block - mean.astype(block.dtype)
        self.merge(len(block), mean, deviations.T @ deviations)

    def merge(self, count: int, mean: np.ndarray, scatter: np.ndarray) -> None:
        """Takes other rows' count, mean and scatter in."""
        apart, total = mean - self.mean, self.count + count
        self._scatter += scatter
        self._scatter += np.outer(apart * (self.count * count / total), apart)
        self.mean = self.mean + apart * (count / total)
        self.count = total

    @property
    def covariance(self) -> np.ndarray:
        """Unbiased, float64 [d, d]."""
        return self._scatter / (self.count - 1)


def wilson(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of `count` (Wilson 1927)."""
    z = 1.959964
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    return middle - half, middle + half


def blocks(rows: np.ndarray, size: int = BLOCK) -> Iterator[np.ndarray]:
    """Consecutive rows, at most `size` at a time, as floats in memory."""
    for start in range(0, len(rows), size):
        yield np.asarray(rows[start:start + size], np.float32 if rows.dtype != np.float64 else np.float64)


def tiles(rows: np.ndarray) -> list[tuple[slice, np.ndarray]]:
    """Consecutive rows, and where they stand; what is made of a pair of tiles stays small, however many there are."""
    places = [slice(start, min(start + TILE, len(rows))) for start in range(0, len(rows), TILE)]
    return [(place, rows[place]) for place in places]


def squared_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances [n, m] between rows [n, d] and [m, d].

    Exact to about 1e-6 of the rows' squared lengths: take the mean of the features from both first.
    """
    apart = (-2.0 * first) @ second.T
    apart += np.einsum("nd,nd->n", first, first)[:, None]
    apart += np.einsum("md,md->m", second, second)[None, :]
    return np.maximum(apart, 0.0, out=apart)


def centred(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both less the mean of the first, as float32: distances stay, and lose fewer digits."""
    mean = first.mean(axis=0, dtype=np.float64).astype(np.float32)
    return np.asarray(first - mean, np.float32), np.asarray(second - mean, np.float32)


def neighbour_distances(rows: np.ndarray, neighbours: int) -> np.ndarray:
    """Squared distance of each row [n, d] to its k-th neighbour, [n]; the row itself doesn't count.

    Each pair of tiles is compared once: down its columns stand the distances of the other tile's rows.
    """
    parts = tiles(rows)
    smallest = np.full([len(rows), neighbours], np.inf, np.float32)
    for one, (place, first) in enumerate(parts):
        for other_place, second in parts[one:]:
            apart = squared_distances(first, second)
            if place == other_place:
                np.fill_diagonal(apart, np.inf)
            else:
                _keep_smallest(smallest[other_place], apart.T)
            _keep_smallest(smallest[place], apart)
    return smallest.max(axis=1)


def _keep_smallest(smallest: np.ndarray, values: np.ndarray) -> None:
    """Puts into rows [n, k] the smallest, in any order, of what they hold and of values [n, m]."""
    count = smallest.shape[1]
    if count < values.shape[1]:
        values = np.partition(values, count - 1, axis=1)[:, :count]
    smallest[:] = np.partition(np.concatenate([smallest, values], axis=1), count - 1, axis=1)[:, :count]


def nearest(rows: np.ndarray, among: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The places [n, count] of the nearest of `among` [m, d] for each row [n, d], and the distances, nearest first."""
    mean = np.mean(among[:BLOCK], axis=0, dtype=np.float64)
    rows = (rows - mean).astype(np.float32)
    places = np.empty([len(rows), 0], np.int64)
    apart = np.empty([len(rows), 0], np.float64)
    for start in range(0, len(among), BLOCK):
        block = (among[start:start + BLOCK] - mean).astype(np.float32)
        rough = squared_distances(rows, block)
        keep = min(count, len(block))
        chosen = np.argpartition(rough, keep - 1, axis=1)[:, :keep]
        # Again without rounding: the distance of a copy is 0.
        exact = np.linalg.norm(rows[:, None].astype(np.float64) - block[chosen], axis=2)
        places = np.concatenate([places, start + chosen], axis=1)
        apart = np.concatenate([apart, exact], axis=1)
        best = np.argsort(apart, axis=1, kind="stable")[:, :count]
        places, apart = (np.take_along_axis(each, best, axis=1) for each in (places, apart))
    return places, apart
