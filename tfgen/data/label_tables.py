"""Tables of captions or labels as they lie beside examples: CSV, TSV, rows of JSON, and JSON as tools write it.

Pure text: knows nothing of what is in the files. A table gives (file, text) pairs, the files as they are named in it.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfgen.data.examples import clean_text
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
    "family", "instrument",
)
LABEL_COLUMNS = ("label", "class", "category", "kind", "family", "instrument")
_LARGEST_BYTES = 2**28
_LOOKED_AT = 200  # rows that tell which column names the files


@dataclass(frozen=True)
class Table:
    """The pairs of one file, and whether its texts are labels rather than captions.

    says_none: whether it says outright that the examples have no labels.
    """

    pairs: list[tuple[str, str]]
    are_labels: bool = False
    says_none: bool = False


class NoTable(Exception):
    """Why a file gives no captions, in words that go on from its name."""


def read_table(path: Path, known: Callable[[str], bool]) -> Table:
    """A file's pairs.

    known: whether a name is that of an example that was found; it tells which column names them.

    Raises:
        UserError: a file whose name says that it holds captions can't be read, or is malformed.
        NoTable: another file holds none.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise NoTable("is larger than tables of captions are")
        text = path.read_bytes().decode("utf-8-sig")
        if path.suffix.lower() == ".json":
            return _of_json(text, known)
        rows = _json_rows(text) if path.suffix.lower() in (".jsonl", ".ndjson") else _csv_rows(text, known)
        return _of_rows(rows, known)
    except UnicodeDecodeError as error:
        reason = NoTable(f"is not UTF-8 (byte {error.start})")
    except OSError as error:
        reason = NoTable(f"can't be read: {error.strerror}")
    except NoTable as error:
        reason = error
    if path.name in KNOWN:
        raise UserError(f"'{path}' {reason}.", _advice(path))
    raise reason


def _advice(path: Path) -> str:
    examples = {
        ".csv": "Its first line should read: file,caption.",
        ".jsonl": 'Each line should read: {"file_name": "a.png", "text": "a cat"}.',
        ".json": 'It should read: {"labels": [["a.png", 0], ["b.png", 1]]}.',
    }
    return f"{examples[path.suffix]} Mend it, or remove it."


def _csv_rows(text: str, known: Callable[[str], bool]) -> list[dict[str, Any]]:
    first = text.split("\n", 1)[0]
    separator = max(",;\t|", key=first.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    except csv.Error as error:
        raise NoTable(f"is not a table: {error}") from error
    header = [name.strip().lower() for name in rows[0]] if rows else []
    place = _place_of_example(rows[0], known) if rows else None
    if place is None:
        rows = rows[1:]
    else:  # LJSpeech's has no heading either: a name, and the text first as it was written
        header = [f"column {number}" for number in range(len(header))]
        header[place], header[int(place == 0)] = "file", "text"
    return [dict(zip(header, row + [""] * (len(header) - len(row)), strict=False)) for row in rows if any(row)]


def _place_of_example(cells: Sequence[str], known: Callable[[str], bool]) -> int | None:
    """Which cell of a first line names an example, so that it is no heading."""
    if len(cells) < 2:
        return None
    has_heading = any(cell.strip().lower() in FILE_COLUMNS for cell in cells)
    # An example may be called as a column is, "name.wav" or "7.wav", but no column is called with an ending.
    named = (known(cell) and ("." in cell or not has_heading and not cell.strip().isdigit()) for cell in cells)
    return next((place for place, is_named in enumerate(named) if is_named), None)


def _json_rows(text: str) -> list[dict[str, Any]]:
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                rows.append({str(key).lower(): value for key, value in json.loads(line).items()})
            except (ValueError, AttributeError, RecursionError) as error:
                raise NoTable(f"is malformed: line {number} is no JSON object") from error
    return rows


def _of_rows(rows: Sequence[Mapping[str, Any]], known: Callable[[str], bool]) -> Table:
    """The column that names files, by what most of its values are, and that of the texts, by its name."""
    if not rows:
        raise NoTable("has no rows")
    columns = list(dict.fromkeys(key for row in rows[:_LOOKED_AT] for key in row))
    files = _file_column(rows, columns, known)
    others = [column for column in columns if column != files]
    texts = next((column for column in TEXT_COLUMNS if column in others), None)
    if texts is None and len(others) == 1:
        texts = others[0]
    if files is None or texts is None:
        lacks = "file" if files is None else "caption"
        raise NoTable(f"lacks a column for the {lacks}; it has: {', '.join(columns)[:80] or 'none'}")
    pairs = []
    for number, row in enumerate(rows, 1):
        file, text = _cell(row, files, FILE_COLUMNS), _cell(row, texts, TEXT_COLUMNS)
        if file is None or text is None:
            raise NoTable(f"lacks the {'file' if file is None else 'caption'} in row {number}")
        pairs.append((_text(file), _text(text)))
    return _table(pairs, texts in LABEL_COLUMNS)


def _cell(row: Mapping[str, Any], column: str, others: Sequence[str]) -> Any:
    """A row's value in a column, or under another of the usual names, since rows of JSON may differ."""
    return next((row[name] for name in (column, *others) if row.get(name) is not None), row.get(column))


def _file_column(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], known: Callable[[str], bool]) -> str | None:
    sample = rows[:_LOOKED_AT]
    by_name = [column for column in FILE_COLUMNS if column in columns]

    def names_one(column: str, value: str) -> bool:
        # A number may be anything's, if the column doesn't say that it is a file's.
        return known(value) and (column in by_name or not value.isdigit())

    shares = {column: sum(names_one(column, _text(row.get(column))) for row in sample) for column in columns}
    best = max([*by_name, *columns], key=lambda column: shares[column])  # of equal ones the first
    return best if 2 * shares[best] > len(sample) else next(iter(by_name), None)


def _of_json(text: str, known: Callable[[str], bool]) -> Table:
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
        return _of_rows([{str(key).lower(): value for key, value in row.items()} for row in content], known)
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
    """A cell: several labels as one text; nothing as the empty one."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value))
    return "" if value is None else str(value)
