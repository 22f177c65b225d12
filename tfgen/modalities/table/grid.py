"""Rows of texts, as CSV files and sheets have them: where the header stands, and which rows are no data."""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfgen.console import several
from tfgen.errors import UserError
from tfgen.modalities.table.cells import Cells, encoded, unique_names, without_apostrophes

_HEAD = 200  # rows by which the header is found
_CHUNK = 20_000  # rows that become arrays at once
_BROKEN_AT_MOST = 0.01
_NOTES_BELOW = 50  # rows at the end that may be notes
_NAMED_AT_MOST = 1000  # broken rows that a report names
_VALUE = re.compile(  # a number, a date or a time
    r"[-+(]?[$€£]?\s?[0-9][0-9.,' ]*([eE][-+]?[0-9]+)?\s?[%€$)]?$|[-+]?[.,][0-9]+$"
    r"|([0-9]+ days?,? )?[0-9]{1,7}:[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?$"
    r"|[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}([ T].*)?$|[0-9]{1,2}[:.][0-9]{2}([:.][0-9]{2})?$"
)
_COMMENT = ("#", "%", "|", "//", "--")
_SIGN_OF_HEADER = re.compile(r"^#\s*(?=[^\W\d_])(?!(?:of|in|per)\b)")  # before the first name; "# of rooms" is one
_ABOUT = 30  # rows at the top that may say something of the file
Row = tuple[int, list[str]]  # its line and its cells


@dataclass(frozen=True)
class ReadingOptions:
    """What a person said of how a table is to be read; None for what is to be found.

    header: the line with the names, 0 for no such line.
    skip: how many lines at the top are no part of the table.
    rows: the most rows that are read.
    """

    delimiter: str | None = None
    encoding: str | None = None
    header: int | None = None
    skip: int = 0
    sheet: str | None = None
    rows: int | None = None


@dataclass
class _Layout:
    """How a grid is laid out: its names, how many of the first rows are above the data, and how long rows are.

    comment: what comments begin with, where there are any above the table.
    """

    names: list[str]
    above: int
    width: int
    headers: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    comment: str = ""


def cells_of_grid(
    rows: Iterator[Row], source: str, options: ReadingOptions, place: str = "line", is_sheet: bool = False,
    merged: bool = False,
) -> Cells:  # fmt: skip
    """The cells of a table among rows of texts.

    source: for messages.
    place: what the rows are counted as.
    is_sheet: whether rows may be shorter than others, as in Excel.
    merged: whether cells that were merged have their text in all of them already.

    Raises:
        UserError: there are no rows, or too many have not as many cells as the others.
    """
    if options.skip:
        rows = ((line, row) for line, row in rows if line > options.skip)
    head: list[Row] = []
    for row in rows:
        head.append(row)
        if len(head) >= _HEAD:
            break
    if not any(_filled(row) for _, row in head) and len(head) < _HEAD:
        raise UserError(f"'{source}' holds no rows.", "Give a table with a row for each example.")
    layout = _find_layout(head, source, options, place, merged)
    above, below = ([row for _, row in rows] for rows in (head[: layout.above - 1], head[layout.above:]))
    if any(row and row[0].lstrip().startswith("#") for row in above) and _are_few(below):
        layout.comment = "#"
    body = _Body(layout, source, place, is_sheet, options.rows)
    body.add(itertools.chain(head[layout.above:], rows))
    return body.cells()


