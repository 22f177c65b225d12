"""A source to who had which item, when and how much of it: a basket a line, or a table of users and items."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.data.encodings import NotText, examine, open_unpacked
from tfgen.data.examples import clean_text
from tfgen.errors import UserError
from tfgen.modalities.basket.columns import plain, roles_of
from tfgen.modalities.basket.recognition import (
    INTERACTIONS, LINES, are_lists, are_ragged, baskets_in, first_lines, is_double_colon, line_delimiter, lists_of,
)  # fmt: skip
from tfgen.modalities.table.cells import Cells, cells_of, encoded
from tfgen.modalities.table.formats import find_dates
from tfgen.modalities.table.grid import ReadingOptions
from tfgen.modalities.table.reading import ending_of, read_cells

AS_LINES, AS_COLUMNS = "lines", "columns"
_LONGEST_NAME = 200  # characters


@dataclass
class Interactions:
    """Who had what, as it was read.

    users, items: int64 [n], places in the lists of users and of `names`; -1 where nothing is said.
    times: float64 [n], NaN where it can't be read; None where there are none.
    quantities, ratings: float64 [n], NaN where there is no number; None where there are none.
    names: of the items.
    owners: of the users; of baskets a line, where each stands.
    is_lines: whether each line was a basket.
    broken: (place, reason) of the rows that were left out.
    """

    users: np.ndarray
    items: np.ndarray
    names: list[str]
    owners: list[str] = field(default_factory=list)
    is_lines: bool = False
    times: np.ndarray | None = None
    quantities: np.ndarray | None = None
    ratings: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)


def read_interactions(source: Any, said: Mapping[str, str]) -> Interactions:
    """The interactions of a path, or of data in memory.

    said: the settings `user`, `item`, `title` and `time`, which name columns, and `layout`.

    Raises:
        UserError: it can't be read, or nobody can tell which columns are meant.
    """
    if not isinstance(source, str):
        if are_lists(source):
            return _of_rows(enumerate(lists_of(source), 1), "basket", [])
        return _of_cells(cells_of(source), said, "the table")
    path = Path(source).expanduser()
    if path.is_dir():
        files = baskets_in(path)
        if len(files) > 1:
            shown = ", ".join(each.name for each in files[:3])
            raise UserError(f"'{source}' holds {len(files)} files of baskets: {shown}.", "Give one of them.")
        return read_interactions(str(files[0]), said) if files else _of_cells(read_cells(path), said, source)
    if path.stat().st_size == 0:
        raise UserError(f"'{source}' is empty.", "Give a basket a line, or a table with a user and an item a row.")
    lines = first_lines(path) if ending_of(path) not in (".parquet", ".xlsx", ".jsonl", ".ndjson") else []
    if lines and is_double_colon(lines):
        return _of_cells(_double_colon(path), said, source)
    if ending_of(path) == INTERACTIONS:
        head = lines[0] if lines else ""
        sign = "\t" if "\t" in head else line_delimiter([head])  # cells may have any other sign in them
        return _of_cells(_without_types(read_cells(path, ReadingOptions(delimiter=sign, header=1))), said, source)
    named = any(role in said for role in ("user", "item", "time", "title"))
    always = ending_of(path) in LINES
    sign = line_delimiter(lines or [","], always)
    as_lines = always or bool(lines) and not named and are_ragged(lines, sign)
    if said.get("layout", AS_LINES if as_lines else AS_COLUMNS) == AS_LINES:
        broken: list[tuple[str, str]] = []
        return _of_rows(_rows(path, sign, broken), "line", broken)
    return _of_cells(read_cells(path), said, source)


# A basket a line.


def _rows(path: Path, sign: str, broken: list[tuple[str, str]]) -> Iterator[tuple[int, list[str]]]:
    """The cells of each line by itself, and its number; lines that can't be parted are added to those that are broken.
    """
    try:
        encoding = examine(path, unpack=True).encoding
    except NotText as error:
        raise UserError(f"'{path}' is no text: {error}.", "Give a basket a line, its items between commas.") from error
    with open_unpacked(path) as file:
        for number, line in enumerate(file, 1):
            # A cell without an end would swallow the line after it, which is empty here.
            text = line.decode(encoding, "replace").rstrip("\r\n")
            try:
                rows = list(csv.reader([text, ""], delimiter=sign, skipinitialspace=True))
            except csv.Error:
                broken.append((f"line {number}", "its items can't be told apart"))
                continue
            if len(rows) == 2:
                yield number, rows[0]
            else:
                broken.append((f"line {number}", "a quotation mark isn't closed"))


def _of_rows(rows: Any, place: str, broken: list[tuple[str, str]]) -> Interactions:
    ids: dict[str, int] = {}
    users, items, owners = [], [], []
    for number, row in rows:
        names = [name for name in map(clean_text, row) if name]
        long = [name for name in names if len(name) > _LONGEST_NAME]
        if not names or long:
            if long:
                broken.append((f"{place} {number}", f"a name of {len(long[0])} characters is no item's"))
            continue
        items += [ids.setdefault(name, len(ids)) for name in names]
        users += [len(owners)] * len(names)
        owners.append(f"{place} {number}")
    return Interactions(np.array(users, np.int64), np.array(items, np.int64), list(ids), owners, is_lines=True,
                        broken=broken)  # fmt: skip


# A row for each user and item.


def _double_colon(path: Path) -> Cells:
    """MovieLens' user::item::rating::time."""
    import pyarrow as pa

    columns: list[list[str]] = [[], [], [], []]
    numbers, broken = [], []
    with open_unpacked(path) as file:
        for number, line in enumerate(file, 1):
            parts = line.decode("utf-8", "replace").strip().split("::")
            if parts == [""]:
                continue
            if not 2 <= len(parts) <= 4:
                broken.append((f"line {number}", "it isn't user::item::rating::time"))
                continue
            numbers.append(number)
            for place, column in enumerate(columns):
                column.append(parts[place] if place < len(parts) else "")
    arrays = [encoded(pa.array(column, pa.string())) for column in columns]
    names = ["user", "item", "rating", "time"]
    kept = [place for place in range(4) if place < 2 or any(columns[place])]
    return Cells([names[place] for place in kept], [arrays[place] for place in kept], np.array(numbers, np.int64),
                 broken=broken)  # fmt: skip


