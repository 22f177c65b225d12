"""A path to the cells of its table: delimited text, Parquet, JSON, Excel and ARFF, also packed by gzip.

What a person would have to say elsewhere is found: the encoding, the sign between cells, the header; and it is told in
notes. What can't be told is a UserError that names the place and the setting.
"""

import csv
import io
import itertools
import json
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.data import archives
from tfgen.data.encodings import Decoding, NotText, examine, open_unpacked
from tfgen.data.examples import clean_text, natural_order
from tfgen.data.walk import walk
from tfgen.errors import UserError, unknown
from tfgen.modalities.table.cells import WHAT_IS_READ, Cells, encoded, of_arrow, text_of, unique_names
from tfgen.modalities.table.delimited import MOST_LINES, Delimited, TooLong, parse_sample, width_of
from tfgen.modalities.table.grid import ReadingOptions, Row, cells_of_grid

DELIMITED = (".csv", ".tsv", ".tab", ".data", ".txt", ".dat")
JSON_LINES = (".jsonl", ".ndjson")
ENDINGS = (".csv", ".tsv", ".tab", ".data", ".parquet", ".xlsx", ".arff", *JSON_LINES)  # that say "a table"
DELIMITERS = ",;\t|\x01"  # the last is of Hive
_SAMPLE = 2**16  # characters by which the sign between cells is found
_ALIKE = 0.8  # of the lines have as many cells, where the right sign is between them
_NEVER = "\x1f"  # a sign that is in no text, for tables of one column
_WHOLE_SHEET = 2**23  # bytes of a workbook up to which merged cells are looked at
_FIRST_ROWS = 100  # by which it is told whether a sheet is a table
_ABOUT_OTHERS = re.compile(  # titles of sheets that say something of other ones
    r"^(read ?me|about|info(rmation)?|notes?|legend|code ?book|(data )?dictionary|metadata|(table of )?contents|cover|"
    r"title|descriptions?|summary|overview|instructions|variables|change ?log|deckblatt|hinweise|inhalt|legende|"
    r"übersicht|lies ?mich|lisez ?moi)\b", re.IGNORECASE
)  # fmt: skip
_SHOWN = {"\t": "a tab", ",": "','", ";": "';'", "|": "'|'", "\x01": "Ctrl-A", " ": "spaces", _NEVER: "none"}


def read_cells(path: Path, options: ReadingOptions = ReadingOptions()) -> Cells:
    """The cells of a file, of the one table in a folder or archive, or of several with the same columns.

    Raises:
        UserError: there is none, or it can't be read; says where and what to do.
    """
    path = Path(path).expanduser()
    if path.is_file() and archives.is_archive(path):
        path = archives.unpacked(path)
    if path.is_dir():
        return _of_folder(path, options)
    ending = ending_of(path)
    if ending == ".xls":
        raise UserError(f"'{path}' is an Excel file of the old kind.", "Save it as .xlsx or .csv and give that.")
    try:
        if path.stat().st_size == 0:
            raise UserError(f"'{path}' is empty.", WHAT_IS_READ)
        reader = {".parquet": _of_parquet, ".xlsx": _of_excel, ".arff": _of_arff, ".json": _of_json,
                  **dict.fromkeys(JSON_LINES, _of_json)}.get(ending, _of_delimited)  # fmt: skip
        return reader(path, options)
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"'{path}' can't be read: {reason}.", WHAT_IS_READ) from error


def ending_of(path: Path) -> str:
    """".csv" for "a.CSV" and for "a.csv.gz"."""
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix


def tables_in(folder: Path) -> list[Path]:
    """The tables below a folder, in natural order; the JSON beside rows that tfgen wrote is none."""
    found = [Path(entry.path) for _, entry in walk(folder, []) if ending_of(Path(entry.name)) in ENDINGS]
    return sorted(found, key=lambda path: natural_order(str(path)))


# Folders.


