"""What a column holds, found from its cells: numbers, dates, categories, keys, free text; and what is missing.

Cells become Rows. What a person says of a column (correction.py) wins over what is found; what is doubtful is said,
with the setting that decides it. Notes quote no cell, since a run keeps them.
"""

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tfgen.console import several
from tfgen.errors import UserError, unknown
from tfgen.modalities.table.cells import Cells
from tfgen.modalities.table.durations import are_in_words
from tfgen.modalities.table.formats import (
    Found, find_dates, find_durations, find_numbers, has_zones_by_name, read_values, until,
)  # fmt: skip
from tfgen.representations.rows.columns import (
    BOOLEAN, CATEGORY, CONSTANT, DATE, INTEGER, KEY, NUMBER, TEXT, Column, Rows,
)  # fmt: skip

MISSING = (
    "", "NA", "N/A", "n/a", "#N/A", "nan", "NaN", "NAN", "null", "NULL", "Null", "None", "?", "-", "--", ".", "..",
    "…", "\\N", "#NV", "#DIV/0!", "#VALUE!", "#REF!", "NaT", "<NA>",
)  # fmt: skip
_YES = ("yes", "y", "true", "t", "1", "1.0", "on", "ja", "j", "oui", "o", "si", "sí", "s", "sim", "x", "checked")
_NO = ("no", "n", "false", "f", "0", "0.0", "off", "nein", "non", "não", "unchecked")
_KEY_NAME = re.compile(
    r"(^|[^a-z])(id|ids|key|uid|uuid|guid|nr|no|num|nbr|number|index|idx|serial|reference|ref|email|e-mail|isbn|iban|"
    r"ssn|phone|unnamed: 0)\.?$|^(id|index|row)[ _-]", re.IGNORECASE
)  # fmt: skip
_PERSON_NAME = re.compile(r"(^|[^a-z])(id|uid|uuid|guid|nbr|nr|key)$", re.IGNORECASE)  # keys, even if some come again
_CODE_NAME = re.compile(r"(^|[^a-z])(id|code|zip|zipcode|postcode|postal|plz|fips|icd|sku)$", re.IGNORECASE)
_OF_PERSONS = (  # what, as a cell has it, and the names of columns that it may have
    ("e-mail addresses", re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"), re.compile("")),
    ("telephone numbers", re.compile(r"(?=(?:[^0-9]*[0-9]){7})\+?[0-9(][0-9 ()/.-]{6,}"), re.compile("")),
    (
        "names of persons", re.compile(r"[^\W\d_]+(?:[ .,'’-]+[^\W\d_]+){0,3}\.?"),
        re.compile(
            r"(^|[^a-z])(first|last|sur|given|family|full|middle|maiden)[ _-]?names?([^a-z]|$)|(^|[^a-z])(patient|"
            r"doctor|physician|employee|contact|person|customer)([ _-]?names?)?$|^(name|vorname|nachname|pr[eé]nom|"
            r"nombre|apellido)s?$", re.IGNORECASE
        ),
    ),
)  # fmt: skip
_MOSTLY = 0.8  # of the different cells
_CAMEL = re.compile(r"(?<=[a-z])(ID|Id|Nr|No|Code|Key)$")
_DATE_NAME = re.compile(r"date|datum|day|dob|birth|time|when|_at$|_on$|_dt$|^dt|jour|fecha", re.IGNORECASE)
_BIRTH_NAME = re.compile(
    r"birth|born|(^|[^a-z])(dob|bday|geb|gebdat)([^a-z]|$)|geburt|geboren|naissance|nacimiento|nascita", re.IGNORECASE
)  # fmt: skip
_END_NAME = re.compile(
    r"due|expir|matur|until|valid|deadline|ablauf|(^|[^a-z])(end|ends|to|till|bis)([^a-z]|$)", re.IGNORECASE
)  # fmt: skip
_SOON = 10  # years in which what a table plans may lie
_PATTERN = re.compile(r"^([A-Za-z#_/ -]*)([0-9]+)$")
_TOTALS = ("total", "totals", "grand total", "sum", "insgesamt", "land insgesamt", "gesamt", "summe", "all", "subtotal")
_SPECIALS, _FEW_SPECIALS = 0.05, 5  # of the cells of a column of numbers may be words, and so many different ones
_MARKED = 0.2  # of the cells may be one word
_SMALL = 100  # rows below which a tenth may be
_MOST_CODES = 1000
_MANY_TEXTS = 20  # different ones at the least, for a column to be names or free text
_LONG = 60  # characters of a text on average that is no category
_SENTINEL = re.compile(r"-?9{2,}(\.0+)?|-[1-9]00+(\.0+)?|-1")
_FREQUENT = 0.01  # of the rows, for a number far from all others to be a sign that something is missing
_SAMPLE = 500  # different texts by which it is told whether a column is one of numbers


@dataclass(frozen=True)
class Corrections:
    """What a person said of columns, which wins over what is found.

    kinds: by name.
    missing: texts that mean that a cell is missing: of every column, and by name.
    decimal: the decimal sign; dates: "dmy", "mdy" or "ymd".
    left_out: columns that aren't learned, since they say which rows belong together.
    """

    kinds: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    missing_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    decimal: str | None = None
    dates: str | None = None
    left_out: tuple[str, ...] = ()

    def marks(self, name: str) -> tuple[str, ...]:
        """What a person said that means missing in a column."""
        return (*self.missing, *self.missing_of.get(name, ()))


@dataclass
class _Texts:
    """A column's different texts that aren't missing, how often each occurs, and where.

    codes: int64 [n], each row's place among them, -1 where its cell is missing.
    missing: how missing cells are written, None where there are none.
    """

    name: str
    texts: Any
    counts: np.ndarray
    codes: np.ndarray
    missing: str | None
    typed: bool
    cells: Cells
    marks: tuple[str, ...] = ()  # the different ones that mean missing here

    @property
    def present(self) -> int:
        return int(self.counts.sum())

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Values of the different texts as values of the rows, NaN where cells are missing."""
        return np.append(values, np.nan)[self.codes]

    def example(self, mask: np.ndarray) -> str:
        """The first cell among those texts, and where it stands."""
        places = np.flatnonzero(mask)
        row = int(np.argmax(np.isin(self.codes, places)))
        return f"'{_short(self.texts[int(self.codes[row])].as_py())}' in {self.cells.where(row)}"


def rows_of(cells: Cells, corrections: Corrections = Corrections()) -> tuple[Rows, list[str]]:
    """The rows of cells, and notes on what was decided and is doubtful.

    Raises:
        UserError: a correction names no column, or a column can't be what it says.
    """
    for name in (*corrections.kinds, *corrections.missing_of, *corrections.left_out):
        if name not in cells.names:
            raise unknown("column", name, cells.names)
    notes: list[str] = []
    decimal = corrections.decimal or cells.decimal or _decimal(cells)
    if decimal == "," and not corrections.decimal:
        notes.append("Numbers are written with a decimal comma.")
    finder = _Finder(corrections, decimal, notes)
    columns, values = [], {}
    for place, name in enumerate(cells.names):
        texts = _texts(cells, place, corrections.marks(name))
        column, found = finder.column(texts)
        columns.append(column)
        if column.is_learned:
            values[name] = found
    finder.say_ambiguous(cells, columns, values)
    finder.say_sentinels()
    columns = [_with_marks(column, corrections.marks(column.name)) for column in columns]
    if cells.names and not values:
        kinds = ", ".join(f"'{column.name}' ({column.kind})" for column in columns[:4])
        raise UserError(
            f"There is no column that can be learned: {kinds}.", "Say what they are, as in --set column.NAME=category"
        )
    return Rows(tuple(columns), values), notes


def read_as(
    cells: Cells, columns: Sequence[Column], corrections: Corrections = Corrections()
) -> tuple[Rows, list[str]]:
    """The rows of other cells under columns that are known, such as those of a run; notes on what doesn't fit them.

    A text that is no category of its column is the one "" where it has that, which stands for all others in the columns
    of a private run; else it is missing, as is what is no number, and what was said to mean that when the columns were
    found, or is said of these cells.

    Raises:
        UserError: a learned column isn't there.
    """
    values, notes = {}, []
    for column in columns:
        if not column.is_learned:
            continue
        if column.name not in cells.names:
            raise unknown("column", column.name, cells.names)
        said = corrections.marks(column.name)
        texts = _texts(cells, cells.names.index(column.name), (*_marks_of(column), *said), ())
        if column.is_numeric:
            read = read_values(column, texts.texts, texts.typed)
            strange = ~np.isfinite(read)
            read[np.isin(read, _numbers_among((*column.writing.get("marks", ()), *said)))] = np.nan
            values[column.name] = texts.spread(read)
        else:
            codes = _codes_in(column, texts.texts.to_pylist())
            values[column.name] = np.append(codes, -1)[texts.codes].astype(np.int32)
            strange = codes < 0
        if strange.any():
            count = int(texts.counts[strange].sum())
            notes.append(f"{several(count, 'cell')} of '{column.name}' taken as missing: not known there.")
    return Rows(tuple(columns), values), notes


def _marks_of(column: Column) -> tuple[str, ...]:
    """The words that mean missing in a column that is known."""
    own = () if column.missing is None else (column.missing,)
    # No cell says "" as its category: where there is that one, it stands for those that nobody may know.
    usual = (word for word in MISSING if word not in column.categories or not word)
    return (*own, *column.writing.get("marks", ()), *usual)


def _numbers_among(marks: Sequence[str]) -> list[float]:
    return [number for number in map(_number, marks) if number is not None]


def is_given(column: Column, texts: np.ndarray) -> np.ndarray:
    """bool [n]: which texts say something in a column that is known, in place of missing there."""
    words, places = np.unique(texts.astype(str), return_inverse=True)
    marks, numbers = set(_marks_of(column)), set(_numbers_among(column.writing.get("marks", ())))
    said = [word.strip() not in marks and not (column.is_numeric and _number(word) in numbers) for word in words]
    return np.array(said, bool)[places]


def _with_marks(column: Column, marks: Sequence[str]) -> Column:
    """The column with what was said to mean missing in it, for other rows that are read as it."""
    if not marks or not column.is_learned:
        return column
    return replace(column, writing={**column.writing, "marks": list(marks)})


def _codes_in(column: Column, texts: list[str]) -> np.ndarray:
    places = {category: place for place, category in enumerate(column.categories)}
    if column.kind == BOOLEAN:  # true and false of files with types
        meant = {truth(category): place for category, place in places.items()}
        places = {**{word: meant[truth(word)] for word in ("true", "false") if truth(word) in meant}, **places}
    other = places.get("", -1)
    return np.array([places.get(text, other) for text in texts], np.int32)


def truth(text: str) -> bool | None:
    """What a word of a column of yes and no means; None where it is neither."""
    word = text.strip().lower()
    return True if word in _YES else False if word in _NO else None


class _Finder:
    """Finds what columns hold, one after the other."""

    def __init__(self, corrections: Corrections, decimal: str | None, notes: list[str]):
        self._corrections, self._decimal, self._notes = corrections, decimal, notes
        self._ambiguous: dict[str, Found] = {}
        self._orders: set[str] = set()
        self._sentinels: dict[float, list[str]] = {}

    def column(self, texts: _Texts) -> tuple[Column, np.ndarray | None]:
        """A column and, of a learned one, the values of its rows."""
        name, wanted = texts.name, self._corrections.kinds.get(texts.name)
        if name in self._corrections.left_out:
            return self._key(texts), None
        if len(texts.texts) == 0:
            self._notes.append(f"'{name}' has no values and is written empty.")
            return Column(name, CONSTANT, (texts.missing or "",), missing=texts.missing), None
        if len(texts.marks) > 1:
            shown = " and ".join(f"'{mark}'" for mark in texts.marks[:3])
            self._notes.append(f"{shown} in '{name}' are all taken as missing, and written '{texts.missing}'.")
        if wanted is not None:
            return self._as(wanted, texts)
        if len(texts.texts) == 1:
            if texts.missing is None:
                return Column(name, CONSTANT, (texts.texts[0].as_py(),)), None
            return _categories(texts, CATEGORY)
        if len(texts.texts) == 2 and {truth(text) for text in texts.texts.to_pylist()} == {True, False}:
            return _categories(texts, BOOLEAN)
        found = self._dates(texts)
        if found is None or not np.isfinite(found.values).all():
            found = self._durations(texts) or found or self._numbers(texts)
        if found is not None:
            return self._numeric(texts, found)
        return self._words(texts)

    # What was found by itself.

    def _dates(self, texts: _Texts) -> Found | None:
        sample = texts.texts.slice(0, _SAMPLE)
        compact = all(len(text) == 8 and text.isdecimal() for text in sample.to_pylist())
        found = find_dates(texts.texts, self._corrections.dates, compact)
        if found is None or not self._enough(texts, np.isfinite(found.values)):
            return None
        if found.writing["format"] == "%Y%m%d":
            years = found.values[np.isfinite(found.values)] / 365.2425 + 1970
            many = len(texts.texts) >= 10 and np.isfinite(found.values).all()
            if years.min() < 1850 or years.max() > 2150 or not (many or _DATE_NAME.search(texts.name)):
                return None
        return found

    def _durations(self, texts: _Texts) -> Found | None:
        found = find_durations(texts.texts)
        if found is None or not self._enough(texts, np.isfinite(found.values)):
            return None
        self._notes.append(f"'{texts.name}' holds durations: they are learned as seconds, and written as they are.")
        return found

    def _numbers(self, texts: _Texts) -> Found | None:
        decimal = None if texts.typed else self._decimal
        if len(texts.texts) > 2 * _SAMPLE:
            some = find_numbers(texts.texts.slice(0, _SAMPLE), decimal)
            if some is None or np.isfinite(some.values).mean() < 0.5:
                return None
        found = find_numbers(texts.texts, decimal)
        return found if found is not None and self._enough(texts, np.isfinite(found.values)) else None

    @staticmethod
    def _enough(texts: _Texts, fits: np.ndarray) -> bool:
        """Whether so many cells are numbers, or dates, that the column is one of those, and the rest are exceptions."""
        if fits.all():
            return True
        rest = texts.counts[~fits].sum() / texts.present
        most = _SPECIALS if texts.present >= _SMALL else 2 * _SPECIALS
        few = (~fits).sum() <= _FEW_SPECIALS or rest <= 0.01
        is_mark = (~fits).sum() == 1 and rest <= _MARKED  # as "<5" where counts are too small to be told
        return bool(fits.sum() >= 10 and (rest <= most and few or is_mark))

    def _numeric(self, texts: _Texts, found: Found) -> tuple[Column, np.ndarray | None]:
        """A column of numbers or dates, unless they are keys or codes."""
        name, count = texts.name, len(texts.texts)
        fits = np.isfinite(found.values)
        apart = _CAMEL.sub(r" \1", name)
        named = _KEY_NAME.search(apart)
        if found.kind == INTEGER and fits.all() and set(found.writing) <= {"zeros"}:
            everyone = count == texts.present == len(texts.codes)
            counted = count >= 20 and everyone and found.values.min() in (0, 1) and np.ptp(found.values) == count - 1
            if everyone and (named or counted):
                return self._key(texts), None
            if _PERSON_NAME.search(apart) and (2 * count >= texts.present or count > _MOST_CODES):
                self._notes.append(
                    f"'{name}' looks like a key, though some occur in several rows. If rows with the same one are of "
                    f"one person or thing: --set {_quoted('group', name)}. If it is a number: "
                    f"--set {_quoted('column.' + name, INTEGER)}"
                )
                return self._key(texts), None
            if _CODE_NAME.search(apart) and count <= min(_MOST_CODES, max(2, texts.present // 2)):
                return _categories(texts, CATEGORY)
        if not fits.all():
            left = int(texts.counts[~fits].sum())
            what = "numbers" if found.kind in (NUMBER, INTEGER) else "dates"
            self._notes.append(
                f"'{name}' holds {what} but for {several(left, 'cell')} taken as missing. If they are categories: "
                f"--set {_quoted('column.' + name, CATEGORY)}"
            )
        return self._learned(texts, found)

    def _learned(self, texts: _Texts, found: Found) -> tuple[Column, np.ndarray | None]:
        if "%y" in found.writing.get("format", ""):
            found = self._of_the_past(texts.name, found)
        values, missing = found.values.copy(), texts.missing
        for mark in self._corrections.marks(texts.name):
            if mark and (read := _number(mark)) is not None and (values == read).any():
                values[values == read] = np.nan
                missing = mark if missing is None else missing
        writing = dict(found.writing)
        if found.kind == DATE and texts.typed:
            writing["format"] = re.sub(r"[T ]00:00(:00)?(\.0+)?$", "", writing["format"])
        if len(found.zones) > 1:
            shown = ", ".join(zone or "none" for zone in found.zones[:4]) + (", ..." if len(found.zones) > 4 else "")
            become = "days by their own clocks" if found.kind == DATE else "UTC, and written so"
            self._notes.append(f"The moments of '{texts.name}' are of several time zones ({shown}): read as {become}.")
        if found.other:
            self._ambiguous[texts.name] = found
        elif (order := _day_month_order(writing.get("format", ""))) is not None:
            self._orders.add(order)
        if found.kind in (NUMBER, INTEGER):
            self._look_for_sentinels(texts, values)
        spread = texts.spread(values)
        if not np.isfinite(spread).any():
            self._notes.append(f"'{texts.name}' has no values and is written empty.")
            return Column(texts.name, CONSTANT, (missing or "",), missing=missing), None
        if missing is None and not np.isfinite(spread).all():
            missing = ""
        return Column(texts.name, found.kind, (), found.decimals, writing, missing), spread

    def _of_the_past(self, name: str, found: Found) -> Found:
        """Dates whose years have two digits: tables tell what was, or is soon to be, and nobody is born later."""
        if _END_NAME.search(name):
            return found
        this = datetime.date.today().year
        moved = until(found, last := this if _BIRTH_NAME.search(name) else this + _SOON)
        if moved is not found:
            self._notes.append(
                f"The years of '{name}' have two digits and are read as {last - 99} to {last}. If others are meant, "
                "write four."
            )
        return moved

    def _look_for_sentinels(self, texts: _Texts, values: np.ndarray) -> None:
        """Numbers that stand far from all others, and often: -200, 999."""
        known = np.isfinite(values)
        distinct, places = np.unique(values[known], return_inverse=True)
        counts = np.bincount(places, texts.counts[known])
        if len(distinct) < 5:
            return
        for place, others in ((0, distinct[1:]), (-1, distinct[:-1])):
            value, low, high = distinct[place], others[0], others[-1]
            often = counts[place] >= max(3, _FREQUENT * texts.present)
            gap = low - value if value < low else value - high
            far = gap > 0.5 * (high - low) or (value < 0 <= low and value <= -100)
            if often and far and _SENTINEL.fullmatch(f"{value:.15g}") and not (value == -1 and low > 0 and gap < 3):
                self._sentinels.setdefault(float(value), []).append(texts.name)

    def _words(self, texts: _Texts) -> tuple[Column, np.ndarray | None]:
        """Categories, unless they are keys, or names and texts of which each occurs once."""
        name, count = texts.name, len(texts.texts)
        sample = texts.texts.slice(0, _SAMPLE).to_pylist()
        everyone = count == texts.present == len(texts.codes)
        apart = _CAMEL.sub(r" \1", name)
        named = _KEY_NAME.search(apart) or _CODE_NAME.search(apart)
        if everyone and count > 2 and (named or len(_pattern_of(sample)) and count > _MANY_TEXTS):
            return self._key(texts), None
        length = sum(map(len, sample)) / len(sample)
        if are_in_words(sample):
            self._notes.append(
                f"'{name}' holds durations in words: to have them learned, write 3:20:00, or a number of seconds."
            )
        if has_zones_by_name(texts.texts):
            self._notes.append(
                f"The moments of '{name}' are of several time zones that have only names, so they are words here: "
                "write zones as +01:00, or leave them out."
            )
        self._look_for_totals(texts)
        alone = count > max(_MANY_TEXTS, texts.present / 2)
        if alone or (length > _LONG and count > _MANY_TEXTS and count > texts.present / 10):
            if alone and named:
                return self._key(texts), None
            return Column(name, TEXT, missing=texts.missing), None
        if sum("/" in text and re.fullmatch(r"[0-9]+ */ *[0-9]+", text) is not None for text in sample) == len(sample):
            self._notes.append(f"'{name}' holds two numbers in a cell: make two columns of it.")
        what = _personal(apart, sample) if count > _MANY_TEXTS else None
        if what is not None:
            self._notes.append(
                f"'{name}' looks like {what}. Those that some rows share are learned, and come out. "
                f"If they shall not: --set {_quoted('column.' + name, TEXT)}"
            )
        return _categories(texts, CATEGORY)

    def _look_for_totals(self, texts: _Texts) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        totals = np.asarray(pc.is_in(pc.utf8_lower(texts.texts), pa.array(_TOTALS)))
        if len(totals) > 3 and totals.any():
            count = int(texts.counts[totals].sum())
            looks = "1 row looks" if count == 1 else f"{count} rows look"
            self._notes.append(
                f"{looks} like totals by '{texts.name}'. Take such rows out, or they are learned like the others."
            )

    def _key(self, texts: _Texts) -> Column:
        sample = texts.texts.slice(0, _SAMPLE).to_pylist()
        return Column(texts.name, KEY, writing=key_writing(texts.texts, sample), missing=texts.missing)

    # What was said.

    def _as(self, kind: str, texts: _Texts) -> tuple[Column, np.ndarray | None]:
        name = texts.name
        if kind == KEY:
            return self._key(texts), None
        if kind == TEXT:
            return Column(name, TEXT, missing=texts.missing), None
        if kind == CATEGORY:
            return _categories(texts, kind)
        most = {CONSTANT: 1, BOOLEAN: 2}.get(kind)
        if most is not None:
            if len(texts.texts) > most or (kind == CONSTANT and texts.missing is not None):
                third = texts.example(np.arange(len(texts.texts)) == min(most, len(texts.texts) - 1))
                raise UserError(f"'{name}' is not {kind}: it has another value, {third}.", "Choose another kind.")
            if kind == CONSTANT:
                return Column(name, kind, (texts.texts[0].as_py(),)), None
            return _categories(texts, kind)
        if kind in (NUMBER, INTEGER):
            found = find_numbers(texts.texts, None if texts.typed else self._decimal, codes=True)
            if found is None:
                found = find_durations(texts.texts)
        else:
            found = find_dates(texts.texts, self._corrections.dates, compact=True)
        related = {NUMBER: (NUMBER, INTEGER), INTEGER: (INTEGER,)}.get(kind, (kind,))
        if found is None or found.kind not in related:
            wrong = np.ones(len(texts.texts), bool)
            if found is not None and found.kind == NUMBER:
                wrong = np.isfinite(found.values) & (found.values != np.round(found.values))
            raise UserError(
                f"'{name}' can't be read as {kind}: {texts.example(wrong)} is none.", "Choose another kind for it."
            )
        strange = ~np.isfinite(found.values)
        if strange.any():
            count = int(texts.counts[strange].sum())
            self._notes.append(f"{several(count, 'cell')} of '{name}' taken as missing.")
        writing = found.writing
        if kind == NUMBER and found.kind == INTEGER and "zeros" in writing:
            writing = {**{key: value for key, value in writing.items() if key != "zeros"}, "fixed": True}
        decimals = found.writing.get("zeros", 0) if found.kind == INTEGER else found.decimals
        decimals = 0 if kind == INTEGER else decimals
        return self._learned(texts, Found(kind, found.values, decimals, writing, found.other))

    # What is doubtful.

    def say_ambiguous(self, cells: Cells, columns: list[Column], values: dict[str, np.ndarray]) -> None:
        """Dates whose day may be their month: as the table's other dates are, and a note where there are none."""
        for name, found in self._ambiguous.items():
            place = [column.name for column in columns].index(name)
            if self._orders == {"mdy"}:
                texts = _texts(cells, cells.names.index(name), self._corrections.marks(name))
                read = find_dates(texts.texts, "mdy", compact=True)
                columns[place], values[name] = self._learned(texts, read)
            elif not self._orders:
                self._notes.append(
                    f"The dates of '{name}' may have the day first or the month: they are read with the day first. "
                    "Else: --set dates=mdy"
                )

    def say_sentinels(self) -> None:
        for value, names in self._sentinels.items():
            shown = ", ".join(f"'{name}'" for name in names[:3]) + (", ..." if len(names) > 3 else "")
            of = f"{len(names)} columns ({shown})" if len(names) > 1 else shown
            self._notes.append(
                f"{value:.15g} stands far from all other values of {of}, and often. If it means that something is "
                f"missing: --set missing={value:.15g}"
            )


def key_writing(texts: Any, sample: Sequence[str]) -> dict[str, Any]:
    """How keys are made anew: what stands in front of a number that counts on, or the letters of which they are."""
    import pyarrow.compute as pc

    pattern = _pattern_of(sample)
    if pattern:
        numbers = pc.replace_substring_regex(texts, r"^[A-Za-z#_/ -]*", "")
        try:
            last = max((int(text) for text in numbers.to_pylist() if text.isdecimal()), default=0)
        except ValueError:
            last = 0
        prefix = pattern[0]
        widths = {len(text) for text in sample}
        padded = len(widths) == 1 and any(text[len(prefix):].startswith("0") for text in sample)
        return {"prefix": prefix, "after": last, **({"width": len(sample[0]) - len(prefix)} if padded else {})}
    if not sample:
        return {"prefix": "", "after": 0}
    # Letters of the same sort at every place where the keys have the same sign, as the hyphens of a UUID.
    longest = max(sample, key=lambda text: (sum(len(text) == len(other) for other in sample), len(text)))[:64]
    alike = [text for text in sample if len(text) == len(longest)]
    shape = "".join(
        sign if not sign.isalnum() and all(text[place] == sign for text in alike) else "*"
        for place, sign in enumerate(longest)
    )
    letters = "".join(sorted({sign for text in sample for sign in text if sign.isalnum()})) or "0123456789"
    return {"shape": shape, "letters": letters}


def _pattern_of(sample: Sequence[str]) -> list[str]:
    """[what stands in front of the number] where all keys are such, else nothing."""
    found = [_PATTERN.match(text) for text in sample]
    if not found or not all(found):
        return []
    prefixes = {each[1] for each in found}
    return [prefixes.pop()] if len(prefixes) == 1 else []


def _texts(cells: Cells, place: int, marks: Sequence[str], usual: Sequence[str] = MISSING) -> _Texts:
    """A column's different texts, without space around them, parted from what means missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = cells.columns[place]
    codes = np.asarray(column.indices.fill_null(-1)).astype(np.int64)
    trimmed = pc.utf8_trim_whitespace(column.dictionary.cast(pa.string()).fill_null(""))
    again = trimmed.dictionary_encode()
    codes = np.append(np.asarray(again.indices).astype(np.int64), -1)[codes]
    texts = again.dictionary
    counts = np.bincount(codes[codes >= 0], minlength=len(texts))
    is_mark = np.asarray(pc.is_in(texts, pa.array([*usual, *marks], pa.string()))) if len(texts) else np.zeros(0, bool)
    kept = ~is_mark & (counts > 0)
    missing = None
    if not np.append(kept, False)[codes].all():
        written = np.where(is_mark, counts, 0)
        nothing = int((codes < 0).sum())
        missing = texts[int(written.argmax())].as_py() if len(written) and written.max() > nothing else ""
    new = np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1)
    found = tuple(text for text in texts.filter(pa.array(is_mark & (counts > 0))).to_pylist() if text)
    return _Texts(cells.names[place], texts.filter(pa.array(kept)), counts[kept], new[codes], missing,
                  cells.names[place] in cells.typed, cells, found)  # fmt: skip


def _categories(texts: _Texts, kind: str) -> tuple[Column, np.ndarray]:
    words = np.array(texts.texts.to_pylist(), object)
    order = sorted(range(len(words)), key=lambda place: (-texts.counts[place], words[place]))
    place = np.empty(len(words) + 1, np.int32)
    place[order] = np.arange(len(words))
    place[-1] = -1
    return Column(texts.name, kind, tuple(words[order]), missing=texts.missing), place[texts.codes]


def _decimal(cells: Cells) -> str | None:
    """The decimal sign of a table, where a column leaves no doubt."""
    import pyarrow.compute as pc

    for place, name in enumerate(cells.names):
        if name in cells.typed:
            continue
        sample = cells.columns[place].dictionary.slice(0, _SAMPLE).drop_null()
        sample = sample.filter(pc.invert(pc.is_in(pc.utf8_trim_whitespace(sample), _marks())))
        if len(sample) and pc.any(pc.match_substring(sample, ",")).as_py():
            found = find_numbers(pc.utf8_trim_whitespace(sample))
            if found is not None and np.isfinite(found.values).all() and found.writing.get("decimal") == ",":
                return ","
    return None


def _marks() -> Any:
    import pyarrow as pa

    return pa.array(MISSING, pa.string())


def _personal(name: str, sample: Sequence[str]) -> str | None:
    """What of persons a column of categories seems to be."""
    for what, pattern, named in _OF_PERSONS:
        if named.search(name) and np.mean([bool(pattern.fullmatch(text)) for text in sample]) >= _MOSTLY:
            return what
    return None


def _day_month_order(form: str) -> str | None:
    first = next((name for name in re.findall("%([dmY])", form)), None)
    return {"d": "dmy", "m": "mdy"}.get(first) if "%d" in form and "%m" in form else None


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None


def _quoted(name: str, value: str) -> str:
    """A setting as it is typed into a shell."""
    import shlex

    return shlex.quote(f"{name}={value}")


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
