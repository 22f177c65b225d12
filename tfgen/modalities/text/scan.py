"""Which files of a folder are texts: by their endings, and where they have none by their first bytes."""

import csv
import os
import re
import stat
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from tfgen.console import several
from tfgen.data.examples import clean_text, natural_order
from tfgen.data.splits import held_out
from tfgen.data.walk import DOCUMENTS, MANY, kinds, walk, why_unread
from tfgen.modalities.text.column_names import has_chats_or_pairs, text_column

ROW_ENDINGS = (".jsonl", ".ndjson")
TABLE_ENDINGS = (".csv", ".tsv")  # rows of columns, of which one may have the texts
TABLES = (*TABLE_ENDINGS, ".parquet", ".xlsx", ".xls", ".arff")
_ABOUT = re.compile(r"(readme|license|licence|copying|changelog|contributing)(\.[a-z]+)?$", re.IGNORECASE)
TEXT_ENDINGS = frozenset(
    ".txt .text .md .markdown .rst .org .adoc .asciidoc .tex .log .srt .vtt .fountain .abc .py .pyi .js .mjs .jsx "
    ".ts .tsx .java .kt .scala .c .h .cc .cpp .cxx .hpp .cs .go .rs .swift .m .rb .php .pl .lua .r .jl .hs .ml "
    ".ex .exs .erl .clj .lisp .el .scm .sh .bash .zsh .fish .ps1 .bat .sql .html .htm .css .scss .vue .asm .f90 "
    ".pas .vim .cmake .feature .eml".split()
)
_CHECKSUMS = re.compile(r"(md5|sha[0-9]+)sums?$", re.IGNORECASE)
_NO_WORDS = re.compile(r"\.[0-9]*$")  # "chapter.12" and "mail." have no ending that says anything
_LISTED = 8  # files that a note names
_LOOKED_AT = 4096  # bytes of a file whose name says nothing
_TABLE_LOOKED_AT = 2**14
_WORDS_OF_A_TEXT = 5  # on average
_VALUE = rb'\s*("(?:[^"\\]|\\.)*"|-?[0-9.eE+-]+|true|false|null)\s*'
_BEGINS_ROWS = re.compile(
    rb'(\xef\xbb\xbf)?\s*(\[\s*\{|\{(\s*"[^"]*"\s*:' + _VALUE + rb',){0,20}\s*"[^"]*"\s*:\s*\[\s*\{)'
)
_ALL_OF_TELEGRAM = re.compile(rb'\s*\{\s*"about"\s*:\s*"')  # how an export of all chats begins
_NO_PLAIN_TEXT = (b"%PDF-", b"{\\rtf")  # that documents begin with which are letters too


@dataclass(frozen=True)
class TextFile:
    """One file: its path relative to the folder, where it is, its size in bytes and time of change."""

    name: str
    path: Path
    size: int
    modified_ns: int


@dataclass
class Texts:
    """What a folder holds, in natural order."""

    texts: list[TextFile] = field(default_factory=list)
    rows: list[TextFile] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)
    ignored: Counter = field(default_factory=Counter)  # endings of the files that are neither

    @property
    def are_rows(self) -> bool:
        """Whether the .jsonl files are the data: a README beside them is not, nor is a list beside many texts."""
        return sum(file.size for file in self.rows) > sum(file.size for file in self.texts)

    @property
    def chosen(self) -> list[TextFile]:
        """The files that are the data."""
        return self.rows if self.are_rows else self.texts

    @cached_property
    def apart(self) -> frozenset[str]:
        """The files of a test part, by their folders' names or their own: test/, or test.jsonl beside train.jsonl."""
        names = [file.name for file in self.chosen]
        found = held_out(names)
        if not any(found):
            found = held_out([f"{PurePosixPath(name).stem}/{name}" for name in names])
        return frozenset(name for name, is_apart in zip(names, found) if is_apart)

    def notes(self) -> list[str]:
        """Which files are read, and what to say about those that aren't: nothing about a README or two."""
        others = self.texts if self.are_rows else self.rows
        about = [file.name for file in self.chosen if _ABOUT.match(file.name.rpartition("/")[2])]
        said = [self._listed()] if len(self.chosen) > 1 else []
        if self.apart:
            names = ", ".join(clean_text(name) for name in sorted(self.apart)[:3])
            more = " and more" if len(self.apart) > 3 else ""
            said.append(f"The test part is held out to judge by: {names}{more}. To learn it too: --set holdout=0")
        if about and len(about) < len(self.chosen):
            are, them, they = ("is", "it", "it is") if len(about) == 1 else ("are", "them", "they are")
            names = ", ".join(about[:3])
            said.append(f"{names} {are} learned like the other texts; move {them} away if {they} about those.")
        documents = Counter({ending: count for ending, count in self.ignored.items() if ending in DOCUMENTS})
        if documents:
            them = "them" if documents.total() > 1 else "it"
            what = f"{several(documents.total(), 'document')} with a layout not read ({kinds(documents)})"
            said.append(f"{what}. To learn {them}: save {them} as plain text, .txt")
        ignored = self.ignored - documents + Counter(ending_of(file.name) for file in others)
        if ignored.total() < MANY:
            return said
        return [*said, f"{ignored.total()} other files were not read ({kinds(ignored)})."]

    def _listed(self) -> str:
        """The files that are read, each with its size in thousands of bytes."""
        shown = [f"{clean_text(file.name)} ({max(1, round(file.size / 1000))} kB)" for file in self.chosen[:_LISTED]]
        more = len(self.chosen) - len(shown)
        return f"{several(len(self.chosen), 'file')}: {', '.join(shown)}{f' and {more} more' if more else ''}."


