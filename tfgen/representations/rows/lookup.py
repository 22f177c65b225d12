"""A codec as part of a graph: what people ask of rows and the rows themselves, as strings and numbers, to tokens and
back. Agrees with RowCodec and Conditions, but for one thing: a column may be asked for once in a prompt."""

import hashlib
import json
import re
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfgen.representations.rows.codec import KNOTS, Bins, RowCodec
from tfgen.representations.rows.columns import DATE, DATETIME, INTEGER, TIME, Column
from tfgen.representations.rows.conditions import FREE

_COMPARISON = r"(?:[<>]=?|=)"
_VALUE = r'(?:"[^"]*"|[^,"])*'
_DAY = 86400
_BEYOND = 1e300  # beyond every value, in place of infinity


class RowLookup(tf.Module):
    """Tokens int32 [batch, fields] from and to columns by name: strings, and float64 or int64 for numbers."""

    def __init__(self, codec: RowCodec):
        super().__init__()
        self._codec = codec
        self._places = {column.name: place for place, column in enumerate(codec.learned)}
        names = "|".join(re.escape(column.name) for column in codec.learned)
        self._grammar = rf'(?i)\s*(?:(?:"?(?:{names})"?\s*{_COMPARISON}{_VALUE})(?:,\s*|$))*'
        self.tables = [self._table_of(column) for column in codec.learned]

    def _table_of(self, column: Column) -> tf.lookup.StaticHashTable | None:
        how = self._codec.how[column.name]
        if isinstance(how, Bins):
            return None
        names = [column.categories[place].strip() for place in how.kept]
        folded: dict[str, int] = {}
        for token, name in enumerate(names):
            folded.setdefault(name.lower(), token)
        # As it is written first, so that names which differ in case alone stay apart.
        places = {**folded, **{name: token for token, name in enumerate(names)}}
        if how.has_missing:
            places |= {mark: how.missing for mark in ("", "missing", (column.missing or "").lower())}
        return tf.lookup.StaticHashTable(_Places(places or {"\0": 0}), -1)

    # What is asked of rows.

    def conditions(self, prompts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Prompts [batch] as tokens that are given int32 [batch, fields], what is allowed float32 [batch, tokens], and
        between which uniform numbers float32 [batch, tokens, 2]; see Conditions."""
        readable = tf.strings.regex_full_match(prompts, self._grammar)
        reason = ["No conditions on this model's columns:", tf.boolean_mask(prompts, ~readable)]
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(readable), reason)]):
            prompts = tf.identity(prompts)
        given, allowed, ends = [], [], []
        for place, column in enumerate(self._codec.learned):
            pattern = rf'(?is)^(?:.*,)?\s*"?{re.escape(column.name)}"?\s*({_COMPARISON}{_VALUE})(?:,.*)?$'
            asked = rf'"?{re.escape(column.name)}"?\s*{_COMPARISON}'
            twice = tf.strings.regex_full_match(prompts, rf"(?is)^(?:.*,)?\s*{asked}{_VALUE},(?:.*,)?\s*{asked}.*$")
            reason = [f"Ask for {column.name} once, such as {column.name}=LOW..HIGH:", tf.boolean_mask(prompts, twice)]
            with tf.control_dependencies([tf.debugging.Assert(~tf.reduce_any(twice), reason)]):
                is_asked = tf.strings.regex_full_match(prompts, pattern)
            text = tf.strings.strip(tf.strings.regex_replace(prompts, pattern, r"\1"))
            share, inside = self._within(place, column, tf.where(is_asked, text, ""), is_asked)
            whole = tf.reduce_sum(tf.cast(share >= 1.0, tf.int32), axis=1)
            some = tf.reduce_sum(tf.cast(share > 0.0, tf.int32), axis=1)
            possible = tf.debugging.Assert(
                tf.reduce_all(some > 0), [f"No row of the data has {column.name}:", tf.boolean_mask(text, some < 1)]
            )
            with tf.control_dependencies([possible]):
                token = tf.argmax(share, axis=1, output_type=tf.int32)
            given.append(tf.where(is_asked & (whole == 1) & (some == 1), token, FREE))
            allowed.append(share)
            ends.append(inside)
        return tf.stack(given, axis=1), tf.concat(allowed, axis=1), tf.concat(ends, axis=1)

    def _within(
        self, place: int, column: Column, text: tf.Tensor, is_asked: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """How much of each token of a column is asked for by "=a|b", float32 [batch, tokens], and where."""
        how = self._codec.how[column.name]
        comparison = tf.strings.regex_replace(text, rf"(?s)^({_COMPARISON}).*$", r"\1")
        rest = tf.strings.regex_replace(text, rf"^{_COMPARISON}", "")
        parts = tf.strings.split(rest, "|")
        words = tf.strings.regex_replace(tf.strings.strip(parts.flat_values), r'^"|"$', "")
        words = tf.strings.strip(words)
        rows, batch = parts.value_rowids(), tf.shape(text)[0]
        if isinstance(how, Bins):
            share, ends = self._shares(column, how, tf.gather(comparison, rows), words)
            best = tf.math.unsorted_segment_max(share, rows, batch)
            # Of two intervals in one bin, the one with more of it.
            wins = tf.equal(share, tf.gather(best, rows)) & (share > 0)
            low, high = (
                tf.math.unsorted_segment_max(tf.where(wins, ends[..., side], -1.0), rows, batch) for side in (0, 1)
            )
            share = tf.where(is_asked[:, None], tf.maximum(best, 0.0), 1.0)
            low, high = tf.where(is_asked[:, None], low, 0.0), tf.where(is_asked[:, None], high, 1.0)
            return share, tf.stack([tf.maximum(low, 0.0), tf.where(high < 0, 1.0, high)], axis=2)
        tokens = self._tokens_of(place, words)
        strange = (tokens < 0) & tf.gather(is_asked, rows)
        reason = [f"The column '{column.name}' is never", tf.boolean_mask(words, strange)]
        with tf.control_dependencies([tf.debugging.Assert(~tf.reduce_any(strange), reason)]):
            hits = tf.cast(tf.equal(tokens[:, None], tf.range(how.size)), tf.float32)
        share = tf.math.unsorted_segment_max(hits, rows, batch)
        share = tf.where(is_asked[:, None], tf.maximum(share, 0.0), 1.0)
        return share, tf.stack([tf.zeros_like(share), tf.ones_like(share)], axis=2)

    def _shares(
        self, column: Column, how: Bins, comparison: tf.Tensor, words: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As Bins.shares_within, for the interval of each word: [words, tokens] and [words, tokens, 2]."""
        is_range = tf.strings.regex_full_match(words, r".*\.\..*")
        first = tf.strings.strip(tf.strings.regex_replace(words, r"\.\..*$", ""))
        second = tf.strings.strip(tf.strings.regex_replace(words, r"^.*\.\.", ""))
        is_missing = tf.equal(words, "missing") | tf.equal(words, "?") | tf.equal(words, "")
        step, half = 10.0 ** -column.decimals, 0.5 * 10.0 ** -column.decimals
        low = self._number(column, tf.where(is_missing, "", first), -_BEYOND)
        high = self._number(column, tf.where(is_missing, "", tf.where(is_range, second, first)), _BEYOND)
        above, below = tf.strings.regex_full_match(comparison, ">=?"), tf.strings.regex_full_match(comparison, "<=?")
        low = tf.where(tf.equal(comparison, ">"), low + step, low)
        high = tf.where(tf.equal(comparison, "<"), high - step, high)
        beyond = tf.constant(_BEYOND, tf.float64)
        low, high = tf.where(below, -beyond, low), tf.where(above, beyond, high)
        ends = tf.stack([self._place(how, low - half), self._place(how, high + half)], axis=2)
        ends = tf.where(is_missing[:, None, None], tf.zeros_like(ends), ends)
        share = ends[..., 1] - ends[..., 0]
        if how.has_missing:
            gone = tf.cast(is_missing, tf.float64)[:, None]
            share = tf.concat([share, gone], axis=1)
            ends = tf.concat([ends, tf.stack([tf.zeros_like(gone), tf.ones_like(gone)], axis=2)], axis=1)
        return tf.cast(share, tf.float32), tf.cast(ends, tf.float32)

    @staticmethod
    def _place(how: Bins, values: tf.Tensor) -> tf.Tensor:
        """The uniform number at which each bin gives each value, [values, bins]; as _place_of of the codec."""
        low, high = how.knots[None, :, :-1], how.knots[None, :, 1:]
        wide = tf.constant(high > low)
        behind = tf.clip_by_value((values[:, None, None] - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
        return tf.reduce_mean(tf.where(wide, behind, tf.cast(values[:, None, None] >= low, tf.float64)), axis=2)

    # Rows.

    def tokens(self, columns: Sequence[tf.Tensor], free: bool = False) -> tf.Tensor:
        """Tokens int32 [batch, fields] of columns [batch], in their order; of a missing one FREE, if told."""
        made = []
        for place, (column, values) in enumerate(zip(self._codec.learned, columns, strict=True)):
            how = self._codec.how[column.name]
            if isinstance(how, Bins):
                numbers = self._number(column, values, np.nan) if values.dtype == tf.string else values
                numbers = tf.cast(numbers, tf.float64)
                is_missing = tf.math.is_nan(numbers)
                tokens = self._bin_of(how, numbers)
            else:
                words = tf.strings.strip(values)
                is_missing, tokens = tf.equal(words, ""), self._tokens_of(place, words)
                tokens = tf.where(tokens < 0, int(how.missing), tokens)
            made.append(tf.where(is_missing, FREE, tokens) if free else tokens)
        return tf.stack(made, axis=1)

    def columns(self, tokens: tf.Tensor, uniform: tf.Tensor) -> dict[str, tf.Tensor]:
        """The columns [batch], by name, of tokens [batch, fields] with values at uniform numbers [batch, fields]."""
        return {
            column.name: self._values(column, tokens[:, place], uniform[:, place])
            for place, column in enumerate(self._codec.learned)
        }

    def _values(self, column: Column, tokens: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
        how = self._codec.how[column.name]
        if not isinstance(how, Bins):
            names = [column.categories[place] for place in how.kept]
            return tf.gather(tf.constant([*names, *[""] * (how.size - len(names))]), tokens)
        values = decoded(how, column, tokens, uniform, tf.float64)
        if column.kind in (DATE, DATETIME, TIME):
            return tf.where(tf.math.is_nan(values), "", _written(column.kind, values))
        return tf.cast(values, tf.int64) if column.kind == INTEGER and not how.has_missing else values

    def _tokens_of(self, place: int, words: tf.Tensor) -> tf.Tensor:
        table = self.tables[place]
        exact = table.lookup(words)
        return tf.where(exact >= 0, exact, table.lookup(tf.strings.lower(words, encoding="utf-8")))

    @staticmethod
    def _bin_of(how: Bins, numbers: tf.Tensor) -> tf.Tensor:
        """As Bins.encode, int32 [batch]."""
        low, high = tf.constant(how.knots[:, 0]), tf.constant(how.knots[:, -1])
        last = len(how.knots) - 1
        known = tf.where(tf.math.is_nan(numbers), tf.zeros_like(numbers), numbers)
        below = tf.clip_by_value(tf.searchsorted(low, known, side="right") - 1, 0, last)
        above = tf.minimum(below + 1, last)
        beyond = tf.nn.relu(known - tf.gather(high, below))
        tokens = tf.where(beyond > tf.nn.relu(tf.gather(low, above) - known), above, below)
        return tf.where(tf.math.is_nan(numbers), how.missing, tokens)

    @staticmethod
    def _number(column: Column, words: tf.Tensor, empty: float) -> tf.Tensor:
        """What a person typed as float64; `empty` where that is nothing."""
        is_empty = tf.equal(words, "")
        if column.kind in (DATE, DATETIME, TIME):
            return tf.where(is_empty, tf.constant(empty, tf.float64), _read(column.kind, words))
        numbers = tf.strings.to_number(tf.where(is_empty, "0", words), tf.float64)
        return tf.where(is_empty, tf.constant(empty, tf.float64), numbers)


def decoded(how: Bins, column: Column, tokens: tf.Tensor, uniform: tf.Tensor, kind: tf.DType) -> tf.Tensor:
    """As Bins.decode, in a graph; NaN for a missing cell."""
    if not len(how.knots):
        return tf.fill(tf.shape(tokens), tf.constant(np.nan, kind))
    flat = tf.constant(how.knots.reshape(-1), kind)
    place = tf.cast(uniform, kind) * (KNOTS - 1)
    before = tf.clip_by_value(tf.cast(tf.floor(place), tf.int32), 0, KNOTS - 2)
    first = tf.minimum(tokens, len(how.knots) - 1) * KNOTS + before
    low, high = tf.gather(flat, first), tf.gather(flat, first + 1)
    scale = 10.0**column.decimals
    values = tf.round((low + (place - tf.cast(before, kind)) * (high - low)) * scale) / scale
    return tf.where(tokens < len(how.knots), values, tf.constant(np.nan, kind)) if how.has_missing else values


class _Places(tf.lookup.KeyValueTensorInitializer):
    """A table's content, named after itself: TensorFlow's own name is a new one each time, and so the graph."""

    def __init__(self, places: dict[str, int]):
        super().__init__(tf.constant(list(places), tf.string), tf.constant(list(places.values()), tf.int32))
        self._digest = hashlib.sha256(json.dumps(places).encode()).hexdigest()[:16]

    @property
    def _shared_name(self) -> str:
        return f"categories_{self._digest}"


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


def _read(kind: str, words: tf.Tensor) -> tf.Tensor:
    """"2020-03-20", "2020-03-20T13:45:00" or "13:45:00" as float64; what is empty as anything."""
    nothing = {DATE: "1970-01-01", DATETIME: "1970-01-01T00:00:00", TIME: "00:00:00"}[kind]
    words = tf.where(tf.equal(words, ""), nothing, words)
    if kind == TIME:
        return tf.cast(_clock(words), tf.float64)
    parts = [tf.strings.to_number(tf.strings.substr(words, *at), tf.int64) for at in ((0, 4), (5, 2), (8, 2))]
    days = _days(*parts)
    if kind == DATE:
        return tf.cast(days, tf.float64)
    clock = tf.strings.regex_replace(words, r"^.{10}.?", "")
    return tf.cast(days * _DAY + _clock(tf.where(tf.equal(clock, ""), "00:00:00", clock)), tf.float64)


def _clock(words: tf.Tensor) -> tf.Tensor:
    words = tf.strings.regex_replace(words, r"^(\d\d:\d\d)$", r"\1:00")
    hours, minutes, seconds = (tf.strings.to_number(tf.strings.substr(words, at, 2), tf.int64) for at in (0, 3, 6))
    return hours * 3600 + minutes * 60 + seconds