def _of_folder(folder: Path, options: ReadingOptions) -> Cells:
    paths = tables_in(folder)
    if not paths:
        raise UserError(f"There is no table in '{folder}'.", WHAT_IS_READ)
    if len(paths) == 1:
        cells = read_cells(paths[0], options)
        cells.notes.insert(0, f"The table is {paths[0].name}.")
        return cells
    tables = [read_cells(path, options) for path in paths]
    names = tables[0].names
    different = [path for path, table in zip(paths, tables) if table.names != names]
    if different or any(re.fullmatch(r"column_[0-9]+", name) for name in names):
        shown = ", ".join(path.name for path in paths[:3]) + (", ..." if len(paths) > 3 else "")
        why = "which differ in their columns" if different else "without headers that say whether they belong together"
        raise UserError(f"'{folder}' holds {len(paths)} tables, {why}: {shown}.", "Give one of them.")
    return _one_below_the_other(tables, [path.name for path in paths])


def _one_below_the_other(tables: list[Cells], files: list[str]) -> Cells:
    import pyarrow as pa

    columns = [
        encoded(pa.chunked_array([table.columns[place].cast(pa.string()) for table in tables]))
        for place in range(len(tables[0].names))
    ]
    notes = [f"{len(tables)} tables are read as one: {', '.join(files[:3])}{', ...' if len(files) > 3 else ''}."]
    notes += [f"{file}: {note}" for file, table in zip(files, tables) for note in table.notes]
    broken = [
        (f"{clean_text(file)}, {where}", why) for file, table in zip(files, tables) for where, why in table.broken
    ]
    typed = frozenset.intersection(*(table.typed for table in tables))
    count = sum(map(len, tables))
    return Cells(tables[0].names, columns, np.arange(1, count + 1), "row", typed, tables[0].decimal, notes, broken)


# Delimited text.


def _of_delimited(path: Path, options: ReadingOptions) -> Cells:
    encoding, notes = _encoding(path, options)
    sample = _sample(path, encoding)
    said = re.match(r"sep=(.)\r?\n?", sample)  # as Excel writes it for itself
    delimiter = options.delimiter or (said[1] if said else find_delimiter(sample))
    if delimiter == _NEVER and (other := _other_delimiter(sample)):
        setting = shlex.quote(f"delimiter={other}")
        raise UserError(
            f"The cells of '{path}' seem to stand between '{other}', as many in each line.",
            f"If so: --set {setting}. If it is one column: --set delimiter=comma",
        )
    how = Delimited(delimiter, width_of(io.StringIO(sample, newline=""), delimiter))
    rows = _rows(path, encoding, how)
    if said:
        rows = itertools.islice(rows, 1, None)
    cells = cells_of_grid(rows, str(path), options)
    notes += _about_unclosed(how.unclosed)
    usual = {".tsv": "\t", ".tab": "\t"}.get(ending_of(path), ",")
    if delimiter not in (usual, _NEVER) and not options.delimiter:
        notes.append(f"The cells stand between {_SHOWN.get(delimiter, repr(delimiter))}.")
    cells.notes[:0] = notes
    return cells


def find_delimiter(text: str) -> str:
    """The sign between the cells of a text: that which parts most lines into as many cells, and more than one."""
    whole = text.rstrip("\r\n") if len(text) < _SAMPLE else text[: max(text.rfind("\n"), text.rfind("\r"))]
    best, most = _NEVER, (0.0, 0, 0)
    for sign in (*DELIMITERS, " "):
        rows = [row for row in parse_sample(whole, sign) if any(row)]
        lengths = Counter(len(row) for row in (rows[1:] if len(rows) > 2 else rows))  # the first may be a title
        if not lengths:
            continue
        width, count = max(lengths.items(), key=lambda each: (each[1], each[0]))
        share = count / lengths.total()
        if width > 1 and share >= _ALIKE and (sign != " " or (share == 1 and best == _NEVER and lengths.total() > 1)):
            # Commas of sentences, or of decimals, may be as many in each line, but are not in the header too; that may
            # lack a name for those of the rows.
            names = len(rows[0])
            score = round(share, 1), 2 * (names == width) + (1 < names == width - 1), width
            if score > most:
                best, most = sign, score
    return best


