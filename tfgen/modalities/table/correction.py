"""What a person says of a table: the settings, and a small TOML file that says more of its columns.

    constraints = ["start <= end", "fixed city country"]

    [columns]
    zip = "category"

    [missing]
    "*" = ["?", "-200"]
    income = ["0"]
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfgen.data.encodings import check_encoding
from tfgen.data.settings import DataSetting
from tfgen.errors import UserError, unknown
from tfgen.modalities.table.constraints import Constraint, never_repeated
from tfgen.modalities.table.grid import ReadingOptions
from tfgen.modalities.table.kinds import Corrections
from tfgen.representations.rows.columns import KINDS, Rows

_KEYS = ("names", "columns", "missing", "constraints", "group", "dates", "decimal")
_SIGNS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "space": " ", "spaces": " ", "pipe": "|"}
_ORDERS = ("dmy", "mdy", "ymd")
_HOW = "See docs/settings.md; tfgen data TABLE shows what was found."


@dataclass(frozen=True)
class TableSettings:
    """All that a person said: how to read, what columns are, and what holds.

    constraints: as they were written; None where what holds is to be found.
    group: the column that is the same in rows of one person.
    names: of all columns, of a file that has none.
    """

    options: ReadingOptions = ReadingOptions()
    corrections: Corrections = field(default_factory=Corrections)
    constraints: tuple[str, ...] | None = None
    group: str | None = None
    names: tuple[str, ...] = ()


def settings_of(settings: Mapping[str, Any]) -> TableSettings:
    """Settings, which need not be checked yet, with the file that they name. What is said in both, the settings say.

    Raises:
        UserError: one makes no sense, or the file can't be read.
    """
    known = {}
    for name, value in settings.items():
        if value is None:
            continue
        if name not in SETTINGS:
            raise unknown("setting", name, SETTINGS)
        known[name] = SETTINGS[name].check(value)
    columns = known.get("columns", {})
    more = {"names": columns} if isinstance(columns, list) else _read_toml(columns) if columns else {}
    names = tuple(more.get("names", ()))
    if names:
        known.setdefault("header", 0)
    group = known.get("group", more.get("group"))
    missing = more.get("missing", {})
    corrections = Corrections(
        {**more.get("columns", {}), **known.get("column", {})},
        tuple(dict.fromkeys([*known.get("missing", ()), *missing.get("*", ())])),
        {name: marks for name, marks in missing.items() if name != "*"},
        known.get("decimal", more.get("decimal")),
        known.get("dates", more.get("dates")),
        (group,) if group is not None else (),
    )
    options = ReadingOptions(
        **{name: known[name] for name in ("delimiter", "encoding", "header", "skip", "sheet", "rows") if name in known}
    )
    return TableSettings(options, corrections, more.get("constraints"), group, names)


def as_toml(
    rows: Rows, constraints: Sequence[Constraint], group: str | None = None, names: Sequence[str] = ()
) -> str:
    """What was found, as a file that can be corrected and given back: --set columns=FILE.toml

    What is proposed, but not taken for granted, stands in it as a comment.
    """
    lines = ["# What each column is. Correct it, and give it back: --set columns=THIS_FILE.toml"]
    lines += [f"# Kinds: {', '.join(KINDS)}.", ""]
    if group is not None:
        lines += [f"group = {_toml(group)}", ""]
    if names:
        lines += [f"names = [{', '.join(map(_toml, names))}]", ""]
    lines.append("constraints = [")
    lines += [f"    {_toml(constraint.text)}," for constraint in constraints]
    lines += [f"    # {_toml(each.text)}," for each in never_repeated(rows) if each not in constraints]
    lines += ["]", "", "[columns]"]
    lines += [f"{_toml(column.name)} = {_toml(column.kind)}" for column in rows.columns]
    missing = [column for column in rows.columns if column.missing]
    if missing:
        lines += ["", "[missing]", *(f"{_toml(column.name)} = [{_toml(column.missing)}]" for column in missing)]
    return "\n".join(lines) + "\n"


def _toml(text: str) -> str:
    signs = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return '"' + "".join(signs.get(sign, sign if sign >= " " and sign != "\x7f" else f"\\u{ord(sign):04x}")
                         for sign in text) + '"'  # fmt: skip


def _read_toml(source: str | Mapping[str, Any]) -> dict[str, Any]:
    """What a file says, or a dict of the same layout, checked."""
    if isinstance(source, Mapping):
        content, shown = dict(source), "columns"
    else:
        content, shown = _load(Path(source).expanduser()), f"'{source}'"
    for part in ("missing", "columns"):  # written below a table, as it easily happens, they belong to it
        inside = content.get(part)
        if isinstance(inside, dict) and isinstance(inside.get("constraints"), list) and "constraints" not in content:
            content = {**content, part: {key: value for key, value in inside.items() if key != "constraints"},
                       "constraints": inside["constraints"]}  # fmt: skip
    for key in content:
        if key not in _KEYS:
            raise unknown(f"key of {shown}", key, _KEYS)
    checked: dict[str, Any] = {}
    for key, check in (("names", _check_names), ("columns", _check_kinds),
                       ("missing", _check_marks), ("constraints", _check_constraints),
                       ("group", str), ("dates", _one_of("order of dates", _ORDERS)),
                       ("decimal", _one_of("decimal sign", (",", ".")))):  # fmt: skip
        if key in content:
            checked[key] = check(content[key])
    return checked


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(f"'{path}' can't be read: {error.strerror}.", "Name a TOML file of columns.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(
            f"'{path}' is no TOML: {error}.", 'Write lines such as: zip = "category", below [columns].'
        ) from error


def _check_kinds(kinds: Any) -> dict[str, str]:
    if not isinstance(kinds, Mapping):
        raise UserError("column is a setting of each column.", "Write it as --set column.NAME=KIND.")
    for name, kind in kinds.items():
        if kind not in KINDS:
            raise unknown(f"kind of column for '{name}'", str(kind), KINDS)
    return {str(name): kind for name, kind in kinds.items()}


def _check_marks(marks: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(marks, Mapping):
        return {"*": _check_missing(marks)}
    return {str(name): _check_missing(value) for name, value in marks.items()}


def _check_missing(marks: Any) -> tuple[str, ...]:
    if isinstance(marks, str):
        marks = marks.split(",")
    elif isinstance(marks, (int, float)):
        marks = [marks]
    return tuple(str(mark).strip() for mark in marks)


def _check_constraints(texts: Any) -> tuple[str, ...]:
    if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) for text in texts):
        raise UserError("constraints is not a list of texts.", 'Write it as: constraints = ["start < end"]')
    return tuple(texts)


def _check_delimiter(sign: Any) -> str:
    sign = _SIGNS.get(str(sign).lower(), str(sign))
    if len(sign) != 1 or sign in '"\r\n':
        raise UserError(f"delimiter must be one sign, not '{sign}'.", "Set it to comma, semicolon, tab, or a sign.")
    return sign


def _check_header(line: Any) -> int:
    if str(line).lower() in ("none", "no", "0"):
        return 0
    return _whole("header", line, 1, "the line with the names, or none")


def _check_columns(source: Any) -> Any:
    """A file's path, the content of one, or names between commas."""
    if isinstance(source, Mapping):
        return source
    if isinstance(source, (list, tuple)):
        return _check_names(source)
    if "," in str(source) and not Path(str(source)).expanduser().is_file():
        return _check_names(str(source).split(","))
    return str(Path(str(source)).expanduser().absolute())


