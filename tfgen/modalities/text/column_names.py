"""The names under which rows and tables have texts."""

import difflib
import itertools
from collections.abc import Mapping, Sequence

CHATS = ("messages", "conversations", "conversation", "dialog", "dialogue")
COMPLETIONS = (
    ("prompt", "completion"), ("prompt", "response"), ("instruction", "output"), ("instruction", "response"),
    ("question", "answer"), ("input", "output"),
)
TEXTS = (
    "text", "content", "body", "tweet", "sentence", "review", "comment", "document", "article", "story", "lyrics",
    "paragraphs", "lines",
)
_LEAST_LENGTH = 20  # characters of a text on average, where no name says that a column has texts
_NEARLY = 0.8  # of the letters, that a misspelled name has in common with the one that was meant


def meant(name: str) -> str | None:
    """The usual name that a misspelled one is nearly; None where there is none, or it is one itself."""
    known = list(dict.fromkeys([*CHATS, *itertools.chain(*COMPLETIONS), *TEXTS]))
    return next(iter(difflib.get_close_matches(name.lower(), known, 1, _NEARLY)), None) if name not in known else None


def has_chats_or_pairs(columns: Sequence[str]) -> bool:
    """Whether there are chats, or prompts with completions."""
    return any(keys <= set(columns) for keys in [*({key} for key in CHATS), *map(set, COMPLETIONS)])


def text_column(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> str | None:
    """The column of a table that has the texts: by a usual name, else the one with the longest values.

    None where the table has chats, or prompts with completions, or nothing that looks like a text.
    """
    if has_chats_or_pairs(columns):
        return None
    usual = next((column for column in TEXTS if column in columns), None)
    if usual or not rows:
        return usual
    lengths = {column: sum(map(len, (row[column] for row in rows))) / len(rows) for column in columns}
    best = max(columns, key=lengths.__getitem__)
    return best if lengths[best] >= _LEAST_LENGTH or len(columns) == 1 else None
