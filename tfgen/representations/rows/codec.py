"""Values of columns as tokens, and back.

A category is a token; what fewer than some rows have is one token, RARE, which is never drawn, so that no sample gives
away what belonged to a few. A number is a token for its value where there are few values, else for a quantile bin; what
a bin gives back lies between nine quantiles of its values, rounded to the decimals that the column has. So ranges,
decimals and spikes hold by construction. A number that is never below another one may be learned as its distance from
that: the days between two dates are finer than the bins of either.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import NormalDist
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import numpy as np

from tfgen.errors import UserError
from tfgen.representations import ROWS
from tfgen.representations.base import Codec
from tfgen.representations.rows.columns import TEXT, Column, Rows, plain_span, plain_text
from tfgen.representations.rows.specification import Field, RowSpecification

KNOTS = 9  # quantiles between which a bin's values lie
_MOST_BINS = 100
_ROWS_OF_A_BIN, _ROWS_OF_A_BIN_OF_FEW = 8, 20
FEW_ROWS = 5000
_MOST_VALUES, _ROWS_OF_A_VALUE = 128, 4  # of a number whose values are tokens
MOST_CATEGORIES = 1000
_RARE = (5, 8)  # categories with fewer rows than a number between these are rare
FEWEST = 5  # rows that share a token of numbers
_FINER = 0.5  # times as wide as a number's own tokens those of its distance from another must be
_GROUP = 4  # values behind the outermost, and as many behind those, that tell where a column ends


@dataclass(frozen=True)
class Categories:
    """How a categorical column becomes tokens: those of its categories that are kept, then RARE, then a missing cell.

    kept: places in the column's categories, int [kept].
    """

    kept: tuple[int, ...]
    has_missing: bool
    known: int  # categories of the column

    @property
    def size(self) -> int:
        return len(self.kept) + 1 + self.has_missing

    @property
    def rare(self) -> int:
        """The token of all that isn't kept; held-out rows may have what no learned one had."""
        return len(self.kept)

    @property
    def never(self) -> tuple[int, ...]:
        return (self.rare,)

    @property
    def missing(self) -> int:
        """The token of a missing cell; where none was missing, RARE."""
        return self.size - 1 if self.has_missing else self.rare

    @cached_property
    def _token_of(self) -> np.ndarray:
        tokens = np.full(self.known + 1, self.rare, np.int64)
        tokens[list(self.kept)] = np.arange(len(self.kept))
        tokens[-1] = self.missing  # place -1
        return tokens

    def encode(self, values: np.ndarray) -> np.ndarray:
        return self._token_of[np.where((values >= 0) & (values < self.known), values, -1)]

    def decode(self, tokens: np.ndarray, uniform: np.ndarray, column: Column) -> np.ndarray:
        places = np.full(self.size, -1, np.int32)
        places[: len(self.kept)] = self.kept
        return places[tokens]

    def to_json(self) -> dict[str, Any]:
        return {"kept": list(self.kept), "missing": self.has_missing, "known": self.known}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Categories":
        return cls(tuple(value["kept"]), value["missing"], value["known"])

    @classmethod
    def of(cls, values: np.ndarray, column: Column, generator: np.random.Generator) -> "Categories":
        """For the learned values of a column."""
        counts = np.bincount(values[values >= 0], minlength=len(column.categories))
        enough = int(generator.integers(_RARE[0], _RARE[1], endpoint=True))
        common = np.argsort(-counts, kind="stable")[:MOST_CATEGORIES]
        kept = common[counts[common] >= enough]
        return cls(tuple(kept.tolist()), bool((values < 0).any()), len(counts))


