"""What a source of text hands on: one array of tokens, the tokenizer, and an honest report."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tfgen.data.examples import Report
from tfgen.data.text.template import ChatTemplate

if TYPE_CHECKING:
    from tfgen.data.text.tokenizer import Tokenizer

_BLOCK = 2**20  # tokens looked at once
PARTS = ("training", "held-out")


def given_bit(dtype: np.dtype | type) -> int:
    """The highest bit of a type of tokens: it marks what is given, not learned."""
    return 1 << (8 * np.dtype(dtype).itemsize - 1)


@dataclass(frozen=True, eq=False)
class TextExamples:
    """All text of one source, as tokens. `values` is read-only and may be larger than the memory.

    Documents stand end to end, each closed by `tokenizer.end`; those to learn first, those that are held out behind.
    The highest bit of a token (`given_bit`) says that it is given: a prompt, or a user's words.
    """

    modality: str
    source: str
    name: str
    values: np.ndarray  # uint16 or uint32 [tokens]
    training_tokens: int
    training_characters: int  # of learned text; an end that is learned counts as one, since it is predicted as one
    holdout_characters: int
    documents: tuple[int, int]  # to learn, held out
    tokenizer: "Tokenizer"
    template: ChatTemplate | None
    kind: str  # "text", "completions" or "chats"
    report: Report
    fingerprint: str

    def __len__(self) -> int:
        return self.training_tokens

    def part(self, name: str) -> np.ndarray:
        """The tokens of the part "training" or "held-out", as they are stored."""
        if name not in PARTS:
            raise ValueError(f"no part is called {name!r}; there are {PARTS}")
        return self.values[: self.training_tokens] if name == PARTS[0] else self.values[self.training_tokens:]

    def documents_of(self, part: str = "training") -> Iterator[np.ndarray]:
        """Each document of a part as it is stored, with the bits that say what is given, and without its end."""
        values, start = self.part(part), 0
        for stop in self._ends_of(values):
            yield values[start:stop]
            start = stop + 1

    @property
    def holds_out(self) -> bool:
        """Whether a part is not learned."""
        return len(self.values) > self.training_tokens

    def openings(self, count: int) -> list[np.ndarray]:
        """What a model is given to go on from, ids int32 [n]: prompts of documents that are held out, if any are.

        Each document's tokens up to the first that is learned; none of plain text.
        """
        return [opening for opening, _ in self.exchanges(count)]

    def exchanges(self, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """As `openings`, each with what the document answers to it, ids int32 [n]."""
        found = []
        for stored in self.documents_of(PARTS[self.holds_out]) if self.kind != "text" else ():
            learned = np.append(self.learned(stored), False)
            if learned[0]:  # a document that was cut within an answer, where there are few
                continue
            first = int(np.argmax(learned)) if learned.any() else len(stored)
            last = first + int(np.argmin(learned[first:]))
            found.append((self.ids(stored[:first]), self.ids(stored[first:last])))
            if len(found) == count:
                break
        found = found or [(np.zeros(0, np.int32),) * 2]
        return [found[place % len(found)] for place in range(count)]

    def ids(self, stored: np.ndarray) -> np.ndarray:
        """Stored tokens as plain ids int32."""
        return (np.asarray(stored) & np.array(given_bit(stored.dtype) - 1, stored.dtype)).astype(np.int32)

    def learned(self, stored: np.ndarray) -> np.ndarray:
        """Which of some stored tokens are learned, bool."""
        return np.asarray(stored) < given_bit(stored.dtype)

    def _ends_of(self, values: np.ndarray) -> Iterator[int]:
        for start in range(0, len(values), _BLOCK):
            yield from (start + np.flatnonzero(self.ids(values[start:start + _BLOCK]) == self.tokenizer.end)).tolist()


def side_by_side(rows: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Token ids of several lengths as int32 [rows, most], filled up on the right, and the lengths int32 [rows]."""
    lengths = np.array([len(row) for row in rows], np.int32)
    ids = np.zeros([len(rows), max(1, lengths.max())], np.int32)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
    return ids, lengths
