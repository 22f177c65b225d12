"""Lines of delimited text to rows of cells, also where a quotation mark isn't closed or is escaped by a backslash.

csv.reader reads what is written well. What a quotation mark that nobody closes swallows is read again, line by line.
"""

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

LONGEST_CELL = 2**27  # characters
MOST_LINES = 500  # of one row: more, and a quotation mark isn't closed
_MOSTLY = 0.8  # of the lines that an unclosed mark swallowed are rows by themselves
_SAMPLE = 1000  # lines by which it is found how many cells a row has
_UNESCAPED = re.compile(r"\\(.?)", re.DOTALL)


class TooLong(csv.Error):
    """A row of more than MOST_LINES lines."""


@dataclass
class Delimited:
    """How rows stand in lines.

    width: how many cells a row has, where it is known; else nothing that was swallowed is found.
    line: where the row that is read begins, counted from 1.
    unclosed: the lines in which a quotation mark was left out, since it isn't closed.
    """

    sign: str
    width: int = 0
    quote: str = '"'
    line: int = 1
    unclosed: list[int] = field(default_factory=list)

    def rows(self, lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
        """Every row with the line where it begins.

        Raises:
            csv.Error: one can't be read; TooLong where it has no end.
        """
        csv.field_size_limit(LONGEST_CELL)
        source = iter(lines)
        again: list[str] = []  # lines that were swallowed, the next one last
        taken: list[str] = []  # those of the row that is read

        def feed() -> Iterator[str]:
            while len(taken) <= MOST_LINES:
                line = again.pop() if again else next(source, None)
                if line is None:
                    return
                taken.append(line)
                yield line

        reader = self._reader(feed())
        while (row := next(reader, None)) is not None:
            is_cut = bool(row) and row[-1].endswith(("\n", "\r"))  # by the end of the file
            if len(taken) > 1 or is_cut or not self._fits(row) or self._may_be_escaped(taken[0]):
                row, rest = self._mended(taken, row)
                again.extend(reversed(rest))
                del taken[len(taken) - len(rest):]
                reader = self._reader(feed())  # the one before has read the rest, or was at an end
            yield self.line, row
            self.line += len(taken)
            taken.clear()

    def _mended(self, lines: list[str], row: list[str]) -> tuple[list[str], list[str]]:
        """The row that these lines begin with, and those of them that are none of it."""
        closed = self._closed(lines)
        if closed is not None and self._fits(closed) and not self._swallowed(lines, True):
            return row, []
        for count in (1, len(lines)):
            escaped = self._escaped(lines[:count])
            if escaped is not None and self._fits(escaped):
                return escaped, lines[count:]
        if not self._swallowed(lines, closed is not None):
            if len(lines) > MOST_LINES:
                raise TooLong
            return row, []
        self.unclosed.append(self.line)
        return self._without_mark(lines[0]) or next(self._reader([lines[0]])), lines[1:]

    def _fits(self, row: list[str]) -> bool:
        return len(row) == (self.width or len(row))

    def _swallowed(self, lines: list[str], closed: bool) -> bool:
        """Whether a quotation mark in the first line isn't closed, and the others are rows by themselves. Those of an
        address may be too, by accident, so of a row that is closed there must be many."""
        if self.width < 2 or (closed and (len(lines) < 4 or self.width < 3)):
            return False
        if len(lines) == 1:
            return self._is_odd(lines[0])
        alone = [self._is_row(line) for line in lines[1:]]
        return sum(alone) >= (1 if closed else _MOSTLY) * len(alone)

    def _is_row(self, line: str) -> bool:
        """Whether a line is a row by itself, perhaps with a mark in it that isn't closed either."""
        return len(next(self._reader([line]), ())) == self.width or bool(self._without_mark(line))

    def _is_odd(self, line: str) -> bool:
        return line.count(self.quote) % 2 == 1

    def _without_mark(self, line: str) -> list[str]:
        """The row of a line of which one mark too many was taken out; none where that makes no row."""
        for found in reversed([*re.finditer(re.escape(self.quote), line)]) if self._is_odd(line) else ():
            mended = self._closed([line[: found.start()] + line[found.end():]])
            if mended is not None and len(mended) == self.width:
                return mended
        return []

    def _closed(self, lines: list[str], **how: Any) -> list[str] | None:
        """The one row of lines whose quotation marks are all as they should; None where they aren't."""
        try:
            rows = list(self._reader(lines, strict=True, **how))
        except csv.Error:
            return None
        return rows[0] if len(rows) == 1 else None

    def _escaped(self, lines: list[str]) -> list[str] | None:
        """The same where a backslash escapes marks and signs between cells; before all else it is a letter."""
        if not any(map(self._may_be_escaped, lines)):
            return None
        kept = (self.quote, "\\", self.sign, "\n", "\r")
        lines = [_UNESCAPED.sub(lambda found: found[0] if found[1] in kept else "\\" + found[0], line)
                 for line in lines]  # fmt: skip
        return self._closed(lines, escapechar="\\")

    def _may_be_escaped(self, text: str) -> bool:
        return "\\" in text and ("\\" + self.quote in text or "\\" + self.sign in text)

    def row_of(self, line: str) -> list[str]:
        """The row of a line by itself, before anybody knows how many cells it should have."""
        plain = self._closed([line]) if self._may_be_escaped(line) else None
        return plain or self._escaped([line]) or next(self._reader([line]), [])

    def _reader(self, lines: Iterable[str], **how: Any) -> Iterator[list[str]]:
        return csv.reader(lines, delimiter=self.sign, quotechar=self.quote, skipinitialspace=self.sign != "\t", **how)


def width_of(lines: Iterable[str], sign: str) -> int:
    """How many cells most lines have, each read by itself."""
    csv.field_size_limit(LONGEST_CELL)
    row_of = Delimited(sign).row_of
    try:
        lengths = Counter(len(row_of(line)) for line in itertools.islice(lines, _SAMPLE) if line.strip())
    except csv.Error:
        return 0
    return max(lengths, key=lambda length: (lengths[length], length), default=0)


def parse_sample(text: str, sign: str) -> list[list[str]]:
    """The rows of a few lines, none where they can't be parted by this sign."""
    lines = [*io.StringIO(text, newline="")]
    try:
        return [row for _, row in Delimited(sign, width_of(lines, sign)).rows(lines)]
    except csv.Error:
        return []
