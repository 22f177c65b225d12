"""A codec as part of a graph: what people ask of rows and the rows themselves, as strings and numbers, to tokens and
back.

Agrees with RowCodec and Conditions, but for this: a column may be asked for once in a prompt, and one that is not
learned not at all; numbers, dates and times are read in a plain form ("1234.5", "2020-03-20T13:45:00"), never in a
file's own (its formats of dates, units, decimal commas); and a cell with a category that the graph does not know is
taken for a rare one where there are such, as the names of these are not in the graph.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfgen.representations.places import table_of_places
from tfgen.representations.rows.codec import KNOTS, Bins, Distance, RowCodec, Steps
from tfgen.representations.rows.columns import (
    DATE,
    DATETIME,
    INTEGER,
    TIME,
    TYPED_CLOCK,
    TYPED_DATE,
    TYPED_DATETIME,
    TYPED_NUMBER,
    Column,
)
from tfgen.representations.rows.conditions import (
    BEYOND,
    CONDITION,
    EXACT,
    FOLDED,
    FREE,
    QUOTED,
    STRIPPED,
    WHOLE,
    missing_marks,
    spellings,
)
from tfgen.representations.rows.distances import shares_together, uniform_within, value_at

_DAY = 86400
_CUT = "\x1f"  # between parts, in place of a sign that may also stand in quotes
_EVEN = rf'(?s)(?:[^"{_CUT}]|"[^"{_CUT}]*")*'
_TYPED = {DATE: TYPED_DATE, DATETIME: TYPED_DATETIME, TIME: TYPED_CLOCK}

Together = dict[tuple[int, int], tf.Tensor]  # by a base's and a distance's field, float32 [batch, tokens, tokens]


class Asked(NamedTuple):
    """What is asked of rows, as Conditions has it.

    given: tokens int32 [batch, fields]. allowed: float32 [batch, tokens]. ends: between which uniform numbers, float32
        [batch, tokens, 2]. intervals: in which values must lie, float64 [batch, fields, intervals, 2]. together: what
        two fields may be together. columns: which are asked for, bool [batch, fields].
    """

    given: tf.Tensor
    allowed: tf.Tensor
    ends: tf.Tensor
    intervals: tf.Tensor
    together: Together
    columns: tf.Tensor


class RowLookup(tf.Module):
    """Tokens int32 [batch, fields] from and to columns by name: strings, and float64 or int64 for numbers."""

    def __init__(self, codec: RowCodec):
        super().__init__()
        self._codec = codec
        places = {column.name: place for place, column in enumerate(codec.learned)}
        names = {typed: codec.columns[each].name for typed, each in spellings([c.name for c in codec.columns]).items()}
        self.names = table_of_places({typed: places[name] for typed, name in names.items() if name in places}, -1)
        self.tables = [self._table_of(column) for column in codec.learned]

    def _table_of(self, column: Column) -> tf.lookup.StaticHashTable | None:
        how = self._codec.encodings[column.name]
        if isinstance(how, Bins):
            return None
        places = spellings([column.categories[place] for place in how.kept])
        marks = [f"{FOLDED}{mark}" for mark in sorted(missing_marks(column))] if how.has_missing else []
        return table_of_places({**dict.fromkeys(marks, how.missing), **places}, -1)

    # What is asked of rows.

    def conditions(self, prompts: tf.Tensor) -> Asked:
        """What is asked by prompts [batch]."""
        even = tf.strings.regex_full_match(prompts, _EVEN)
        prompts = _checked(prompts, even, "A quote has no end:", prompts)
        pieces, rows = _split(prompts, ",")
        some = tf.not_equal(pieces, "")
        pieces, rows = tf.boolean_mask(pieces, some), tf.boolean_mask(rows, some)
        names = _unquoted(tf.strings.regex_replace(pieces, rf"^{CONDITION}$", r"\1"))
        places = _found(self.names, names)
        readable = tf.strings.regex_full_match(pieces, CONDITION) & (places >= 0)
        pieces = _checked(pieces, readable, "No conditions on this model's columns:", pieces)
        comparisons = tf.strings.regex_replace(pieces, rf"^{CONDITION}$", r"\2")
        texts = tf.strings.strip(tf.strings.regex_replace(pieces, rf"^{CONDITION}$", r"\3"))
        given, allowed, ends, intervals, batch, texts_of, is_asked = [], [], [], [], tf.shape(prompts)[0], [], []
        for place, column in enumerate(self._codec.learned):
            mine = tf.cast(tf.equal(places, place), tf.int32)
            once = tf.math.unsorted_segment_sum(mine, rows, batch) < 2
            reason = f"Ask for {column.name} once, such as {column.name}=LOW..HIGH:"
            last = tf.math.unsorted_segment_max(mine * (tf.range(tf.size(pieces)) + 1), rows, batch)
            last = tf.maximum(_checked(last, once, reason, prompts), 0)  # 0 where nothing is asked
            comparison = tf.gather(tf.concat([["="], comparisons], axis=0), last)
            text = tf.gather(tf.concat([[""], texts], axis=0), last)
            is_asked.append(last > 0)
            share, inside, within = self._within(place, column, comparison, text, is_asked[-1])
            some = tf.reduce_sum(tf.cast(share > 0.0, tf.int32), axis=1)
            share = _checked(share, some > 0, f"No row of the data has {column.name}:", text)
            is_one = is_asked[-1] & (some == 1) & (tf.reduce_max(share, axis=1) >= 1.0)
            if place in self._codec.distances:  # an end isn't a distance
                is_one &= ~tf.reduce_any(within[..., 0] <= within[..., 1], axis=1)
            given.append(tf.where(is_one, tf.argmax(share, axis=1, output_type=tf.int32), FREE))
            texts_of.append(text)
            allowed.append(share)
            ends.append(inside)
            intervals.append(within)
        most = tf.reduce_max(tf.stack([tf.shape(each)[1] for each in intervals]))
        empty = tf.constant([BEYOND, -BEYOND], tf.float64)
        filled = [
            tf.concat([each, tf.tile(empty[None, None], [batch, most - tf.shape(each)[1], 1])], axis=1)
            for each in intervals
        ]
        for place, base in self._codec.distances.items():
            bins, how = (self._codec.encodings[self._codec.learned[each].name] for each in (base, place))
            if bins.has_missing and how.has_missing:  # where an end must be there, its beginning must
                known, gone = tf.split(allowed[base], [bins.missing, 1], axis=1)
                gone = tf.where(allowed[place][:, how.missing :] > 0, gone, 0.0)
                allowed[base] = tf.concat([known, gone], axis=1)
        within, together = tf.stack(filled, axis=1), {}
        for place, base in self._codec.distances.items():
            # Of a missing end alone nothing is asked of a sum.
            is_some = tf.reduce_any(within[:, place, :, 0] <= within[:, place, :, 1], axis=1)[:, None, None]
            own = tf.where(is_some, within[:, place], [-BEYOND, BEYOND])
            begin = tf.stack(_hull(within[:, base]), axis=1)
            begin = tf.where(begin[:, :1] <= begin[:, 1:], begin, [-BEYOND, BEYOND])
            table = self._shares_together(place, begin, own)
            fine = tf.reduce_any(table * allowed[base][:, :, None] * allowed[place][:, None] > 0.0, axis=[1, 2])
            reason = f"No row of the data has such a {self._codec.learned[place].name} with what else is asked:"
            together[base, place] = _checked(table, fine, reason, texts_of[place])
        return Asked(
            tf.stack(given, axis=1), tf.concat(allowed, axis=1), tf.concat(ends, axis=1), within, together,
            tf.stack(is_asked, axis=1),
        )  # fmt: skip

    def _shares_together(self, place: int, begin: tf.Tensor, ends: tf.Tensor) -> tf.Tensor:
        """What a distance at a place and its base may be together, float32 [batch, base tokens, distance tokens], if
        the base lies between two values [batch, 2] and the column in intervals [batch, intervals, 2]."""
        column, base = self._codec.learned[place], self._codec.learned[self._codec.distances[place]]
        bins, how = self._codec.encodings[base.name], self._codec.encodings[column.name]
        return shares_together(bins, how, begin, ends, column.decimals)

    def beginnings_of(self, columns: Sequence[tf.Tensor], given: tf.Tensor) -> tuple[tf.Tensor, Together]:
        """For columns and tokens as `tokens` has them: in which intervals float64 [batch, fields, 1, 2] values must
        lie so that an end that is given without its beginning comes out, and what two fields may be together."""
        batch, everything = tf.shape(given)[0], tf.constant([-BEYOND, BEYOND], tf.float64)
        intervals, together = [tf.tile(everything[None], [batch, 1]) for _ in columns], {}
        for place, base in self._codec.distances.items():
            values = self._numbers(self._codec.learned[place], columns[place])
            is_end = ~tf.math.is_nan(values) & tf.equal(given[:, base], FREE)
            intervals[place] = tf.where(is_end[:, None], tf.stack([values, values], axis=1), everything[None])
            together[base, place] = self._shares_together(place, intervals[base], intervals[place][:, None])
        return tf.stack(intervals, axis=1)[:, :, None], together

    def _within(
        self, place: int, column: Column, comparison: tf.Tensor, text: tf.Tensor, is_asked: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """How much of each token of a column is asked for by "a|b", float32 [batch, tokens], where, and in which
        intervals float64 [batch, intervals, 2]."""
        how = self._codec.encodings[column.name]
        words, rows = _split(text, "|")
        words, batch = _unquoted(words), tf.shape(text)[0]
        is_asked_word, comparison = tf.gather(is_asked, rows), tf.gather(comparison, rows)
        if isinstance(how, Bins):
            return self._shares(column, how, comparison, words, rows, is_asked)
        words = _checked(
            words, tf.equal(comparison, "=") | ~is_asked_word, f"The column '{column.name}' has no order:", words
        )
        tokens = _found(self.tables[place], words)
        tokens = _checked(tokens, (tokens >= 0) | ~is_asked_word, f"The column '{column.name}' is never", words)
        hits = tf.cast(tf.equal(tokens[:, None], tf.range(how.size)), tf.float32)
        share = tf.math.unsorted_segment_max(hits, rows, batch)
        share = tf.where(is_asked[:, None], tf.maximum(share, 0.0), 1.0)
        anything = tf.tile(tf.constant([[[-BEYOND, BEYOND]]], tf.float64), [batch, 1, 1])
        return share, tf.stack([tf.zeros_like(share), tf.ones_like(share)], axis=2), anything

    def _shares(
        self, column: Column, how: Bins, comparison: tf.Tensor, words: tf.Tensor, rows: tf.Tensor, is_asked: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """`_within` of a numeric column, for words [words] of rows [words]."""
        batch, words, own = tf.shape(is_asked)[0], tf.strings.strip(words), tf.gather(is_asked, rows)
        small, marks = tf.strings.lower(words, encoding="utf-8"), sorted(missing_marks(column))
        is_missing = own & tf.equal(comparison, "=") & tf.reduce_any(tf.equal(small[:, None], marks), axis=1)
        if not how.has_missing:
            words = _checked(words, ~is_missing, f"The column '{column.name}' is never missing:", words)
        low, high = self._intervals(column, comparison, words, own & ~is_missing)
        empty = is_missing | (low > high)
        low, high = tf.where(empty, BEYOND, low), tf.where(empty, -BEYOND, high)
        low, high = tf.unstack(_padded(tf.stack([low, high], axis=1), rows, batch, [BEYOND, -BEYOND]), axis=2)
        # Rising, and each without what those before it have: shares of one bin add up.
        order = tf.argsort(low, axis=1, stable=True)
        low, high = tf.gather(low, order, batch_dims=1), tf.gather(high, order, batch_dims=1)
        count = tf.shape(low)[1]
        is_before = tf.range(count)[None, :] < tf.range(count)[:, None]
        reached = tf.reduce_max(tf.where(is_before[None], high[:, None, :], -BEYOND), axis=2)
        low = tf.maximum(low, _begin(reached, column.decimals, tf.ones_like(reached, tf.bool)))
        none = low > high
        low, high = tf.where(none, BEYOND, low), tf.where(none, -BEYOND, high)
        if isinstance(how, Distance):
            # Which distances can be is a matter of the base's values too. What is beyond the column's ends comes out
            # there.
            none |= (low > how.ends[1]) | (high < how.ends[0])
            low, high = tf.where(low > how.ends[0], low, -BEYOND), tf.where(high < how.ends[1], high, BEYOND)
            low, high = tf.where(none, BEYOND, low), tf.where(none, -BEYOND, high)
        half = 0.5 * 10.0 ** -column.decimals
        before = tf.minimum(low - half, tf.math.nextafter(low, -2 * BEYOND))
        behind = tf.maximum(high + half, tf.math.nextafter(high, 2 * BEYOND))
        first, last = (
            tf.reshape(self._place(how, tf.reshape(each, [-1])), [batch, count, len(how.knots)])
            for each in (before, behind)
        )
        shares = tf.where(none[..., None], tf.zeros_like(first), last - first)
        share = tf.minimum(tf.reduce_sum(shares, axis=1), 1.0)
        if isinstance(how, Distance):
            share = tf.cast(tf.tile(tf.reduce_any(~none, axis=1)[:, None], [1, len(how.knots)]), tf.float64)
        start = tf.reduce_min(tf.where(shares > 0, first, 1.0), axis=1)
        end = tf.reduce_max(tf.where(shares > 0, last, 0.0), axis=1)
        is_free = ~is_asked[:, None] | (share <= 0) | isinstance(how, Distance)
        start, end = tf.where(is_free, tf.zeros_like(start), start), tf.where(is_free, tf.ones_like(end), end)
        if how.has_missing:
            gone = tf.math.unsorted_segment_max(tf.cast(is_missing, tf.float64), rows, batch)[:, None]
            share = tf.concat([share, tf.maximum(gone, 0.0)], axis=1)
            start = tf.concat([start, tf.zeros_like(gone)], axis=1)
            end = tf.concat([end, tf.ones_like(gone)], axis=1)
        share = tf.where(is_asked[:, None], share, 1.0)
        ends = tf.stack([start, end], axis=2)
        return tf.cast(share, tf.float32), tf.cast(ends, tf.float32), tf.stack([low, high], axis=2)

    @staticmethod
    def _intervals(
        column: Column, comparison: tf.Tensor, words: tf.Tensor, is_asked: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The ends of "40", "40..60", "..60" or "40..", each with its comparison, float64 [words]; everything where
        nothing is asked."""
        is_range = tf.strings.regex_full_match(words, r"(?s).*\.\..*") & tf.equal(comparison, "=")
        first = tf.strings.strip(tf.strings.regex_replace(words, r"(?s)^(.*?)\.\..*$", r"\1"))
        second = tf.strings.strip(tf.strings.regex_replace(words, r"(?s)^.*?\.\.(.*)$", r"\1"))
        first, second = tf.where(is_range, first, words), tf.where(is_range, second, words)
        no_low = ~is_asked | tf.strings.regex_full_match(comparison, "<=?") | is_range & tf.equal(first, "")
        no_high = ~is_asked | tf.strings.regex_full_match(comparison, ">=?") | is_range & tf.equal(second, "")
        begins, ends = _span(column, first, no_low), _span(column, second, no_high)
        low = tf.where(no_low, -BEYOND, tf.where(tf.equal(comparison, ">"), begins[1], begins[0]))
        high = tf.where(no_high, BEYOND, tf.where(tf.equal(comparison, "<"), ends[0], ends[1]))
        low = _checked(low, low <= high, f"A range of {column.name} begins above its end:", words)
        low = _begin(low, column.decimals, tf.equal(comparison, ">"))
        return low, -_begin(-high, column.decimals, tf.equal(comparison, "<"))

    @staticmethod
    def _place(how: Bins, values: tf.Tensor) -> tf.Tensor:
        """The uniform number at which each bin gives each value, [values, bins]; as _place_in of the codec."""
        low, high = how.knots[None, :, :-1], how.knots[None, :, 1:]
        wide = tf.constant(high > low)
        behind = tf.clip_by_value((values[:, None, None] - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
        return tf.reduce_mean(tf.where(wide, behind, tf.cast(values[:, None, None] >= low, tf.float64)), axis=2)

    # Rows.

    def tokens(self, columns: Sequence[tf.Tensor], free: bool = False) -> tf.Tensor:
        """Tokens int32 [batch, fields] of columns [batch], in their order; of a missing one FREE, if told."""
        made, learned = [], self._codec.learned
        numbers = {column.name: self._numbers(column, values)
                   for column, values in zip(learned, columns, strict=True) if column.is_numeric}
        for place, (column, values) in enumerate(zip(learned, columns, strict=True)):
            how = self._codec.encodings[column.name]
            if isinstance(how, Bins):
                own = numbers[column.name] - (numbers[how.base] if isinstance(how, Distance) else 0.0)
                is_missing = tf.math.is_nan(own)
                tokens = self._bin_of(how, own)
            else:
                tokens = _found(self.tables[place], values)
                is_missing = tf.equal(tf.strings.strip(values), "")
                # What the graph does not know is rare, if anything is.
                other = tf.where(is_missing, how.missing, how.rare)
                tokens = tf.where(tokens < 0, other, tokens)
            made.append(tf.where(is_missing, FREE, tokens) if free else tokens)
        return tf.stack(made, axis=1)

    @staticmethod
    def _numbers(column: Column, values: tf.Tensor) -> tf.Tensor:
        """Cells [batch] of a numeric column as float64, NaN where one is missing."""
        return tf.cast(_cells(column, values) if values.dtype == tf.string else values, tf.float64)

    def cells(
        self, tokens: tf.Tensor, uniform: tf.Tensor, ends: tf.Tensor | None = None,
        intervals: tf.Tensor | None = None, known: Sequence[tf.Tensor] | None = None,
    ) -> list[tf.Tensor]:  # fmt: skip
        """The columns [batch] of tokens [batch, fields] with values at uniform numbers [batch, fields]: of categories
        the tokens, of numbers float64, NaN for a missing one.

        ends: of `conditions`, of these tokens, float32 [batch, fields, 2]; None for all of each.
        intervals: of `conditions`; a value that is in none of its column's becomes the nearest that is.
        known: columns as they are given, empty or NaN where they aren't, from which distances are taken.
        """
        codec, numbers = self._codec, {}
        low, high = (tf.fill(tf.shape(uniform), tf.constant(each, tf.float64)) if ends is None
                     else tf.cast(ends[..., each], tf.float64) for each in (0, 1))
        parts = (tf.unstack(each, axis=1) for each in (tf.cast(uniform, tf.float64), low, high))
        positions = [list(each) for each in zip(*parts, strict=True)]  # of each field: uniform numbers, and their ends

        def number(place: int) -> tf.Tensor:
            column, (own, first, last) = codec.learned[place], positions[place]
            how = codec.encodings[column.name]
            return decoded(how, column, tokens[:, place], first + own * (last - first), tf.float64)

        if intervals is not None:
            for place, base in codec.distances.items():
                how, bins = (codec.encodings[codec.learned[each].name] for each in (place, base))
                half, own = 0.5 * 10.0 ** -codec.learned[place].decimals, (tokens[:, base], tokens[:, place])
                begin, far = (
                    tf.gather(tf.constant(each.knots), tf.minimum(token, len(each.knots) - 1))
                    for each, token in zip((bins, how), own, strict=True)
                )
                chosen, is_asked, uniform_left = _reached(begin, far, half, intervals[:, place], positions[place][0])
                within = uniform_within(bins, own[0], chosen[0] - far[:, -1] - half, chosen[1] - far[:, 0] + half)
                within = tf.clip_by_value(within, *(each[:, None] for each in positions[base][1:]))
                narrowed = [positions[base][0], *tf.unstack(within, axis=1)]
                positions[base] = [tf.where(is_asked, *each) for each in zip(narrowed, positions[base], strict=True)]
                values = self._or_known(number(base), base, known)
                within = uniform_within(how, own[1], chosen[0] - values - half, chosen[1] - values + half)
                narrowed = [uniform_left, *tf.unstack(within, axis=1)]
                positions[place] = [tf.where(is_asked, *each) for each in zip(narrowed, positions[place], strict=True)]
        for place in codec.in_order_of_distance:
            column = codec.learned[place]
            how = codec.encodings[column.name]
            if isinstance(how, Bins):
                values = number(place)
                if isinstance(how, Distance):
                    base = codec.distances[place]
                    values = value_at(how, self._or_known(numbers[base], base, known), values)
                    values = rounded(values, column.decimals)
                values = on_steps(values, codec.steps_of(place))
                numbers[place] = values if intervals is None else _nearest_within(values, intervals[:, place])
        return [numbers.get(place, tokens[:, place]) for place in range(len(codec.learned))]

    def given_cells(self, columns: Sequence[tf.Tensor], tokens: tf.Tensor) -> list[tf.Tensor]:
        """Columns [batch] as they are given, and their tokens [batch, fields], as `cells` has them."""
        return [
            self._numbers(column, values) if column.is_numeric else tokens[:, place]
            for place, (column, values) in enumerate(zip(self._codec.learned, columns, strict=True))
        ]

    def columns(self, cells: Sequence[tf.Tensor]) -> dict[str, tf.Tensor]:
        """Columns [batch] as callers have them, by name."""
        return {
            column.name: self._written(column, values)
            for column, values in zip(self._codec.learned, cells, strict=True)
        }

    def _or_known(self, values: tf.Tensor, place: int, known: Sequence[tf.Tensor] | None) -> tf.Tensor:
        if known is None:
            return values
        own = self._numbers(self._codec.learned[place], known[place])
        return tf.where(tf.math.is_nan(own), values, own)

    def _written(self, column: Column, values: tf.Tensor) -> tf.Tensor:
        """A column as callers have it, of its cells."""
        how = self._codec.encodings[column.name]
        if not isinstance(how, Bins):
            names = [column.categories[place] for place in how.kept]
            return tf.gather(tf.constant([*names, *[""] * (how.size - len(names))]), values)
        if column.kind in (DATE, DATETIME, TIME):
            return tf.where(tf.math.is_nan(values), "", _written(column.kind, values))
        return tf.cast(values, tf.int64) if column.kind == INTEGER and not how.has_missing else values

    @staticmethod
    def _bin_of(how: Bins, numbers: tf.Tensor) -> tf.Tensor:
        """As Bins.encode, int32 [batch]."""
        if not len(how.knots):
            return tf.zeros(tf.shape(numbers), tf.int32)
        low, high = tf.constant(how.knots[:, 0]), tf.constant(how.knots[:, -1])
        last = len(how.knots) - 1
        known = tf.where(tf.math.is_nan(numbers), tf.zeros_like(numbers), numbers)
        below = tf.clip_by_value(tf.searchsorted(low, known, side="right") - 1, 0, last)
        above = tf.minimum(below + 1, last)
        beyond = tf.nn.relu(known - tf.gather(high, below))
        tokens = tf.where(beyond > tf.nn.relu(tf.gather(low, above) - known), above, below)
        return tf.where(tf.math.is_nan(numbers), how.missing, tokens)


def decoded(how: Bins, column: Column, tokens: tf.Tensor, uniform: tf.Tensor, kind: tf.DType) -> tf.Tensor:
    """As Bins.decode, in a graph; NaN for a missing cell."""
    if not len(how.knots):
        return tf.fill(tf.shape(tokens), tf.constant(np.nan, kind))
    flat = tf.constant(how.knots.reshape(-1), kind)
    place = tf.cast(uniform, kind) * (KNOTS - 1)
    before = tf.clip_by_value(tf.cast(tf.floor(place), tf.int32), 0, KNOTS - 2)
    first = tf.minimum(tokens, len(how.knots) - 1) * KNOTS + before
    low, high = tf.gather(flat, first), tf.gather(flat, first + 1)
    values = low + (place - tf.cast(before, kind)) * (high - low)
    values = rounded(values, column.decimals)
    return tf.where(tokens < len(how.knots), values, tf.constant(np.nan, kind)) if how.has_missing else values


def rounded(values: tf.Tensor, decimals: int) -> tf.Tensor:
    """Values with so many decimals; of float64 the same ones that NumPy has."""
    scale = _scale(values, decimals) if values.dtype == tf.float64 else 10.0**decimals
    return tf.round(values * scale) / scale


def on_steps(values: tf.Tensor, steps: Steps | None, base: float = 0.0) -> tf.Tensor:
    """Values above a base as those of the column lie, if on steps; a base for what has too few digits for all of it."""
    if steps is None:
        return values
    beyond = base % steps.size
    made = tf.round((values + beyond) / steps.size) * steps.size - beyond
    return tf.clip_by_value(made, steps.first - base, steps.last - base)


def _reached(
    begin: tf.Tensor, far: tf.Tensor, half: float, intervals: tf.Tensor, uniform: tf.Tensor
) -> tuple[tuple[tf.Tensor, tf.Tensor], tf.Tensor, tf.Tensor]:
    """As Conditions.within: of intervals [batch, intervals, 2] one that a base's knots and a distance's [batch, knots]
    can add up to, by a uniform number [batch]; whether any is asked for; and what is left of the uniform number."""
    least, most = begin[:, 0] + far[:, 0] - half, begin[:, -1] + far[:, -1] + half
    low, high = intervals[..., 0], intervals[..., 1]
    can = tf.cast((low <= high) & (least[:, None] <= high) & (low <= most[:, None]), tf.float64)
    count = tf.maximum(tf.reduce_sum(can, axis=1), 1.0)
    which = tf.floor(uniform * count)
    chosen = tf.argmax(tf.cast(tf.cumsum(can, axis=1) > which[:, None], tf.int32), axis=1)
    first, last = _hull(intervals)
    is_asked = (first <= last) & ((first > -BEYOND) | (last < BEYOND))
    own = tf.gather(low, chosen, batch_dims=1), tf.gather(high, chosen, batch_dims=1)
    return own, is_asked, uniform * count - which


def _hull(intervals: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Between which values [batch] all of [batch, intervals, 2] lie; the first above the second where there are none.
    """
    return tf.reduce_min(intervals[..., 0], axis=1), tf.reduce_max(intervals[..., 1], axis=1)


def _nearest_within(values: tf.Tensor, intervals: tf.Tensor) -> tf.Tensor:
    """As Conditions.within: values [batch] in intervals [batch, intervals, 2], of which those that end before they
    begin are none."""
    low, high = intervals[..., 0], intervals[..., 1]
    beside = tf.maximum(tf.maximum(low - values[:, None], values[:, None] - high), 0.0)
    beside = tf.where(low <= high, beside, tf.constant(np.inf, tf.float64))
    best = tf.argmin(tf.where(tf.math.is_nan(beside), tf.zeros_like(beside), beside), axis=1)
    low, high = tf.gather(low, best, batch_dims=1), tf.gather(high, best, batch_dims=1)
    clipped = tf.minimum(tf.maximum(values, low), high)
    return tf.where(tf.math.is_nan(values) | (low > high), values, clipped)


# What is typed.


def _checked(value: tf.Tensor, fine: tf.Tensor, reason: str, words: tf.Tensor) -> tf.Tensor:
    """The value, refused if any of [n] is not fine: for a reason, and with the words [n] of these."""
    refused = tf.gather(words, tf.reshape(tf.where(~fine), [-1]))  # tf.boolean_mask makes many more operations
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(fine), [reason, refused])]):
        return tf.identity(value)


def _padded(values: tf.Tensor, rows: tf.Tensor, batch: tf.Tensor, fill: Sequence[float]) -> tf.Tensor:
    """Values [n, 2] of rows [n], which rise, as [batch, the most of a row, 2], filled up; as a RaggedTensor would do it
    with many more operations, which an export traces for each column."""
    rows = tf.cast(rows, tf.int32)
    places = tf.range(tf.size(rows)) - tf.gather(tf.searchsorted(rows, tf.range(batch)), rows)
    most = tf.reduce_max(tf.concat([[0], places], axis=0)) + 1  # where there are no rows too
    empty = tf.tile(tf.constant([[fill]], values.dtype), [batch, most, 1])
    return tf.tensor_scatter_nd_update(empty, tf.stack([rows, places], axis=1), values)


def _split(texts: tf.Tensor, sign: str) -> tuple[tf.Tensor, tf.Tensor]:
    """Parts between signs that stand in no quotes, and of which text [texts] each is."""
    # With a sign behind the last part too, every match begins where the one before it ended, so never in quotes.
    cut = tf.strings.regex_replace(
        tf.strings.join([texts, sign]), rf'(?s)((?:[^"{sign}]|"[^"]*")*)\{sign}', rf"\1{_CUT}"
    )
    parts = tf.strings.split(tf.strings.regex_replace(cut, rf"{_CUT}$", ""), _CUT)
    return tf.strings.strip(parts.flat_values), parts.value_rowids()


def _unquoted(words: tf.Tensor) -> tf.Tensor:
    words = tf.strings.strip(words)
    inner = tf.strings.regex_replace(tf.strings.regex_replace(words, '(?s)^"(.*)"$', r"\1"), '""', '"')
    return tf.where(tf.strings.regex_full_match(words, QUOTED), inner, words)


def _found(table: tf.lookup.StaticHashTable, words: tf.Tensor) -> tf.Tensor:
    """The places of typed words, int32; -1 of one that is unknown. See `spellings`."""
    stripped, made = tf.strings.strip(words), tf.fill(tf.shape(words), -1)
    spelled = {FOLDED: tf.strings.lower(stripped, encoding="utf-8"), STRIPPED: stripped, EXACT: words}
    for how, typed in spelled.items():
        known = table.lookup(tf.strings.join([how, typed]))
        made = tf.where(known >= 0, known, made)
    return made


def _begin(values: tf.Tensor, decimals: int, is_behind: tf.Tensor) -> tf.Tensor:
    """The least values of so many decimals that are at least others, or above them; as that of Conditions."""
    scale = _scale(values, decimals)
    scaled = values * scale
    is_whole, on_grid = tf.abs(scaled) >= WHOLE, tf.equal(tf.round(scaled) / scale, values)
    above = tf.where(is_whole, tf.math.nextafter(values, 2 * BEYOND), (tf.round(scaled) + 1) / scale)
    exact = tf.where(is_behind & (tf.abs(values) < BEYOND), above, values)
    return tf.where(is_whole | on_grid, exact, tf.math.ceil(scaled) / scale)


def _scale(values: tf.Tensor, decimals: int) -> tf.Tensor:
    """A power of ten for each value. TensorFlow would turn a division by a constant into a product with its inverse,
    and 12 tenths into 1.2000000000000002."""
    return tf.where(tf.math.is_nan(values), tf.ones_like(values), tf.constant(10.0**decimals, values.dtype))


def _span(column: Column, words: tf.Tensor, is_empty: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The first and the last value that a person means, float64 [words]; as plain_span. Anything where it is empty."""
    pattern = rf"(?:{_TYPED.get(column.kind, TYPED_NUMBER)})"
    readable = tf.strings.regex_full_match(words, pattern) | is_empty
    words = _checked(words, readable, f"No values of {column.name}:", words)
    if column.kind in _TYPED:
        return _read(column.kind, words, is_empty)
    numbers = tf.strings.to_number(tf.where(is_empty, "0", words), tf.float64)
    numbers = _checked(numbers, tf.math.is_finite(numbers), f"No values of {column.name}:", words)
    return numbers, numbers


def _cells(column: Column, words: tf.Tensor) -> tf.Tensor:
    """The values of cells, float64 [words]; NaN of an empty one."""
    words = tf.strings.strip(words)
    is_empty = tf.equal(words, "")
    return tf.where(is_empty, tf.constant(np.nan, tf.float64), _span(column, words, is_empty)[0])


# Dates, by the days of the Gregorian calendar (Howard Hinnant, "chrono-compatible low-level date algorithms").


def _days(year: tf.Tensor, month: tf.Tensor, day: tf.Tensor) -> tf.Tensor:
    """Days since 1970-01-01, int64."""
    year = year - tf.cast(month <= 2, tf.int64)
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


def _civil(days: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Year, month and day of days since 1970-01-01."""
    days = days + 719468
    era = days // 146097
    of_era = days - era * 146097
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = (shifted + 2) % 12 + 1
    return year + era * 400 + tf.cast(month <= 2, tf.int64), month, of_year - (153 * shifted + 2) // 5 + 1


def _written(kind: str, values: tf.Tensor) -> tf.Tensor:
    whole = tf.cast(tf.where(tf.math.is_nan(values), tf.zeros_like(values), values), tf.int64)
    seconds = whole % _DAY
    clock = tf.strings.join([_two(seconds // 3600), _two(seconds // 60 % 60), _two(seconds % 60)], ":")
    if kind == TIME:
        return clock
    year, month, day = _civil(whole if kind == DATE else whole // _DAY)
    date = tf.strings.join([tf.strings.as_string(year, width=4, fill="0"), _two(month), _two(day)], "-")
    return date if kind == DATE else tf.strings.join([date, clock], "T")


def _two(values: tf.Tensor) -> tf.Tensor:
    return tf.strings.as_string(values, width=2, fill="0")


def _read(kind: str, words: tf.Tensor, is_empty: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The first and the last value of "2020-03-20", "2020-03-20T13:45:00" or "13:45:00", as float64; anything where it
    is empty."""
    words = tf.where(is_empty, "00:00:00" if kind == TIME else "1970-01-01", words)
    if kind == TIME:
        seconds = tf.cast(_clock(words), tf.float64)
        return seconds, seconds
    size, dates = tf.strings.length(words), tf.strings.regex_replace(words, r"^(\d{4})$", r"\1-01")
    dates = tf.strings.regex_replace(dates, r"^(\d{4}-\d\d)$", r"\1-01")
    year, month, day = (
        tf.strings.to_number(tf.strings.substr(dates, *at), tf.int64) for at in ((0, 4), (5, 2), (8, 2))
    )
    first = _days(year, month, day)
    real = [tf.equal(*pair) for pair in zip(_civil(first), (year, month, day), strict=True)]
    first = _checked(first, tf.reduce_all(real, axis=0), "No dates:", words)
    next_month = _days(year + tf.cast(tf.equal(month, 12), tf.int64), month % 12 + 1, tf.ones_like(day))
    last = tf.where(size > 7, first, tf.where(size > 4, next_month, _days(year + 1, month, day)) - 1)
    if kind == DATE:
        return tf.cast(first, tf.float64), tf.cast(last, tf.float64)
    has_clock = size > 10
    clock = _clock(tf.where(has_clock, tf.strings.regex_replace(words, r"^.{10}.", ""), "00:00:00"))
    end = tf.where(has_clock, clock, _DAY - 1)
    return tf.cast(first * _DAY + clock, tf.float64), tf.cast(last * _DAY + end, tf.float64)


def _clock(words: tf.Tensor) -> tf.Tensor:
    words = tf.strings.regex_replace(words, r"^(\d:)", r"0\1")
    words = tf.strings.regex_replace(words, r"^(\d\d:\d\d)$", r"\1:00")
    hours, minutes, seconds = (tf.strings.to_number(tf.strings.substr(words, at, 2), tf.int64) for at in (0, 3, 6))
    return hours * 3600 + minutes * 60 + seconds
