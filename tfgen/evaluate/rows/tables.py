"""Tables as metrics take them: structured arrays [n] with a field for each learned column; their ranks and neighbours.

A field is float64 of a number, NaN where a cell is missing, or int32 of a category, -1 where a cell is missing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tfgen.evaluate.metrics.resemblance import is_number
from tfgen.representations.rows.columns import Rows

_QUERIES, _AMONG = 256, 4096  # rows that are compared at a time: what is made of them fits into the processor's cache


def as_table(rows: Rows) -> np.ndarray:
    """The learned columns of rows, as a structured array [n]."""
    fields = [(column.name, np.float64 if column.is_numeric else np.int32) for column, _ in rows]
    return table_of({column.name: values for column, values in rows}, np.dtype(fields))


def table_of(columns: Mapping[str, np.ndarray], dtype: np.dtype) -> np.ndarray:
    """A structured array of values [n] by column."""
    table = np.empty(len(next(iter(columns.values()))), dtype)
    for name in dtype.names:
        table[name] = columns[name]
    return table


def missing(table: np.ndarray, name: str) -> np.ndarray:
    """Which cells of a column are missing, bool [n]."""
    return np.isnan(table[name]) if is_number(table, name) else table[name] < 0


def row_keys(table: np.ndarray) -> np.ndarray:
    """bytes [n], equal for rows that are equal in every cell; missing cells are equal too."""
    packed = np.empty(len(table), [(name, table.dtype[name]) for name in table.dtype.names])
    for name in table.dtype.names:
        # One way to write missing, and one to write zero.
        number = is_number(table, name)
        packed[name] = np.where(missing(table, name), np.nan, table[name] + 0.0) if number else table[name]
    return packed.view(f"V{packed.dtype.itemsize}").reshape(-1)


def are_among(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which rows are equal to one of others in every cell, bool [n]."""
    known = {key.tobytes() for key in row_keys(others)}
    return np.array([key.tobytes() in known for key in row_keys(rows)], bool)


def unique_columns(table: np.ndarray, share: float = 0.9) -> list[str]:
    """The numbers that are different in nearly every row, so that no sample will be equal to a row by chance."""
    numbers = [name for name in table.dtype.names if is_number(table, name)]
    return [name for name in numbers if len(np.unique(table[name])) >= share * len(table)]


class Distances:
    """Gower's distance between rows (1971), the mean over columns of a distance from 0 to 1.

    Of categories: 0 if they are equal. Of numbers: the share of the reference's rows that lie between, so that no
    outlier makes all others near. A missing cell is as far as can be from all that aren't.
    """

    def __init__(self, reference: np.ndarray):
        self.names = reference.dtype.names
        self._sorted = {
            name: np.sort(reference[name][~np.isnan(reference[name])])
            for name in self.names
            if is_number(reference, name)
        }

    def of_columns(self, rows: np.ndarray) -> list[np.ndarray]:
        """Each column [n]: float32 ranks of numbers, 0 to 1, and 2 for missing; int32 categories."""
        return [self._ranks(name, rows[name]) if name in self._sorted else rows[name].copy() for name in self.names]

    def _ranks(self, name: str, values: np.ndarray) -> np.ndarray:
        known = self._sorted[name]
        low, high = (np.searchsorted(known, values, side=side) for side in ("left", "right"))
        ranks = (low + high) / (2 * max(len(known), 1))
        return np.where(np.isnan(values), 2.0, ranks).astype(np.float32)

    def blocks(self, rows: np.ndarray, among: np.ndarray) -> Iterator[tuple[slice, slice, list[np.ndarray]]]:
        """Block by block: the places of some rows, of some others, and the distance of each column, float32 [n, m]."""
        first, second = self.of_columns(rows), self.of_columns(among)
        for start in range(0, len(rows), _QUERIES):
            place = slice(start, start + _QUERIES)
            for other_start in range(0, len(among), _AMONG):
                other = slice(other_start, other_start + _AMONG)
                yield place, other, [_apart(one[place], two[other]) for one, two in zip(first, second, strict=True)]

    def nearest(self, rows: np.ndarray, among: np.ndarray, leaving_out: Sequence[str] = ()) -> "Nearest":
        """The nearest of `among` [m] for each row [n]; ties go to the first.

        Args:
            leaving_out: columns; for each of them also the nearest by all other columns.
        """
        kinds = (None, *leaving_out)
        places = {kind: np.zeros(len(rows), np.int64) for kind in kinds}
        apart = {kind: np.full(len(rows), np.inf, np.float32) for kind in kinds}
        for place, other, columns in self.blocks(rows, among):
            total = np.add.reduce(columns)
            for kind in kinds:
                block = total if kind is None else total - columns[self.names.index(kind)]
                _keep_nearest(places[kind][place], apart[kind][place], block, other.start)
        return Nearest(places.pop(None), apart[None] / len(self.names), places)


@dataclass(frozen=True)
class Nearest:
    """For each of n rows: the place of its nearest int64 [n], its distance float32 [n] from 0 to 1, and by the column
    that was left out the place of the nearest by all others, int64 [n]."""

    places: np.ndarray
    apart: np.ndarray
    without: Mapping[str, np.ndarray]


def _apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    if one.dtype.kind == "f":
        return np.minimum(np.abs(one[:, None] - other[None, :]), 1.0)
    return (one[:, None] != other[None, :]).astype(np.float32)


def _keep_nearest(places: np.ndarray, apart: np.ndarray, block: np.ndarray, start: int) -> None:
    """Puts the nearest of a block [n, m] in place, where it is nearer than what is known."""
    best = np.argmin(block, axis=1)
    distance = block[np.arange(len(block)), best]
    # Rounding of float32 must not make a tie a win.
    nearer = distance < apart - 1e-6
    places[nearer], apart[nearer] = best[nearer] + start, distance[nearer]