class _Body:
    """Collects the rows below the header, column by column."""

    def __init__(self, layout: _Layout, source: str, place: str, is_sheet: bool, most: int | None):
        self._layout, self._source, self._place, self._is_sheet, self._most = layout, source, place, is_sheet, most
        self._needed = max((place for place, name in enumerate(layout.names, 1) if name), default=1)
        if not is_sheet and not any(layout.names):
            self._needed = layout.width
        self._waiting: list[Row] = []
        self._chunks: list[list[Any]] = [[] for _ in range(layout.width)]
        self._lines: list[np.ndarray] = []
        self._count = self._empty = self._comments = self._broken_count = 0
        self._broken: list[tuple[str, str]] = []

    def add(self, rows: Iterable[Row]) -> None:
        """Takes rows until there are as many as are wanted."""
        width = self._layout.width
        for line, cells in rows:
            if len(cells) != width:
                cells = self._fitted(cells)
            if not (cells and cells[0].strip()) and not "".join(cells).strip():
                self._empty += 1
            elif self._layout.comment and cells[0].lstrip().startswith(self._layout.comment):
                self._comments += 1
            elif len(cells) != width:
                self._broken_count += 1
                if len(self._broken) < _NAMED_AT_MOST:
                    reason = f"has {several(len(cells), 'cell')} instead of {width}"
                    self._broken.append((f"{self._place} {line}", reason))
            else:
                self._waiting.append((line, cells))
                if len(self._waiting) >= _CHUNK:
                    self._flush()
                self._count += 1
                if self._count == self._most:
                    break

    def _fitted(self, cells: list[str]) -> list[str]:
        """A row of another length as one of the usual length, where only empty cells make the difference."""
        width = self._layout.width
        if len(cells) > width and not any(map(str.strip, cells[width:])):
            return cells[:width]
        if len(cells) < width and (self._is_sheet or len(cells) >= self._needed):
            return cells + [""] * (width - len(cells))
        return cells

    def _flush(self) -> None:
        import pyarrow as pa

        if self._waiting:
            self._lines.append(np.fromiter((line for line, _ in self._waiting), np.int64, len(self._waiting)))
            for chunks, texts in zip(self._chunks, zip(*(cells for _, cells in self._waiting))):
                chunks.append(pa.array(texts, pa.string()).dictionary_encode())
            self._waiting = []

    def cells(self) -> Cells:
        import pyarrow as pa

        self._check()
        self._flush()
        columns = []
        for place in range(self._layout.width):
            column = encoded(pa.chunked_array(self._chunks[place]))
            columns.append(pa.DictionaryArray.from_arrays(column.indices, without_apostrophes(column.dictionary)))
            self._chunks[place] = []
        found = Cells(list(self._layout.names), columns, np.concatenate(self._lines), self._place)
        found, notes = _without_other_rows(found, self._layout)
        found, dropped = _without_empty_columns(found)
        found.names, renamed = unique_names(found.names) if any(found.names) else (
            [f"column_{number}" for number in range(1, len(found.names) + 1)], [])
        found.notes = [*self._layout.notes, *renamed, *dropped, *notes]
        if self._empty > 1:
            found.notes.append(f"{several(self._empty, 'empty row')} left out.")
        if self._comments:
            found.notes.append(f"{several(self._comments, 'comment')} among the rows left out.")
        found.broken = self._broken
        if self._broken_count > len(self._broken):
            found.notes.append(f"{self._broken_count} rows have more or fewer cells than the others and were left out.")
        return found

    def _check(self) -> None:
        if self._broken_count > _BROKEN_AT_MOST * (self._count + self._broken_count):
            where, reason = self._broken[0]
            raise UserError(
                f"{several(self._broken_count, 'row')} of {self._count + self._broken_count} in '{self._source}' can't "
                f"be told apart into cells, the first in {where}: it {reason}.",
                "Mend them, or name the sign between cells, as in: --set 'delimiter=;'",
            )
        if not self._count:
            raise UserError(f"'{self._source}' has a header but no rows.", "Give a table with a row for each example.")


