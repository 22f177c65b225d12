"""Rows to files, looking as the table did that they were learned from; and to text and HTML for a person.

Keys are made anew, free text is left out, what was constant is written again. A text that a spreadsheet would run as a
formula gets an apostrophe in front, which reading takes off.
"""

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta, timezone
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from tfgen import files
from tfgen.console import several
from tfgen.errors import UserError, unknown
from tfgen.modalities.table.formats import offset_of, write_values, zone_of
from tfgen.modalities.table.kinds import truth
from tfgen.representations.rows.columns import (
    BOOLEAN, CONSTANT, DATE, DATETIME, INTEGER, KEY, NUMBER, TEXT, TIME, Column, Rows,
)  # fmt: skip
from tfgen.trust.provenance import open_marked, write_marked

ENDINGS = (".csv", ".tsv", ".parquet", ".jsonl", ".xlsx")
METADATA = "tfgen"  # the key under which Parquet's schema has what is said of rows
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_HARMLESS = re.compile(r"[-+]?[0-9.,]*[0-9][0-9.,]*([eE][-+]?[0-9]+)?\s?%?|[-+.]+")  # numbers, and mere signs
_CHUNK = 50_000  # rows that are texts at once
_MOST_EXCEL = 2**20 - 1
_EPOCH = datetime(1970, 1, 1)
_WIDEST = 24  # letters of a cell in a terminal


def write_rows(path: Path, rows: Rows, metadata: Mapping[str, Any], first: int = 0) -> None:
    """Writes rows by the name's ending: .csv, .tsv, .parquet, .jsonl or .xlsx.

    metadata: what is said of them, plain JSON: in Parquet's schema, else in a file beside with ".json" behind the name;
        it is signed with them (tfgen.trust.provenance).
    first: the seed of the first row, from which its key is made, and those of the others from the seeds behind it.

    Raises:
        UserError: the ending is of no such file, or Excel has no room.
    """
    path = Path(path)
    ending = path.suffix.lower()
    writer = {".csv": _write_csv, ".tsv": _write_csv, ".parquet": _write_parquet, ".jsonl": _write_json_lines,
              ".xlsx": _write_excel}.get(ending)  # fmt: skip
    if writer is None:
        raise unknown("ending of tables", ending or path.name, ENDINGS)
    writer(path, rows, metadata, first)
    if ending != ".parquet":
        files.write_json(path.with_name(path.name + ".json"), dict(metadata))


def read_metadata(path: Path) -> dict[str, Any]:
    """What `write_rows` was told of the rows; nothing where nobody said anything."""
    path = Path(path)
    if path.suffix.lower() == ".parquet":
        import pyarrow.parquet as parquet

        return json.loads((parquet.read_schema(path).metadata or {}).get(METADATA.encode(), b"{}"))
    beside = path.with_name(path.name + ".json")
    return json.loads(beside.read_text(encoding="utf-8")) if beside.is_file() else {}


def texts_of(rows: Rows, start: int = 0, stop: int | None = None, first: int = 0) -> dict[str, np.ndarray]:
    """The columns of rows from `start` to `stop` as texts, by name, free text left out."""
    stop = len(rows) if stop is None else min(stop, len(rows))
    texts = {}
    for column in rows.columns:
        if column.kind == TEXT:
            continue
        if column.kind == CONSTANT:
            texts[column.name] = np.full(stop - start, column.categories[0], object)
        elif column.kind == KEY:
            texts[column.name] = np.array(keys(column, start, stop, first), object)
        elif column.is_numeric:
            texts[column.name] = write_values(column, rows.values[column.name][start:stop])
        else:
            words = np.array([*column.categories, column.missing or ""], object)
            texts[column.name] = words[rows.values[column.name][start:stop]]
    return texts


def keys(column: Column, start: int, stop: int, first: int = 0) -> list[str]:
    """The keys of rows from `start` to `stop`, each by its row's seed, which is `first` for row 0, and unlike all
    others and those that were seen: numbers that count on, or letters of the same sort drawn anew."""
    writing = column.writing
    if "shape" not in writing:
        after, width, prefix = writing.get("after", 0), writing.get("width", 0), writing.get("prefix", "")
        return [f"{prefix}{after + 1 + seed:0{width}d}" for seed in range(first + start, first + stop)]
    shape, letters = writing["shape"], writing["letters"]
    free = shape.count("*")
    # A walk through all texts of the shape whose step has no divisor in common with their number meets none twice.
    count = len(letters) ** free
    rng = np.random.default_rng(0)
    offset, step = (int.from_bytes(rng.bytes(48), "little") % count for _ in range(2))
    while math.gcd(step, len(letters)) != 1:
        step += 1
    made = []
    for seed in range(first + start, first + stop):
        number, text = (offset + seed * step) % count, []
        for _ in range(free):
            number, digit = divmod(number, len(letters))
            text.append(letters[digit])
        signs = iter(text)
        again = seed // count  # the walk begins anew, with a number behind
        made.append("".join(next(signs) if sign == "*" else sign for sign in shape) + (str(again) if again else ""))
    return made