def _other_delimiter(text: str) -> str | None:
    """A sign that no table is parted by unasked, but is in each line as often as in the first, which only has names."""
    first, *others = [line for line in text.splitlines() if line.strip()][:_FIRST_ROWS]
    if len(others) < 3 or re.search("[0-9]", first):
        return None
    found = [sign for sign in dict.fromkeys(re.findall(r"(?<=\w)[~^:#&!/*+@§¦¬](?=\w)", first))
             if all(line.count(sign) == first.count(sign) for line in others)]  # fmt: skip
    return max(found, key=first.count, default=None)


def _encoding(path: Path, options: ReadingOptions) -> tuple[str, list[str]]:
    """How a file's bytes are letters, and what to say of it."""
    if options.encoding:
        return options.encoding, []
    try:
        decoding = examine(path, unpack=path.name.lower().endswith(".gz"))
    except NotText as error:
        raise UserError(f"'{path}' can't be read: {error}.", WHAT_IS_READ) from error
    return decoding.encoding, list(_notes_on(decoding))


def _notes_on(decoding: Decoding) -> Iterator[str]:
    if not decoding.is_unicode:
        guess = ", which is a guess" if decoding.doubtful else ""
        other = decoding.rival or ("mac-roman" if decoding.encoding != "mac-roman" else "cp1252")
        pair = decoding.other_word
        close = f", such as '{pair[0]}', which {other} would read '{pair[1]}'" if pair else ""
        yield f"The letters are read as {decoding.encoding}{guess}{close}. To choose: --set encoding={other}"
    elif decoding.encoding.startswith(("utf-16", "utf-32")):
        yield f"The letters are read as {decoding.encoding}."
    if decoding.broken:
        places = "1 letter is" if decoding.broken == 1 else f"{decoding.broken} letters are"
        yield f"{places} broken and read as U+FFFD."
    if decoding.zeros:
        yield f"{decoding.zeros} NUL dropped, the first in line {decoding.first_zero}."


