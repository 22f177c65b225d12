"""How numbers, dates and times are written: found from a column's different texts, read, and written back alike.

What is found is the `writing` of a Column, plain JSON. Everything works on pyarrow arrays of different texts, so that a
million rows cost as little as their different values do.
"""

import math
import operator
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tfgen.modalities.table.durations import DURATION, form_of, read_durations, write_durations
from tfgen.representations.rows.columns import DATE, DATETIME, INTEGER, NUMBER, TIME, Column

_CURRENCY = r"(?:US\$|R\$|[$€£¥₹]|USD|EUR|GBP|CHF|Rs\.?)"
_UNIT = r"(?:[%‰$€£¥₹\"]|[A-Za-zµμΩ°²³/]{1,12}[²³23]?)"
_NUMBER = (
    rf"^(?P<sign>[-+−]?)(?P<before>{_CURRENCY}?) ?(?P<inner>[-+−]?)"
    r"(?P<digits>[.,]?[0-9](?:[0-9.,'’ \x{00a0}\x{202f}]*[0-9])?[.,]?)(?P<exponent>(?:[eE][-+]?[0-9]{1,3})?)"
    rf"(?P<after>[ \x{{00a0}}]?{_UNIT}?)$"
)
_PLAIN = r"^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?$"
_BRACKETED = r"^\(([^-+()]*[0-9][^-+()]*)\)$"
_GROUPS = {
    ",": r"^[0-9]{1,3}(,[0-9]{3})+$", ".": r"^[0-9]{1,3}(\.[0-9]{3})+$", " ": r"^[0-9]{1,3}( [0-9]{3})+([.,][0-9]+)?$",
    "'": r"^[0-9]{1,3}('[0-9]{3})+([.,][0-9]+)?$",
}  # fmt: skip
_EXACT_DIGITS = 15  # of a whole number in float64
_MOST_DECIMALS = 30
_NOISE = 10  # decimals beyond which numbers may be what sums of floats leave, such as 0.30000000000000004

_MONTHS = "January February March April May June July August September October November December".split()
_MONTH_PLACES = {name.lower()[:3]: place for place, name in enumerate(_MONTHS, 1)} | {
    name.lower(): place for place, name in enumerate(_MONTHS, 1)
}
_PARTS = {
    "Y": "[0-9]{4}", "y": "[0-9]{2}", "m": "[0-9]{1,2}", "d": "[0-9]{1,2}", "H": "[0-9]{1,2}", "I": "[0-9]{1,2}",
    "M": "[0-9]{2}", "S": "[0-9]{2}", "f": "[0-9]{1,9}", "b": "[A-Za-z]{3,4}", "B": "[A-Za-z]{3,9}",
    "p": "[AaPp][Mm]",
}  # fmt: skip
_DAYS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y",
    "%d/%m/%y", "%m/%d/%y", "%d-%m-%y", "%m-%d-%y", "%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%d-%b-%y", "%b %d, %Y",
    "%B %d, %Y", "%b %d %Y", "%B %d %Y", "%Y%m%d",
)  # fmt: skip
_MONTHS_ALONE = ("%Y-%m", "%Y/%m", "%m/%Y", "%b %Y", "%B %Y", "%b-%Y")
_ISO = (
    "%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%H:%M:%S",
    "%H:%M:%S.%f",
)  # fmt: skip
_LIKELY_YEARS = (-54_000, 84_000)  # of months alone, as days: 1822 to 2199; else they are fractions and the like
_TIMES = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%H.%M.%S", "%I:%M:%S %p", "%I:%M %p")
_MAY_BE_DATE = (
    "[0-9][-/.: ]+[0-9]+[-/.: ]+[0-9]|[0-9]:[0-9]|[A-Za-z]{3}[ ,.-]+[0-9]|[0-9][ .-]+[A-Za-z]{3}|^[0-9]{8}$"
    "|^[0-9]{4}[-/][0-9]{1,2}$|^[0-9]{1,2}/[0-9]{4}$"
)
_ZONE_NAME = r" ?(?:Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)| [A-Z]{3,5}"
_ZONE = re.compile(rf"(?<=[0-9])({_ZONE_NAME})$")
_WITH_ZONE = rf"^(?P<local>.*[0-9]:[0-9]{{2}}(?::[0-9]{{2}}(?:[.,][0-9]+)?)?)(?P<zone>{_ZONE_NAME})$"
_ORDERS = {"dmy": "dm", "mdy": "md", "ymd": "Y"}
_PIVOT = 69  # two digits of a year: below this it is after 2000, as in POSIX
_CENTURY = 36525  # days
_SAMPLE = 200  # different texts by which formats are sorted out
_DAY = 86400
_STEPS = (86400, 43200, 21600, 3600, 1800, 900, 600, 300, 60, 30, 15, 10, 5)  # seconds