def _check_names(names: Any) -> list[str]:
    names = [str(name).strip() for name in names] if isinstance(names, (list, tuple)) else []
    if not all(names) or len(set(names)) < max(1, len(names)):
        raise UserError(
            "The names of the columns are no list of names that are all different.",
            "Name each column once, in their order: --set columns=a,b,c",
        )
    return names


def _whole(name: str, value: Any, low: int, wanted: str) -> int:
    try:
        if isinstance(value, bool) or int(value) != float(value) or int(value) < low:
            raise ValueError
        return int(value)
    except (TypeError, ValueError):
        raise UserError(f"{name} is '{value}', not {wanted}.", f"Set it to a whole number from {low} on.") from None


def _one_of(what: str, choices: Sequence[str]) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in choices:
            raise unknown(what, str(value), choices)
        return value

    return check


SETTINGS: dict[str, DataSetting] = {
    "delimiter": DataSetting(_check_delimiter, "the sign between cells: comma, semicolon, tab, or any other"),
    "encoding": DataSetting(check_encoding, "how letters are stored, such as utf-8, cp1252 or mac-roman"),
    "header": DataSetting(_check_header, "the line that has the names of the columns, or none"),
    "skip": DataSetting(
        lambda value: _whole("skip", value, 0, "how many lines stand above the table"),
        "how many lines at the top are no part of the table",
    ),
    "sheet": DataSetting(str, "the sheet of an Excel file", "the first that is a table and not about other ones"),
    "missing": DataSetting(
        _check_missing, "what stands for a missing cell, separated by commas, beside ?, NA and their like", "none"
    ),
    "columns": DataSetting(
        _check_columns,
        "a TOML file that says what columns are, what is missing, and what holds; or a,b,c, the names of all columns "
        "of a file without a header",
    ),
    "column": DataSetting(_check_kinds, f"what the column NAME is: {', '.join(KINDS)}", is_family=True),
    "group": DataSetting(str, "the column that is the same in rows of one person; it isn't learned", "none"),
    "decimal": DataSetting(_one_of("decimal sign", (",", ".")), "the decimal sign, a comma or a point"),
    "dates": DataSetting(_one_of("order of dates", _ORDERS), "dmy, mdy or ymd: what comes first in dates"),
    "rows": DataSetting(
        lambda value: _whole("rows", value, 1, "how many rows are read"), "the most rows that are read", "all"
    ),
}
