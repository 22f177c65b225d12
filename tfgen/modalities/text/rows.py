"""Files of rows, JSON or tables: a text, a prompt with its completion, or a chat in every one."""

import csv
import itertools
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from tfgen.data.encodings import Decoding, NotText, examine
from tfgen.data.examples import Report, clean_text
from tfgen.errors import UserError
from tfgen.modalities.text.column_names import text_column
from tfgen.modalities.text.documents import BROKEN_AT_MOST, Document, Source, content_of, encoding_notes
from tfgen.modalities.text.row_kinds import KEYS, BadExample, BrokenRow, Columns, EmptyRow
from tfgen.modalities.text.scan import TABLE_ENDINGS, TextFile, Texts, ending_of
from tfgen.modalities.text.telegram import telegram_chats
from tfgen.modalities.text.template import ChatTemplate

WANTED = (
    'Each line should be {"text": ...}, or {"prompt": ..., "completion": ...}, or {"messages": [...]}; other names: '
    "--set text=KEY, or prompt=KEY and completion=KEY."
)
_WANTED_OF_TABLES = "Name the column that has the texts: --set text=COLUMN, or prompt=COLUMN and completion=COLUMN."
_LOOKED_AT = 200  # rows of a table, by which the column of texts is found
_LONGEST_CELL = 2**27  # characters
_MOST_NAMED = 1000  # broken lines that a report names; all are counted
_KEYS_NAMED = 5
_BESIDE_JSON = "\ufeff \t\r\n"
_NOTHING = re.compile(rf"[{_BESIDE_JSON},]*")