@dataclass(frozen=True)
class Found:
    """How a column's different texts are written.

    values: of each text, NaN where it is of another form.
    other: another reading of the same dates, day and month exchanged, which fits as well; None where there is none.
    zones: the different ones of times that became UTC.
    """

    kind: str
    values: np.ndarray
    decimals: int = 0
    writing: Mapping[str, Any] = field(default_factory=dict)
    other: str | None = None
    zones: tuple[str, ...] = ()


# Numbers.


def find_numbers(texts: Any, decimal: str | None = None, codes: bool = False) -> Found | None:
    """How numbers are written, with units, currencies and signs of thousands; None where no text is a number, or they
    are codes: with zeros in front, or too many digits for a number.

    decimal: the decimal sign of the file, "." or ",", where it is known.
    codes: whether codes are numbers all the same, since somebody said so.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(texts) == 0:
        return None
    bracketed = pc.match_substring_regex(texts, _BRACKETED)
    if pc.any(bracketed).as_py():  # as accountants write what is negative
        texts = pc.replace_substring_regex(texts, _BRACKETED, r"-\1")
    if decimal != "," and pc.all(pc.match_substring_regex(texts, _PLAIN)).as_py():
        unsigned, minus, exponent = _parts_of_plain(texts)
        matched, writing = np.ones(len(texts), bool), {}
    else:
        parts = _parts_of_written(texts, decimal)
        if parts is None:
            return None
        unsigned, minus, exponent, matched, writing = parts
    if not matched.any():
        return None
    kept = unsigned.filter(pa.array(matched))
    if _are_codes(kept):
        if not codes:
            return None
        lengths = pc.utf8_length(kept).unique().to_pylist()
        writing = {**writing, **({"width": lengths[0]} if len(lengths) == 1 else {})}
    power = pc.if_else(pc.equal(exponent, ""), "", pc.binary_join_element_wise("e", exponent, ""))
    plain = pc.binary_join_element_wise(pc.if_else(minus, "-", ""), unsigned, power, "").filter(pa.array(matched))
    values = np.full(len(texts), np.nan)
    values[matched] = np.asarray(pc.cast(plain, pa.float64()))
    values[~np.isfinite(values)] = np.nan
    plus = np.asarray(pc.match_substring_regex(texts, "^[^0-9eE]*[+]"))
    if plus.any() and plus[values > 0].all():
        if writing.get("thousands") == " ":
            return None  # numbers of telephones
        writing = {**writing, "plus": True}
    if pc.any(bracketed).as_py() and np.asarray(bracketed)[values < 0].all():
        writing = {**writing, "brackets": True}
    return _number_form(kept, exponent.filter(pa.array(matched)), values, writing)


def _parts_of_plain(texts: Any) -> tuple[Any, Any, Any]:
    """Numbers as every language writes them: their digits, whether they are negative, and the powers of ten."""
    import pyarrow.compute as pc

    minus = pc.starts_with(texts, "-")
    unsigned = pc.replace_substring_regex(texts, "^[-+]", "")
    if not pc.any(pc.match_substring_regex(texts, "[eE]")).as_py():
        return unsigned, minus, pc.if_else(minus, "", "")
    return pc.replace_substring_regex(unsigned, "[eE].*$", ""), minus, pc.replace_substring_regex(
        unsigned, "^[^eE]*[eE]?", "")


def _parts_of_written(texts: Any, decimal: str | None) -> tuple[Any, Any, Any, np.ndarray, dict[str, Any]] | None:
    """The same of numbers as people write them, which of the texts are such, and how they are written; None where
    their signs make no sense."""
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = pc.extract_regex(texts, _NUMBER)
    matched = np.asarray(pc.is_valid(parts))
    sign, before, inner, digits, exponent, after = (
        pc.fill_null(pc.struct_field(parts, name), "")
        for name in ("sign", "before", "inner", "digits", "exponent", "after")
    )
    unit, currency = _common(after, matched), _common(before, matched)
    for found, common in ((after, unit), (before, currency)):
        matched = matched & np.asarray(pc.or_(pc.equal(found, common), pc.equal(found, "")))
    signs = _signs(digits.filter(pa.array(matched)), decimal) if matched.any() else None
    if signs is None:
        return None
    point, thousands = signs
    unsigned = pc.replace_substring_regex(digits, "[’]", "'")
    unsigned = pc.replace_substring_regex(unsigned, r"[\x{00a0}\x{202f}]", " ")
    unsigned = _without_thousands(unsigned, thousands, point)
    unsigned = pc.replace_substring(unsigned, point, ".") if point != "." else unsigned
    matched &= np.asarray(pc.match_substring_regex(unsigned, _PLAIN))
    minus = pc.or_(pc.is_in(sign, pa.array(["-", "−"])), pc.is_in(inner, pa.array(["-", "−"])))
    writing = {"decimal": point if point != "." else "", "thousands": thousands, "before": currency, "after": unit}
    exponent = pc.replace_substring_regex(exponent, "^[eE]", "")
    return unsigned, minus, exponent, matched, {key: value for key, value in writing.items() if value}


def _without_thousands(texts: Any, sign: str, point: str) -> Any:
    """Numbers without the sign of thousands, where it parts groups of three digits (or of two, as in India): in 1234.5
    a point is none."""
    import pyarrow.compute as pc

    if not sign:
        return texts
    own, other = re.escape(sign), re.escape(point)
    grouped = rf"^[-+]?[0-9]{{1,3}}(?:{own}[0-9]{{2,3}})*{own}[0-9]{{3}}(?:{other}[0-9]*)?(?:[eE][-+]?[0-9]{{1,3}})?$"
    return pc.if_else(pc.match_substring_regex(texts, grouped), pc.replace_substring(texts, sign, ""), texts)


def _common(found: Any, matched: np.ndarray) -> str:
    """The commonest of what stands beside numbers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    counted = sorted(
        ((each["counts"], each["values"]) for each in pc.value_counts(found.filter(pa.array(matched))).to_pylist()),
        reverse=True,
    )
    return counted[0][1] if counted else ""


