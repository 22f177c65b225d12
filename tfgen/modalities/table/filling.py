"""Rows of a person's file that a run fills in, and the file's own cells in what is written of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tfgen.console import several, warn
from tfgen.errors import UserError
from tfgen.modalities.table.cells import Cells
from tfgen.modalities.table.codec import TableCodec
from tfgen.modalities.table.formats import read_values, write_values
from tfgen.modalities.table.grid import ReadingOptions
from tfgen.modalities.table.kinds import is_given, read_as
from tfgen.modalities.table.reading import read_cells
from tfgen.representations.rows.columns import CATEGORY, CONSTANT, Column, Rows


@dataclass(frozen=True)
class RowsToFill(Rows):
    """Rows as a run's columns are, of which a cell that the file lacks is missing.

    texts: each column of the file as it stands there, in its order; "" where a cell is to be filled.
    unknown: of learned columns, bool [n]: cells that say something that the run doesn't know. They stay as they are,
        and the model takes them for missing, or for one of the categories that a private run may not know.
    """

    texts: Mapping[str, np.ndarray] = field(default_factory=dict)
    unknown: Mapping[str, np.ndarray] = field(default_factory=dict)

    def completed(self, made: Rows) -> Rows:
        """Rows that the model made of these, with all that stands in the file as it stands there."""
        known = {column.name: column for column in made.columns}
        columns, values = [], dict(made.values)
        for name, texts in self.texts.items():
            column = known.get(name)
            if column is not None and column.is_learned:
                if self._is_written_alike(column):
                    columns.append(column)
                    continue
                own = _written(column, made.values[name])
                texts = np.where(texts == "", own, texts)
            elif column is not None and column.kind == CONSTANT:
                texts = np.where(texts == "", column.categories[0], texts)
            words, places = np.unique(texts.astype(str), return_inverse=True)
            columns.append(Column(name, CATEGORY, tuple(words.tolist())))
            values[name] = places.astype(np.int32)
        return Rows((*columns, *(column for column in made.columns if column.name not in self.texts)), values)

    def _is_written_alike(self, column: Column) -> bool:
        """Whether all that the file says in a learned column can be written as the column is."""
        if self.unknown[column.name].any():
            return False
        if not column.is_numeric:
            return True
        import pyarrow as pa

        known = np.unique(self.values[column.name])
        known = known[np.isfinite(known)]
        return bool(np.allclose(read_values(column, pa.array(write_values(column, known), pa.string())), known, 1e-12))


def _written(column: Column, values: np.ndarray) -> np.ndarray:
    if column.is_numeric:
        return write_values(column, values)
    return np.array([*column.categories, column.missing or ""], object)[values]


def read_to_fill(path: Path, codec: TableCodec) -> RowsToFill:
    """Rows of a file as a run's columns are; a column that the file lacks is missing in all of them.

    Raises:
        UserError: the file can't be read, or has none of the columns.
    """
    cells = read_cells(path, ReadingOptions())
    there = [column for column in codec.learned if column.name in cells.names]
    if not there:
        names = ", ".join(f"'{column.name}'" for column in codec.learned[:6])
        raise UserError(f"'{path}' has none of the run's columns.", f"Name them in its first line: {names}, ...")
    rows, _ = read_as(cells, there)
    texts, unknown = {}, {}
    for name in cells.names:
        texts[name] = _texts(cells, name)
    for column in there:
        given = is_given(column, texts[column.name])
        texts[column.name] = np.where(given, texts[column.name], "")
        values = rows.values[column.name]
        known = np.isfinite(values) if column.is_numeric else np.array([*map(bool, column.categories), False])[values]
        unknown[column.name] = given & ~known
        if count := int(unknown[column.name].sum()):
            warn(f"{several(count, 'cell')} of '{column.name}' can't be understood by the run: written as in the file.")
    empty = {
        column.name: np.full(len(cells), np.nan) if column.is_numeric else np.full(len(cells), -1, np.int32)
        for column in codec.learned
    }
    return RowsToFill(codec.columns, {**empty, **rows.values}, texts, unknown)


def _texts(cells: Cells, name: str) -> np.ndarray:
    column = cells.column(name)
    words = np.array([*(text or "" for text in column.dictionary.to_pylist()), ""], object)
    return words[np.asarray(column.indices.fill_null(-1))]