@dataclass(frozen=True)
class Bins:
    """How a numeric column becomes tokens: from the lowest to the highest, then a missing cell.

    knots: float64 [bins, KNOTS], rising: quantiles of each bin's values; all the same where a bin is one value.
    """

    never: ClassVar[tuple[int, ...]] = ()

    knots: np.ndarray
    has_missing: bool

    @property
    def size(self) -> int:
        return len(self.knots) + self.has_missing

    @property
    def extent(self) -> tuple[float, float] | None:
        """The lowest and the highest value that the column has; None where all cells are missing."""
        return (float(self.knots[0, 0]), float(self.knots[-1, -1])) if len(self.knots) else None

    def coarseness(self, values: np.ndarray) -> float:
        """How wide the tokens of these values are on average."""
        tokens = self.encode(values[~np.isnan(values)])
        return float(np.mean((self.knots[:, -1] - self.knots[:, 0])[tokens])) if len(tokens) else 0.0

    def encode(self, values: np.ndarray) -> np.ndarray:
        if not len(self.knots):
            return np.zeros(len(values), np.int64)
        low, high, last = self.knots[:, 0], self.knots[:, -1], len(self.knots) - 1
        below = np.clip(np.searchsorted(low, values, side="right") - 1, 0, last)
        above = np.minimum(below + 1, last)
        # Between two bins, the nearer one; a value that no learned row had is none of a bin that is one value alone.
        nearer = np.maximum(values - high[below], 0) > np.maximum(low[above] - values, 0)
        tokens = np.where(nearer, above, below)
        return np.where(np.isnan(values), self.missing, tokens)

    @property
    def missing(self) -> int:
        """The token of a missing cell; where none was missing, that of the middle."""
        if self.has_missing or not len(self.knots):
            return len(self.knots) if self.has_missing else 0
        return int(np.searchsorted(self.knots[:, 0], np.median(self.knots)) % len(self.knots))

    def decode(self, tokens: np.ndarray, uniform: np.ndarray, column: Column) -> np.ndarray:
        if not len(self.knots):
            return np.full(len(tokens), np.nan)
        place = np.clip(uniform.astype(np.float64), 0, 1) * (KNOTS - 1)
        before = np.minimum(place.astype(np.int64), KNOTS - 2)
        bins = np.minimum(tokens, len(self.knots) - 1)
        low, high = self.knots[bins, before], self.knots[bins, before + 1]
        values = np.round(low + (place - before) * (high - low), column.decimals)
        return np.where(tokens < len(self.knots), values, np.nan)

    def shares_within(self, low: float, high: float, decimals: int) -> tuple[np.ndarray, np.ndarray]:
        """How much of each token lies between two numbers, both included, [tokens], and which part of its range of
        uniform numbers that is, [tokens, 2]."""
        half = 0.5 * 10.0 ** -decimals
        # Where half a step is less than a float can tell, by one float.
        before, behind = min(low - half, np.nextafter(low, -np.inf)), max(high + half, np.nextafter(high, np.inf))
        ends = np.stack([_place_in(self.knots, before), _place_in(self.knots, behind)], axis=1)
        ends = np.concatenate([ends, np.zeros([int(self.has_missing), 2])])
        return ends[:, 1] - ends[:, 0], ends

    def uniform_within(self, tokens: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Between which uniform numbers each token's values are from low to high, all [n]: [n, 2]; both the same where
        it has none."""
        knots = self.knots[np.minimum(tokens, len(self.knots) - 1)]
        return np.stack([_place_in(knots, low[:, None]), _place_in(knots, high[:, None])], axis=1)

    def to_json(self) -> dict[str, Any]:
        return {"knots": self.knots.tolist(), "missing": self.has_missing}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Bins":
        return cls(np.array(value["knots"], np.float64).reshape(-1, KNOTS), value["missing"])

    @classmethod
    def of(cls, values: np.ndarray, column: Column) -> "Bins":
        """For the learned values of a column."""
        present = np.sort(values[~np.isnan(values)])
        has_missing = len(present) < len(values)
        if not len(present):
            return cls(np.zeros([0, KNOTS]), True)
        different, counts = np.unique(present, return_counts=True)
        if len(different) <= _MOST_VALUES and len(present) >= _ROWS_OF_A_VALUE * len(different):
            is_alone = counts >= FEWEST
        else:
            is_alone = counts >= max(FEWEST, _rows_of_a_bin(len(present)))
        knots = _knots(present, different, counts, is_alone)
        # A token that is one value is one that the column can have.
        is_value = (knots[:, 0] == knots[:, -1])[:, None]
        return cls(np.where(is_value, np.round(knots, column.decimals), knots), has_missing)


@dataclass(frozen=True)
class Distance(Bins):
    """How a numeric column becomes tokens that is never below another: those of its distance from that one.

    knots: of the distances. base: the other column. ends: the lowest and the highest value of the column itself.
    """

    base: str = ""
    ends: tuple[float, float] = (0.0, 0.0)

    @property
    def extent(self) -> tuple[float, float] | None:
        return self.ends if len(self.knots) else None

    def value(self, base: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """The column's values at these distances from its base's: within its ends, but never nearer than the least."""
        return np.maximum(np.clip(base + distance, *self.ends), base + self.knots[0, 0])

    def to_json(self) -> dict[str, Any]:
        return {**super().to_json(), "base": self.base, "ends": list(self.ends)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Distance":
        return replace(cls(**vars(Bins.from_json(value))), base=value["base"], ends=tuple(value["ends"]))

    @classmethod
    def if_finer(cls, own: Bins, column: Column, base: Column, rows: Rows) -> Bins:
        """For learned rows: a column as distances from a base, if these are known finer than by bins of its own.

        Where a base is missing beside a value, the value would be lost: it stays as it is.
        """
        values, lower = rows.values[column.name], rows.values[base.name]
        if column.decimals < base.decimals or np.any(np.isnan(lower) & ~np.isnan(values)):
            return own
        distances = values - lower
        made = Bins.of(np.round(distances, column.decimals), column)
        if not len(made.knots) or made.coarseness(distances) >= _FINER * own.coarseness(values):
            return own
        return cls(made.knots, made.has_missing, base.name, tuple(np.round(own.extent, column.decimals).tolist()))


def _rows_of_a_bin(count: int) -> float:
    """How many of so many rows a quantile bin has."""
    least = _ROWS_OF_A_BIN if count >= FEW_ROWS else _ROWS_OF_A_BIN_OF_FEW
    return count / max(1, min(_MOST_BINS, count // least))


def _knots(present: np.ndarray, different: np.ndarray, counts: np.ndarray, is_alone: np.ndarray) -> np.ndarray:
    """Knots [bins, KNOTS] of sorted values: those that are tokens of their own, and quantile bins of those between.

    What fewer than FEWEST rows have between two tokens is none: it goes with the nearer one, so that nobody's value is
    a token.
    """
    wanted, knots = _rows_of_a_bin(len(present)), []
    low, high = _ends(present)
    runs = np.cumsum(np.concatenate([[0], (is_alone[1:] | is_alone[:-1]).astype(int)]))
    first = np.concatenate([[0], np.cumsum(counts)])
    for places in np.split(np.arange(len(different)), np.flatnonzero(np.diff(runs)) + 1):
        own = present[first[places[0]]: first[places[-1] + 1]]
        if is_alone[places[0]]:
            knots.append(np.full(KNOTS, own[0]))
        elif len(own) >= min(FEWEST, len(present)):
            inner = np.linspace(0, len(own), max(1, round(len(own) / wanted)) + 1)[1:-1].astype(int)
            cuts = np.searchsorted(own, own[inner])  # equal values stay together
            parts = _large_enough([part for part in np.split(own, np.unique(cuts)) if len(part)])
            knots.extend(np.clip(np.quantile(part, np.linspace(0, 1, KNOTS)), low, high) for part in parts)
    if not knots:
        knots = [np.clip(np.quantile(present, np.linspace(0, 1, KNOTS)), low, high)]
    knots = _with_blurred_ends(np.array(knots), low, high)
    # Ends that fell together are one token.
    keep = np.concatenate([[True], np.any(np.diff(knots, axis=0) != 0, axis=1)])
    return knots[keep]


def _large_enough(parts: list[np.ndarray]) -> list[np.ndarray]:
    """The same with those of fewer than FEWEST values joined to a neighbour: a bin is nobody's."""
    joined = parts[:1]
    for part in parts[1:]:
        if min(len(part), len(joined[-1])) < FEWEST:
            joined[-1] = np.concatenate([joined[-1], part])
        else:
            joined.append(part)
    return joined


def _with_blurred_ends(knots: np.ndarray, low: float, high: float) -> np.ndarray:
    """The same with bins that end half-way to their neighbours, or, before a gap, half-way to the knot within: what
    stood there was the value of one row. The outermost end where the column does, from low to high."""
    made, is_range = knots.copy(), knots[:, 0] < knots[:, -1]
    for place in np.flatnonzero(is_range):
        for end, within, other in ((0, 1, place - 1), (-1, -2, place + 1)):
            value, width = knots[place, end], knots[place, -1] - knots[place, 0]
            made[place, end] = (value + knots[place, within]) / 2
            if 0 <= other < len(knots) and is_range[other]:
                near = knots[other, -1 if end == 0 else 0]
                narrow = min(width, knots[other, -1] - knots[other, 0])
                if abs(near - value) <= narrow:
                    made[place, end] = (value + near) / 2
    if is_range[0]:
        made[0, 0] = low
    if is_range[-1]:
        made[-1, -1] = high
    return made


def _ends(present: np.ndarray) -> tuple[float, float]:
    """Where sorted values of a column begin and end in its samples: within, since the outermost is somebody's."""
    if len(present) < 2 * (2 * _GROUP + 1):
        return tuple(np.quantile(present, [0.1, 0.9]))
    return -_end(-present), _end(present[::-1])


def _end(values: np.ndarray) -> float:
    """The end of values that fall from the outermost inwards.

    The mean of the four behind the outermost, and once more its distance from that of the next four: in an exponential
    tail, whose outermost values lie 1, 1/2, 1/3 ... of its scale apart, that is 0.7 of the scale before the outermost.
    No further than the mean of the three outermost, so that nobody can tell from it what another one has.
    """
    near, far = values[1: _GROUP + 1].mean(), values[_GROUP + 1: 2 * _GROUP + 1].mean()
    return float(min(near + (near - far), values[:3].mean()))


def _place_in(knots: np.ndarray, value: np.ndarray | float) -> np.ndarray:
    """The uniform number at which each bin [bins, KNOTS] gives a value, [bins]: 0 below it, 1 above."""
    low, high = knots[:, :-1], knots[:, 1:]
    behind = np.clip((value - low) / np.where(high > low, high - low, 1.0), 0, 1)
    return np.where(high > low, behind, value >= low).mean(axis=1)


Discretisation = Categories | Bins
_NOTHING: Mapping[str, np.ndarray] = MappingProxyType({})


class Steps(NamedTuple):
    """That the values of a column are multiples of a size, from the first to the last."""

    size: float
    first: float
    last: float


class RowCodec(Codec):
    """Rows to tokens and back.

    columns: all of the table's. learned: those that have tokens, a part of the learned columns of the table: one of
    which every value is rare is none.
    """

    representation = ROWS

    def __init__(self, columns: Sequence[Column], how: Mapping[str, Discretisation], specification: RowSpecification,
                 about: Mapping[str, Any] | None = None):
        """about: what else the modality keeps of its table, as plain JSON."""
        self.columns = tuple(columns)
        self.encodings = dict(how)
        self.learned = tuple(column for column in self.columns if column.name in self.encodings)
        self.about = dict(about or {})
        self._specification = specification

    @classmethod
    def of(
        cls, rows: Rows, learned: int, seed: int = 0, about: Mapping[str, Any] | None = None,
        after: Mapping[str, str] = MappingProxyType({}),
    ) -> "RowCodec":  # fmt: skip
        """For rows of which the first `learned` are to be learned. Raises UserError where nothing can be.

        after: numeric columns that are never below another one, each with that, which is none of them: they are learned
            as distances from it where that is finer.
        """
        generator, how, fields, columns = np.random.default_rng(seed), {}, [], []
        for column in rows.columns:
            if not column.is_learned:
                columns.append(column)
                continue
            values = rows.values[column.name][:learned]
            made = Bins.of(values, column) if column.is_numeric else Categories.of(values, column, generator)
            if isinstance(made, Categories) and not made.kept:
                columns.append(Column(column.name, TEXT))
                continue
            columns.append(column)
            how[column.name] = made
        known, learned_rows = {column.name: column for column in columns}, rows.take(slice(0, learned))
        for name, base in after.items():
            if name in how and base in how:
                how[name] = Distance.if_finer(how[name], known[name], known[base], learned_rows)
        for name, made in how.items():
            tokens = made.encode(_measured(made, name, learned_rows))
            fields.append(field_of(made, np.bincount(tokens, minlength=made.size)))
        if not how:
            raise UserError(
                "No column can be learned: there are only keys, free text and values that hardly any rows share.",
                "Say what they are, such as --set column.NAME=category, or give more rows.",
            )
        return cls(columns, how, RowSpecification(tuple(fields), learned), about)

    @property
    def specification(self) -> RowSpecification:
        return self._specification

    def constraints_in_graph(self, on_phone: bool = False) -> Any:
        """What holds in every row of the data, for cells in a graph: `put_right(cells, settled)` and `hold(cells)`, and
        whether there is any. None where a codec knows nothing of the kind.

        on_phone: only what is put right by float32 numbers and tokens.
        """
        return None

    def encode(self, rows: Rows) -> np.ndarray:
        """Tokens uint16 [n, learned]."""
        return np.stack([self.encode_column(column, rows) for column in self.learned], axis=1).astype(np.uint16)

    def encode_column(self, column: Column, rows: Rows) -> np.ndarray:
        """Tokens int [n] of one column; of a distance that can't be told, those of a missing cell."""
        how = self.encodings[column.name]
        return how.encode(_measured(how, column.name, rows))

    def decode(self, tokens: np.ndarray, uniform: np.ndarray, known: Mapping[str, np.ndarray] = _NOTHING) -> Rows:
        """Rows of tokens int [n, learned], each value at its place `uniform` [n, learned], 0 to 1, in its token.

        known: of numeric columns, values [n] that rows have already, from which distances are taken; NaN for none.
        """
        values: dict[str, np.ndarray] = {}
        for place in self.in_order_of_distance:
            values[self.learned[place].name] = self.decode_column(place, tokens, uniform, values, known)
        return Rows(self.columns, {column.name: values[column.name] for column in self.learned})

    @cached_property
    def in_order_of_distance(self) -> list[int]:
        """The places of the learned columns, those of distances behind those that they are taken from."""
        is_distance = [isinstance(self.encodings[column.name], Distance) for column in self.learned]
        return np.argsort(is_distance, kind="stable").tolist()

    @cached_property
    def distances(self) -> dict[int, int]:
        """The places of columns that are learned as distances, each with its base's."""
        places = {column.name: place for place, column in enumerate(self.learned)}
        return {
            places[name]: places[how.base] for name, how in self.encodings.items() if isinstance(how, Distance)
        }

    def decode_column(
        self, place: int, tokens: np.ndarray, uniform: np.ndarray, values: Mapping[str, np.ndarray],
        known: Mapping[str, np.ndarray] = _NOTHING,
    ) -> np.ndarray:  # fmt: skip
        """The values [n] of the learned column at a place, as `decode`; of a distance, its base stands in `values`."""
        column = self.learned[place]
        how = self.encodings[column.name]
        made = how.decode(tokens[:, place], uniform[:, place], column)
        if isinstance(how, Distance):
            made = np.round(how.value(_or_known(values[how.base], known.get(how.base)), made), column.decimals)
        steps = self.steps_of(place)
        return made if steps is None else np.clip(np.round(made / steps.size) * steps.size, steps.first, steps.last)

    def steps_of(self, place: int) -> Steps | None:
        """On which steps the values of the learned column at a place lie; None where they may be anywhere."""
        return None

    def read_value(self, column: Column, text: str) -> float:
        """A value of a numeric column as a person types it. Raises UserError where it is none."""
        return plain_span(column, text)[0]

    def write_value(self, column: Column, value: float) -> str:
        """A value of a numeric column as a person reads it."""
        return plain_text(column, value)

    def symbols(self) -> tuple[Any, ...]:
        """What each field's tokens stand for: a run goes on with data that has the same."""
        return tuple((each.name, json.dumps(self.encodings[each.name].to_json())) for each in self.learned)

    def to_json(self) -> dict[str, Any]:
        return {
            "columns": [self._without_rare(column).to_json() for column in self.columns],
            "tokens": {name: how.to_json() for name, how in self.encodings.items()},
            "example": self.specification.to_json(),
            "about": self.about,
        }

    def _without_rare(self, column: Column) -> Column:
        """A column whose rare categories have no names: nobody who gets a run should read what few had."""
        how = self.encodings.get(column.name)
        if not isinstance(how, Categories):
            return column
        kept = set(how.kept)
        names = tuple(name if place in kept else "" for place, name in enumerate(column.categories))
        return replace(column, categories=names)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "RowCodec":
        """What `to_json` gave."""
        columns = [Column.from_json(each) for each in value["columns"]]
        how = {name: _kind_of(each).from_json(each) for name, each in value["tokens"].items()}
        return cls(columns, how, RowSpecification.from_json(value["example"]), value["about"])


def _kind_of(value: Mapping[str, Any]) -> type[Discretisation]:
    return Categories if "knots" not in value else Distance if "base" in value else Bins


def _measured(how: Discretisation, name: str, rows: Rows) -> np.ndarray:
    """What of a column is discretised: its values, or their distances."""
    return rows.values[name] - rows.values[how.base] if isinstance(how, Distance) else rows.values[name]


def _or_known(values: np.ndarray, known: np.ndarray | None) -> np.ndarray:
    return values if known is None else np.where(np.isnan(known), values, known)


def field_of(how: Discretisation, counts: np.ndarray) -> Field:
    """A column as a model sees it, from how often each token is there, int [tokens]."""
    if isinstance(how, Categories):
        return Field(tuple(counts.tolist()), never=how.never)
    ordered = counts[: len(how.knots)]
    middle = (np.cumsum(ordered) - ordered / 2) / max(1, ordered.sum())
    inverse = NormalDist().inv_cdf
    scores = [round(inverse(float(np.clip(each, 1e-4, 1 - 1e-4))), 6) for each in middle]
    return Field(tuple(counts.tolist()), (*scores, *[None] * how.has_missing))