def _without_types(cells: Cells) -> Cells:
    """RecBole's columns under the names that stand before their types: "user_id" for "user_id:token"."""
    cells.names = [name.partition(":")[0] for name in cells.names]
    return cells


def _of_cells(cells: Cells, said: Mapping[str, str], source: str) -> Interactions:
    roles = roles_of(cells.names, said, source)
    users, owners = _codes(cells.column(roles.user))
    items, names = _codes(cells.column(roles.item))
    notes = [*cells.notes]
    if roles.title is not None:
        names = _titled(items, names, *_codes(cells.column(roles.title)))
    shown = {"users": roles.user, "items": roles.item, "names": roles.title, "times": roles.time}
    said_so = ", ".join(f"{what} from '{column}'" for what, column in shown.items() if column)
    if any(column and plain(column) not in (what, what[:-1]) for what, column in shown.items()):
        notes.append(f"Read are {said_so}; others are chosen with --set user=, item=, title= and time=.")
    found = Interactions(users, items, names, owners, notes=notes, broken=list(cells.broken))
    if roles.time is not None:
        found.times = _times(cells.column(roles.time), roles.time)
    if roles.quantity is not None:
        found.quantities = _numbers(cells.column(roles.quantity))
    if roles.rating is not None:
        found.ratings = _numbers(cells.column(roles.rating))
    return found


def _codes(column: Any) -> tuple[np.ndarray, list[str]]:
    """Of each row the place of its text among those that differ once they are clean, -1 where there is none; these."""
    texts = [clean_text(text)[:_LONGEST_NAME] if text else "" for text in column.dictionary.to_pylist()]
    ids: dict[str, int] = {}
    places = np.array([ids.setdefault(text, len(ids)) if text else -1 for text in texts] or [-1], np.int64)
    indices = column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return np.where(indices >= 0, places[np.maximum(indices, 0)], -1), list(ids)


def _titled(items: np.ndarray, codes: Sequence[str], titles: np.ndarray, texts: Sequence[str]) -> list[str]:
    """Each item's commonest title; its code behind it where another item has the same, alone where it has none."""
    there = (items >= 0) & (titles >= 0)
    pairs, counts = np.unique(items[there] * len(texts) + titles[there], return_counts=True)
    order = np.lexsort((pairs, -counts))
    best: dict[int, str] = {}
    for pair in pairs[order]:
        best.setdefault(int(pair // len(texts)), texts[pair % len(texts)])
    twice = {text for text, count in Counter(best.values()).items() if count > 1}
    return [
        code if place not in best else f"{best[place]} ({code})" if best[place] in twice else best[place]
        for place, code in enumerate(codes)
    ]


def _numbers(column: Any) -> np.ndarray:
    """The numbers of a column, NaN where a text is none."""
    values = np.array([_number(text) for text in column.dictionary.to_pylist()] or [np.nan])
    indices = column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return np.where(indices >= 0, values[np.maximum(indices, 0)], np.nan)


def _number(text: str | None) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        return np.nan


def _times(column: Any, name: str) -> np.ndarray:
    """The times of a column, as numbers that grow with them; NaN where a text is none."""
    import pyarrow as pa

    values = _numbers(column)
    if np.isfinite(values).mean() > 0.5:
        return values
    texts = column.dictionary.cast(pa.string()).fill_null("")
    found = find_dates(texts)
    if found is None:
        example = next((text for text in texts.to_pylist() if text), "")
        raise UserError(
            f"The times in '{name}' can't be read: '{example[:40]}'.",
            "Write them as 2024-03-20 08:30 or as seconds, or leave them out with --set time=",
        )
    indices = column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return np.where(indices >= 0, np.asarray(found.values, np.float64)[np.maximum(indices, 0)], np.nan)
