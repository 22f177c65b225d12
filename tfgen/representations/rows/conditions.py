"""What is asked of rows, as a person types it: "income=>50K, age=40..60, sex=Female|Male"."""

import itertools
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from tfgen.errors import UserError, nearest
from tfgen.representations.rows.codec import Bins, Distance, RowCodec
from tfgen.representations.rows.columns import CONSTANT, DATE, DATETIME, TYPED_DATE, Column, Rows, plain_span

FREE = -1  # in place of a token: to be drawn
BEYOND = np.float64(1e300)  # beyond every value, in place of infinity where that is no number
WHOLE = 2.0**53  # from here on floats are whole
# As TensorFlow reads them as well.
QUOTED = r'(?s)"(?:[^"]|"")*"'
CONDITION = r'(?s)((?:[^"<>=]|"[^"]*")*)([<>]?=|[<>])(.*)'
EXACT, STRIPPED, FOLDED = "=", "-", "~"  # before a spelling, which of them it is
NOTHING_KNOWN: Mapping[str, np.ndarray] = MappingProxyType({})
_MISSING = ("missing", "?", "")
_SHOWN = 8


@dataclass(frozen=True)
class Conditions:
    """Conditions on the fields of a codec.

    given: int32 [fields], the token that a row must have; FREE where that is open.
    allowed: float32 [tokens], how much of each token is within the conditions, 0 to 1, of all fields one after another.
    ends: float32 [tokens, 2], between which uniform numbers a token's values are within them.
    ranges: of numeric columns, by name, the intervals that values lie in, both ends included.
    together: fields that are distances and have such ranges, each with the field of its base: what is asked is asked of
        both together.
    """

    given: np.ndarray
    allowed: np.ndarray
    ends: np.ndarray
    ranges: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    sizes: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))  # of the fields
    together: dict[int, int] = field(default_factory=dict)

    @property
    def are_none(self) -> bool:
        """Whether anything goes."""
        return bool((self.given == FREE).all() and (self.allowed == 1).all() and not self.together)

    @property
    def are_values(self) -> bool:
        """Whether each of what is asked is one value, so that it is all in `given`."""
        return bool((self.given[list(self.fields_asked())] > FREE).all())

    def fields_asked(self) -> tuple[int, ...]:
        """The fields of which not all is allowed."""
        asked = np.logical_or.reduceat(self.allowed < 1, np.cumsum(self.sizes) - self.sizes)
        return tuple(sorted({*np.flatnonzero(asked).tolist(), *self.together, *self.together.values()}))

    def ends_of(self, codec: RowCodec, place: int) -> np.ndarray:
        """Of a distance, float64 [1 + intervals, 2]: between which values its base lies, and the ranges of its end."""
        anything = [(-BEYOND, BEYOND)]
        begin, ends = (self.ranges.get(codec.learned[at].name, anything) for at in (codec.distances[place], place))
        return np.clip(np.array([(begin[0][0], begin[-1][1]), *ends]), -BEYOND, BEYOND)

    def hold(self, codec: RowCodec, rows: Rows) -> np.ndarray:
        """Which rows are as asked, bool [n]."""
        fine = np.ones(len(rows), bool)
        for column, first in zip(codec.learned, codec.specification.offsets, strict=True):
            values = rows.values[column.name]
            if column.name in self.ranges:
                inside = [(values >= low) & (values <= high) for low, high in self.ranges[column.name]]
                inside.append(np.isnan(values) & (self.allowed[first + codec.encodings[column.name].missing] > 0))
                fine &= np.any(inside, axis=0)
            else:
                fine &= self.allowed[first + codec.encode_column(column, rows)] > 0
        return fine

    def within(
        self, codec: RowCodec, tokens: np.ndarray, uniform: np.ndarray, known: Mapping[str, np.ndarray] = NOTHING_KNOWN
    ) -> Rows:
        """Rows of tokens [n, fields] by uniform numbers [n, fields], with every value within the conditions.

        A value is drawn between `ends`; one that is in no range, since two of them lie apart in its bin or since it was
        rounded, becomes the nearest that is. Of a column that is learned as a distance, its base's value is drawn where
        the distance can reach what is asked, and then the distance where it does.

        known: values [n] that rows have already, of numeric columns; NaN for none.
        """
        if not self.ranges and not known:
            return codec.decode(tokens, uniform)
        ends = self.ends[tokens.astype(np.int64) + codec.specification.offsets[None, :]].astype(np.float64)
        uniform = uniform.astype(np.float64)
        for place, base in codec.distances.items():
            intervals = self._intervals_of(codec.learned[place].name, len(tokens), known)
            if np.isfinite(intervals).any():
                _narrow(codec, place, base, tokens, uniform, ends, intervals, known)
        rows = codec.decode(tokens, ends[..., 0] + uniform * (ends[..., 1] - ends[..., 0]), known)
        for name, ranges in self.ranges.items():
            values = rows.values[name]
            clipped = np.stack([np.clip(values, low, high) for low, high in ranges])
            nearest_one = np.argmin(np.nan_to_num(np.abs(clipped - values)), axis=0)
            rows.values[name][:] = np.take_along_axis(clipped, nearest_one[None], axis=0)[0]
        return rows

    def _intervals_of(self, name: str, count: int, known: Mapping[str, np.ndarray]) -> np.ndarray:
        """In which intervals [n, intervals, 2] a column's values must lie: its ranges, or what is known."""
        intervals = np.tile(np.array(self.ranges.get(name, [(-np.inf, np.inf)])), [count, 1, 1])
        own = known.get(name, np.full(count, np.nan))[:, None, None]
        return np.where(np.isnan(own), intervals, own)

    def asked(self, codec: RowCodec) -> list[str]:
        """The columns that something is asked of."""
        return [codec.learned[field].name for field in self.fields_asked()]

    def without_missing(self, codec: RowCodec) -> "Conditions":
        """These, under which no cell of another column is drawn as missing if it can be anything else."""
        allowed, asked = self.allowed.copy(), self.asked(codec)
        for column, first in zip(codec.learned, codec.specification.offsets, strict=True):
            encoding = codec.encodings[column.name]
            if column.name not in asked and encoding.has_missing and encoding.size > 1 + len(encoding.never):
                allowed[first + encoding.missing] = 0
        return replace(self, allowed=allowed)


