"""The sequences that a run is judged by: those it learned, and those it never saw."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tfgen.errors import UserError
from tfgen.evaluate.training_data import learned_already, open_held_out, open_training
from tfgen.representations.sequences.codec import SequenceCodec
from tfgen.representations.sequences.examples import given_bit
from tfgen.run import Run

MOST_JUDGED = 2**18  # units (characters of text) of what is unseen that are predicted, and about as many of training
MOST_SEARCHED = 2 * 10**7  # characters of the training text among which copies are looked for
_MOST_SAID = 2**24  # tokens of prompts and answers from which copies of answers are taken
NO_TEXT = "\uffff"  # stands where a document ends: no text has it
_PLACES = 8  # of the training text, from which the part that is predicted is taken
_PROBES, _PROBE = 40, 80  # pieces of held-out text, and their characters, that are looked for in the training text


@dataclass(frozen=True)
class Tokens:
    """A stretch of text: ids int32 [n], which of them are learned, and how many units each stands for, [n]."""

    ids: np.ndarray
    learned: np.ndarray
    units: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, part: slice) -> "Tokens":
        return Tokens(self.ids[part], self.learned[part], self.units[part])


class ReferenceData:
    """What a run learned, and what is held out where there is any."""

    def __init__(self, run: Run, holdout: str | None):
        """Opens both.

        Raises:
            UserError: the training data isn't where it was or has changed, or the held-out data can't be read.
        """
        self.training = open_training(run)
        self.apart = "privacy" in run.record  # whether each document was learned by itself
        self._own = holdout is None
        self.codec: SequenceCodec = self.training.codec
        self.end = self.codec.specification.end
        self._table = self.codec.token_bytes()
        self._units = self.codec.units()
        learned = self.training.training_tokens
        self.values = self.training.values[:learned]
        held_out = self.training.values[learned:] if holdout is None else self._other(run, holdout)
        self.unseen = self._first(held_out)
        self.unseen_all = len(held_out)
        self.searched = self._text_of(self.values, MOST_SEARCHED)
        if holdout is not None and self._mostly_learned():
            raise learned_already(holdout)

    @property
    def all_searched(self) -> bool:
        """Whether copies are looked for in all of the training text."""
        return len(self.searched) < MOST_SEARCHED

    @property
    def opened_by(self) -> str:
        """What samples go on from, in words."""
        if self.training.kind == "text":
            return "nothing"
        return "prompts that are held out" if self.training.holds_out else "prompts"

    @property
    def exchanges(self) -> int:
        """How many unseen documents answer a prompt; 0 where they are others than the run's own."""
        return self.training.documents[1] if self._own and self.training.kind != "text" else 0

    def tokens_of(self, values: np.ndarray) -> Tokens:
        """Tokens as they are stored, with their highest bit apart."""
        ids = self.training.ids(values)
        return Tokens(ids, self.training.learned(values), self._units[ids])

    @cached_property
    def said(self) -> np.ndarray:
        """Training text that is learned, as it is stored: of completions and chats, the first answers alone."""
        if self.training.kind == "text":
            return self.values
        values = self.values[:_MOST_SAID]
        return values[self.training.learned(values)]

    def training_tokens(self, most: int) -> Tokens:
        """The first tokens that are learned."""
        return self.tokens_of(self.values[:most])

    def stretches(self, count: int) -> list[Tokens]:
        """About `count` training tokens from all over the text, each stretch of whole documents where there are any."""
        size = max(2, min(count, len(self.values)) // _PLACES)
        starts = np.linspace(0, max(0, len(self.values) - size), _PLACES).astype(int)
        found = [self.tokens_of(self.values[start : start + size]) for start in dict.fromkeys(starts.tolist())]
        return [self._whole(stretch) for stretch in found]

    def text(self, ids: np.ndarray) -> str:
        """What ids say; ends say nothing."""
        return self.codec.decode(ids)

    def fingerprints(self) -> tuple[str, str | None]:
        """Of the training text and of the unseen one, whatever the tokens."""
        unseen = self.text(self.unseen.ids)[:MOST_JUDGED]
        return _digest(self.searched), _digest(unseen) if unseen else None

    def _first(self, values: np.ndarray) -> Tokens:
        """The first tokens with at most MOST_JUDGED units."""
        tokens = self.tokens_of(values[: 4 * MOST_JUDGED])
        count = int(np.searchsorted(np.cumsum(tokens.units), MOST_JUDGED, side="right"))
        return tokens[: count + 1]

    def _mostly_learned(self) -> bool:
        """Whether most of the held-out text is in the training text, under whatever name; what repeats itself, such as
        levels, is there in part in any case, as the run's own held-out part is."""
        own = self.training.values[self.training.training_tokens :]
        usual = self._share_learned(self._first(own).ids) if len(own) else 0.0
        return self._share_learned(self.unseen.ids) > 0.5 + 0.4 * usual

    def _share_learned(self, ids: np.ndarray) -> float:
        text = self.text(ids)
        starts = np.linspace(0, max(0, len(text) - _PROBE), _PROBES).astype(int)
        return float(np.mean([text[start : start + _PROBE] in self.searched for start in starts]))

    def _whole(self, stretch: Tokens) -> Tokens:
        """Without the documents that are cut at either end, unless there is hardly anything else."""
        ends = np.flatnonzero(stretch.ids == self.end)
        if len(ends) < 2 or ends[-1] - ends[0] < len(stretch) // 2:
            return stretch
        return stretch[ends[0] + 1 : ends[-1] + 1]

    def _text_of(self, values: np.ndarray, most: int) -> str:
        """The text of many tokens, with NO_TEXT where a document ends; the first `most` characters."""
        table = list(self._table)
        table[self.end] = NO_TEXT.encode()
        parts, length = [], 0
        for start in range(0, len(values), 2**18):
            ids = self.tokens_of(values[start : start + 2**18]).ids
            parts.append(b"".join([table[each] for each in ids.tolist()]))
            # Bytes at which a character begins: units may be other things.
            length += int(np.count_nonzero(np.frombuffer(parts[-1], np.uint8) & 0xC0 != 0x80))
            if length > most:
                break
        return b"".join(parts).decode("utf-8", "replace")[:most]

    def _other(self, run: Run, source: str) -> np.ndarray:
        """The values of other data by the run's codec. Raises UserError where it is the training data."""
        examples = open_held_out(run, self.training, source)
        if examples.kind != self.training.kind and "chats" in (examples.kind, self.training.kind):
            raise UserError(
                f"'{source}' has {examples.kind}, and the run learned {self.training.kind}.",
                "Held-out data must be of the same kind as the training data.",
            )
        values, dtype = np.array(examples.values[: 4 * MOST_JUDGED]), self.training.values.dtype
        # A vocabulary that is read from a file may get an end of its own, behind that of the run.
        ids, end = examples.ids(values), examples.codec.specification.end
        self._check_tokens(ids[ids != end], examples.codec.token_bytes(), source)
        ids = np.where(ids == end, self.end, ids)
        return np.where(examples.learned(values), ids, ids | given_bit(dtype)).astype(dtype)

    def _check_tokens(self, ids: np.ndarray, table: list[bytes], source: str) -> None:
        """Raises UserError where an id says another thing than in the run: its losses would mean nothing."""
        if any(self._table[number : number + 1] != [table[number]] for number in np.unique(ids).tolist()):
            raise UserError(
                f"'{source}' comes in other tokens than those that the run learned.",
                "Held-out data must be such as can be written in the run's tokens.",
            )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
