"""Sources of text: documents one after another, as often as needed, and what was found on the way.

A document is a chain of pieces, (text, whether it is learned). Files and rows of files are read as they are asked for.
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tfgen.data.encodings import Decoding, NotText, examine
from tfgen.data.examples import Report, clean_text
from tfgen.errors import UserError
from tfgen.modalities.text.reading import LONGEST_PIECE, as_text, cut, read_pieces, unify
from tfgen.modalities.text.scan import TextFile, Texts, ending_of
from tfgen.modalities.text.template import ChatTemplate, Piece

BROKEN_AT_MOST = 0.1
NAMED_AT_MOST = 3
# Markers of a document's beginning, by those of its end.
MARKERS = {"<|endoftext|>": "<|startoftext|>", "<|end_of_text|>": "<|begin_of_text|>", "</s>": "<s>"}
END_MARKERS = tuple(MARKERS)
_PAGES = (".html", ".htm", ".md", ".markdown", ".vue")
WHAT_IS_READ = "Give a file of plain text, a folder of such files, or a .jsonl with a text in every line."


@dataclass(frozen=True)
class Document:
    """Pieces that can be gone through again, whether the end behind them is learned too, and whether it is of a part
    that is for evaluation alone."""

    pieces: Callable[[], Iterable[Piece]]
    end_learned: bool = True
    apart: bool = False


class Source:
    """Where documents come from. What it knows about them is complete once they were gone through."""

    kind = "text"  # or "completions", "chats"
    template: ChatTemplate | None = None

    def __init__(self, name: str, place: Any, content: Any):
        self.name = name  # for a run
        self.place = place  # plain JSON: what tells it from other sources
        self.content = content  # plain JSON: what differs when the source has changed

    def documents(self) -> Iterator[Document]:
        """Every document that can be used. Raises UserError when too many can't."""
        raise NotImplementedError

    def report(self, used: int) -> Report:
        """What was found, of which so many documents were used."""
        return Report(used, used)


class Strings(Source):
    """Documents that a function gives as strings or UTF-8 bytes: `strings()` starts anew each time."""

    def __init__(self, name: str, place: Any, content: Any, strings: Callable[[], Iterable[str | bytes]]):
        super().__init__(name, place, content)
        self._strings = strings
        self._empty = 0

    def documents(self) -> Iterator[Document]:
        self._empty = 0
        for string in self._strings():
            text = unmarked(as_text(string) if isinstance(string, bytes) else unify(string))
            if text.strip():
                yield Document(partial(pieces_of, text))
            else:
                self._empty += 1

    def report(self, used: int) -> Report:
        notes = [f"{self._empty} of the texts are empty and were left out."] if self._empty else []
        return Report(used + self._empty, used, [], notes)


class Files(Source):
    """One document for each file, or for each part of one between the markers that other tools put there, or line."""

    def __init__(
        self, name: str, path: Path, files: list[TextFile], listing: Texts | None = None, by_lines: bool = False,
        encoding: str | None = None,
    ):  # fmt: skip
        chosen = [*(["lines"] if by_lines else []), *([{"encoding": encoding}] if encoding else [])]
        super().__init__(name, ["files", os.fsencode(path).hex(), *chosen], content_of(files, listing))
        self._by_lines, self._encoding = by_lines, encoding
        self._marked: dict[str, str] = {}  # by file, the marker that parts it
        self._path = path
        self._files = files
        self._listing = listing or Texts()
        self._decodings: dict[str, Decoding] = {}
        self._broken: dict[str, str] = {}

    def documents(self) -> Iterator[Document]:
        for file in self._files:
            decoding = self._decoding(file)
            if decoding is None:
                continue
            marker = self._marker(file, decoding)
            apart = file.name in self._listing.apart
            if self._by_lines or marker:
                texts = _lines(file.path, decoding) if self._by_lines else _parts(file.path, decoding, marker)
                yield from (Document(partial(pieces_of, text), apart=apart) for text in texts)
            else:
                yield Document(partial(_pieces_of_file, file.path, decoding.encoding), apart=apart)
        broken = self._broken_files()
        if len(broken) > BROKEN_AT_MOST * (len(self._files) + len(self._listing.broken)):
            self._refuse(broken)

    def report(self, used: int) -> Report:
        broken = [(clean_text(name), reason) for name, reason in self._broken_files()]
        empty = len(self._broken) - len(broken) + len(self._listing.broken)
        notes = [*encoding_notes(self._decodings), *self._listing.notes()]
        if empty:
            notes.append(f"{_many(empty, 'empty file')} left out.")
        markers = sorted({marker for marker in self._marked.values() if marker})
        if markers and not self._by_lines:
            notes.append(f"{' and '.join(markers)} was taken for the end of a document; there are {used}.")
        return Report(used + len(self._broken) + len(self._listing.broken), used, broken, notes)

    def _marker(self, file: TextFile, decoding: Decoding) -> str:
        """The marker that parts a file; none in a page, where `</s>` strikes words out."""
        if file.name not in self._marked:
            known = () if ending_of(file.name) in _PAGES else END_MARKERS
            self._marked[file.name] = _marker_of(file.path, decoding, known)
        return self._marked[file.name]

    def _decoding(self, file: TextFile) -> Decoding | None:
        if file.name not in self._decodings and file.name not in self._broken:
            try:
                self._decodings[file.name] = examine(file.path, encoding=self._encoding)
            except NotText as error:
                self._broken[file.name] = str(error)
        return self._decodings.get(file.name)

    def _broken_files(self) -> list[tuple[str, str]]:
        """Those that can't be read; an empty file among others is none of them, as in a folder of source code."""
        alone = len(self._files) == len(self._broken)
        unread = [(name, reason) for name, reason in self._broken.items() if alone or not _is_empty(reason)]
        return [*self._listing.broken, *unread]

    def _refuse(self, broken: list[tuple[str, str]]) -> None:
        if len(self._files) == 1 and not self._listing.broken:
            reason = next(iter(self._broken.values()))
            raise UserError(f"'{self._files[0].path}' holds no text: {reason}.", WHAT_IS_READ)
        first = "; ".join(f"{clean_text(name)} ({reason})" for name, reason in broken[:5])
        raise UserError(
            f"{len(broken)} of {len(self._files) + len(self._listing.broken)} files in '{self._path}' can't be read as "
            f"text, more than a tenth: {first}{'; ...' if len(broken) > 5 else ''}.",
            "Remove or replace them, or check that this is the right folder.",
        )