def _narrow(
    codec: RowCodec, place: int, base: int, tokens: np.ndarray, uniform: np.ndarray, ends: np.ndarray,
    intervals: np.ndarray, known: Mapping[str, np.ndarray],
) -> None:  # fmt: skip
    """Narrows the `ends` [n, fields, 2] of uniform numbers of a distance and of its base to those that make values in
    one of the intervals [n, intervals, 2] that their tokens can reach, by chance."""
    column, lower = codec.learned[place], codec.learned[base]
    how, bins, half = codec.encodings[column.name], codec.encodings[lower.name], 0.5 * 10.0**-column.decimals
    far = how.knots[np.minimum(tokens[:, place], len(how.knots) - 1)]
    begin = bins.knots[np.minimum(tokens[:, base], len(bins.knots) - 1)]
    least, most = begin[:, 0] + far[:, 0] - half, begin[:, -1] + far[:, -1] + half
    can = (least[:, None] <= intervals[..., 1]) & (intervals[..., 0] <= most[:, None])
    count = np.maximum(can.sum(axis=1), 1)
    which = np.floor(uniform[:, place] * count)
    uniform[:, place] = uniform[:, place] * count - which
    chosen = np.argmax(np.cumsum(can, axis=1) > which[:, None], axis=1)
    low, high = np.take_along_axis(intervals, chosen[:, None, None], axis=1)[:, 0].T
    own = bins.uniform_within(tokens[:, base], low - far[:, -1] - half, high - far[:, 0] + half)
    ends[:, base] = np.clip(own, ends[:, base, :1], ends[:, base, 1:])
    made = ends[:, base, 0] + uniform[:, base] * (ends[:, base, 1] - ends[:, base, 0])
    values = bins.decode(tokens[:, base], made, lower)
    if lower.name in known:
        values = np.where(np.isnan(known[lower.name]), values, known[lower.name])
    ends[:, place] = how.uniform_within(tokens[:, place], low - values - half, high - values + half)


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
    made, asked = no_conditions(codec), dict[str, list[tuple[str, str]]]()
    for name, comparison, text in _parts(codec, prompt):
        column = next(each for each in codec.columns if each.name == name)
        if column.kind == CONSTANT and comparison == "=" and unquoted(text) == column.categories[0]:
            continue
        if name not in codec.encodings:
            why = "always the same" if column.kind == CONSTANT else "not learned"
            raise UserError(f"The column '{name}' is {why}, so rows can't be asked for by it.", _columns(codec))
        place = [each.name for each in codec.learned].index(name)
        _restrict(codec, made, place, column, comparison, text, asked.get(name, ()))
        asked.setdefault(name, []).append((comparison, text))
    for place, base in codec.distances.items():
        if codec.learned[place].name in made.ranges:
            _restrict_together(codec, made, place, base)
            made.together[place] = base
    return made


