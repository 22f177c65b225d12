"""Tables of captions or labels as they lie beside examples: CSV, TSV, rows of JSON, and JSON as tools write it.

Pure text: knows nothing of what is in the files. A table gives (file, text) pairs, the files as they are named in it.
"""

import csv
import io
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tfgen.data.encodings import NotText, encoding_of, how_decoded
from tfgen.data.examples import clean_text
from tfgen.data.label_cells import NotWords, text_of, texts_of
from tfgen.errors import UserError

KNOWN = ("captions.csv", "metadata.jsonl", "metadata.csv", "dataset.json")  # names by which tools write them
ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")
FILE_COLUMNS = (
    "file", "filename", "file_name", "image", "path", "image_path", "img_path", "img", "filepath", "file_path",
    "image_file", "image_name", "image_id", "sound", "audio", "audio_path", "audio_file", "clip", "fname",
    "wav", "name", "id",
)
TEXT_COLUMNS = (
    "caption", "text", "label", "prompt", "description", "title", "class", "category", "captions", "tags", "kind",
    "family", "instrument", "class_name", "label_name", "category_name", "dx", "diagnosis", "species", "breed", "genre",
)
LABEL_COLUMNS = (
    "label", "class", "category", "kind", "family", "instrument", "class_name", "label_name", "category_name", "dx",
    "diagnosis", "species", "breed", "genre",
)
PART_COLUMNS = ("partition", "split", "fold", "subset")  # which part of the set a row is in: no label
_PART_NAMES = re.compile(r"(^|[_\W])(partition|splits?)([_\W]|$)")
PARTS = "says which part each file belongs to, and is no label; to hold out, use folders called train and test"
_LARGEST_BYTES = 2**28
# Tables of labels that nobody here reads, by the names and the endings that they have.
_UNREAD_NAMES = ("labels", "label", "captions", "caption", "metadata", "annotations", "classes")
_UNREAD_ENDINGS = (".xlsx", ".xls", ".ods", ".parquet", ".yaml", ".yml")
_LOOKED_AT = 200  # rows that tell which column names the files
_FIRST_BYTES = 4096  # of a .txt, which tell whether it is a table
_SEPARATORS = ",;\t|"
_REST = "\n"  # the key of what a row has beyond the columns, which no column is called
_NO_NAMES = (_REST, "")  # pandas writes the numbers of rows into a column without a name
_ROWS_NAMED = 5
_FILE_WORDS = {"file", "image", "img", "picture", "photo", "path", "name", "id", "code"}  # in a column's name
_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?")


@dataclass(frozen=True)
class Table:
    """The pairs of one file, and whether its texts are labels rather than captions.

    says_none: whether it says outright that the examples have no labels.
    notes: what to say of it, in words that go on from its name.
    """

    pairs: list[tuple[str, str]]
    are_labels: bool = False
    says_none: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def has_no_words(self) -> bool:
        """Whether all its texts are numbers."""
        return all(_NUMBER.fullmatch(text) for _, text in self.pairs)


class NoTable(Exception):
    """Why a file gives no captions, in words that go on from its name.

    columns: those that it has. may_be_right: whether nothing is wrong with the file.
    """

    def __init__(self, reason: str, columns: Sequence[str] = (), may_be_right: bool = False):
        super().__init__(reason)
        self.columns = columns
        self.may_be_right = may_be_right


def is_unread_table(name: str) -> bool:
    """Whether a file is called like a table of labels, and of a kind that isn't read."""
    stem, ending = os.path.splitext(name.lower())
    return stem in _UNREAD_NAMES and ending in _UNREAD_ENDINGS


def is_text_table(path: Path, known: Callable[[str], bool]) -> bool:
    """Whether a .txt is a table by its first line: that names a column of files, or one of the examples."""
    try:
        with open(path, "rb") as file:
            lines = _decode(file.read(_FIRST_BYTES))[0].splitlines()
    except (OSError, NoTable):
        return False
    if _without_count(lines, known):
        return True
    first = _cells(lines[0], _separator(lines, known)) if lines else []
    return len(first) > 1 and (any(cell.lower() in FILE_COLUMNS for cell in first) or _names_example(first[:1], known))


