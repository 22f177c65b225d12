"""How surely a source is a table: by names and the first bytes only."""

import json
import mimetypes
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfgen.data.encodings import open_unpacked
from tfgen.data.walk import walk
from tfgen.errors import UserError
from tfgen.modalities.table.cells import is_in_memory
from tfgen.modalities.table.delimited import parse_sample
from tfgen.modalities.table.grid import ReadingOptions, cells_of_grid
from tfgen.modalities.table.reading import DELIMITED, ENDINGS, JSON_LINES, ending_of, find_delimiter, tables_in

_SAMPLE = 2**16  # bytes
_CHATS_AND_PAIRS = (
    {"messages"}, {"conversations"}, {"conversation"}, {"dialog"}, {"dialogue"}, {"prompt", "completion"},
    {"prompt", "response"}, {"instruction", "output"}, {"instruction", "response"}, {"question", "answer"},
    {"input", "output"}, {"prompt", "chosen"},
)  # fmt: skip
_TEXTS = (
    "text", "content", "body", "tweet", "sentence", "review", "comment", "document", "article", "story", "lyrics",
    "paragraphs", "lines", "prompt", "message", "caption", "description", "instruction",
)  # fmt: skip
_WORDS_OF_A_TEXT = 5  # on average, in a column under a usual name of texts
_WORDS_OF_PROSE = 8  # under any other
_LEAST = 3  # rows
_CHAT_MARKER = "<|"  # as in <|im_start|>: no cell ends there


def how_surely(source: Any) -> int:
    """2 for what is a table, 1 for what may be one but is rather of texts, 0 for anything else.

    source: an existing path, or data in memory.
    """
    if not isinstance(source, Path):
        return 2 * is_in_memory(source)
    if source.is_dir():
        return _of_folder(source)
    ending = ending_of(source)
    if ending in (".parquet", ".xlsx", ".arff"):
        return 2 if source.stat().st_size else 0
    if ending not in (*DELIMITED, *JSON_LINES, ".json"):
        return 0
    text = _beginning(source)
    if text is None or not text.strip():
        return 0
    if ending in (*JSON_LINES, ".json"):
        return _of_json(text, ending)
    return _of_delimited(text, ending)


def _of_folder(folder: Path) -> int:
    """2 for tables alone, perhaps beside what is said of them; 1 beside files of no known kind; 0 beside others."""
    tables = tables_in(folder)
    if not tables:
        return 0
    others = [name for name, _ in walk(folder, [])
              if ending_of(Path(name)) not in ENDINGS and not _is_about(Path(name), folder)]  # fmt: skip
    if len(others) > len(tables) or any(mimetypes.guess_type(name)[0] for name in others):
        return 0
    return min(1 if others else 2, *(how_surely(table) for table in tables[:3]))


def _is_about(name: Path, folder: Path) -> bool:
    """Whether a file says something of the tables rather than being data: a README, checksums, tfgen's own words."""
    if re.match(r"(readme|license|licence|copying|citation|changelog|index|notice|md5|sha[0-9]+)", name.name.lower()):
        return True
    if name.suffix.lower() == ".json" and (folder / name.with_suffix("")).is_file():
        return True
    return name.suffix.lower() in (".names", ".toml", ".pdf") or name.name.lower().endswith((".names", "-names.txt"))


