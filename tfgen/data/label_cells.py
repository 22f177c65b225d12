"""Cells of tables of captions and labels, as words."""

import ast
import json
import re
from collections.abc import Sequence
from typing import Any

_NOTHING = ("NaN", "nan", "<NA>")  # how pandas writes an empty cell
_WHOLE = re.compile(r"(-?[0-9]+)\.0+")
_LONGEST_LIST = 10_000  # characters


class NotWords(Exception):
    """A cell holds an object, such as boxes, and no text."""


def text_of(value: Any) -> str:
    """A cell: several labels as one text; nothing as the empty one. Raises NotWords."""
    if isinstance(value, dict):
        raise NotWords
    if isinstance(value, (list, tuple)):
        return ", ".join(map(text_of, value))
    text = "" if value is None else str(value)
    if text.strip() in _NOTHING:
        return ""
    written = _written_list(text)
    return text if written is None else text_of(written)


def texts_of(values: Sequence[Any]) -> list[str]:
    """A column's cells. Whole numbers that became floats, as beside an empty cell, are whole. Raises NotWords."""
    texts = [text_of(value).strip() for value in values]
    if all(_WHOLE.fullmatch(text) for text in texts if text):
        return [text.split(".")[0] for text in texts]
    return texts


def _written_list(text: str) -> list[Any] | None:
    """A list that was written as JSON or Python into a cell; None for any other text, such as "[laughs]"."""
    text = text.strip()
    if not (text.startswith("[") and text.endswith("]")) or len(text) > _LONGEST_LIST:
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            return list(read(text))
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
    return None