def read_table(path: Path, known: Callable[[str], bool], column: str | None = None, shown: str | None = None) -> Table:
    """A file's pairs.

    known: whether a name is that of an example that was found; it tells which column names them.
    column: that of the texts, where somebody chose one.
    shown: what the file is called where a person reads it.

    Raises:
        UserError: a file whose name says that it holds captions can't be read, or is malformed.
        NoTable: another file holds none.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise NoTable("is larger than tables of captions are")
        text, notes = _decode(path.read_bytes())
        if column is None and _PART_NAMES.search(path.stem.lower()):
            raise NoTable(PARTS, may_be_right=True)
        if path.suffix.lower() == ".json":
            table = _of_json(text, known, column)
        else:
            is_json = path.suffix.lower() in (".jsonl", ".ndjson")
            table = _of_rows(_json_rows(text) if is_json else _csv_rows(text, known), known, column)
        return replace(table, notes=[*notes, *table.notes])
    except OSError as error:
        reason = NoTable(f"can't be read: {error.strerror}")
    except NoTable as error:
        reason = error
    if path.name in KNOWN and not reason.may_be_right:
        raise UserError(f"'{shown or path}' {reason}.", _advice(path))
    raise reason


def _decode(content: bytes) -> tuple[str, list[str]]:
    """A table's text, and what to say of its encoding."""
    try:
        return content.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        pass
    try:
        encoding = encoding_of(content)
    except NotText as error:
        raise NoTable(f"is no text: {error}") from error
    return content.decode(encoding, "replace"), [f"is {how_decoded(encoding)}."]


def _advice(path: Path) -> str:
    examples = {
        ".csv": "Its first line should read: file,caption.",
        ".jsonl": 'Each line should read: {"file_name": "a.png", "text": "a cat"}.',
        ".json": 'It should read: {"labels": [["a.png", 0], ["b.png", 1]]}.',
    }
    return f"{examples[path.suffix]} Mend it, or remove it."


def _csv_rows(text: str, known: Callable[[str], bool]) -> list[dict[str, Any]]:
    lines = _without_count(text.splitlines(), known)
    if lines:
        header, *rows = (line.split() for line in lines)
        return [_row([name.lower() for name in header], row, " ") for row in rows if row]
    separator = _separator(text.splitlines(), known)
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if any(row)]
    except csv.Error as error:
        raise NoTable(f"is not a table: {error}") from error
    first = _without_empty_end([cell.strip() for cell in rows[0]] if rows else [])
    if _names_example(first, known):
        header = _header_for(first, known)
    else:
        header, rows = [name.lower() for name in first], rows[1:]
    return [_row(header, row, separator) for row in rows]


def _without_count(lines: Sequence[str], known: Callable[[str], bool]) -> list[str]:
    """The lines of a table as CelebA has them: how many rows there are, the names of the columns, and rows; words with
    spaces between them. Nothing of any other. The files' column may have no name."""
    if len(lines) < 3 or not lines[0].strip().isdigit():
        return []
    header, first = lines[1].split(), lines[2].split()
    if len(first) < 2 or not known(first[0]) or len(first) - len(header) not in (0, 1):
        return []
    return [" ".join(header if len(header) == len(first) else [FILE_COLUMNS[0], *header]), *lines[2:]]


def _separator(lines: Sequence[str], known: Callable[[str], bool]) -> str:
    """What stands behind an example's name in the first line, else most often in it; spaces, where each line is two
    words: a file and its label."""
    if not lines:
        return ","
    for separator in _SEPARATORS:
        if separator in lines[0] and _names_example(_cells(lines[0], separator)[:1], known):
            return separator
    separator = max(_SEPARATORS, key=lines[0].count)
    if separator not in lines[0] and all(len(line.split()) in (0, 2) for line in lines[:_LOOKED_AT]):
        return " "
    return separator