def _open_text(path: Path, encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(open_unpacked(path), encoding=encoding, errors="replace", newline="")


def _sample(path: Path, encoding: str) -> str:
    with _open_text(path, encoding) as text:
        return text.read(_SAMPLE)


def _rows(path: Path, encoding: str, how: Delimited, start: int = 0) -> Iterator[Row]:
    """Every row of a file with the line where it begins, from behind line `start` on."""
    with _open_text(path, encoding) as text:
        lines = (line.replace("\0", "") for line in itertools.islice(text, start, None))
        try:
            for line, row in how.rows(lines):
                yield start + line, row
        except TooLong as error:
            raise UserError(
                f"A quotation mark that opens in line {start + how.line} of '{path}' is not closed in {MOST_LINES} "
                "lines.",
                "Close it, or double it where it belongs to the text.",
            ) from error
        except csv.Error as error:
            raise UserError(
                f"Line {start + how.line} of '{path}' is no row: {error}.", "Mend it, or leave it out."
            ) from error


def _about_unclosed(lines: list[int]) -> list[str]:
    """What is said of quotation marks that aren't closed."""
    if not lines:
        return []
    if len(lines) == 1:
        return [f"A quotation mark that opens in line {lines[0]} isn't closed, and is left out."]
    shown = ", ".join(map(str, lines[:3])) + (", ..." if len(lines) > 3 else "")
    return [f"{len(lines)} quotation marks aren't closed, and are left out: in lines {shown}."]


# Files with types.


def _of_parquet(path: Path, options: ReadingOptions) -> Cells:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    try:
        with open_unpacked(path) as file:
            packed = path.name.lower().endswith(".gz")
            content = parquet.read_table(pa.BufferReader(file.read()) if packed else file)
    except pa.ArrowException as error:
        raise UserError(f"'{path}' is no Parquet file, or damaged: {error}.", "Get it anew.") from error
    for name, column in zip(content.column_names, content.columns):
        if _holds_files(column):
            what = f"The column '{name}' of '{path}' holds pictures or other files, not values."
            raise UserError(what, "Write them out as files, and give their folder.")
    if options.rows is not None:
        content = content.slice(0, options.rows)
    if not content.num_rows or not content.num_columns:
        raise UserError(f"'{path}' holds no rows.", WHAT_IS_READ)
    return of_arrow(content.column_names, content.columns)


def _holds_files(column: Any) -> bool:
    """Whether a column has the bytes of files: alone, or beside their names as Hugging Face's have them."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_struct(kind):
        return any(pa.types.is_binary(each.type) or pa.types.is_large_binary(each.type) for each in kind)
    if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        return False
    try:
        column.cast(pa.large_string())
    except pa.ArrowInvalid:  # no UTF-8
        return True
    return False


def _of_json(path: Path, options: ReadingOptions) -> Cells:
    encoding, notes = _encoding(path, options)
    lines: list[int] = []
    objects: list[dict[str, Any]] = []
    place, broken = "line", []
    with _open_text(path, encoding) as text:
        whole = _json_list(path, text) if ending_of(path) == ".json" else None
        numbered: Any = _json_lines(text)
        if whole is not None:
            place, numbered = "row", enumerate(whole, 1)
        for number, row in numbered:
            if options.rows is not None and len(objects) >= options.rows:
                break
            if isinstance(row, dict):
                objects.append(row)
                lines.append(number)
            else:
                broken.append((f"{place} {number}", "is no JSON object"))
    if not objects or len(broken) > 0.01 * (len(objects) + len(broken)):
        first_broken = f": {broken[0][0]} {broken[0][1]}" if broken else ""
        raise UserError(
            f"'{path}' is no table{first_broken}.", 'Each line should be an object, as in {"age": 30, "city": "Ulm"}.'
        )
    import pyarrow as pa

    names = list(dict.fromkeys(name for row in objects for name in row))
    columns, typed = [], set()
    for name in names:
        values = [row.get(name) for row in objects]
        if any(value is not None and not isinstance(value, str) for value in values):
            typed.add(name)
        columns.append(encoded(pa.array([_text_of_json(value) for value in values], pa.string())))
    names, renamed = unique_names(names)
    return Cells(names, columns, np.array(lines), place, frozenset(typed), None, [*notes, *renamed], broken)


def _json_list(path: Path, text: io.TextIOWrapper) -> list[Any] | None:
    """The rows of a file that is one list, or an object with one; None where it has an object in each line."""
    try:
        content = json.loads(text.read().lstrip("\ufeff"))
    except (ValueError, RecursionError) as error:
        text.seek(0)
        if text.read(_SAMPLE).lstrip("\ufeff \r\n\t").startswith("["):
            raise UserError(f"'{path}' is no JSON: {error}.", "Mend it.") from error
        text.seek(0)
        return None
    lists = [value for value in content.values() if isinstance(value, list)] if isinstance(content, dict) else []
    return lists[0] if len(lists) == 1 else content if isinstance(content, list) else [content]


def _json_lines(text: Any) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text, 1):
        if line.strip("\ufeff \r\n\t"):
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError):
                yield number, None


def _text_of_json(value: Any) -> str | None:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else text_of(value)


# Excel.


def _of_excel(path: Path, options: ReadingOptions) -> Cells:
    try:
        import openpyxl
    except ImportError as error:
        raise UserError("To read Excel files, openpyxl is needed.", "pip install 'tfgen[tables]'") from error
    import zipfile

    whole = path.stat().st_size <= _WHOLE_SHEET
    try:
        with open_unpacked(path) as file:
            book = openpyxl.load_workbook(io.BytesIO(file.read()), read_only=not whole, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise UserError(f"'{path}' is no Excel file, or damaged, or locked by a password.", "Save it anew.") from error
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    if options.sheet is not None and options.sheet not in sheets:
        raise unknown("sheet", options.sheet, sheets)
    filled = [name for name, sheet in sheets.items() if (sheet.max_row or 2) > 1 or (sheet.max_column or 2) > 1]
    if not filled:
        raise UserError(f"'{path}' holds no rows.", WHAT_IS_READ)
    chosen = options.sheet or next((name for name in filled if _is_table(sheets[name])), filled[0])
    sheet = sheets[chosen]
    merged = _merged(sheet) if whole else {}
    cells = cells_of_grid(_rows_of_sheet(sheet, merged), str(path), options, "row", True, bool(merged))
    cells.typed = frozenset(cells.names)
    if len(filled) > 1 and options.sheet is None:
        others = [name for name in filled if name != chosen]
        shown = ", ".join(f"'{name}'" for name in others[:3])
        cells.notes.insert(0, f"The sheet '{chosen}' is read. There are others: {shown}; to choose: --set "
                           f"{shlex.quote(f'sheet={others[0]}')}")  # fmt: skip
    return cells


def _is_table(sheet: Any) -> bool:
    """Whether a sheet is rows of columns by its beginning, rather than words about others."""
    if _ABOUT_OTHERS.search(sheet.title.replace("_", " ")):
        return False
    rows = itertools.islice(sheet.iter_rows(values_only=True), _FIRST_ROWS)
    counts = Counter(sum(value not in (None, "") for value in row) for row in rows)
    del counts[0], counts[1]  # empty rows, and titles
    return counts.total() > 2 and 2 * max(counts.values()) > counts.total()


def _merged(sheet: Any) -> dict[tuple[int, int], Any]:
    """The value of each merged cell that isn't the first of its range."""
    values = {}
    for area in sheet.merged_cells.ranges:
        value = sheet.cell(area.min_row, area.min_col).value
        if value is not None:
            for row in range(area.min_row, area.max_row + 1):
                for column in range(area.min_col, area.max_col + 1):
                    values[row, column] = value
    return values


def _rows_of_sheet(sheet: Any, merged: dict[tuple[int, int], Any]) -> Iterator[Row]:
    rows_with_merged = {row for row, _ in merged}
    for number, values in enumerate(sheet.iter_rows(values_only=True), 1):
        if number in rows_with_merged:
            values = [merged.get((number, place), value) for place, value in enumerate(values, 1)]
        yield number, [text_of(value) or "" for value in values]


# ARFF.


def _of_arff(path: Path, options: ReadingOptions) -> Cells:
    encoding, notes = _encoding(path, options)
    names, start = [], 0
    with _open_text(path, encoding) as text:
        for number, line in enumerate(text, 1):
            found = re.match(r"""@attribute\s+('(?:[^'\\]|\\.)*'|"[^"]*"|\S+)""", line.strip(), re.IGNORECASE)
            if found:
                names.append(found[1].strip("'\""))
            elif line.strip().lower().startswith("@data"):
                start = number
                break
    if not start or not names:
        raise UserError(f"'{path}' has no @attribute and @data as an ARFF file has.", WHAT_IS_READ)

    def rows() -> Iterator[Row]:
        yield 1, names
        for line, row in _rows(path, encoding, Delimited(",", len(names), "'"), start):
            if row and not row[0].startswith("%"):
                # A comma behind the last cell, or a tab around one, is a slip that this format's own readers forgive.
                row = [cell.strip().strip('"') for cell in row]
                yield line, row[:-1] if len(row) == len(names) + 1 and not row[-1] else row

    cells = cells_of_grid(rows(), str(path), ReadingOptions(header=1, rows=options.rows))
    cells.notes[:0] = notes
    return cells
