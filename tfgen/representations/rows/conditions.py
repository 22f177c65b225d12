"""What is asked of rows, as a person types it: "income=>50K, age=40..60, sex=Female|Male"."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfgen.errors import UserError, nearest
from tfgen.representations.rows.codec import Bins, RowCodec
from tfgen.representations.rows.columns import CONSTANT, DATE, DATETIME, TIME, Column, Rows

FREE = -1  # in place of a token: to be drawn
_MISSING = ("missing", "?")  # what a person types for a cell without a value
_COMPARISONS = (">=", "<=", "=", ">", "<")
_RANGE = re.compile(r"\.\.")
_SHOWN = 8


@dataclass(frozen=True)
class Conditions:
    """Conditions on the fields of a codec.

    given: int32 [fields], the token that a row must have; FREE where that is open.
    allowed: float32 [tokens], how much of each token is within the conditions, 0 to 1, of all fields one after another.
    ends: float32 [tokens, 2], between which uniform numbers a token's values are within them.
    ranges: of numeric columns, by name, the intervals that values lie in, both ends included.
    """

    given: np.ndarray
    allowed: np.ndarray
    ends: np.ndarray
    ranges: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    sizes: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))  # of the fields

    @property
    def are_none(self) -> bool:
        """Whether anything goes."""
        return bool((self.given == FREE).all() and (self.allowed == 1).all())

    @property
    def are_values(self) -> bool:
        """Whether each of what is asked is one value, so that it is all in `given`."""
        asked = np.logical_or.reduceat(self.allowed < 1, np.cumsum(self.sizes) - self.sizes)
        return bool((self.given[asked] > FREE).all())

    def hold(self, codec: RowCodec, rows: Rows) -> np.ndarray:
        """Which rows are as asked, bool [n]."""
        fine = np.ones(len(rows), bool)
        for column, first in zip(codec.learned, codec.specification.offsets, strict=True):
            values = rows.values[column.name]
            if column.name in self.ranges:
                inside = [(values >= low) & (values <= high) for low, high in self.ranges[column.name]]
                inside.append(np.isnan(values) & (self.allowed[first + codec.how[column.name].missing] > 0))
                fine &= np.any(inside, axis=0)
            else:
                fine &= self.allowed[first + codec.how[column.name].encode(values)] > 0
        return fine

    def within(self, codec: RowCodec, tokens: np.ndarray, uniform: np.ndarray) -> Rows:
        """Rows of tokens [n, fields] by uniform numbers [n, fields], with every value within the conditions."""
        if not self.ranges:
            return codec.decode(tokens, uniform)
        ends = self.ends[tokens.astype(np.int64) + codec.specification.offsets[None, :]]
        rows = codec.decode(tokens, ends[..., 0] + uniform * (ends[..., 1] - ends[..., 0]))
        for name, ranges in self.ranges.items():
            values = rows.values[name]
            # Rounding may have moved one over an edge.
            clipped = np.stack([np.clip(values, low, high) for low, high in ranges])
            nearest_one = np.argmin(np.nan_to_num(np.abs(clipped - values)), axis=0)
            rows.values[name][:] = np.take_along_axis(clipped, nearest_one[None], axis=0)[0]
        return rows

    def asked(self, codec: RowCodec) -> list[str]:
        """The columns that something is asked of."""
        parts = zip(codec.learned, codec.specification.offsets, codec.specification.sizes, strict=True)
        return [column.name for column, first, size in parts if (self.allowed[first : first + size] < 1).any()]


def no_conditions(codec: RowCodec) -> Conditions:
    """Those of the empty prompt."""
    sizes = codec.specification.sizes
    ends = np.tile(np.array([0.0, 1.0], np.float32), [sizes.sum(), 1])
    free = np.full(len(sizes), FREE, np.int32)
    return Conditions(free, np.ones(sizes.sum(), np.float32), ends, sizes=sizes)


def read_conditions(codec: RowCodec, prompt: str) -> Conditions:
    """The conditions that a person typed.

    Raises:
        UserError: a column or a category is not known (the nearest is named), a value is none of its column's, or the
            data has no such rows.
    """
    made = no_conditions(codec)
    for name, text in _parts(codec, prompt):
        column = next(each for each in codec.columns if each.name == name)
        if column.kind == CONSTANT and text.lstrip("=").strip() == column.categories[0]:
            continue
        if name not in codec.how:
            why = "always the same" if column.kind == CONSTANT else "not learned"
            raise UserError(f"The column '{name}' is {why}, so rows can't be asked for by it.", _columns(codec))
        place = [each.name for each in codec.learned].index(name)
        _restrict(codec, made, place, column, text)
    return made


def words_of_columns(codec: RowCodec, most: int = 12) -> list[str]:
    """What can be asked of the columns that have categories: "income=>50K", of each the commonest."""
    return [
        f"{column.name}={_quoted(column.categories[place])}"
        for column in codec.learned
        if column.is_categorical
        for place in codec.how[column.name].kept[:most]
    ]


def _quoted(text: str) -> str:
    """A value as it can stand in a prompt."""
    return f'"{text}"' if set(text) & set(",|") else text


def _restrict(codec: RowCodec, made: Conditions, place: int, column: Column, text: str) -> None:
    """Adds what is asked of one column."""
    how, first = codec.how[column.name], int(codec.specification.offsets[place])
    own = slice(first, first + how.size)
    share, ends, ranges = np.zeros(how.size), np.tile([0.0, 1.0], [how.size, 1]), []
    for part in _alternatives(text):
        if part.lstrip("=").strip().lower() in (*_MISSING, (column.missing or "").lower()) and part[0] == "=":
            if not how.has_missing:
                raise UserError(f"'{column.name}' is never missing in the data.", "Ask for something else.")
            share[-1] = 1.0
        elif isinstance(how, Bins):
            ranges.append(_interval(codec, column, part))
        else:
            share[_category(codec, column, part)] = 1.0
    if ranges:
        # Asked twice of a column, its values are within both.
        before = made.ranges.get(column.name, [(-np.inf, np.inf)])
        both = [(max(low, first), min(high, last)) for low, high in ranges for first, last in before]
        ranges = [(low, high) for low, high in both if low <= high]
    for low, high in ranges:
        shares, inside = how.shares_within(low, high, column.decimals)
        ends = np.where((shares > share)[:, None], inside, ends)
        share = np.maximum(share, shares)
    share = np.where(made.allowed[own] > 0, share, 0.0)
    if not share.any():
        raise UserError(f"No row of the data has {column.name}{text}.", _extent(codec, column))
    if ranges:
        made.ranges[column.name] = ranges
        made.ends[own] = ends
        made.allowed[own] = share.astype(np.float32)
    else:
        made.allowed[own] *= share.astype(np.float32)
    if np.count_nonzero(share) == 1 and share.max() == 1:
        made.given[place] = int(np.argmax(share))


def _parts(codec: RowCodec, prompt: str) -> list[tuple[str, str]]:
    """The columns' names, and what is asked of each: "=>50K", "=40..60", ">=3"."""
    names = {each.name.casefold(): each.name for each in codec.columns}
    parts = []
    for piece in _split(prompt, ","):
        sign = re.search(r"[<>]?=|[<>]", piece)
        if sign is None:
            what = f"'{piece.strip()}' is no condition on rows."
            first = codec.learned[0]
            raise UserError(what, f"Write COLUMN=VALUE, or COLUMN=LOW..HIGH, such as: {_example(codec, first)}")
        name = piece[: sign.start()].strip().strip('"')
        if name.casefold() not in names:
            close = nearest(name, names.values(), count=1)
            raise UserError(
                f"There is no column '{name}'.", f"Did you mean '{close[0]}'?" if close else _columns(codec)
            )
        parts.append((names[name.casefold()], piece[sign.start():].strip()))
    return parts


