"""Cells as they were read, before anybody knows what they mean: columns of texts, and where each row stood."""

import contextlib
import datetime
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.errors import UserError

WHAT_IS_READ = (
    "Give a .csv, .tsv, .parquet, .xlsx, .jsonl or .arff with a row for each example, or in Python a dict of columns."
)
_UTC = ("UTC", "Etc/UTC", "GMT", "Z", "+00:00")


@dataclass
class Cells:
    """The texts of a table.

    names: of the columns, no two alike.
    columns: of each column a pyarrow DictionaryArray: its different texts, and each row's place among them; "" or null
        where there is nothing.
    lines: int64 [n], where each row stands in its file, for messages.
    place: what `lines` count: "line" or "row".
    typed: the columns that come from a file with types, whose texts are as Python writes numbers and ISO writes dates.
    decimal: the decimal sign where the source says it.
    notes: sentences on how it was read.
    broken: (place, reason) of the rows that were left out.
    """

    names: list[str]
    columns: list[Any]
    lines: np.ndarray
    place: str = "line"
    typed: frozenset[str] = frozenset()
    decimal: str | None = None
    notes: list[str] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.lines)

    def where(self, row: int) -> str:
        """A row's place in words: "line 17"."""
        return f"{self.place} {self.lines[row]}"

    def column(self, name: str) -> Any:
        return self.columns[self.names.index(name)]

    def take(self, places: Any) -> "Cells":
        """The rows at these indices or of this mask."""
        import pyarrow as pa

        places = np.arange(len(self))[places]
        columns = [column.take(pa.array(places)) for column in self.columns]
        return Cells(self.names, columns, self.lines[places], self.place, self.typed, self.decimal, self.notes,
                     self.broken)  # fmt: skip


def encoded(texts: Any) -> Any:
    """A pyarrow array of texts, whole or in chunks, as one DictionaryArray."""
    import pyarrow as pa

    array = texts if isinstance(texts, (pa.DictionaryArray, pa.ChunkedArray)) else texts.dictionary_encode()
    if isinstance(array, pa.ChunkedArray):
        array = (array if pa.types.is_dictionary(array.type) else array.dictionary_encode()).unify_dictionaries()
        array = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
        if isinstance(array, pa.ChunkedArray):  # of no chunk at all
            array = pa.array([], pa.string()).dictionary_encode()
    return array


def without_apostrophes(texts: Any) -> Any:
    """Texts without the apostrophe that keeps a spreadsheet from running them as a formula."""
    import pyarrow.compute as pc

    return pc.replace_substring_regex(texts, r"^\s*'('*[=+\-@\t\r])", r"\1")