class Rows(Source):
    """One document for each row of one or more files, all of one kind."""

    def __init__(
        self, name: str, path: Path, files: list[TextFile], listing: Texts | None = None, columns: Columns = Columns(),
        encoding: str | None = None,
    ):  # fmt: skip
        chosen = [value for value in (columns.text, columns.prompt, columns.completion) if value is not None]
        chosen += [{"encoding": encoding}] if encoding else []
        super().__init__(name, ["rows", os.fsencode(path).hex(), *chosen], content_of(files, listing))
        self._columns, self._encoding = columns, encoding
        self._path = path
        self._files = files
        self._listing = listing or Texts()
        self._decodings: dict[str, Decoding] = {}
        self._start()

    def _start(self) -> None:
        self._kind: str | None = None
        self._first = ""
        self._found = self._broken_count = self._empty = self._bad = 0
        self._unread: Counter[str] = Counter()
        self._broken: list[tuple[str, str]] = []
        self._found_column: str | None = None

    def documents(self) -> Iterator[Document]:
        self._start()
        for file in self._files:
            for where, row in self._rows(file):
                place = where if len(self._files) == 1 else f"{clean_text(file.name)}, {where}"
                self._found += 1
                try:
                    yield replace(self._document(row, place), apart=file.name in self._listing.apart)
                    self._unread.update(self._columns.unread(row))
                except EmptyRow:
                    self._empty += 1
                except BadExample:
                    self._bad += 1
                except BrokenRow as error:
                    self._broken_count += 1
                    if len(self._broken) < _MOST_NAMED:
                        self._broken.append((place, str(error)))
        if not self._found:
            raise UserError(f"'{self._path}' holds no rows.", WANTED)
        if self._broken_count > BROKEN_AT_MOST * self._found:
            self._refuse()

    def report(self, used: int) -> Report:
        notes = [*encoding_notes(self._decodings), *self._listing.notes()]
        if self._found_column:
            notes.append(f"The texts are the column '{self._found_column}'. To choose another: --set text=COLUMN")
        often = [key for key, count in self._unread.most_common(_KEYS_NAMED) if 2 * count > used]
        if often:
            names = ", ".join(f"'{clean_text(key)[:30]}'" for key in often)
            notes.append(f"Keys of the rows that are not read: {names}.")
        if self._bad:
            notes.append(f"{self._bad} of {self._found} rows say 'label': false, and were left out.")
        if self._empty:
            notes.append(f"{self._empty} of {self._found} rows have nothing to learn and were left out.")
        if self._broken_count > len(self._broken):
            notes.append(f"{self._broken_count} of {self._found} rows can't be used and were left out.")
        return Report(self._found, used, [*self._listing.broken, *self._broken], notes)

    def _rows(self, file: TextFile) -> Iterator[tuple[str, Any]]:
        """(where it stands, a row or what is wrong with it) for each of a file."""
        ending = ending_of(file.name)
        try:
            if file.name not in self._decodings:
                self._decodings[file.name] = examine(file.path, encoding=self._encoding)
            if ending in TABLE_ENDINGS:
                yield from self._table(file)
            elif (ending == ".json" or self._begins_a_list(file)) and (whole := self._whole(file)) is not None:
                yield from ((f"row {number}", row) for number, row in enumerate(whole, 1))
            elif self._is_of_lines(file):
                yield from self._lines(file)
            else:
                yield from self._spread(file)
        except (NotText, OSError, csv.Error) as error:
            raise UserError(f"'{file.path}' can't be read: {error}.", WANTED) from error

    def _open(self, file: TextFile, newline: str) -> TextIO:
        encoding = self._decodings[file.name].encoding
        return open(file.path, encoding=encoding, errors="replace", newline=newline)

    def _lines(self, file: TextFile) -> Iterator[tuple[str, Any]]:
        with self._open(file, "\n") as lines:
            for number, line in enumerate(lines, 1):
                line = line.strip(_BESIDE_JSON)
                if line:
                    try:
                        yield f"line {number}", json.loads(line)
                    except (ValueError, RecursionError):
                        yield f"line {number}", BrokenRow("not JSON")

    def _spread(self, file: TextFile) -> Iterator[tuple[str, Any]]:
        """Values one after another that go over several lines; where the first can't be read, lines."""
        with self._open(file, "\n") as opened:
            text = opened.read()
        decoder, place, count = json.JSONDecoder(), 0, 0
        while (place := _NOTHING.match(text, place).end()) < len(text):
            try:
                row, end = decoder.raw_decode(text, place)
            except (ValueError, RecursionError):
                if not count:
                    yield from self._lines(file)
                    return
                yield f"behind row {count}", BrokenRow("not JSON")
                return
            count, place = count + 1, end
            yield f"row {count}", row

    def _begins_a_list(self, file: TextFile) -> bool:
        """Whether all rows are in one list, whatever the file is called; a chat in each line is a list too."""
        first = self._first_line(file)
        if not first.startswith("["):
            return False
        try:
            rows = json.loads(first)
        except (ValueError, RecursionError):
            return True
        return not any(isinstance(row, dict) and row.keys() & {"role", "from"} for row in rows)

    def _first_line(self, file: TextFile) -> str:
        """The first line that says something."""
        with self._open(file, "\n") as lines:
            return next(filter(None, (line.strip(_BESIDE_JSON) for line in lines)), "")

    def _whole(self, file: TextFile) -> list[Any] | None:
        """The rows of a file that is one JSON value: a list, an object with one, columns, or a single row; None where
        it is none. Raises NotText where it begins as one, and breaks off."""
        with self._open(file, "\n") as text:
            try:
                content = json.load(text)
            except RecursionError:
                return None
            except ValueError as error:
                if self._is_of_lines(file):
                    return None
                raise NotText(f"it is no JSON: {error}") from None
        if isinstance(content, list):
            return [{"text": each} if isinstance(each, str) else each for each in content]
        chats = telegram_chats(content)
        if chats:
            return [{"text": each} for each in chats]
        columns = _columns_of(content) if isinstance(content, dict) else None
        if columns is not None:
            return columns
        lists = [value for value in content.values() if isinstance(value, list)] if isinstance(content, dict) else []
        if len(lists) == 1 and not self._is_row(content):
            return lists[0]
        return [content] if isinstance(content, dict) else None

    def _is_of_lines(self, file: TextFile) -> bool:
        """Whether the first line that says something is a JSON value of its own."""
        try:
            json.loads(self._first_line(file))
        except (ValueError, RecursionError):
            return False
        return True

    def _is_row(self, content: dict[str, Any]) -> bool:
        try:
            self._columns.read(content)
        except BrokenRow:
            return False
        return True

    def _table(self, file: TextFile) -> Iterator[tuple[str, Any]]:
        """The rows of a CSV or TSV under its first line's names."""
        csv.field_size_limit(_LONGEST_CELL)
        with self._open(file, "") as text:
            first = text.readline()
            text.seek(0)
            rows = csv.reader(text, delimiter=max("\t,;|", key=first.count))
            header = [name.strip().lstrip("\ufeff") for name in next(rows, [])]
            if self._columns == Columns():
                header = [name.lower() for name in header]
            named = (_named(header, row) for row in rows if row)
            looked_at = list(itertools.islice(named, _LOOKED_AT))
            whole = [row for row in looked_at if isinstance(row, dict) and len(row) == len(header)]
            column = text_column(header, whole) if self._columns == Columns() else None
            self._found_column = column if len(header) > 1 else None
            for number, row in enumerate(itertools.chain(looked_at, named), 1):
                is_whole = isinstance(row, dict)
                yield f"row {number}", {"text": row.get(column, "")} if column and is_whole else row

    def _document(self, row: Any, place: str) -> Document:
        if isinstance(row, BrokenRow):
            raise row
        kind, make = self._columns.read(row)
        if self._kind is None:
            self._kind, self._first = kind, place
            self.kind = kind
            self.template = ChatTemplate.standard() if kind == "chats" else None
        elif kind != self._kind:
            raise UserError(
                f"'{self._path}' mixes rows of different kinds: {self._first} has {_words(self._kind)}, {place} has "
                f"{_words(kind)}.",
                "Keep one kind in a file.",
            )
        return make()

    def _refuse(self) -> None:
        first = "; ".join(f"{place} ({reason})" for place, reason in self._broken[:3])
        raise UserError(
            f"{self._broken_count} of {self._found} rows in '{self._path}' can't be used, more than a tenth: {first}"
            f"{'; ...' if self._broken_count > 3 else ''}.",
            _WANTED_OF_TABLES if any(ending_of(file.name) in TABLE_ENDINGS for file in self._files) else WANTED,
        )


def _named(header: list[str], row: list[str]) -> dict[str, str] | BrokenRow:
    """A table's row by the names of its columns."""
    beyond = [cell for cell in row[len(header) :] if cell.strip()]
    if beyond:
        return BrokenRow(f"{len(row)} cells, and {len(header)} names: a text with a delimiter in it needs quotes")
    return dict(zip(header, row, strict=False))


def _columns_of(content: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The rows of an object that has a list of strings, or an object of numbered ones, for each column; None of others.
    """
    columns = [list(each.values()) if isinstance(each, dict) else each for each in content.values()]
    is_table = all(isinstance(each, list) and len(each) == len(columns[0]) > 1 for each in columns)
    if not columns or not is_table or not all(isinstance(cell, str) for each in columns for cell in each):
        return None
    return [dict(zip(content, row, strict=True)) for row in zip(*columns, strict=True)]


def _words(kind: str) -> str:
    return " and ".join(f"'{key}'" for key in KEYS[kind])