def _signs(digits: Any, decimal: str | None) -> tuple[str, str] | None:
    """The decimal sign and that of thousands in a column's digits; None where they make no sense."""
    import pyarrow.compute as pc

    digits = pc.replace_substring_regex(pc.replace_substring(digits, "’", "'"), r"[\x{00a0}\x{202f}]", " ")
    thousands = ""
    for sign in (" ", "'"):
        having = digits.filter(pc.match_substring(digits, sign))
        if len(having):
            if not pc.all(pc.match_substring_regex(having, _GROUPS[sign])).as_py():
                return None
            thousands = sign
    commas, dots = (digits.filter(pc.match_substring(digits, sign)) for sign in ",.")
    if thousands:
        return ("," if len(commas) and not len(dots) else "."), thousands
    if len(commas) and pc.any(pc.match_substring_regex(digits, r"\..*,[0-9]*$")).as_py():
        return ",", "."
    if len(commas) and pc.any(pc.match_substring_regex(digits, r",.*\.[0-9]*$")).as_py():
        return ".", ","
    if len(commas):
        if decimal != "," and pc.all(pc.match_substring_regex(commas, _GROUPS[","])).as_py():
            return ".", ","
        return ",", ("." if len(dots) else "")
    if len(dots) and pc.all(pc.match_substring_regex(dots, _GROUPS["."])).as_py():
        if decimal == "," or pc.any(pc.match_substring_regex(dots, r"\..*\.")).as_py():
            return ",", "."
    return ".", ""