def columns_asked(codec: RowCodec, prompt: str) -> list[str]:
    """The names of the columns that a prompt is about, one for each condition. Raises UserError."""
    return [name for name, _, _ in _parts(codec, prompt)]


def words_of_columns(codec: RowCodec, most: int = 12) -> list[str]:
    """What can be asked of the columns that have categories: "income=>50K", of each the commonest."""
    return [
        f"{quoted(column.name, ',<=>')}={quoted(column.categories[place])}"
        for column in codec.learned
        if column.is_categorical
        for place in codec.encodings[column.name].kept[:most]
    ]


# How a prompt is written: conditions between commas, alternatives between bars, and either in double quotes, in which
# two double quotes are one.


def split_prompt(prompt: str) -> list[str]:
    """The conditions of a prompt, each as it was typed. Raises UserError."""
    if prompt.count('"') % 2:
        raise UserError(f"A quote of '{prompt.strip()}' has no end.", 'Write "" for a quote within quotes.')
    return [part for part in _split(prompt, ",") if part]


def quoted(text: str, signs: str = ",|") -> str:
    """A name or a value as it can stand in a prompt."""
    if text and text == stripped(text) and not set(text) & {*signs, '"'}:
        return text
    return '"' + text.replace('"', '""') + '"'


def unquoted(text: str) -> str:
    """What a name or a value of a prompt stands for."""
    text = stripped(text)
    return text[1:-1].replace('""', '"') if re.fullmatch(QUOTED, text) else text


def stripped(text: str) -> str:
    """Without spaces around it: those that TensorFlow knows."""
    return text.strip(" \t\n\r\v\f")


def spellings(names: Sequence[str]) -> dict[str, int]:
    """How names may be typed, each with its place: EXACT and a name as it is, STRIPPED and one without spaces around
    it, FOLDED and that in small letters; each only where that is one of them alone."""
    made: dict[str, int] = {}
    for how, spell in _SPELLINGS.items():
        count = Counter(map(spell, names))
        made |= {how + spell(name): place for place, name in enumerate(names) if count[spell(name)] == 1}
    return made


_SPELLINGS: dict[str, Callable[[str], str]] = {
    EXACT: str, STRIPPED: stripped, FOLDED: lambda name: stripped(name).lower()
}


def _place_of(names: Sequence[str], typed: str) -> int | None:
    known = spellings(names)
    keys = [how + spell(typed) for how, spell in _SPELLINGS.items()]
    return next((known[key] for key in keys if key in known), None)


def missing_marks(column: Column) -> set[str]:
    """What a person types for a cell without a value, in small letters."""
    return {*_MISSING, stripped(column.missing or "").lower()}