def escaped(text: str) -> str:
    """A text that no spreadsheet runs: with an apostrophe where it would be a formula and is no number."""
    return f"'{text}" if _FORMULA.match(text) and not _HARMLESS.fullmatch(text) else text


# Files of text.


def _write_csv(path: Path, rows: Rows, metadata: Mapping[str, Any], first: int) -> None:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ";" if _has_decimal_comma(rows) else ","
    with open_marked(path, metadata) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
        names = [column.name for column in rows.columns if column.kind != TEXT]
        writer.writerow(map(escaped, names))
        for start, stop in _chunks(len(rows)):
            columns = texts_of(rows, start, stop, first)
            for column in rows.columns:
                if not column.is_numeric and column.kind != TEXT:
                    columns[column.name] = _each(escaped, columns[column.name])
            lines = zip(*(columns[name] for name in names))
            # A row of one empty cell would be an empty line.
            writer.writerows(lines) if len(names) > 1 else text.writelines(_lone_cells(lines, delimiter))
        text.detach()


def _lone_cells(rows: Iterator[tuple[str]], delimiter: str) -> Iterator[str]:
    for (cell,) in rows:
        buffer = io.StringIO()
        csv.writer(buffer, delimiter=delimiter, lineterminator="\n").writerow([cell])
        yield buffer.getvalue() if cell else '""\n'


def _has_decimal_comma(rows: Rows) -> bool:
    return any(column.writing.get("decimal") == "," for column in rows.columns)


def _write_json_lines(path: Path, rows: Rows, metadata: Mapping[str, Any], first: int) -> None:
    with open_marked(path, metadata) as file:
        for start, stop in _chunks(len(rows)):
            columns = _typed_columns(rows, start, stop, first, lambda moment: moment.isoformat())
            names = list(columns)
            for values in zip(*columns.values()):
                file.write((json.dumps(dict(zip(names, values)), ensure_ascii=False) + "\n").encode())


# Files with types.


