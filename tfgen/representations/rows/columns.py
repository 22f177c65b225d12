"""What a column holds, and rows as values column by column."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

NUMBER, INTEGER, DATE, DATETIME, TIME = "number", "integer", "date", "datetime", "time"
CATEGORY, BOOLEAN = "category", "boolean"
KEY, TEXT, CONSTANT = "key", "text", "constant"

NUMERIC = (NUMBER, INTEGER, DATE, DATETIME, TIME)
CATEGORICAL = (CATEGORY, BOOLEAN)
LEARNED = (*NUMERIC, *CATEGORICAL)
KINDS = (*LEARNED, KEY, TEXT, CONSTANT)


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
