"""What a column holds, and rows as values column by column."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from tfgen.errors import UserError

NUMBER, INTEGER, DATE, DATETIME, TIME = "number", "integer", "date", "datetime", "time"
CATEGORY, BOOLEAN = "category", "boolean"
KEY, TEXT, CONSTANT = "key", "text", "constant"

NUMERIC = (NUMBER, INTEGER, DATE, DATETIME, TIME)
CATEGORICAL = (CATEGORY, BOOLEAN)
LEARNED = (*NUMERIC, *CATEGORICAL)
KINDS = (*LEARNED, KEY, TEXT, CONSTANT)

# What a person may type, as regular expressions that TensorFlow reads as well.
TYPED_NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
TYPED_CLOCK = r"([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?"
TYPED_DATE = r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?"  # a day, a month or a year
TYPED_DATETIME = rf"{TYPED_DATE}|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{TYPED_CLOCK}"
_WANTED = {DATE: "a date such as 2020-03-20", DATETIME: "a time such as 2020-03-20T13:45", TIME: "as 13:45"}


@dataclass(frozen=True)
class Column:
    """One column: its name, what kind of thing it holds, and how that is written.

    name: as the header has it; no two columns of a table share one.
    kind: one of KINDS. Numeric and categorical ones are learned, a constant is written as it was, a key is made anew,
        free text is left out.
    categories: of a categorical column its different values as they are written, the commonest first; of a constant
        its one value. Values are places in it.
    decimals: of a number, how many digits behind the point the file has at the most; 0 for whole numbers.
    writing: how a value becomes text again, as plain JSON that the writer of the modality knows: a date's format, the
        decimal sign, a sign of thousands, a unit behind or in front, leading zeros, a key's pattern.
    missing: how a missing cell is written; None where no cell was missing.
    """

    name: str
    kind: str
    categories: tuple[str, ...] = ()
    decimals: int = 0
    writing: Mapping[str, Any] = field(default_factory=dict)
    missing: str | None = None

    @property
    def is_numeric(self) -> bool:
        return self.kind in NUMERIC

    @property
    def is_categorical(self) -> bool:
        return self.kind in CATEGORICAL

    @property
    def is_learned(self) -> bool:
        return self.kind in LEARNED

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "categories": list(self.categories)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Column":
        return cls(**{**value, "categories": tuple(value["categories"])})


@dataclass(frozen=True)
class Rows:
    """Rows, column by column.

    columns: all of them, in the order of the file.
    values: of each learned column, by name: float64 [n] of a numeric one, NaN where a cell is missing (a date in days
        since 1970-01-01, a date with a time in seconds since then, a time of day in seconds); int32 [n] of a
        categorical one, places in its categories, -1 where a cell is missing.
    """

    columns: tuple[Column, ...]
    values: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(next(iter(self.values.values()))) if self.values else 0

    def __iter__(self) -> Iterator[tuple[Column, np.ndarray]]:
        """The learned columns, each with its values."""
        return ((column, self.values[column.name]) for column in self.learned)

    @property
    def learned(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.is_learned)

    def take(self, places: Any) -> "Rows":
        """The rows at these places: indices, a slice or a mask."""
        return Rows(self.columns, {name: values[places] for name, values in self.values.items()})


def joined(parts: Sequence[Rows]) -> Rows:
    """Rows of the same columns one after the other."""
    names = parts[0].values
    return Rows(parts[0].columns, {name: np.concatenate([part.values[name] for part in parts]) for name in names})


def plain_text(column: Column, value: float) -> str:
    """A value of a numeric column as `plain_span` reads it, whatever its file's own form is."""
    if column.kind in (DATE, DATETIME):
        return str(np.datetime64(round(value), "D" if column.kind == DATE else "s"))
    if column.kind == TIME:
        seconds = round(value)
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{value:.{column.decimals}f}"


def plain_span(column: Column, text: str) -> tuple[float, float]:
    """The first and the last value that a typed text means: a date means its whole day where the column has times, a
    month or a year all of its days. Raises UserError where it is none."""
    span = None
    try:
        if column.kind == TIME and re.fullmatch(TYPED_CLOCK, text):
            hours, minutes, *seconds = map(float, text.split(":"))
            clock = 3600 * hours + 60 * minutes + (seconds[0] if seconds else 0.0)
            span = clock, clock
        elif column.kind == DATE and re.fullmatch(TYPED_DATE, text):
            span = _days_of(text)
        elif column.kind == DATETIME and re.fullmatch(TYPED_DATE, text):
            first, last = _days_of(text)
            span = 86400 * first, 86400 * last + 86399
        elif column.kind == DATETIME and re.fullmatch(TYPED_DATETIME, text):
            date, clock = text[:10], text[11:]
            time = float(np.datetime64(f"{date}T{clock:0>{5 if clock.count(':') == 1 else 8}}", "s").astype(np.int64))
            span = time, time
        elif column.kind not in _WANTED and re.fullmatch(TYPED_NUMBER, text):
            span = float(text), float(text)
    except ValueError:  # the 30th of February
        pass
    if span is None or not np.isfinite(span).all():
        what = f"'{text}' is not {_WANTED.get(column.kind, 'a number')}."
        raise UserError(what, f"'{column.name}' has such values.")
    return span


def _days_of(text: str) -> tuple[float, float]:
    """Of "2020-03-01", "2020-03" or "2020"."""
    unit = {4: "Y", 7: "M", 10: "D"}[len(text)]
    one = np.datetime64(text, unit)
    return float(one.astype("datetime64[D]").astype(int)), float((one + 1).astype("datetime64[D]").astype(int) - 1)
