"""The prompt of each picture in a folder: from a captions file, else from the sub-folders' names.

Pure text: knows nothing about pixels. Paths are relative to the folder, with "/" between their parts.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from tfgen.data.examples import Prompts, clean_text
from tfgen.errors import UserError

CAPTION_FILES = ("captions.csv", "metadata.jsonl", "metadata.csv")
FILE_COLUMNS = ("file", "filename", "file_name", "image", "path")
TEXT_COLUMNS = ("caption", "text", "label", "prompt")
NAMED_AT_MOST = 3


def find_captions(folder: Path) -> Path | None:
    """The captions file of a folder, if it has one."""
    return next((folder / name for name in CAPTION_FILES if (folder / name).is_file()), None)


def prompts_of(paths: Sequence[str], captions: Path | None) -> tuple[Prompts, list[str]]:
    """The prompts of these pictures, in their order, and what the user should know about them."""
    if captions is not None:
        return _from_captions(paths, captions)
    return _from_folders(paths)


def captions_for_missing(captions: Path, found: Sequence[str]) -> list[str]:
    """A note on captions whose file isn't among the pictures found; none when every caption has its picture."""
    lookup = _Lookup(found)
    missing = [name for name, _ in read_captions(captions) if not lookup.matches(name)]
    if not missing:
        return []
    return [f"{_many(len(missing), 'caption')} in {captions.name} for files that aren't there: {_first(missing)}."]


def read_captions(path: Path) -> list[tuple[str, str]]:
    """(file, caption) pairs in the order of the captions file."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"'{path}' is not UTF-8 (byte {error.start}).", "Save it as UTF-8.") from error
    except OSError as error:
        raise UserError(f"'{path}' can't be read: {error.strerror}.", "Make it readable or remove it.") from error
    pairs = _rows_of_jsonl(path, text) if path.suffix == ".jsonl" else _rows_of_csv(path, text)
    return [(_clean_path(file), clean_text(caption)) for file, caption in pairs if file.strip()]


def _rows_of_csv(path: Path, text: str) -> Iterable[tuple[str, str]]:
    first = text.split("\n", 1)[0]
    separator = next((mark for mark in ",;\t" if mark in first), ",")
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    except csv.Error as error:
        raise UserError(f"'{path}' is not a table: {error}.", "Mend it, or remove it.") from error
    header = [name.strip().lower() for name in rows[0]] if rows else []
    file_column = next((header.index(name) for name in FILE_COLUMNS if name in header), None)
    text_column = next((header.index(name) for name in TEXT_COLUMNS if name in header), None)
    if file_column is None or text_column is None:
        raise UserError(
            f"'{path}' lacks a column for the {'file' if file_column is None else 'caption'}; its first line is "
            f"'{first.strip()[:80]}'.",
            "Its first line should read: file,caption.",
        )
    needed = max(file_column, text_column) + 1
    padded = (row + [""] * (needed - len(row)) for row in rows[1:])
    return [(row[file_column], row[text_column]) for row in padded]


def _rows_of_jsonl(path: Path, text: str) -> Iterable[tuple[str, str]]:
    pairs = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = {str(key).lower(): value for key, value in json.loads(line).items()}
        except (ValueError, AttributeError, RecursionError) as error:
            raise UserError(f"Line {number} of '{path}' is not a JSON object.", "Mend it, or remove it.") from error
        file = next((row[name] for name in FILE_COLUMNS if name in row), None)
        caption = next((row[name] for name in TEXT_COLUMNS if name in row), None)
        if file is None or caption is None:
            raise UserError(
                f"Line {number} of '{path}' lacks {'file_name' if file is None else 'text'}.",
                'Each line should read: {"file_name": "a.png", "text": "a cat"}.',
            )
        pairs.append((str(file), str(caption)))
    return pairs


class _Lookup:
    """Finds a picture by its path, or by its bare name where only one picture has that name."""

    def __init__(self, paths: Sequence[str]):
        cleaned = [_clean_path(path) for path in paths]
        self._place = {path: index for index, path in enumerate(cleaned)}
        names = Counter(PurePosixPath(path).name for path in cleaned)
        bare = ((PurePosixPath(path).name, index) for index, path in enumerate(cleaned))
        self._by_name = {name: [index] for name, index in bare if names[name] == 1}

    def matches(self, file: str) -> list[int]:
        """The places of the pictures that `file` names: one or none."""
        if file in self._place:
            return [self._place[file]]
        return self._by_name.get(file, [])


def _from_captions(paths: Sequence[str], captions: Path) -> tuple[Prompts, list[str]]:
    texts: list[str | None] = [None] * len(paths)
    lookup, repeated = _Lookup(paths), []
    for file, caption in read_captions(captions):
        for place in lookup.matches(file):
            if texts[place] is None:
                texts[place] = caption
            elif texts[place] != caption:
                repeated.append(file)
    unlisted = [path for path, text in zip(paths, texts, strict=True) if text is None]
    notes = []
    if unlisted:
        notes.append(
            f"{_many(len(unlisted), 'picture')} that {captions.name} doesn't list, used with the empty prompt: "
            f"{_first(unlisted)}."
        )
    if repeated:
        notes.append(f"{_many(len(repeated), 'caption')} left out, since the file has one already: {_first(repeated)}.")
    return Prompts.of_texts(text or "" for text in texts), notes


def _from_folders(paths: Sequence[str]) -> tuple[Prompts, list[str]]:
    texts = [clean_text(" ".join(PurePosixPath(path).parts[:-1])) for path in paths]
    named = {text for text in texts if text}
    if len(named) < 2:
        return Prompts.none(len(paths)), []
    outside = [path for path, text in zip(paths, texts, strict=True) if not text]
    notes = []
    if outside:
        notes.append(
            f"{_many(len(outside), 'picture')} outside the sub-folders, used with the empty prompt: {_first(outside)}."
        )
    return Prompts.of_texts(texts, kind="labels"), notes


def _clean_path(path: str) -> str:
    path = clean_text(path.replace("\\", "/"))
    return path.removeprefix("./")


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _first(names: Sequence[str]) -> str:
    shown = ", ".join(clean_text(name) for name in names[:NAMED_AT_MOST])
    return shown + (" and more" if len(names) > NAMED_AT_MOST else "")