def _contradiction(name: str, asked: Sequence[tuple[str, str]]) -> UserError:
    """The error for comparisons of a column of which each can be, and not all at once."""
    both = " and ".join(f"{name}{comparison}{text}" for comparison, text in asked)
    advice = "Leave one of them out."
    if all(comparison == "=" for comparison, _ in asked):
        advice = f"For one or the other, write: {name}={'|'.join(text for _, text in asked)}"
    return UserError(f"Nothing is {both} at once, which is what a comma asks for.", advice)


def _about_comma(codec: RowCodec, before: str, pieces: Sequence[str]) -> str:
    """How what a comma took apart is to be written, where that is what went wrong; else nothing."""
    found = re.fullmatch(CONDITION, before)
    place = None if found is None else _place_of([each.name for each in codec.learned], unquoted(found[1]))
    if place is None:
        return ""
    column, values = codec.learned[place], [stripped(found[3]), *pieces]
    for sign, how in ((",", "in quotes it is part of a value"), (", ", "in quotes it is part of a value"),
                      (".", "write a point in numbers"), ("|", "write a bar for one or the other")):  # fmt: skip
        value = sign.join(values)
        if _can_be(codec, column, value):
            right = value if sign in ".|" else quoted(value)
            return f'A comma means "and"; {how}: {found[1]}{found[2]}{right}'
    return ""


def _can_be(codec: RowCodec, column: Column, value: str) -> bool:
    """Whether something typed is a value of a column, or a range of such."""
    if column.is_categorical:
        return all(_place_of(column.categories, part) is not None for part in value.split("|"))
    try:
        return all(_span(codec, column, part.strip()) for part in re.split(r"\.\.|\|", value) if part)
    except UserError:
        return False


def _parts(codec: RowCodec, prompt: str) -> list[tuple[str, str, str]]:
    """Of each condition the column's name, the comparison, and what is typed behind it."""
    names, parts = [each.name for each in codec.columns], []
    pieces = split_prompt(prompt)
    for at, piece in enumerate(pieces):
        found = re.fullmatch(CONDITION, piece)
        if found is None:
            usual = f"Write COLUMN=VALUE, or COLUMN=LOW..HIGH, such as: {_example(codec, codec.learned[0])}"
            rest = itertools.takewhile(lambda each: not re.fullmatch(CONDITION, each), pieces[at:])
            advice = _about_comma(codec, pieces[at - 1] if at else "", [*rest]) or usual
            raise UserError(f"'{piece}' is no condition on rows.", advice)
        name = unquoted(found[1])
        place = _place_of(names, name)
        if place is None:
            fold = _SPELLINGS[FOLDED]
            alike = [each for each in names if fold(each) == fold(name)]
            if alike:
                raise UserError(f"Several columns are called '{name}': {_list(alike)}.", "Write one as it is here.")
            close = nearest(name, names, count=1)
            raise UserError(
                f"There is no column '{name}'.", f"Did you mean '{close[0]}'?" if close else _columns(codec)
            )
        parts.append((names[place], found[2], stripped(found[3])))
    return parts


def _split(text: str, sign: str) -> list[str]:
    """Parts between signs that stand in no quotes."""
    return [stripped(part) for part in re.split(rf'{re.escape(sign)}(?=(?:[^"]*"[^"]*")*[^"]*$)', text)]