def _cells(line: str, separator: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]


def _names_example(first: Sequence[str], known: Callable[[str], bool]) -> bool:
    """Whether the first line is a row already, since a cell names an example; a number may be a column's name."""
    if any(cell.lower() in FILE_COLUMNS for cell in first):
        return False
    return any(known(cell) and not _NUMBER.fullmatch(cell) for cell in first)


def _header_for(first: Sequence[str], known: Callable[[str], bool]) -> list[str]:
    """Names for the columns of a table that gives none."""
    file = next(place for place, cell in enumerate(first) if known(cell) and not _NUMBER.fullmatch(cell))
    text = int(file == 0)  # LJSpeech has a name, the text as it was written, and as it is read
    return [{file: "file", text: "caption"}.get(place, f"column {place + 1}") for place in range(len(first))]


def _row(header: Sequence[str], cells: list[str], separator: str) -> dict[str, Any]:
    row = dict(zip(header, cells + [""] * (len(header) - len(cells)), strict=False))
    rest = _without_empty_end(cells[len(header) :])
    return {**row, _REST: separator + separator.join(rest)} if rest else row


def _without_empty_end(cells: list[str]) -> list[str]:
    while cells and not cells[-1].strip():
        cells = cells[:-1]
    return cells


def _json_rows(text: str) -> list[dict[str, Any]]:
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                rows.append({str(key).lower(): value for key, value in json.loads(line).items()})
            except (ValueError, AttributeError, RecursionError) as error:
                raise NoTable(f"is malformed: line {number} is no JSON object") from error
    return rows


def _of_rows(rows: Sequence[Mapping[str, Any]], known: Callable[[str], bool], column: str | None) -> Table:
    """The column that names files, by what most of its values are, and that of the texts, by its name."""
    if not rows:
        raise NoTable("has no rows")
    columns = list(dict.fromkeys(key for row in rows[:_LOOKED_AT] for key in row if key not in _NO_NAMES))
    has = f"it has: {', '.join(columns)[:80] or 'none'}"
    if column is not None and column.lower() not in columns:
        raise NoTable(f"has no column '{column}'; {has}", columns, may_be_right=True)
    files = _file_column(rows, columns, known)
    if files is None:
        raise NoTable(f"lacks a column for the file; {has}", columns)
    others = [each for each in columns if each != files]
    texts = column.lower() if column else next((each for each in TEXT_COLUMNS if each in others), None)
    if texts is None and len(others) == 1:
        texts = others[0]
        if texts in PART_COLUMNS:
            raise NoTable(PARTS, columns, may_be_right=True)
    if texts is None:
        return _of_ones(rows, files, others, has)
    rows, notes = _without_overfull(rows, texts, columns[-1])
    cells = []
    for number, row in enumerate(rows, 1):
        file, text = _cell(row, files, FILE_COLUMNS), row.get(texts) if column else _cell(row, texts, TEXT_COLUMNS)
        if file is None or text is None and not column:
            raise NoTable(f"lacks the {'file' if file is None else 'caption'} in row {number}")
        cells.append((str(file), text))
    try:
        words = texts_of([text for _, text in cells])
    except NotWords as error:
        raise NoTable(f"has no captions: its column {texts} holds objects", columns, may_be_right=True) from error
    pairs = list(zip([file for file, _ in cells], words, strict=True))
    return replace(_table(pairs, texts in LABEL_COLUMNS), notes=notes)


def _without_overfull(
    rows: Sequence[Mapping[str, Any]], texts: str, last: str
) -> tuple[Sequence[Mapping[str, Any]], list[str]]:
    """Rows with more cells than there are columns: their rest is the text's, where it comes last; else without them."""
    overfull = [number for number, row in enumerate(rows, 1) if _REST in row]
    if not overfull:
        return rows, []
    if texts == last:
        return [{**row, texts: row[texts] + row.get(_REST, "")} for row in rows], []
    named = ", ".join(map(str, overfull[:_ROWS_NAMED])) + (" and more" if len(overfull) > _ROWS_NAMED else "")
    note = f"has rows with more cells than columns, which were left out: {named}. Put texts with commas into quotes."
    return [row for row in rows if _REST not in row], [note]