def _find_layout(
    head: list[Row], source: str, options: ReadingOptions, place: str, merged: bool
) -> _Layout:
    width = _width(head)
    if options.header is not None and options.header > 0:
        found = next((index for index, (line, _) in enumerate(head) if line >= options.header), None)
        if found is None:
            raise UserError(
                f"'{source}' has no {place} {options.header} with names among its first.", "Set header to another."
            )
        names = head[found][1]
        return _layout(_fitted(names, max(width, _reach(names))), found + 1, [names], [])
    start, notes = _titles(head, width, place)
    rest = [row for _, row in head[start:]]
    if rest and rest[0]:
        rest[0] = [_SIGN_OF_HEADER.sub("", rest[0][0].lstrip(), count=1), *rest[0][1:]]
    if options.header == 0 or not rest:
        return _layout([""] * width, start, [], notes)
    body = [row for row in rest[1:] if _filled(row)]
    if not _is_header(rest[0], body, width):
        called = "column_1" + (f" to column_{width}" if width > 1 else "")
        line = head[start][0]
        notes.append(f"There is no header: the columns are called {called}. If there is one: --set header={line}")
        return _layout([""] * width, start, [], notes)
    upper = rest[0]
    lower = rest[1] if len(rest) > 1 else []
    if _are_two_rows(upper, lower, [row for row in rest[2:] if _filled(row)], width):
        names = _joined(_fitted(upper, width), _fitted(lower, width), merged)
        first, second = head[start][0], head[start + 1][0]
        notes.append(
            f"The header has two rows, {place}s {first} and {second}, which are joined, as in "
            f"'{next((name for name in names if ': ' in name), names[-1])}'. To take one of them: "
            f"--set header={second}"
        )
        return _layout(names, start + 2, [upper, lower], notes)
    has_last = any(row[-1].strip() for row in body if len(row) == width)  # else each row only ends in a delimiter
    if has_last and _reach(upper) + 1 == width and len(upper) < width and all(len(row) == width for row in body):
        upper = ["", *upper]  # as R writes them: the first column has the rows' names, and none itself
    return _layout(_fitted(upper, max(width, _reach(upper))), start + 1, [upper], notes)


def _layout(names: list[str], above: int, headers: list[list[str]], notes: list[str]) -> _Layout:
    import pyarrow as pa

    names = without_apostrophes(pa.array([" ".join(name.split()) for name in names], pa.string())).to_pylist()
    return _Layout(names, above, len(names), headers, notes)


def _width(head: list[Row]) -> int:
    """How many cells most rows have."""
    lengths = Counter(len(row) for _, row in head if _filled(row))
    return max(lengths, key=lambda length: (lengths[length], length))


def _titles(head: list[Row], width: int, place: str) -> tuple[int, list[str]]:
    """How many of the first rows stand above the table: titles, comments, empty ones, what is said of the file, and
    rows of mere numbering."""
    start, texts, numbered = 0, [], []
    usual = float(np.median([_filled(row) for _, row in head if _filled(row)]))
    has_comments = _are_few([row for _, row in head])
    while start < len(head) - 1:
        row = head[start][1]
        filled = _filled(row)
        if filled == 0:
            pass
        elif filled == 1 and (usual >= 3 or (len(row) != width and _first(row).startswith(_COMMENT))):
            texts.append(_first(row))
        elif has_comments and _is_comment(row) and not _is_commented_header(head[start:], width):
            texts.append(_first(row))
        elif _is_numbering(row) and _are_names(head[start + 1][1]):
            numbered.append(head[start][0])
        else:
            break
        start += 1
    about = _about_the_file([row for _, row in head[start:]], width, usual)
    texts += [_first(row) for _, row in head[start: start + about] if _filled(row)]
    start += about
    notes = []
    if texts:
        shown = texts[0] if len(texts[0]) <= 40 else texts[0][:37] + "..."
        lines = f"{place} {head[0][0]} stands" if start == 1 else f"{place}s {head[0][0]} to {head[start - 1][0]} stand"
        notes.append(f"{lines[0].upper()}{lines[1:]} above the table and {'is' if start == 1 else 'are'} left out: "
                     f"'{shown}'{' ...' if len(texts) > 1 else ''}.")  # fmt: skip
    notes += [f"{place.capitalize()} {line} only numbers the columns and is left out." for line in numbered]
    return start, notes


def _first(row: Sequence[str]) -> str:
    """The first cell that isn't empty."""
    return next((cell.strip() for cell in row if cell.strip()), "")


def _is_comment(row: Sequence[str]) -> bool:
    return bool(row) and row[0].lstrip().startswith(("#", "%", "//"))


def _are_few(rows: list[list[str]]) -> bool:
    """Whether comments are few, so that they are none of the data, as '#12' or '#ff0000' would be."""
    return 2 * sum(map(_is_comment, rows)) <= len(rows)


def _is_commented_header(rows: list[Row], width: int) -> bool:
    """Whether the first row, which looks like a comment, names the columns, as '#age,city' does: the next row doesn't,
    and isn't a comment itself."""
    (_, row), (_, below), body = rows[0], rows[1], [row for _, row in rows[2:] if _filled(row)]
    if len(row) != width or _filled(row) < width or _is_comment(below):
        return False
    return _filled(below) > 0 and not _is_header(below, body, width)