def _restrict(
    codec: RowCodec, made: Conditions, place: int, column: Column, comparison: str, text: str,
    earlier: Sequence[tuple[str, str]] = (),
) -> None:  # fmt: skip
    """Adds what is asked of one column, of which something was asked earlier."""
    how, first = codec.encodings[column.name], int(codec.specification.offsets[place])
    own = slice(first, first + how.size)
    share, ends, pieces = np.zeros(how.size), np.tile([0.0, 1.0], [how.size, 1]), []
    kept = [] if isinstance(how, Bins) else [column.categories[each] for each in how.kept]
    for typed in map(unquoted, _split(text, "|")):
        token = _place_of(kept, typed)
        if token is None and comparison == "=" and stripped(typed).lower() in missing_marks(column):
            if not how.has_missing:
                raise UserError(f"'{column.name}' is never missing in the data.", "Ask for something else.")
            share[-1] = 1.0
        elif isinstance(how, Bins):
            pieces.append(_interval(codec, column, comparison, stripped(typed)))
        else:
            share[_category(column, kept, token, comparison, typed)] = 1.0
    # Asked twice of a column, its values are within both.
    before = made.ranges.get(column.name, [(-np.inf, np.inf)])
    both = [(max(low, first), min(high, last)) for low, high in _merged(pieces, column.decimals)
            for first, last in before]
    ranges = [(low, high) for low, high in both if low <= high]
    if isinstance(how, Distance):
        # Which distances can be is a matter of the base's values too. What is beyond the column's ends comes out there.
        first, last = how.ends
        ranges = [(low if low > first else -np.inf, high if high < last else np.inf)
                  for low, high in ranges if low <= last and high >= first]
        share[: len(how.knots)] = bool(ranges)
    elif ranges:
        # Pieces in one bin add up. It is drawn from where the first begins to where the last ends; `within` then brings
        # what lies between two of them into the nearer one.
        found = [how.shares_within(low, high, column.decimals) for low, high in ranges]
        shares = np.stack([each for each, _ in found])
        inside = np.stack([each for _, each in found])
        some = shares > 0
        low = np.where(some, inside[..., 0], np.inf).min(axis=0)
        high = np.where(some, inside[..., 1], -np.inf).max(axis=0)
        ends = np.where(some.any(axis=0)[:, None], np.stack([low, high], axis=1), ends)
        share = np.maximum(share, np.minimum(shares.sum(axis=0), 1.0))
    share = np.where(made.allowed[own] > 0, share, 0.0).astype(np.float32)
    if not share.any():
        if earlier:
            _restrict(codec, no_conditions(codec), place, column, comparison, text)  # unless it can't be by itself
            raise _contradiction(quoted(column.name, ",<=>"), [*earlier, (comparison, text)])
        raise UserError(f"No row of the data has {column.name}{comparison}{text}.", _extent(codec, column))
    if ranges:
        made.ranges[column.name] = sorted(ranges)
        made.ends[own] = ends
    else:
        made.ranges.pop(column.name, None)
    made.allowed[own] = share
    if np.count_nonzero(share) == 1 and share.max() == 1 and not (ranges and isinstance(how, Distance)):
        made.given[place] = int(np.argmax(share))


def _restrict_together(codec: RowCodec, made: Conditions, place: int, base: int) -> None:
    """Rules out distances and values of their base that can't add up to what is asked of a column."""
    column, lower = codec.learned[place], codec.learned[base]
    how, bins, offsets = codec.encodings[column.name], codec.encodings[lower.name], codec.specification.offsets
    half, can = 0.5 * 10.0**-column.decimals, np.zeros([len(bins.knots), len(how.knots)], bool)
    first = bins.knots[:, :1] + how.knots[None, :, 0]
    last = bins.knots[:, -1:] + how.knots[None, :, -1]
    for low, high in made.ranges[column.name]:
        can |= (first <= high + half) & (last >= low - half)
    own, distances = (made.allowed[offsets[at]:][:count] for at, count in zip((base, place), can.shape))
    can &= (own > 0)[:, None]
    if not can.any():
        what = f"No row of the data has such a '{column.name}' with what is asked of '{lower.name}'."
        raise UserError(what, f"'{column.name}' is never below '{lower.name}', nor farther from it than the data has.")
    is_missing_asked = how.has_missing and made.allowed[offsets[place] + how.missing] > 0
    if not is_missing_asked:
        own[~can.any(axis=1)] = 0
        if bins.has_missing:
            made.allowed[offsets[base] + bins.missing] = 0
    distances[~can.any(axis=0)] = 0


