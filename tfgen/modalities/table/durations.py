"""How long something took, as 110:51:08, 51:23 or "2 days 03:00:00": read as seconds, and written back alike.

A time of day looks the same; formats.py finds those, and what goes beyond 24 hours comes here.
"""

import itertools
import operator
import re
from typing import Any

import numpy as np

from tfgen.representations.rows.columns import INTEGER, NUMBER, Column

DURATION = "duration"  # in the writing of a column
_FORM = (
    r"^(?:(?P<days>[0-9]{1,6}) days?(?P<comma>,?) )?(?P<first>[0-9]{1,7}):(?P<second>[0-5][0-9])"
    r"(?::(?P<third>[0-5][0-9])(?:\.(?P<fraction>[0-9]{1,9}))?)?$"
)
_IN_WORDS = re.compile(
    r"P(?=.)([0-9]+[YMWD])*(T([0-9.]+[HMS])+)?|([0-9]+ ?(d|h|m|s|days?|hours?|hrs?|min|sec)[, ]*){2,}"
)
_SAMPLE = 200  # different texts by which it is found how they are written


def form_of(texts: Any) -> tuple[str, np.ndarray, int, dict[str, Any]] | None:
    """The kind, values, decimals and writing of durations; None where most texts are none, or not all have seconds."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not len(texts) or 2 * pc.sum(pc.match_substring_regex(texts.slice(0, _SAMPLE), _FORM)).as_py() <= min(
        _SAMPLE, len(texts)
    ):
        return None
    parts = pc.extract_regex(texts, _FORM)
    matched = parts.filter(pc.is_valid(parts))
    there = {name: pc.not_equal(pc.struct_field(matched, name), "") for name in ("days", "third", "comma")}
    has_days, has_seconds, has_comma = (pc.any(there[name]).as_py() for name in ("days", "third", "comma"))
    if has_seconds and not pc.all(there["third"]).as_py():
        return None
    writing: dict[str, Any] = {"seconds": has_seconds, "days": has_days, "comma": "," if has_comma else ""}
    decimals = int(pc.max(pc.utf8_length(pc.struct_field(matched, "fraction"))).as_py())
    values = read_durations(Column("", INTEGER, writing={DURATION: writing}), texts)
    # Hours as 3 or as 03, and one day and none as the table has them: as most are.
    sample = texts.filter(pa.array(np.isfinite(values))).slice(0, _SAMPLE)
    own, texts_there = values[np.isfinite(values)][:_SAMPLE], sample.to_pylist()

    def alike(look: dict[str, Any]) -> int:
        written = write_durations(Column("", INTEGER, (), decimals, {DURATION: {**writing, **look}}), own)
        return sum(map(operator.eq, texts_there, written))

    looks = [{"width": width, "one": one, "none": none}
             for width, one, none in itertools.product((1, 2), ("day", "days"), (False, True))]  # fmt: skip
    kind = NUMBER if decimals else INTEGER
    return kind, values, decimals, {DURATION: {**writing, **max(looks, key=alike)}}


def read_durations(column: Column, texts: Any) -> np.ndarray:
    """Seconds; NaN where a text is no duration as the column has them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    writing = column.writing[DURATION]
    parts = pc.extract_regex(texts, _FORM)
    fits = np.asarray(pc.is_valid(parts))

    def part(name: str) -> np.ndarray:
        text = pc.fill_null(pc.struct_field(parts, name), "")
        return np.array(pc.cast(pc.if_else(pc.equal(text, ""), "0", text), pa.int64()), np.float64)

    fraction = pc.binary_join_element_wise("0", pc.fill_null(pc.struct_field(parts, "fraction"), ""), ".")
    low = part("third") + np.asarray(pc.cast(pc.replace_substring_regex(fraction, r"\.$", ""), pa.float64()))
    # Beside days, or seconds, the first is hours; of two parts alone it is minutes.
    unit = 60 if writing["seconds"] or writing["days"] else 1
    values = 86400 * part("days") + unit * (60 * part("first") + part("second")) + low
    return np.where(fits, values, np.nan)


def write_durations(column: Column, values: np.ndarray) -> list[str]:
    """Different durations, none of them missing, as a column has them."""
    writing, digits = column.writing[DURATION], column.decimals
    width, texts = writing.get("width", 1), []
    unit = 60 if writing["seconds"] or writing["days"] else 1
    for value in np.asarray(values, np.float64).tolist():
        ticks = round(abs(value) * 10**digits)
        seconds, rest = divmod(ticks, 10**digits)
        if unit == 60 and not writing["seconds"]:
            seconds = round(seconds / 60) * 60
        days, seconds = divmod(seconds, 86400) if writing["days"] else (0, seconds)
        first, low = divmod(seconds, 60 * unit)
        text = f"{first:0{width}d}:{low // unit:02d}"
        if writing["seconds"]:
            text += f":{low % 60:02d}" + (f".{rest:0{digits}d}" if digits else "")
        if writing["days"] and (days or writing.get("none")):
            text = f"{days} {writing.get('one', 'days') if days == 1 else 'days'}{writing['comma']} {text}"
        texts.append(text)
    return texts


def are_in_words(sample: list[str]) -> bool:
    """Whether texts are durations of another form, such as PT3H20M or "3h 20m"."""
    return bool(sample) and 2 * sum(bool(_IN_WORDS.fullmatch(text)) for text in sample) > len(sample)
