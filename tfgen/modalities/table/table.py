"""A source to a table that can be learned: its rows, what holds in them, and which of them belong together."""

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.console import several
from tfgen.data.examples import Prompts, fingerprint_of
from tfgen.errors import UserError, unknown
from tfgen.modalities.table import constraints as constraints_module
from tfgen.modalities.table.cells import Cells, cells_of
from tfgen.modalities.table.constraints import Constraint
from tfgen.modalities.table.correction import TableSettings, settings_of
from tfgen.modalities.table.kinds import read_as, rows_of
from tfgen.modalities.table.reading import read_cells
from tfgen.representations.rows.columns import Column, Rows


@dataclass(frozen=True)
class Table:
    """A table as it was read.

    constraints: what holds in every row.
    notes: sentences on how it was read, and on what is doubtful, with the settings that decide it.
    broken: (place, reason) of rows that were left out.
    fingerprint: of the content, wherever it lies.
    group: int64 [n], equal for rows of one person; None where nobody named a column.
    names: of the columns, where a person gave them.
    """

    rows: Rows
    constraints: list[Constraint]
    notes: list[str]
    broken: list[tuple[str, str]]
    fingerprint: str
    group: np.ndarray | None = None
    found: int = field(default=0)  # rows, with those that were left out
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)


def open_table(source: Any, settings: Mapping[str, Any] | None = None) -> Table:
    """The table behind a path or of data in memory, under the settings of correction.SETTINGS.

    Raises:
        UserError: there is none, it can't be read, or a setting doesn't fit it.
    """
    said = settings_of(settings or {})
    cells = _cells(source, said)
    rows, notes = rows_of(cells, said.corrections)
    if said.constraints is None:
        constraints = constraints_module.find(rows)
        notes = [*notes, *(_about_unique(each.name) for each in constraints_module.never_repeated(rows))]
    else:
        constraints = constraints_module.parsed(said.constraints, rows)
    return replace(_table(cells, rows, notes, constraints, said.group), names=said.names)


def open_table_as(
    source: Any, columns: Sequence[Column], constraints: Sequence[Constraint] = (),
    settings: Mapping[str, Any] | None = None,
) -> Table:  # fmt: skip
    """Another table under columns that are known, such as those of a run; a cell that doesn't fit them is missing.

    Raises:
        UserError: as `open_table`, and where it lacks a learned column.
    """
    said = settings_of(settings or {})
    cells = _cells(source, said)
    names, made = [column.name for column in columns], [f"column_{place}" for place in range(1, len(columns) + 1)]
    by_place = cells.names == made != names
    if by_place:
        cells = _named(cells, names)
    rows, notes = read_as(cells, columns, said.corrections)
    notes = ["The columns have no names and are taken by their places.", *notes] if by_place else notes
    return _table(cells, rows, notes, list(constraints), said.group if said.group in cells.names else None)


def _cells(source: Any, said: TableSettings) -> Cells:
    if isinstance(source, (str, Path)):
        cells = read_cells(Path(source), said.options)
    else:
        cells = cells_of(source)
        cells = cells if said.options.rows is None else cells.take(slice(0, said.options.rows))
    if said.names and len(said.names) != len(cells.names):
        raise UserError(
            f"The table has {several(len(cells.names), 'column')}, and {len(said.names)} names were given.",
            "Name each column once, in their order: --set columns=a,b,c",
        )
    return _named(cells, said.names) if said.names else cells


def _named(cells: Cells, names: Sequence[str]) -> Cells:
    """The cells under other names, one for each column."""
    typed = frozenset(name for name, own in zip(names, cells.names) if own in cells.typed)
    return replace(cells, names=list(names), typed=typed)


def _about_unique(name: str) -> str:
    return (
        f"No two rows have the same '{name}'. If it is a key: --set {shlex.quote(f'column.{name}=key')}. If it is a "
        "number and must stay so, write it down as a constraint: tfgen data --toml has it."
    )


def _table(cells: Cells, rows: Rows, notes: list[str], constraints: list[Constraint], group: str | None) -> Table:
    groups = None if group is None else _groups(cells, group)
    found = len(cells) + len(cells.broken)
    return Table(
        rows, constraints, [*cells.notes, *notes], cells.broken, _fingerprint(rows, groups), groups, found
    )


def _groups(cells: Cells, name: str) -> np.ndarray:
    """Which rows belong together; one whose cell is empty belongs to no other."""
    if name not in cells.names:
        raise unknown("column", name, cells.names)
    column = cells.column(name)
    texts = [(text or "").strip() for text in column.dictionary.to_pylist()]
    distinct = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    codes = np.array([distinct[text] if text else -1 for text in texts] + [-1], np.int64)
    groups = codes[np.asarray(column.indices.fill_null(-1))]
    alone = groups < 0
    groups[alone] = len(distinct) + np.arange(alone.sum())
    return groups


def _fingerprint(rows: Rows, groups: np.ndarray | None) -> str:
    digest = hashlib.sha256(json.dumps([column.to_json() for column in rows.columns], sort_keys=True).encode())
    for _, values in rows:
        digest.update(np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes())
    if groups is not None:
        digest.update(groups.astype("<i8").tobytes())
    return fingerprint_of((len(rows), len(rows.columns)), digest.hexdigest(), Prompts.none(0))