def unmarked(text: str) -> str:
    """A text of its own without the markers that other tools put at the ends of a document."""
    bare = text.strip()
    start = next((marker for marker in MARKERS.values() if bare.startswith(marker)), "")
    end = next((marker for marker in MARKERS if bare.endswith(marker)), "")
    return unmarked(bare.removeprefix(start).removesuffix(end).strip()) if start or end else text


def _marker_of(path: Path, decoding: Decoding, known: Iterable[str]) -> str:
    """The first of the known markers that a file has; "" for none."""
    for piece in read_pieces(path, decoding.encoding):
        found = [marker for marker in known if marker in piece]
        if found:
            return found[0]
    return ""


def _parts(path: Path, decoding: Decoding, marker: str) -> Iterator[str]:
    """What stands between markers, without those of a beginning."""
    waiting = ""
    for piece in read_pieces(path, decoding.encoding):
        *whole, waiting = (waiting + piece).split(marker)
        yield from _told(whole, marker)
    yield from _told([waiting], marker)


def _told(parts: Iterable[str], marker: str) -> Iterator[str]:
    beginning = MARKERS[marker]
    for part in parts:
        text = part.replace(beginning, "").strip("\n")
        if text.strip():
            yield text


def _lines(path: Path, decoding: Decoding) -> Iterator[str]:
    """Every line with something in it."""
    waiting = ""
    for piece in read_pieces(path, decoding.encoding):
        *whole, waiting = (waiting + piece).split("\n")
        yield from (line for line in whole if line.strip())
    if waiting.strip():
        yield waiting


def pieces_of(text: str, learned: bool = True) -> list[Piece]:
    """A text as pieces of bounded length."""
    return [(part, learned) for part in cut(text, LONGEST_PIECE)]


def content_of(files: list[TextFile], listing: Texts | None) -> list[Any]:
    """What a change of any file changes: names, sizes, times, and what else there is to say about the folder."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(os.fsencode(file.name) + f"\0{file.size}\0{file.modified_ns}\0".encode())
    said = [] if listing is None else [listing.notes(), [[clean_text(name), why] for name, why in listing.broken]]
    return [digest.hexdigest(), said]


def encoding_notes(decodings: dict[str, Decoding]) -> list[str]:
    """What to say about files, by name, that are not UTF-8 or not entirely."""
    others = defaultdict(list)
    for name, decoding in decodings.items():
        if not decoding.is_unicode:
            others[decoding.encoding].append(name)
    notes = []
    if others:
        count = sum(map(len, others.values()))
        read = "; ".join(f"read as {encoding}: {first_names(names)}" for encoding, names in sorted(others.items()))
        words = dict.fromkeys(word for name in decodings for word in decodings[name].words)
        shown = ", ".join(f"'{word}'" for word in list(words)[:NAMED_AT_MOST])
        rivals = [each for each in decodings.values() if each.other_word]
        close = "".join(f" ({each.rival} would read '{each.other_word[1]}' for '{each.other_word[0]}')"
                        for each in rivals[:1])
        check = f", with words such as {shown}{close}. If they look wrong, set encoding" if shown else ""
        notes.append(f"{_many(count, 'file')} {'is' if count == 1 else 'are'} not UTF-8; {read}{check}.")
    doubtful = [name for name, decoding in decodings.items() if decoding.doubtful]
    if doubtful:
        notes.append(
            f"The encoding of {first_names(doubtful)} is a guess: few letters tell. If words look wrong, set encoding, "
            "or save it as UTF-8."
        )
    zeros = {name: decoding for name, decoding in decodings.items() if decoding.zeros}
    for name, decoding in list(zeros.items())[:NAMED_AT_MOST]:
        first = "" if decoding.zeros == 1 else "the first "
        notes.append(
            f"{_many(decoding.zeros, 'NUL')} in {clean_text(name)} dropped, {first}in line {decoding.first_zero}."
        )
    broken = {name: decoding.broken for name, decoding in decodings.items() if decoding.broken}
    if broken:
        places = _many(sum(broken.values()), "broken place")
        notes.append(f"{places} in {first_names(list(broken))} replaced by U+FFFD.")
    return notes


def first_names(names: list[str]) -> str:
    """A few of the names."""
    return ", ".join(map(clean_text, names[:NAMED_AT_MOST])) + (" and more" if len(names) > NAMED_AT_MOST else "")


def _pieces_of_file(path: Path, encoding: str) -> Iterator[Piece]:
    return ((text, True) for text in read_pieces(path, encoding))


def _is_empty(reason: str) -> bool:
    return "empty" in reason or "nothing but space" in reason


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
