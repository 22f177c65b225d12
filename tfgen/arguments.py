"""What a caller in Python passes, as plain values of the right type: numpy's numbers, one name for a list of one."""

import operator
from collections.abc import Iterable
from typing import Any

from tfgen.errors import UserError


def whole(name: str, value: Any) -> int | None:
    """A whole number, or None. Raises UserError for anything else."""
    if value is None:
        return None
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise UserError(f"{name} must be a whole number, not {value!r}.", "Give one such as 16.") from None


def number(name: str, value: Any) -> float | None:
    """A number, or None. Raises UserError for anything else."""
    if value is None:
        return None
    try:
        if isinstance(value, (bool, str, bytes)):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise UserError(f"{name} must be a number, not {value!r}.", "Give one such as 5.") from None


def text(name: str, value: Any) -> str:
    """A string. Raises UserError for anything else."""
    if not isinstance(value, str):
        raise UserError(f"{name} must be a text, not {type(value).__name__}.", "Give one string.")
    return str(value)


def names(value: str | Iterable[str] | None) -> tuple[str, ...]:
    """Several strings; one alone is a list of one."""
    return (value,) if isinstance(value, str) else tuple(value or ())


def plain(value: Any) -> Any:
    """What JSON can hold: numpy's numbers as Python's, whatever else as it is."""
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value