def _about_the_file(rows: list[list[str]], width: int, usual: float) -> int:
    """How many rows say something of the file, such as "Station: Ulm": those above a row that surely is a header, with
    less in them than others or parted from it by an empty row."""
    for place, row in enumerate(rows[:_ABOUT]):
        body = [other for other in rows[place + 1:] if _filled(other)]
        if _filled(row) >= max(2, usual) and _names_numbers(row, body, width):
            break
    else:
        return 0
    above = rows[:place]
    last_empty = max((at for at, other in enumerate(above) if not _filled(other)), default=0)
    if any(_filled(other) >= usual for other in above[last_empty:]):
        return 0
    if above and _are_two_rows(above[-1], row, body, width) and not _first(above[-1]).endswith(":"):
        return place - 1  # that row is the upper one of the header
    return place


def _names_numbers(row: Sequence[str], body: list[list[str]], width: int) -> bool:
    """Whether a row has words wherever others have numbers, and there are such places."""
    if not _are_names(row) or len(body) < 2:
        return False
    for place in range(min(width, len(row))):
        below = [text for other in body if place < len(other) and (text := other[place].strip())]
        if row[place].strip() and below and sum(map(_is_value, below)) >= 0.8 * len(below):
            return True
    return False


def _is_numbering(row: Sequence[str]) -> bool:
    """Whether a row counts its columns: 1, 2, 3 and so on, perhaps behind a word."""
    cells = [cell.strip() for cell in row if cell.strip()]
    numbers = [int(cell) for cell in cells if cell.isdecimal()]
    return len(numbers) >= 3 and len(cells) - len(numbers) <= 1 and numbers == list(
        range(numbers[0], numbers[0] + len(numbers)))


def _is_header(row: Sequence[str], body: list[list[str]], width: int) -> bool:
    """Whether a row names the columns: by what stands below it."""
    if _are_names(row):
        body = [other for other in body if other != row]  # of files that were put together
    if not body:
        return _are_names(row)
    for_it = against = 0
    for place, cell in enumerate(_fitted(row, width)):
        cell = cell.strip()
        below = [text for other in body if place < len(other) and (text := other[place].strip())]
        if not cell or not below:
            continue
        numeric = sum(map(_is_value, below)) >= 0.8 * len(below)
        if numeric:
            if _is_value(cell):
                against += 1
            elif cell not in below:
                for_it += 1
        elif cell in below:
            against += 1
        elif _is_value(cell) or 2 * len(set(below)) < len(below):
            for_it += 1
    if _are_names(row):
        return for_it >= against
    years = [int(cell) for cell in row if cell.strip().isdecimal()]
    return len(years) > 1 and not _is_value(row[0]) and years == list(range(years[0], years[0] + len(years)))


def _are_two_rows(upper: Sequence[str], lower: Sequence[str], body: list[list[str]], width: int) -> bool:
    """Whether the second row names columns too: it tells apart what the first leaves empty or names alike, and stands
    as words above numbers."""
    upper, lower = _fitted(upper, width), _fitted(lower, width)
    if not body or not _are_names(upper) or not _are_names(lower):
        return False
    gaps = any(below.strip() and not above.strip() for above, below in zip(upper, lower))
    alike = any(above.strip() and above == beside for above, beside in zip(upper, upper[1:]))  # as merged cells are
    if not gaps and not alike:
        return False
    for place, cell in enumerate(lower):
        below = [text for other in body if place < len(other) and (text := other[place].strip())]
        if cell.strip() and below and sum(map(_is_value, below)) >= 0.8 * len(below):
            return True
    return False


def _joined(upper: list[str], lower: list[str], merged: bool) -> list[str]:
    """Names of two rows; what stands alone in the upper one goes on to the right, as merged cells leave it."""
    upper, lower = [cell.strip() for cell in upper], [cell.strip() for cell in lower]
    alone = Counter(
        below.casefold() for place, (above, below) in enumerate(zip(upper, lower))
        if above and below and (place + 1 == len(upper) or upper[place + 1] != "")
    )
    names, last = [], ""
    for place, (above, below) in enumerate(zip(upper, lower)):
        single = bool(above) and (place + 1 == len(upper) or upper[place + 1] != "")
        last = above or ("" if merged else last)
        if not below or not last or below.casefold() == last.casefold():
            names.append(below or above)
        elif single and not merged and alone[below.casefold()] > 1:
            names.append(last)  # the same word below many names, such as "Response", says nothing
        else:
            names.append(f"{last}: {below}")
    return names