def list_texts(folder: Path) -> Texts:
    """Every text below `folder`; hidden files and folders are skipped, links followed but not in circles."""
    found = Texts()
    for relative, entry in walk(folder, found.broken):
        _sort_in(entry, relative, found)
    for files in (found.texts, found.rows):
        files.sort(key=lambda file: [natural_order(part) for part in file.name.split("/")])
    return found


def file_at(path: Path) -> TextFile:
    """The TextFile of one path. Raises OSError."""
    status = path.stat()
    return TextFile(path.name, path, status.st_size, status.st_mtime_ns)


def ending_of(name: str) -> str:
    """".txt" for "a/b.TXT"; "" where the name has no ending that says anything."""
    name = name.rpartition("/")[2]
    return "" if _NO_WORDS.search(name) else os.path.splitext(name)[1].lower()


def is_text(path: Path) -> bool:
    """Whether a file's name, or where that says nothing its first bytes, say that it is text or rows of it."""
    ending = ending_of(path.name)
    if ending in TEXT_ENDINGS or ending in (*ROW_ENDINGS, *TABLE_ENDINGS, ".json"):
        return path.stat().st_size > 0
    return ending not in TABLES and looks_like_text(path)


def looks_like_text(path: Path) -> bool:
    """Whether the first bytes are no binary file's."""
    try:
        with open(path, "rb") as file:
            head = file.read(_LOOKED_AT)
    except OSError:
        return False
    if head.startswith(_NO_PLAIN_TEXT):
        return False
    return bool(head) and (head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" not in head)


def _is_list_of_objects(path: Path) -> bool:
    """Whether a .json file begins like rows, or like an object that has a list of them behind plain values; others are
    settings of programs and the like."""
    try:
        with open(path, "rb") as file:
            head = file.read(_LOOKED_AT)
            return bool(_BEGINS_ROWS.match(head) or path.name == "result.json" and _ALL_OF_TELEGRAM.match(head))
    except OSError:
        return False


def _has_texts(path: Path) -> bool:
    """Whether a CSV or TSV has texts by its first rows: under a usual name, or several words in a column."""
    try:
        with open(path, "rb") as file:
            text = file.read(_TABLE_LOOKED_AT)
    except OSError:
        return False
    lines = text.decode("utf-8-sig", "replace").splitlines()
    separator = max("\t,;|", key=lines[0].count) if lines else ","
    try:
        header, *rows = csv.reader(lines[:-1] if len(text) == _TABLE_LOOKED_AT else lines, delimiter=separator)
    except (ValueError, csv.Error):  # no line, or none that is a row
        return False
    names = [name.strip().lower() for name in header]
    whole = [dict(zip(names, row, strict=True)) for row in rows if len(row) == len(names)]
    column = text_column(names, whole)
    if column is None or not whole:
        return column is None and has_chats_or_pairs(names)
    return sum(len(row[column].split()) for row in whole) >= _WORDS_OF_A_TEXT * len(whole)


def _sort_in(entry: os.DirEntry, relative: str, found: Texts) -> None:
    ending, path = ending_of(entry.name), Path(entry.path)
    are_rows = ending in ROW_ENDINGS or (ending == ".json" and _is_list_of_objects(path))
    are_rows = are_rows or ending in TABLE_ENDINGS and _has_texts(path)
    wanted = ending in TEXT_ENDINGS or are_rows
    try:
        status = entry.stat()
    except OSError as error:
        if wanted:
            found.broken.append((relative, why_unread(error)))
        return
    if not stat.S_ISREG(status.st_mode):
        if wanted:
            found.broken.append((relative, "not a regular file"))
    elif wanted or (ending == "" and looks_like_text(path) and not _CHECKSUMS.match(entry.name)):
        files = found.rows if are_rows else found.texts
        files.append(TextFile(relative, path, status.st_size, status.st_mtime_ns))
    else:
        found.ignored[ending] += 1