def _of_ones(rows: Sequence[Mapping[str, Any]], files: str, columns: Sequence[str], has: str) -> Table:
    """Columns of 0 and 1 (or -1 and 1): the names of those that have a 1 are the labels."""
    pairs = []
    for row in rows:
        cells = [_text(row.get(column)).strip().removesuffix(".0") for column in columns]
        if not columns or not set(cells) <= {"0", "1", "-1"}:
            reason = f"lacks a column for the caption; {has} (to choose one: --set prompts=COLUMN)"
            raise NoTable(reason, [files, *columns])
        named = [column for column, cell in zip(columns, cells, strict=True) if cell == "1"]
        pairs.append((_text(row.get(files)), ", ".join(named)))
    are_labels = all(text and "," not in text for _, text in pairs)
    return _table(pairs, are_labels)


def _cell(row: Mapping[str, Any], column: str, others: Sequence[str]) -> Any:
    """A row's value in a column, or under another of the usual names, since rows of JSON may differ."""
    return next((row[name] for name in (column, *others) if row.get(name) is not None), row.get(column))


def _file_column(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], known: Callable[[str], bool]) -> str | None:
    sample = rows[:_LOOKED_AT]
    by_name = [column for column in FILE_COLUMNS if column in columns]

    def names_one(column: str, value: str) -> bool:
        # A number may be anything's, if the column doesn't say that it is a file's.
        return known(value) and (column in by_name or _is_named_for_files(column) or not _NUMBER.fullmatch(value))

    shares = {column: sum(names_one(column, _text(row.get(column))) for row in sample) for column in columns}
    best = max([*by_name, *columns], key=lambda column: shares[column])  # of equal ones the first
    return best if 2 * shares[best] > len(sample) else next(iter(by_name), None)


def _is_named_for_files(column: str) -> bool:
    words = set(re.split(r"[\W\d_]+", column))
    return bool(words & _FILE_WORDS) and not words & set(TEXT_COLUMNS)


def _of_json(text: str, known: Callable[[str], bool], column: str | None) -> Table:
    """StyleGAN's {"labels": [[file, label], ...]}, COCO's captions, a list of rows, or {file: caption}."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NoTable("is not JSON") from error
    if isinstance(content, dict) and isinstance(content.get("labels"), list):
        return _of_labels(content["labels"])
    if isinstance(content, dict) and "labels" in content and content["labels"] is None:
        return Table([], says_none=True)
    if isinstance(content, dict) and {"images", "annotations"} <= content.keys():
        return _of_coco(content)
    if isinstance(content, dict) and content and all(isinstance(value, str) for value in content.values()):
        return _table(list(content.items()), False)
    if isinstance(content, list) and content and all(isinstance(row, dict) for row in content):
        return _of_rows([{str(key).lower(): value for key, value in row.items()} for row in content], known, column)
    raise NoTable("holds no captions or labels in a layout that is known")


def _of_labels(labels: list[Any]) -> Table:
    try:
        return _table([(str(file), _text(label)) for file, label in labels], True)
    except (TypeError, ValueError) as error:
        raise NoTable("has labels that are no pairs of a file and a label") from error


def _of_coco(content: Mapping[str, Any]) -> Table:
    try:
        names = {image["id"]: image["file_name"] for image in content["images"]}
        pairs = [(names[each["image_id"]], each["caption"]) for each in content["annotations"]]
    except (KeyError, TypeError) as error:
        raise NoTable("has annotations without captions") from error
    return _table(pairs, False)


def _table(pairs: Sequence[tuple[str, str]], are_labels: bool) -> Table:
    return Table([(clean_text(file), clean_text(text)) for file, text in pairs if file.strip()], are_labels)


def _text(value: Any) -> str:
    """A cell, of which it isn't known that it holds words."""
    try:
        return text_of(value)
    except NotWords:
        return str(value)