def _are_names(row: Sequence[str]) -> bool:
    return _filled(row) > 0 and not any(_is_value(cell.strip()) for cell in row if cell.strip())


def _is_value(text: str) -> bool:
    """Whether a text is a number, a date or a time rather than a name."""
    return bool(_VALUE.match(text.strip())) or text.strip() in ("?", "NA", "NaN", "nan", "NULL", "null")


def _filled(row: Sequence[str]) -> int:
    return sum(bool(cell.strip()) for cell in row)


def _reach(row: Sequence[str]) -> int:
    return max((place for place, cell in enumerate(row, 1) if cell.strip()), default=0)


def _fitted(row: Sequence[str], width: int) -> list[str]:
    return [*row[:width], *[""] * (width - len(row))]


def _without_other_rows(cells: Cells, layout: _Layout) -> tuple[Cells, list[str]]:
    """The cells without rows that repeat the header, and without notes below the table."""
    keep, notes = np.ones(len(cells), bool), []
    for header in layout.headers:
        same = np.zeros(len(cells), np.int32)
        first = np.zeros(len(cells), bool)
        named = [(place, name.strip()) for place, name in enumerate(header[: layout.width]) if name.strip()]
        for place, name in named:
            equal = _equals(cells.columns[place], name)
            same += equal
            first |= equal if (place, name) == named[0] else False
        repeated = first & (same >= min(2, len(named))) & keep
        if repeated.any() and len(named) > 1:
            keep &= ~repeated
            count, line = int(repeated.sum()), cells.where(int(np.argmax(repeated)))
            those = "1 row repeats the header and is" if count == 1 else f"{count} rows repeat the header and are"
            notes.append(f"{those} left out{', the first' if count > 1 else ''}: {line}.")
    last = len(cells)
    lowest = max(1, last - _NOTES_BELOW)
    present = [_present(column.slice(lowest)) for column in cells.columns]
    if len(present) > 2:
        filled = np.sum(present, axis=0) if last > lowest else np.zeros(0)
        usual = np.median(np.sum([_present(column.slice(0, _HEAD)) for column in cells.columns], axis=0))
        while last > lowest and not present[0][last - 1 - lowest] and filled[last - 1 - lowest] < 0.5 * usual:
            last -= 1
        if _present(cells.columns[0].slice(0, last)).mean() < 0.9:
            last = len(cells)  # the first column is often empty: such rows may be data
    if last < len(cells) and keep[:last].any():
        keep[last:] = False
        count = len(cells) - last
        those = "1 row below the table is" if count == 1 else f"{count} rows below the table are"
        notes.append(f"{those} left out, from {cells.where(last)} on.")
    if not keep.any():
        return cells, []
    return (cells if keep.all() else cells.take(keep)), notes


def _without_empty_columns(cells: Cells) -> tuple[Cells, list[str]]:
    """The cells without columns that have neither a name nor a value."""
    kept = [place for place, name in enumerate(cells.names) if name or _present(cells.columns[place]).any()]
    dropped = len(cells.names) - len(kept)
    if not dropped or not kept:
        return cells, []
    cells.names = [cells.names[place] for place in kept]
    cells.columns = [cells.columns[place] for place in kept]
    return cells, [f"{several(dropped, 'column')} without a name and without values left out."]


def _equals(column: Any, text: str) -> np.ndarray:
    import pyarrow.compute as pc

    equal = np.asarray(pc.equal(pc.utf8_trim_whitespace(column.dictionary.fill_null("")), text))
    return np.append(equal, False)[np.asarray(column.indices.fill_null(-1))]


def _present(column: Any) -> np.ndarray:
    """Which rows of a column have a text."""
    import pyarrow.compute as pc

    filled = np.asarray(pc.not_equal(pc.utf8_trim_whitespace(column.dictionary.fill_null("")), ""))
    return np.append(filled, False)[np.asarray(column.indices.fill_null(-1))]
