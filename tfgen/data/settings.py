"""One setting of the data: what it is called, how it is checked, and what it does, in words."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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


def check_holdout(share: Any) -> float:
    """The share of the data that is not learned, to judge by. Raises UserError."""
    try:
        share = float(share)
    except (TypeError, ValueError):
        raise UserError(f"'{share}' is not a number.", "Set holdout to a number.") from None
    if not 0 <= share <= 0.5:
        raise UserError(f"holdout must be between 0 and 0.5, not {share:g}.", "It is the share that is not learned.")
    return share