def _split(text: str, sign: str) -> list[str]:
    """Parts between signs that stand in no quotes."""
    parts = re.findall(rf'(?:"[^"]*"|[^{re.escape(sign)}"])+', text)
    return [part for part in parts if part.strip()]


def _alternatives(text: str) -> list[str]:
    """"=a|b" as ["=a", "=b"]."""
    comparison = next(each for each in _COMPARISONS if text.startswith(each))
    return [comparison + part.strip().strip('"') for part in _split(text[len(comparison):], "|")] or [comparison]


def _category(codec: RowCodec, column: Column, part: str) -> int:
    """The token of "=VALUE"."""
    how, typed = codec.how[column.name], part.lstrip("=")
    if part[0] != "=":
        raise UserError(f"'{column.name}' has no order, so nothing is {part}.", f"Ask for {column.name}=VALUE.")
    kept = [column.categories[place] for place in how.kept]
    for same in (str, str.casefold):
        found = [token for token, name in enumerate(kept) if same(name.strip()) == same(typed)]
        if len(found) == 1:
            return found[0]
    if typed.casefold() in {name.strip().casefold() for name in column.categories}:
        what = f"Too few rows have {column.name}={typed} to be learned without giving them away."
        raise UserError(what, f"It knows {_list(kept)}.")
    close = nearest(typed, kept)
    advice = f"Did you mean {' or '.join(map(repr, close))}?" if close else f"It knows {_list(kept)}."
    raise UserError(f"'{column.name}' is never '{typed}'.", advice)