def _category(column: Column, kept: Sequence[str], token: int | None, comparison: str, typed: str) -> int:
    """The token of a category, if it is one."""
    if comparison != "=":
        what = f"'{column.name}' has no order, so nothing is {comparison}{typed}."
        raise UserError(what, f"Ask for {column.name}=VALUE.")
    if token is not None:
        return token
    if _place_of(column.categories, typed) is not None:
        what = f"Too few rows have {column.name}={typed} to be learned without giving them away."
        raise UserError(what, f"It knows {_list(kept)}.")
    close = nearest(typed, kept)
    advice = f"Did you mean {' or '.join(map(repr, close))}?" if close else f"It knows {_list(kept)}."
    raise UserError(f"'{column.name}' is never '{typed}'.", advice)


def _interval(codec: RowCodec, column: Column, comparison: str, text: str) -> tuple[float, float]:
    """The ends of "=40", "=40..60", "=40..", ">=40" or "<40", both included and values that the column can have."""
    start, dots, end = text.partition("..") if comparison == "=" else (text, "", "")
    low, high = -np.inf, np.inf
    if comparison in ("=", ">=", ">") and (start or not dots):
        low = _span(codec, column, start.strip())[comparison == ">"]
    if comparison in ("=", "<=", "<") and (end or not dots):
        high = _span(codec, column, (end if dots else start).strip())[comparison != "<"]
    if low > high:
        turned = f"{column.name}={end.strip()}..{start.strip()}"
        raise UserError(f"{column.name}={text} begins above its end.", f"Write {turned}.")
    low = _begin(low, column.decimals, comparison == ">")
    return low, -_begin(-high, column.decimals, comparison == "<")


def _span(codec: RowCodec, column: Column, text: str) -> tuple[float, float]:
    """The first and the last value that a person means: more than one by a date where there are times, or a month."""
    if column.kind in (DATE, DATETIME) and re.fullmatch(TYPED_DATE, text):
        is_whole = column.kind == DATE and len(text) == 10
        if not is_whole:
            return plain_span(column, text)
    value = codec.read_value(column, text)
    if not np.isfinite(value):
        raise UserError(f"'{text}' is no value.", f"'{column.name}' has values that are finite.")
    return value, value


def _begin(value: float, decimals: int, is_behind: bool) -> float:
    """The least value of so many decimals that is at least a value, or above it, if told."""
    scaled = value * 10.0**decimals
    if abs(scaled) >= WHOLE:  # floats are no finer there
        return float(np.nextafter(value, np.inf)) if is_behind and np.isfinite(value) else value
    if np.round(value, decimals) != value:
        return float(np.ceil(scaled) / 10.0**decimals)
    return float((np.rint(scaled) + 1) / 10.0**decimals) if is_behind else value


def _merged(pieces: Sequence[tuple[float, float]], decimals: int) -> list[tuple[float, float]]:
    """Intervals that overlap or adjoin as one, rising."""
    merged: list[tuple[float, float]] = []
    for low, high in sorted(piece for piece in pieces if piece[0] <= piece[1]):
        if merged and low <= _begin(merged[-1][1], decimals, True):
            merged[-1] = merged[-1][0], max(high, merged[-1][1])
        else:
            merged.append((low, high))
    return merged


def _extent(codec: RowCodec, column: Column) -> str:
    how = codec.encodings[column.name]
    if isinstance(how, Bins) and how.extent:
        low, high = (codec.write_value(column, value) for value in how.extent)
        return f"Its values are from {low} to {high}."
    return "Ask for something else."


def _example(codec: RowCodec, column: Column) -> str:
    how = codec.encodings[column.name]
    if isinstance(how, Bins) and how.extent:
        low, high = (codec.write_value(column, value) for value in how.extent)
        return f"{quoted(column.name, ',<=>')}={quoted(f'{low}..{high}')}"
    return f"{quoted(column.name, ',<=>')}={quoted(column.categories[0])}"


def _columns(codec: RowCodec) -> str:
    return f"It knows {_list([column.name for column in codec.learned])}."


def _list(names: Sequence[Any]) -> str:
    return ", ".join(f"'{name}'" for name in names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
