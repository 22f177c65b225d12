"""The words and prompts that a run knows, and what becomes of a prompt that a person types.

A prompt is a bag of words. Each known word has an id from 1 up; 0 pads. Where the data has labels, a prompt must mean
one of them; where it has captions, any mix of known words will do.
"""

import functools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tfgen.errors import UserError, nearest

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|[^\w\s]", re.UNICODE)
_DIGIT_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SAME_WORD = {**dict(zip(_DIGIT_NAMES, "0123456789", strict=True)), **dict(zip("0123456789", _DIGIT_NAMES, strict=True))}
MOST_WORDS_OF_A_PROMPT = 24
_MOST_WORDS = 4096  # that a run learns; the rarest beyond are left out


def words_of(prompt: str) -> list[str]:
    """'Ankle boot, ankle' as ['ankle', 'boot']: lower case, each word once, punctuation left out."""
    words = [word for word in _WORD.findall(prompt.lower()) if word[0].isalnum()]
    return list(dict.fromkeys(words or _WORD.findall(prompt.lower())))[:MOST_WORDS_OF_A_PROMPT]


@dataclass(frozen=True)
class Vocabulary:
    """Words by id less one, and the known prompts with how many examples have each."""

    words: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    kind: str = "none"  # none, labels or captions

    @classmethod
    def of(cls, prompts: Sequence[str], prompt_index: np.ndarray, kind: str) -> "Vocabulary":
        """From the distinct prompts and each example's place among them (-1: none)."""
        counts = np.bincount(prompt_index[prompt_index >= 0], minlength=len(prompts))
        found: Counter[str] = Counter()
        for prompt, count in zip(prompts, counts, strict=True):
            found.update({word: int(count) for word in words_of(prompt)})
        commonest = tuple(word for word, _ in found.most_common(_MOST_WORDS))
        return cls(commonest, tuple(prompts), tuple(int(count) for count in counts), kind)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Vocabulary":
        return cls(**{key: tuple(part) if isinstance(part, list) else part for key, part in value.items()})

    @functools.cached_property
    def longest(self) -> int:
        """How many word ids the longest known prompt has; at least 1."""
        return max([len(words_of(prompt)) for prompt in self.prompts], default=1) or 1

    @functools.cached_property
    def _places(self) -> dict[str, int]:
        return {word: place for place, word in enumerate(self.words, 1)}

    def table(self) -> np.ndarray:
        """Word ids int32 [prompts, longest] of the known prompts."""
        return np.stack([self._ids(words_of(prompt)) for prompt in self.prompts])

    def ids(self, prompt: str) -> np.ndarray:
        """Word ids int32 [longest] of what a person typed; all 0 for the empty prompt.

        Raises:
            UserError: a word is not known, or the prompt could mean several labels; names the nearest.
        """
        words = words_of(prompt)
        if not words:
            return self._ids([])
        if not self.prompts:
            raise UserError(
                "This run was trained without prompts, so it can't follow one.",
                "Leave the prompt out, or fit on pictures in one sub-folder per label, or with a captions.csv.",
            )
        words = list(dict.fromkeys(word if word in self._places else self._known(word) for word in words))
        if self.kind == "labels":
            words = words_of(self._label(prompt, words))
        if len(words) > self.longest:
            raise UserError(
                f"The prompt has {len(words)} words, more than any that the model saw.", f"Use {self.longest} or fewer."
            )
        return self._ids(words)

    def _known(self, word: str) -> str:
        if SAME_WORD.get(word) in self._places:
            return SAME_WORD[word]
        close = nearest(word, self.words)
        if close:
            raise UserError(f"The model never saw the word '{word}'.", f"Did you mean {_any_of(close)}?")
        shown = list(self.prompts[:10]) if self.kind == "labels" else list(self.words[:10])
        raise UserError(f"The model never saw the word '{word}'.", f"It knows {len(self.words)} words: {_list(shown)}.")

    def _label(self, prompt: str, words: list[str]) -> str:
        """The one label that has all of the words."""
        exact = [label for label in self.prompts if set(words_of(label)) == set(words)]
        # Labels that differ in punctuation alone have the same words, so either means both.
        matches = exact[:1] or [label for label in self.prompts if set(words) <= set(words_of(label))]
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise UserError(f"'{prompt}' could mean several labels.", f"Choose {_any_of(matches[:5])}.")
        raise UserError(
            f"No label has all the words of '{prompt}'.", f"Choose one of: {_list(list(self.prompts[:10]))}."
        )

    def _ids(self, words: Sequence[str]) -> np.ndarray:
        # A known prompt may hold words too rare to have a place.
        ids = [self._places[word] for word in words if word in self._places][: self.longest]
        return np.pad(np.asarray(ids, np.int32), [0, self.longest - len(ids)])


def _any_of(names: Sequence[str]) -> str:
    return " or ".join(f"'{name}'" for name in names)


def _list(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names) + (", ..." if len(names) == 10 else "")