def _interval(codec: RowCodec, column: Column, part: str) -> tuple[float, float]:
    """The ends of "=40", "=40..60", "=40..", ">=40" or "<40", both included."""
    comparison = next(each for each in _COMPARISONS if part.startswith(each))
    text, step = part[len(comparison):].strip(), 10.0 ** -column.decimals
    if comparison != "=":
        edge = codec.read_value(column, text)
        edge += {">": step, "<": -step}.get(comparison, 0.0)
        return (edge, np.inf) if comparison[0] == ">" else (-np.inf, edge)
    ends = [each.strip() for each in _RANGE.split(text)]
    if len(ends) == 1:
        value = codec.read_value(column, text)
        return value, value
    low = codec.read_value(column, ends[0]) if ends[0] else -np.inf
    high = codec.read_value(column, ends[1]) if ends[1] else np.inf
    if low > high:
        raise UserError(f"{column.name}={text} begins above its end.", f"Write {column.name}={ends[1]}..{ends[0]}.")
    return low, high


def plain_value(column: Column, text: str) -> float:
    """A number, or a date as 2020-03-20, as the values of a column are. Raises UserError where it is none."""
    try:
        if column.kind == DATE:
            return float(np.datetime64(text, "D").astype(np.int64))
        if column.kind == DATETIME:
            return float(np.datetime64(text, "s").astype(np.int64))
        if column.kind == TIME:
            hours, minutes, *seconds = map(float, text.split(":"))
            return 3600 * hours + 60 * minutes + (seconds[0] if seconds else 0.0)
        return float(text)
    except ValueError:
        wanted = {DATE: "a date such as 2020-03-20", DATETIME: "a time such as 2020-03-20T13:45", TIME: "as 13:45"}
        what = f"'{text}' is not {wanted.get(column.kind, 'a number')}."
        raise UserError(what, f"'{column.name}' has such values.") from None


def _extent(codec: RowCodec, column: Column) -> str:
    how = codec.how[column.name]
    if isinstance(how, Bins) and len(how.knots):
        low, high = (codec.write_value(column, value) for value in (how.knots[0, 0], how.knots[-1, -1]))
        return f"Its values are from {low} to {high}."
    return "Ask for something else."


def _example(codec: RowCodec, column: Column) -> str:
    how = codec.how[column.name]
    if isinstance(how, Bins) and len(how.knots):
        low, high = (codec.write_value(column, value) for value in (how.knots[0, 0], how.knots[-1, -1]))
        return f'"{column.name}={low}..{high}"'
    return f"{column.name}={_quoted(column.categories[0])}"


def _columns(codec: RowCodec) -> str:
    return f"It knows {_list([column.name for column in codec.learned])}."


def _list(names: Sequence[Any]) -> str:
    return ", ".join(f"'{name}'" for name in names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
