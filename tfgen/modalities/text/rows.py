"""`.jsonl` files: a text, a prompt with its completion, or a chat in every line."""

import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tfgen.data.examples import Report, clean_text
from tfgen.errors import UserError
from tfgen.modalities.text.documents import BROKEN_AT_MOST, Document, Source, content_of, encoding_notes, pieces_of
from tfgen.modalities.text.reading import Decoding, NotText, examine, unify
from tfgen.modalities.text.scan import TextFile, Texts
from tfgen.modalities.text.template import ANSWERING, ChatTemplate, Piece

_KEYS = {"chats": ("messages",), "completions": ("prompt", "completion"), "text": ("text",)}
WANTED = 'Each line should be {"text": ...}, or {"prompt": ..., "completion": ...}, or {"messages": [...]}.'
_MOST_NAMED = 1000  # broken lines that a report names; all are counted


class _BrokenRow(Exception):
    """Says why a row can't be used."""


class _EmptyRow(Exception):
    """A row with nothing to learn."""


class Rows(Source):
    """One document for each row of one or more files, all of one kind."""

    def __init__(self, name: str, path: Path, files: list[TextFile], listing: Texts | None = None):
        super().__init__(name, ["rows", os.fsencode(path).hex()], content_of(files, listing))
        self._path = path
        self._files = files
        self._listing = listing or Texts()
        self._decodings: dict[str, Decoding] = {}
        self._start()

    def _start(self) -> None:
        self._kind: str | None = None
        self._first = ""
        self._found = self._broken_count = self._empty = 0
        self._broken: list[tuple[str, str]] = []

    def documents(self) -> Iterator[Document]:
        self._start()
        for file in self._files:
            for number, line in self._lines(file):
                place = f"line {number}" if len(self._files) == 1 else f"{clean_text(file.name)}, line {number}"
                self._found += 1
                try:
                    yield self._document(line, place)
                except _EmptyRow:
                    self._empty += 1
                except _BrokenRow as error:
                    self._broken_count += 1
                    if len(self._broken) < _MOST_NAMED:
                        self._broken.append((place, str(error)))
        if not self._found:
            raise UserError(f"'{self._path}' holds no rows.", WANTED)
        if self._broken_count > BROKEN_AT_MOST * self._found:
            self._refuse()

    def report(self, used: int) -> Report:
        notes = [*encoding_notes(self._decodings), *self._listing.notes()]
        if self._empty:
            notes.append(f"{self._empty} of {self._found} rows have nothing to learn and were left out.")
        if self._broken_count > len(self._broken):
            notes.append(f"{self._broken_count} of {self._found} rows can't be used and were left out.")
        return Report(self._found, used, [*self._listing.broken, *self._broken], notes)

    def _lines(self, file: TextFile) -> Iterator[tuple[int, str]]:
        try:
            if file.name not in self._decodings:
                self._decodings[file.name] = examine(file.path)
            with open(file.path, encoding=self._decodings[file.name].encoding, errors="replace", newline="\n") as lines:
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        yield number, line
        except (NotText, OSError) as error:
            raise UserError(f"'{file.path}' can't be read: {error}.", WANTED) from error

    def _document(self, line: str, place: str) -> Document:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _BrokenRow("not JSON") from error
        if not isinstance(row, dict):
            raise _BrokenRow("not an object")
        kind = next((kind for kind, keys in _KEYS.items() if all(key in row for key in keys)), None)
        if kind is None:
            found = ", ".join(f"'{clean_text(str(key))[:30]}'" for key in list(row)[:5]) or "none"
            raise _BrokenRow(f"lacks 'text', or 'prompt' and 'completion', or 'messages'; its keys: {found}")
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
        return _DOCUMENTS[kind](row)

    def _refuse(self) -> None:
        first = "; ".join(f"{place} ({reason})" for place, reason in self._broken[:3])
        raise UserError(
            f"{self._broken_count} of {self._found} rows in '{self._path}' can't be used, more than a tenth: {first}"
            f"{'; ...' if self._broken_count > 3 else ''}.",
            WANTED,
        )


def _text(row: dict[str, Any]) -> Document:
    text = _string(row, "text")
    if not text.strip():
        raise _EmptyRow
    return Document(partial(pieces_of, text))


def _completion(row: dict[str, Any]) -> Document:
    prompt, completion = _string(row, "prompt"), _string(row, "completion")
    if not completion:
        raise _EmptyRow
    return Document(partial(_constant, [*pieces_of(prompt, learned=False), *pieces_of(completion)]))


def _chat(row: dict[str, Any]) -> Document:
    messages = row["messages"]
    if not isinstance(messages, list):
        raise _BrokenRow(f"'messages' is {_kind_of(messages)}, not a list")
    try:
        pieces = ChatTemplate.standard().render(messages)
    except UserError as error:
        raise _BrokenRow(str(error)) from error
    if not any(message["role"] == ANSWERING and message["content"] for message in messages):
        raise _EmptyRow
    # A chat may go on after any turn; that this one didn't is nothing to learn.
    return Document(partial(_constant, pieces), end_learned=False)


_DOCUMENTS = {"text": _text, "completions": _completion, "chats": _chat}


def _constant(pieces: list[Piece]) -> list[Piece]:
    return pieces


def _string(row: dict[str, Any], key: str) -> str:
    if not isinstance(row[key], str):
        raise _BrokenRow(f"'{key}' is {_kind_of(row[key])}, not a string")
    return unify(row[key])


def _kind_of(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return kinds.get(type(value), "a string")


def _words(kind: str) -> str:
    return " and ".join(f"'{key}'" for key in _KEYS[kind])
