"""What `tfgen data` says of a table: each column in a line, and what holds in every row."""

from typing import Any

import numpy as np

from tfgen.console import several
from tfgen.modalities.table.formats import write_values
from tfgen.modalities.table.table import Table
from tfgen.representations.rows.columns import BOOLEAN, CONSTANT, KEY, TEXT, Column, Rows

_MOST_COLUMNS = 40
_MOST_CONSTRAINTS = 20
_SHOWN = 3  # categories
_LONGEST_NAME = 32


def describe(table: Table) -> list[str]:
    """Sentences and a line for each column; what is doubtful stands in the table's notes."""
    rows = table.rows
    lines = [f"{several(len(rows), 'row')} of {several(len(rows.columns), 'column')}."]
    shown = rows.columns[:_MOST_COLUMNS]
    width = min(_LONGEST_NAME, max(len(column.name) for column in shown))
    lines += [f"  {_cut(column.name, _LONGEST_NAME):<{width}}  {column_in_words(rows, column)}" for column in shown]
    if len(rows.columns) > len(shown):
        kinds = [column.kind for column in rows.columns[_MOST_COLUMNS:]]
        counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
        lines.append(f"  and {len(kinds)} more columns: {counts}")
    if table.constraints:
        texts = [constraint.text for constraint in table.constraints[:_MOST_CONSTRAINTS]]
        more = len(table.constraints) - len(texts)
        lines.append(f"In every row: {'; '.join(texts)}{f'; and {more} more' if more else ''}.")
    if table.group is not None:
        lines.append(f"They are of {several(len(np.unique(table.group)), 'group')}.")
    return lines


def column_in_words(rows: Rows, column: Column) -> str:
    """What a column holds: its kind, its range or commonest values, and how many are missing."""
    if column.kind == CONSTANT:
        return "always empty" if not column.categories[0] else f"always {_cut(column.categories[0], 40)}"
    if column.kind == KEY:
        return f"key, left out and made anew{_of_keys(column)}"
    if column.kind == TEXT:
        return "free text, left out"
    values = rows.values[column.name]
    gone = int(np.isnan(values).sum() if column.is_numeric else (values < 0).sum())
    known = len(values) - gone
    said = _range(column, values) if column.is_numeric else _shares(column, values, known)
    if gone:
        written = f", written {column.missing}" if column.missing else ""
        said += f"; {_percent(gone / len(values))} missing{written}"
    return said


def facts(table: Table) -> dict[str, Any]:
    """The same as plain JSON."""
    columns = []
    for column in table.rows.columns:
        fact: dict[str, Any] = {"name": column.name, "kind": column.kind}
        if column.is_numeric:
            values = table.rows.values[column.name]
            known = values[np.isfinite(values)]
            ends = write_values(column, np.array([known.min(), known.max()])).tolist() if len(known) else []
            fact |= {"range": ends, "missing": int(len(values) - len(known))}
        elif column.is_categorical:
            values = table.rows.values[column.name]
            fact |= {"categories": len(column.categories), "missing": int((values < 0).sum())}
        columns.append(fact)
    return {
        "count": len(table.rows),
        "columns": columns,
        "constraints": [constraint.text for constraint in table.constraints],
        "groups": None if table.group is None else len(np.unique(table.group)),
    }


def _range(column: Column, values: np.ndarray) -> str:
    known = values[np.isfinite(values)]
    low, middle, high = write_values(column, np.array([known.min(), _typical(known), known.max()]))
    return f"{column.kind}, {low} to {high}, half of them up to {middle}" if low != high else f"{column.kind}, {low}"


def _typical(known: np.ndarray) -> float:
    """The median as one of the values."""
    return float(np.partition(known, (len(known) - 1) // 2)[(len(known) - 1) // 2])


def _shares(column: Column, values: np.ndarray, known: int) -> str:
    counts = np.bincount(values[values >= 0], minlength=len(column.categories))
    commonest = np.argsort(-counts, kind="stable")[:_SHOWN]
    texts = [f"{_cut(column.categories[place], 24)} {_percent(counts[place] / max(known, 1))}" for place in commonest]
    kind = column.kind if column.kind == BOOLEAN else f"{column.kind} of {len(column.categories)}"
    return f"{kind}: {', '.join(texts)}{', ...' if len(column.categories) > _SHOWN else ''}"


def _of_keys(column: Column) -> str:
    from tfgen.modalities.table.writing import keys

    return f", as {_cut(keys(column, 0, 1)[0], 40)}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else "less than 1 %" if share > 0 else "0 %"


def _cut(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 3] + "..."