def _are_codes(digits: Any) -> bool:
    import pyarrow.compute as pc

    if pc.any(pc.match_substring_regex(digits, "^0[0-9]")).as_py():
        return True
    return bool(pc.any(pc.match_substring_regex(digits, f"^[0-9]{{{_EXACT_DIGITS + 1},}}$")).as_py())


def _number_form(digits: Any, exponent: Any, values: np.ndarray, writing: dict[str, Any]) -> Found:
    """Decimals, and whether all numbers have the same."""
    import pyarrow as pa
    import pyarrow.compute as pc

    point = np.asarray(pc.find_substring(digits, "."))
    length = np.asarray(pc.utf8_length(digits))
    behind = np.where(point < 0, 0, length - point - 1)
    has_power = np.asarray(pc.not_equal(exponent, ""))
    if has_power.any():
        powers = pc.replace_substring_regex(pc.if_else(pc.equal(exponent, ""), "0", exponent), "^[+]", "")
        behind = np.maximum(behind - np.asarray(pc.cast(powers, pa.int64())), 0)
        writing = {**writing, **({"exponent": True} if has_power.all() else {})}
    most = int(min(behind.max(initial=0), _MOST_DECIMALS))
    if most > _NOISE:
        values, most = _without_noise(values, most)
    same = 0 < most <= _EXACT_DIGITS and behind.min(initial=most) == most
    known = values[np.isfinite(values)]
    if np.all(known == np.round(known)) and np.abs(known).max(initial=0) < 10**_EXACT_DIGITS:
        return Found(INTEGER, values, 0, {**writing, **({"zeros": most} if same else {})})
    return Found(NUMBER, values, most, {**writing, **({"fixed": True} if same else {})})


def _without_noise(values: np.ndarray, decimals: int) -> tuple[np.ndarray, int]:
    """Numbers of few decimals that carry the errors of their making, without them."""
    known = np.isfinite(values)
    for few in range(_NOISE):
        rounded = np.round(values[known], few)
        if np.allclose(rounded, values[known], rtol=1e-14, atol=1e-14):
            cleaned = values.copy()
            cleaned[known] = rounded
            return cleaned, few
    return values, decimals


def write_numbers(column: Column, values: np.ndarray) -> list[str]:
    """Different numbers, none of them missing, as a column has them."""
    writing = column.writing
    point, thousands = writing.get("decimal", "."), writing.get("thousands", "")
    before, after = writing.get("before", ""), writing.get("after", "")
    plus, texts = writing.get("plus", False), []
    for value in (np.asarray(values, np.float64) + 0.0).tolist():
        whole, dot, rest = _digits_of(value, column).partition(".")
        sign, whole = ("-", whole[1:]) if whole.startswith("-") else ("+" if plus and value > 0 else "", whole)
        if thousands and whole.isdecimal():
            whole = f"{int(whole):,}".replace(",", thousands)
        text = f"{before}{whole}{point if dot else ''}{rest}{after}"
        texts.append(f"({text})" if sign == "-" and writing.get("brackets") else sign + text)
    return texts


def _digits_of(value: float, column: Column) -> str:
    if column.kind == INTEGER:
        zeros = column.writing.get("zeros", 0)
        return f"{round(value):0{column.writing.get('width', 0)}d}" + (f".{'0' * zeros}" if zeros else "")
    if column.writing.get("exponent") or not 1e-15 < abs(value) < 1e16 and value != 0:
        return repr(value)
    if column.writing.get("fixed"):
        return f"{value:.{column.decimals}f}"
    text = np.format_float_positional(value, precision=column.decimals, trim="-")
    return "0" if text == "-0" else text


# Dates and times.


