"""One setting of the data: what it is called, how it is checked, and what it does, in words."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tfgen.config import parse_value
from tfgen.errors import UserError


@dataclass(frozen=True)
class DataSetting:
    """A setting for --set KEY=VALUE and for keyword arguments.

    A family has a value for each of many names, which are the data's own: --set KEY.NAME=VALUE, or in Python a dict.

    check: what was typed, or passed, to what is used; of a family the whole dict. Raises UserError for a value that
        makes no sense.
    help: what it does and between which values, in a sentence.
    """

    check: Callable[[Any], Any]
    help: str
    default: str = "found from the data"
    is_family: bool = False


def between(key: str, low: float, high: float, what: str, kind: type = float) -> Callable[[Any], Any]:
    """The check of a setting that is a number from `low` to `high`, float or int; `what` it is, in a sentence."""

    def check(value: Any) -> Any:
        number = parse_value(key, value, kind)
        if not low <= number <= high:
            raise UserError(f"{key} must be between {low:g} and {high:g}, not {number:g}.", what)
        return number

    return check


check_holdout = between("holdout", 0, 0.5, "It is the share that is not learned.")