def _beginning(path: Path) -> str | None:
    try:
        with open_unpacked(path) as file:
            head = file.read(_SAMPLE)
    except (OSError, EOFError):
        return None
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head[: len(head) // 2 * 2].decode("utf-16", "replace")
    if b"\0" in head:
        return None
    whole = head if len(head) < _SAMPLE else head[: max(head.rfind(b"\n"), head.rfind(b"\r"), 1)]
    try:
        return whole.decode("utf-8-sig")
    except UnicodeDecodeError:
        return whole.decode("cp1252", "replace")


def _of_json(text: str, ending: str) -> int:
    rows = []
    if text.lstrip()[:1] == "[":
        rows = _objects_of_list(text)
    elif ending in JSON_LINES:
        for line in text.splitlines()[:200]:
            try:
                rows.append(json.loads(line))
            except (ValueError, RecursionError):
                continue  # the last one is cut
    rows = [row for row in rows if isinstance(row, dict)]
    if not rows:
        return 0
    names = list(dict.fromkeys(name for row in rows for name in row))
    if any(isinstance(value, (list, dict)) for row in rows for value in row.values()):
        return 1 if ending in JSON_LINES else 0
    return _of_columns(names, [[str(row.get(name) or "") for name in names] for row in rows])


def _objects_of_list(text: str) -> list[Any]:
    decoder, place, rows = json.JSONDecoder(), text.index("[") + 1, []
    while len(rows) < 200:
        match = re.compile(r"[\s,]*").match(text, place)
        try:
            row, place = decoder.raw_decode(text, match.end())
        except (ValueError, RecursionError):
            break
        rows.append(row)
    return rows


def _of_delimited(text: str, ending: str) -> int:
    delimiter = find_delimiter(re.sub(r"^sep=.\r?\n", "", text))
    if ending == ".txt" and (delimiter not in "\t;|" or not text.strip() or _CHAT_MARKER in text):
        return 0
    rows = parse_sample(text, delimiter)[:2000]
    try:
        cells = cells_of_grid(iter(enumerate(rows, 1)), "table", ReadingOptions(rows=500))
    except UserError:
        # Ragged, or a header alone: still a table by its name, which says what is wrong where no column has texts.
        if ending not in (".csv", ".tsv", ".tab") or not rows:
            return 0
        usual = Counter(map(len, rows)).most_common(1)[0][0]
        whole = [row for row in rows[1:] if len(row) == usual]
        if usual < 2 or len(rows[0]) != usual or 2 * len(whole) < len(rows):
            return 1
        return _of_columns(rows[0], whole)
    texts = [column.cast("string").to_pylist() for column in cells.columns]
    if ending in (".txt", ".data", ".dat") and (len(cells.names) < 2 or len(cells) < _LEAST):
        return 0
    if ending == ".txt" and not any(map(_may_be_learned, texts)):
        return 0  # phrases beside each other, such as a sentence and its translation
    return _of_columns(cells.names, [list(row) for row in zip(*texts)])


def _may_be_learned(texts: Sequence[str | None]) -> bool:
    """Whether a column's values come again, or are mostly numbers or dates."""
    filled = [text for text in texts if text and text.strip()]
    numbers = sum(any(map(str.isdigit, text)) and len(text.split()) <= 2 for text in filled)
    return bool(filled) and (2 * len(set(filled)) <= len(filled) or 2 * numbers > len(filled))


def _of_columns(names: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """2 for columns of short values, 1 where one of them holds texts, or prompts with what follows."""
    lower = {name.strip().lower() for name in names}
    if any(pair <= lower for pair in _CHATS_AND_PAIRS):
        return 1
    total, prose = sum(len(text) for row in rows for text in row) or 1, 0
    for name, texts in zip(names, zip(*rows)):
        filled = [text for text in texts if text and text.strip()]
        if not filled:
            continue
        words = sum(len(text.split()) for text in filled) / len(filled)
        different = len(set(filled)) / len(filled)
        if name.strip().lower() in _TEXTS and words >= _WORDS_OF_A_TEXT and different > 0.5:
            return 1
        if words >= _WORDS_OF_PROSE and different > 0.5:
            prose += sum(map(len, filled))
    if 2 * prose > total:
        return 1
    if len(names) == 1:
        texts = [row[0] or "" for row in rows]
        if names[0].strip().lower() in _TEXTS or sum(len(text.split()) for text in texts) > 2 * len(texts):
            return 1
    return 2 if len(rows) > 1 else 1