def find_dates(texts: Any, order: str | None = None, compact: bool = False) -> Found | None:
    """How dates, times or both are written; None where less than half of the texts are any.

    order: "dmy", "mdy" or "ymd", where it is known which comes first.
    compact: whether 20240320 may be a date.
    """
    import pyarrow as pa

    import pyarrow.compute as pc

    sample = texts.slice(0, _SAMPLE)
    likely = np.asarray(pc.match_substring_regex(sample, _MAY_BE_DATE))
    if 2 * likely.sum() <= len(sample):
        return None
    zone = _zone(sample.to_pylist())
    if not zone or not pc.all(pc.ends_with(texts, zone)).as_py():
        several = _of_several_zones(texts, order, compact)
        if several is not None:
            return several
    found = []
    for form in _formats(compact):
        whole = form + zone.replace("%", "%%") if zone else form
        count = int(np.isfinite(read_dates(sample, whole)).sum())
        if 2 * count > len(sample):
            found.append((count, whole))
    if not found:
        return None
    enough = max(found)[0] - max(1, len(sample) // 20)  # exceptions may be in the sample by accident
    fits = {form: read_dates(texts, form) for count, form in found if count >= enough}
    counts = {form: int(np.isfinite(values).sum()) for form, values in fits.items()}
    most = max(counts.values())
    best = [form for form, count in counts.items() if count == most]
    wanted = [form for form in best if order and _order_of(form) == order] or best
    form = wanted[0]
    others = [each for each in best if each != form and {_order_of(each), _order_of(form)} == {"dmy", "mdy"}]
    values = fits[form]
    same = not others or all(np.array_equal(fits[each], values, equal_nan=True) for each in others)
    other = None if order or same else others[0]
    matched = texts.filter(pa.array(np.isfinite(values)))
    return _date_form(form, matched.slice(0, _SAMPLE).to_pylist(), values, other)


def read_dates(texts: Any, form: str, pivot: int = _PIVOT) -> np.ndarray:
    """Days, seconds, or seconds of a day of texts in a format; NaN where a text is of another.

    pivot: two digits of a year below this are after 2000.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = pc.extract_regex(texts, _pattern(form))
    matched = np.asarray(pc.is_valid(parts))
    values = np.full(len(texts), np.nan)
    if not matched.any():
        return values
    kept = parts.filter(pa.array(matched))

    def part(name: str, default: int) -> np.ndarray:
        if f"%{name}" not in form:
            return np.full(len(kept), default, np.int64)
        return np.array(pc.cast(pc.struct_field(kept, name), pa.int64()))

    month, fits = part("m", 1), np.ones(len(kept), bool)
    for name in "bB":
        if f"%{name}" in form:
            encoded = pc.dictionary_encode(pc.utf8_lower(pc.struct_field(kept, name)))
            places = [_MONTH_PLACES.get(text, 0) for text in encoded.dictionary.to_pylist()]
            month = np.array(places)[np.asarray(encoded.indices)]
    year = part("Y", 1970) if "%y" not in form else part("y", 0)
    if "%y" in form:
        year += np.where(year < pivot, 2000, 1900)
    day, hour, minute, second = part("d", 1), part("H", 0), part("M", 0), part("S", 0)
    if "%I" in form:
        hour = part("I", 12)
        fits &= (hour >= 1) & (hour <= 12)
        hour = hour % 12 + 12 * np.asarray(pc.match_substring_regex(pc.struct_field(kept, "p"), "^[Pp]"))
    fits &= (month >= 1) & (month <= 12) & (day >= 1) & (hour < 24) & (minute < 60) & (second < 60) & (year > 0)
    months = (12 * (year - 1970) + month - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (day - 1)
    fits &= days.astype("datetime64[M]") == months
    seconds = (3600 * hour + 60 * minute + second).astype(np.float64)
    if "%f" in form:
        seconds += np.asarray(pc.cast(pc.binary_join_element_wise("0", pc.struct_field(kept, "f"), "."), pa.float64()))
    kind = kind_of_format(form)
    count = days.astype(np.int64)
    if form in _MONTHS_ALONE:
        fits &= (count > _LIKELY_YEARS[0]) & (count < _LIKELY_YEARS[1])
    result = count if kind == DATE else seconds if kind == TIME else _DAY * count + seconds
    values[matched] = np.where(fits, result, np.nan)
    return values


def find_durations(texts: Any) -> Found | None:
    """Durations, in seconds; None where most texts are none."""
    made = form_of(texts)
    if made is None:
        return None
    found = Found(*made)
    step = _step(found.values)
    return found if step is None else replace(found, writing={**found.writing, "step": step})


def until(found: Found, last: int) -> Found:
    """Dates of which none is after this year: where their years have two digits, later ones are of the century
    before."""
    limit = (np.datetime64(f"{last + 1}-01-01") - np.datetime64("1970-01-01")).astype(int)
    unit = 1 if found.kind == DATE else _DAY
    if "%y" not in found.writing["format"] or not np.any(found.values >= limit * unit):
        return found
    values = np.where(found.values >= limit * unit, found.values - _CENTURY * unit, found.values)
    return replace(found, values=values, writing={**found.writing, "pivot": (last + 1) % 100})


def write_dates(column: Column, values: np.ndarray) -> list[str]:
    """Different dates or times, none of them missing, as a column has them."""
    form, padded = column.writing["format"], column.writing.get("padded", True)
    digits = column.writing.get("fraction", 0)
    scale = 10**digits
    values = np.asarray(values, np.float64)
    if column.kind == DATE:
        days, ticks = np.round(values).astype(np.int64), np.zeros(len(values), np.int64)
    else:
        step = 1 if digits or "%S" in form else 60
        ticks = np.round(values * scale / step).astype(np.int64) * step
        days, ticks = (ticks // (_DAY * scale), ticks % (_DAY * scale)) if column.kind == DATETIME else (
            np.zeros(len(values), np.int64), np.clip(ticks, 0, _DAY * scale - step))
    moments = days.astype("datetime64[D]")
    months = moments.astype("datetime64[M]")
    years = months.astype("datetime64[Y]").astype(np.int64) + 1970
    month, day = months.astype(np.int64) % 12 + 1, (moments - months).astype(np.int64) + 1
    second, fraction = ticks // scale, ticks % scale
    parts = _PLACEHOLDER.sub(lambda found: _written_part(found[1], padded, digits), form.replace("{", "{{"))
    return [
        parts.format(Y=y, y=y % 100, m=m, d=d, H=s // 3600, I=(s // 3600 - 1) % 12 + 1, M=s // 60 % 60, S=s % 60, f=f,
                     b=_MONTHS[m - 1][:3], B=_MONTHS[m - 1], p="PM" if s >= _DAY // 2 else "AM")
        for y, m, d, s, f in zip(years.tolist(), month.tolist(), day.tolist(), second.tolist(), fraction.tolist())
    ]


_PLACEHOLDER = re.compile("%([A-Za-z%])")


def _written_part(name: str, padded: bool, digits: int) -> str:
    width = {"Y": 4, "y": 2, "M": 2, "S": 2, "f": digits}.get(name, 2 if padded else 1)
    return "%" if name == "%" else f"{{{name}}}" if name in "bBp" else f"{{{name}:0{width}d}}"


def kind_of_format(form: str) -> str:
    """Whether a format is of dates, of times, or of both."""
    days, times = ("%Y" in form or "%y" in form), ("%H" in form or "%I" in form)
    return DATETIME if days and times else DATE if days else TIME


def _formats(compact: bool) -> Iterator[str]:
    days = _DAYS if compact else _DAYS[:-1]
    yield from days
    yield from _MONTHS_ALONE
    yield from _TIMES
    for between in " T":
        yield from (f"{day}{between}{time}" for day in days for time in _TIMES)


def _pattern(form: str) -> str:
    places = _PLACEHOLDER.split(form)
    literal = (re.escape(text).replace("\\-", "-").replace("\\ ", " ") for text in places[::2])
    # Without a sign between them, as in 20240320, months and days have two digits.
    parts = [_PARTS.get(name, "%").replace("1,2", "2") if place and not text else _PARTS.get(name, "%")
             for place, (text, name) in enumerate(zip(places[::2], places[1::2]))]
    groups = ("%" if name == "%" else f"(?P<{name}>{part})" for name, part in zip(places[1::2], parts))
    return "^" + "".join(text + group for text, group in zip(literal, [*groups, ""])) + "$"


def _order_of(form: str) -> str:
    found = "".join(name for name in _PLACEHOLDER.findall(form) if name in "YymdbB").lower()
    return found.replace("b", "m")


def _of_several_zones(texts: Any, order: str | None, compact: bool) -> Found | None:
    """Moments of which each says by how much its clock is ahead, read as UTC, which has one order and one look. Days
    that all begin by their own clocks stay those days."""
    local, zones, offsets = _without_zones(texts)
    if len(zones) < 2 or 2 * np.isfinite(offsets).sum() <= len(texts):
        return None
    found = find_dates(local, order, compact)
    if found is None or kind_of_format(found.writing["format"]) == TIME:
        return None
    if found.kind == DATE:
        return replace(found, zones=zones)
    form = found.writing["format"]
    values = found.values - np.where(np.isfinite(offsets), offsets, 0)
    writing = {key: value for key, value in found.writing.items() if key != "step"}
    writing |= {"format": form + ("Z" if "T" in form else "+00:00")}
    if step := _step(values):
        writing["step"] = step
    return replace(found, values=values, writing=writing, zones=zones)


def _without_zones(texts: Any) -> tuple[Any, tuple[str, ...], np.ndarray]:
    """Texts without the offset from UTC that they end in, the different ones, "" for none, and each in seconds; NaN
    where there is none."""
    import pyarrow.compute as pc

    parts = pc.extract_regex(texts, _WITH_ZONE)
    zone = pc.utf8_trim_whitespace(pc.fill_null(pc.struct_field(parts, "zone"), "")).dictionary_encode()
    names = zone.dictionary.to_pylist()
    seconds = np.array([math.nan if (known := offset_of(name)) is None else known for name in names])
    offsets = seconds[np.asarray(zone.indices)] if names else np.zeros(0)
    local = pc.if_else(np.isfinite(offsets), pc.fill_null(pc.struct_field(parts, "local"), ""), texts)
    return local, tuple(sorted(names)), offsets


def offset_of(zone: str) -> int | None:
    """How many seconds a zone is ahead of UTC, where it says so; names such as CET are used for several."""
    found = re.fullmatch(r"([+-])([0-9]{2}):?([0-9]{2})?", zone.strip())
    if found is None:
        return 0 if zone.strip() in ("Z", "UTC", "GMT") else None
    return (-1 if found[1] == "-" else 1) * (3600 * int(found[2]) + 60 * int(found[3] or 0))


def zone_of(form: str) -> str:
    """The zone that a format of moments ends in."""
    found = re.search(rf"(?<=%[A-Za-z])({_ZONE_NAME})$", form.replace("%%", "%"))
    return found[1] if found else ""


def has_zones_by_name(texts: Any) -> bool:
    """Whether texts are moments of zones that only have a name, such as CET and CEST."""
    import pyarrow.compute as pc

    named = pc.match_substring_regex(texts, r"[0-9]:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)? [A-Z]{3,5}$")
    return 2 * pc.sum(named.cast("int64")).as_py() > len(texts)


def _zone(texts: list[str]) -> str:
    """What all texts end in that names a time zone."""
    zones = {found[1] if (found := _ZONE.search(text)) else "" for text in texts if ":" in text}
    return zones.pop() if len(zones) == 1 and all(":" in text for text in texts) else ""


def _date_form(form: str, sample: list[str], values: np.ndarray, other: str | None) -> Found:
    import pyarrow as pa

    kind = kind_of_format(form)
    if kind == DATETIME:
        known = values[np.isfinite(values)]
        if np.all(known % _DAY == 0) and "%p" not in form:  # midnight in every row: it is a date, with zeros behind
            kind, values = DATE, values / _DAY
            form = form.replace("%H", "00").replace("%M", "00").replace("%S", "00")
            if "%f" in form:
                form = form.replace("%f", "0" * max(_fraction(text) for text in sample))
    writing: dict[str, Any] = {"format": form}
    if "%f" in form:
        writing["fraction"] = min(6, max((_fraction(text) for text in sample), default=0))
    # Months and days as 3 or as 03: as most are, since a table that was put together has both.
    values_there = read_dates(pa.array(sample, pa.string()), form)
    alike = {padded: sum(map(operator.eq, sample, write_dates(Column("", kind, writing={**writing, "padded": padded}),
                                                              values_there))) for padded in (True, False)}  # fmt: skip
    if alike[False] > alike[True]:
        writing["padded"] = False
    if kind != DATE and (step := _step(values)):
        writing["step"] = step
    return Found(kind, values, writing.get("fraction", 0), writing, other)


def _step(values: np.ndarray) -> int | None:
    """How many seconds, more than one, all times are apart at the least: an hour, a minute or a plain part of them."""
    known = values[np.isfinite(values)]
    return next((step for step in _STEPS if len(known) and np.all(known % step == 0)), None)


def _fraction(text: str) -> int:
    found = re.search(r"\.([0-9]+)", text[text.rfind(":"):])
    return len(found[1]) if found else 0


# Whatever a column holds.


def read_values(column: Column, texts: Any, typed: bool = False) -> np.ndarray:
    """The values of different texts in a numeric column: in its own form, else as types are written elsewhere. NaN
    where a text is of neither.

    typed: whether they come from a file with types, in which numbers have no form of their own.
    """
    import pyarrow as pa

    if column.kind in (NUMBER, INTEGER):
        values = _read_numbers(column, texts, typed)
        if DURATION in column.writing:
            values = np.where(np.isnan(values), read_durations(column, texts), values)
        return values
    own = column.writing["format"]
    pivot = column.writing.get("pivot", _PIVOT)
    values = read_dates(texts, own, pivot)
    if np.isfinite(values).all():
        return values
    texts, _, offsets = _without_zones(texts)
    zone = zone_of(own) if column.kind == DATETIME else ""
    behind = np.isnan(values) & np.isfinite(offsets)  # whose clocks are others, where the column says what its own is
    ahead = offset_of(zone) if zone else None
    if zone:
        values = np.where(np.isnan(values), read_dates(texts, own[: len(own) - len(zone)], pivot), values)
    for form in _ISO:
        rest = ~np.isfinite(values)
        if not rest.any():
            break
        read = read_dates(texts.filter(pa.array(rest)), form)
        kind = kind_of_format(form)
        if {kind, column.kind} <= {DATE, DATETIME}:
            read = read / _DAY if (kind, column.kind) == (DATETIME, DATE) else read
            values[rest] = read * _DAY if (kind, column.kind) == (DATE, DATETIME) else read
        elif kind == column.kind:
            values[rest] = read
    if ahead is not None:
        values[behind] += ahead - offsets[behind]
    return values


def _read_numbers(column: Column, texts: Any, typed: bool) -> np.ndarray:
    import pyarrow as pa
    import pyarrow.compute as pc

    point, thousands = column.writing.get("decimal", "."), column.writing.get("thousands", "")
    own = pc.replace_substring_regex(texts, _BRACKETED, r"-\1") if column.writing.get("brackets") else texts
    own = pc.replace_substring_regex(own, r"[\x{00a0}\x{202f}]", " ") if thousands == " " else own
    for beside in (column.writing.get("before", ""), column.writing.get("after", "")):
        own = pc.replace_substring(own, beside, "") if beside else own
    own = pc.replace_substring(pc.utf8_trim_whitespace(own), "−", "-")
    own = _without_thousands(own, thousands, point)
    own = pc.replace_substring(own, point, ".") if point != "." else own
    values = np.full(len(texts), np.nan)
    for each in (texts, own) if typed else (own, texts):
        fits = np.asarray(pc.match_substring_regex(each, _PLAIN)) & ~np.isfinite(values)
        values[fits] = np.asarray(pc.cast(each.filter(pa.array(fits)), pa.float64()))
    return values


def write_values(column: Column, values: np.ndarray) -> np.ndarray:
    """A numeric column's values as text, missing ones as the column has them."""
    known = np.isfinite(values)
    distinct, places = np.unique(values[known], return_inverse=True)
    write = write_numbers if column.kind in (NUMBER, INTEGER) else write_dates
    written = (write_durations if DURATION in column.writing else write)(column, distinct)
    texts = np.full(len(values), column.missing or "", object)
    texts[known] = np.array(written, object)[places] if len(distinct) else []
    return texts