def _write_parquet(path: Path, rows: Rows, metadata: Mapping[str, Any], first: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    names = [column.name for column in rows.columns if column.kind != TEXT]
    types = {column.name: _arrow_type(column) for column in rows.columns}
    said = {METADATA: json.dumps(dict(metadata), ensure_ascii=False)}
    schema = pa.schema([(name, types[name]) for name in names], metadata=said)
    with open_marked(path, metadata) as file, parquet.ParquetWriter(file, schema) as writer:
        for start, stop in _chunks(len(rows)):
            columns = _typed_columns(rows, start, stop, first)
            writer.write_table(pa.table([pa.array(columns[name], types[name]) for name in names], schema=schema))


def _arrow_type(column: Column) -> Any:
    import pyarrow as pa

    kinds = {NUMBER: pa.float64(), INTEGER: pa.int64(), DATE: pa.date32(), DATETIME: pa.timestamp("us", _zone(column)),
             TIME: pa.time64("us")}  # fmt: skip
    if column.kind == BOOLEAN and _is_truth(column):
        return pa.bool_()
    if _counts_on(column):
        return pa.int64()
    return kinds.get(column.kind, pa.string())


def _write_excel(path: Path, rows: Rows, metadata: Mapping[str, Any], first: int) -> None:
    try:
        import openpyxl
        from openpyxl.cell import WriteOnlyCell
        from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
    except ImportError as error:
        raise UserError("To write Excel files, openpyxl is needed.", "pip install 'tfgen[tables]'") from error
    if len(rows) > _MOST_EXCEL:
        raise UserError(f"A sheet of Excel has no room for {len(rows)} rows.", "Write a .csv or a .parquet.")
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("rows")
    kept = [column for column in rows.columns if column.kind != TEXT]
    looks = [_excel_look(column) for column in kept]
    sheet.append([escaped(column.name) for column in kept])
    for start, stop in _chunks(len(rows)):
        columns = _typed_columns(rows, start, stop, first, _excel_moment)
        for values in zip(*columns.values()):
            cells = []
            for value, look in zip(values, looks):
                if isinstance(value, str):
                    value = ILLEGAL_CHARACTERS_RE.sub("", escaped(value))
                cell = WriteOnlyCell(sheet, value)
                if isinstance(value, str):
                    cell.data_type = "s"
                elif look:
                    cell.number_format = look
                cells.append(cell)
            sheet.append(cells)
    content = io.BytesIO()
    book.save(content)
    write_marked(path, content.getvalue(), metadata)


def _excel_look(column: Column) -> str | None:
    if column.kind in (NUMBER, INTEGER):
        digits = column.decimals if column.writing.get("fixed") else column.writing.get("zeros", 0)
        return f"0.{'0' * digits}" if digits else None
    return {DATE: "yyyy-mm-dd", DATETIME: "yyyy-mm-dd hh:mm:ss", TIME: "hh:mm:ss"}.get(column.kind)


def _typed_columns(
    rows: Rows, start: int, stop: int, first: int, of_moment: Callable[[Any], Any] = lambda moment: moment
) -> dict[str, list[Any]]:
    """Columns as Python's values, None where a cell is missing; dates and times as `of_moment` makes them."""
    texts = texts_of(Rows(tuple(column for column in rows.columns if not column.is_numeric), rows.values), start, stop,
                     first)  # fmt: skip
    columns: dict[str, list[Any]] = {}
    for column in rows.columns:
        if column.kind == TEXT:
            continue
        if column.is_numeric:
            columns[column.name] = _typed(column, rows.values[column.name][start:stop], of_moment)
        elif _counts_on(column):
            columns[column.name] = [int(text) for text in texts[column.name]]
        elif not column.is_learned:
            columns[column.name] = [text or None for text in texts[column.name]]
        else:
            values = [*map(truth, column.categories)] if _is_truth(column) else [*column.categories]
            values.append(None)
            columns[column.name] = [values[code] for code in rows.values[column.name][start:stop].tolist()]
    return columns


def _counts_on(column: Column) -> bool:
    """Whether its keys are plain numbers."""
    return column.kind == KEY and not {"shape", "width"} & set(column.writing) and not column.writing.get("prefix")


def _is_truth(column: Column) -> bool:
    return column.kind == BOOLEAN and {truth(word) for word in column.categories} == {True, False}


def _typed(column: Column, values: np.ndarray, of_moment: Callable[[Any], Any]) -> list[Any]:
    known = np.isfinite(values)
    distinct, places = np.unique(values[known], return_inverse=True)
    if column.kind == INTEGER:
        made: list[Any] = [round(value) for value in distinct.tolist()]
    elif column.kind == NUMBER:
        made = distinct.tolist()
    else:
        zone = _zone(column)
        made = [of_moment(_moment(column.kind, value, zone)) for value in distinct.tolist()]
    result = np.full(len(values), None, object)
    if made:
        result[known] = np.array([*made, None], object)[:-1][places]
    return result.tolist()


def _zone(column: Column) -> timezone | None:
    """The zone of a column's moments, where it is known how far from UTC that is."""
    ahead = offset_of(zone_of(column.writing["format"])) if column.kind == DATETIME else None
    return None if ahead is None else timezone(timedelta(seconds=ahead))


def _moment(kind: str, value: float, zone: timezone | None = None) -> date | datetime | time:
    if kind == DATE:
        return (_EPOCH + timedelta(days=round(value))).date()
    moment = _EPOCH + timedelta(microseconds=round(value * 1e6))
    return moment.replace(tzinfo=zone) if kind == DATETIME else moment.time()


def _excel_moment(value: date | datetime | time) -> date | datetime | time | str:
    """Excel knows no zones and no day before 1900, and counts wrongly up to March of it."""
    value = value.replace(tzinfo=None) if isinstance(value, datetime) else value
    return value if isinstance(value, time) or value.year > 1900 else value.isoformat()


def plain_records(rows: Rows, first: int = 0) -> list[dict[str, Any]]:
    """Each row as a dict of Python's values, None where a cell is missing."""
    columns = _typed_columns(rows, 0, len(rows), first, lambda value: value)
    return [dict(zip(columns, cells)) for cells in zip(*columns.values())]


# For a person.


def as_lines(rows: Rows, most: int = 20, width: int = 100, first: int = 0) -> list[str]:
    """Rows as lines of aligned cells, numbers to the right, the first one with the names; columns that don't fit are
    counted at the end."""
    texts = texts_of(rows, 0, most, first)
    right = {column.name for column in rows.columns if column.kind in (NUMBER, INTEGER)}
    blocks, used = [], 0
    for name, cells in texts.items():
        shown = [_cut(text) for text in (name, *cells)]
        wide = max(map(_columns_wide, shown))
        if blocks and used + wide > width:
            break
        used += wide + 2
        blocks.append([_padded(text, wide, name in right) for text in shown])
    lines = ["  ".join(cells).rstrip() for cells in zip(*blocks)]
    left = len(texts) - len(blocks)
    if len(rows) > most:
        lines.append(f"... {several(len(rows) - most, 'more row')}")
    if left:
        lines.append(f"... {several(left, 'more column')}")
    return lines


def as_html_table(rows: Rows, most: int = 20, first: int = 0) -> str:
    """Rows as an HTML table."""
    texts = texts_of(rows, 0, most, first)
    right = {column.name for column in rows.columns if column.kind in (NUMBER, INTEGER)}

    def cell(name: str, text: str) -> str:
        align = ' style="text-align: right"' if name in right else ""
        return f"<td{align}>{escape(text)}</td>"

    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in texts)
    body = "".join(
        f"<tr>{''.join(cell(name, text) for name, text in zip(texts, row))}</tr>\n" for row in zip(*texts.values())
    )
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n"


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."


def _columns_wide(text: str) -> int:
    import unicodedata

    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def _padded(text: str, width: int, right: bool) -> str:
    space = " " * (width - _columns_wide(text))
    return space + text if right else text + space


def _chunks(count: int) -> Iterator[tuple[int, int]]:
    yield from ((start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK))


def _each(function: Callable[[str], str], texts: np.ndarray) -> np.ndarray:
    """A function of every text, called once for each different one."""
    made: dict[str, str] = {}
    return np.array([made[text] if text in made else made.setdefault(text, function(text)) for text in texts], object)