def unique_names(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Names of which no two are alike, and notes on those that were changed."""
    found: list[str] = []
    notes, empty = [], []
    for place, name in enumerate(names, 1):
        name = " ".join(str(name).split())
        wanted = name or f"column_{place}"
        if not name:
            empty.append(wanted)
        number, unique = 1, wanted
        while unique in found:
            number += 1
            unique = f"{wanted} ({number})"
        if unique != wanted:
            notes.append(f"Two columns are called '{wanted}'; the one in place {place} is called '{unique}'.")
        found.append(unique)
    if empty:
        shown = ", ".join(empty[:3]) + (", ..." if len(empty) > 3 else "")
        are = "1 column has no name and is" if len(empty) == 1 else f"{len(empty)} columns have no names and are"
        notes.append(f"{are} called {shown}.")
    return found, notes


def cells_of(data: Any) -> Cells:
    """The cells of a table in memory, as `arrow_of` takes it. Raises UserError as that does."""
    table = arrow_of(data)
    if not table.num_rows or not table.num_columns:
        raise UserError("The table holds no rows.", "Give one with a row for each example.")
    return of_arrow(table.column_names, table.columns)


def as_parquet(data: Any) -> bytes:
    """A table in memory as a Parquet file, which has the same cells. Raises UserError as `arrow_of` does."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    buffer = pa.BufferOutputStream()
    parquet.write_table(arrow_of(data), buffer)
    return buffer.getvalue().to_pybytes()


def is_in_memory(data: Any) -> bool:
    """Whether data is of a kind that `arrow_of` takes."""
    if isinstance(data, np.ndarray):
        return bool(data.dtype.names)
    if isinstance(data, Mapping):
        lists = (hasattr(values, "__len__") and not isinstance(values, str) for values in data.values())
        return bool(data) and all(lists)
    return hasattr(data, "column_names") and hasattr(data, "num_rows") or hasattr(data, "to_dict") and hasattr(
        data, "columns")


@contextlib.contextmanager
def as_file(data: Any) -> Iterator[Any]:
    """A table in memory as the path of a Parquet file, which is there while it is read; anything else as it is.

    Raises:
        UserError: as `arrow_of` does.
    """
    if not is_in_memory(data):
        yield data
        return
    with tempfile.TemporaryDirectory(prefix="tfgen-") as folder:
        path = Path(folder) / "table.parquet"
        path.write_bytes(as_parquet(data))
        yield str(path)


def arrow_of(data: Any) -> Any:
    """A pyarrow Table of one in memory: a dict of columns, a pyarrow Table, a pandas DataFrame, or an array with named
    fields.

    Raises:
        UserError: it is nothing of this kind, or its columns are of different lengths.
    """
    import pyarrow as pa

    table = data
    if isinstance(data, np.ndarray) and data.dtype.names:
        table = {name: data[name] for name in data.dtype.names}
    elif hasattr(data, "to_dict") and hasattr(data, "columns"):  # pandas, and what is like it
        table = {name: data[name] for name in data.columns}
    if isinstance(table, Mapping):
        columns = {str(name): _array(name, values) for name, values in table.items()}
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            (name, length), *others = lengths.items()
            other = next(each for each in others if each[1] != length)
            raise UserError(
                f"The columns are of different lengths: '{name}' has {length} values and '{other[0]}' {other[1]}.",
                "Give as many of each.",
            )
        return pa.table(list(columns.values()), names=list(columns))
    if isinstance(table, pa.Table):
        return table
    raise UserError(f"Data of type {type(data).__name__} is no table.", WHAT_IS_READ)


def of_arrow(names: Sequence[str], columns: Iterable[Any]) -> Cells:
    """The cells of columns with types."""
    import pyarrow as pa

    names, notes = unique_names(names)
    columns = list(columns)
    typed = frozenset(name for name, column in zip(names, columns) if not pa.types.is_string(column.type))
    count = len(columns[0]) if columns else 0
    texts = [encoded(as_texts(column)) for column in columns]
    for name, column in zip(names, columns):
        if zone := _named_zone(column.type):
            notes.append(f"The moments of '{name}' are read as clocks in {zone} show them, and written without a zone.")
    return Cells(names, texts, np.arange(1, count + 1), "row", typed, None, notes)


def as_texts(column: Any) -> Any:
    """A column of any type as texts: whole numbers of floats without a point, dates as ISO has them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_string(kind) or pa.types.is_null(kind):
        return column.cast(pa.string())
    if pa.types.is_boolean(kind):
        return pc.if_else(column, "true", "false")
    if pa.types.is_floating(kind):
        texts = pc.if_else(pc.is_finite(column), column.cast(pa.string()), pa.scalar(None, pa.string()))
        return pc.replace_substring_regex(texts, "^-0$", "0")
    if pa.types.is_timestamp(kind):
        texts = pc.replace_substring_regex(pc.strftime(_by_clock(column), "%Y-%m-%dT%H:%M:%S"), r"\.0+$", "")
        said = "" if kind.tz is None or _named_zone(kind) else "Z" if kind.tz in _UTC else kind.tz
        return pc.binary_join_element_wise(texts, said, "") if said else texts
    if pa.types.is_duration(kind):
        units = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
        return as_texts(pc.divide(column.cast(pa.int64()).cast(pa.float64(), safe=False), units[kind.unit]))
    if pa.types.is_time(kind):
        return pc.replace_substring_regex(column.cast(pa.string()), r"\.0+$", "")
    if pa.types.is_nested(kind):
        return pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())
    return column.cast(pa.string())


def _named_zone(kind: Any) -> str | None:
    """The zone of a type of moments where it is a place, whose clocks are not always as far from UTC."""
    import pyarrow as pa

    zone = kind.tz if pa.types.is_timestamp(kind) else None
    return None if zone in _UTC or zone is None or re.fullmatch("[+-][0-9]{2}:[0-9]{2}", zone) else zone


def _by_clock(column: Any) -> Any:
    """Moments as clocks of their zone show them, without the zone."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if _named_zone(kind):
        return pc.local_timestamp(column)
    plain = column.cast(pa.timestamp(kind.unit))
    if kind.tz is None or kind.tz in _UTC:
        return plain
    hours, minutes = int(kind.tz[1:3]), int(kind.tz[4:])
    ahead = datetime.timedelta(hours=hours, minutes=minutes) * (-1 if kind.tz[0] == "-" else 1)
    return pc.add(plain, pa.scalar(ahead, pa.duration(kind.unit)))


def text_of(value: Any) -> str | None:
    """One value of Python's types as a text; None for what is missing."""
    if value is None or value != value:
        return None
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)):
        value = float(value)
        if value in (float("inf"), float("-inf")):
            return None
        return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return str(value)


def _array(name: Any, values: Any) -> Any:
    """A column in memory as a pyarrow array."""
    import pyarrow as pa

    if isinstance(values, str) or not hasattr(values, "__len__"):
        raise UserError(f"The column '{name}' is {type(values).__name__}, not a list of values.", "Give a list.")
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values
    if hasattr(values, "to_numpy"):
        values = values.to_numpy()
    if isinstance(values, np.ndarray) and values.ndim != 1:
        raise UserError(f"The column '{name}' has {values.ndim} dimensions.", "Give one value for each row.")
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        unit = np.datetime_data(values.dtype)[0]
        values = values if unit in ("D", "s", "ms", "us", "ns") else values.astype("datetime64[s]")
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):  # values of several types
        return pa.array([text_of(value) for value in values], pa.string())
