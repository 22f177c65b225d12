"""The words and prompts that a run knows, and what becomes of a prompt that a person types.

Where the data has labels, each label is one thing with one id, whatever it is spelled with: "C" and "C++" are two, and
so are "1.5" and "5.1". What a person types must mean one of them. Where the data has captions, a prompt is the ids of
its words in their order, and any mix of known words will do. Ids count from 1; 0 pads.
"""

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from tfgen.errors import UserError, nearest

_DIGIT_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SAME_WORD = {**dict(zip(_DIGIT_NAMES, "0123456789", strict=True)), **dict(zip("0123456789", _DIGIT_NAMES, strict=True))}
MOST_WORDS_OF_A_PROMPT = 24  # of a caption; those behind are left out
_MOST_STORED = {"words": 2**20, "prompts": 2**21}  # in a run that is read; labels are words too
_MOST_WORDS = 4096  # that a run learns; the rarest beyond are left out
_SHOWN = 10  # labels or words that a message lists

# Letters of writing that puts no spaces between words, each a word by itself: Thai, Lao, Burmese, kana, Han.
LETTERS = "[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
_LETTER = re.compile(LETTERS)
_PLAIN_WORD = r"[^\W_]+(?:['’-][^\W_]+)*"
_SIGN = r"[^\w\s]"
_WORD = re.compile(f"{_PLAIN_WORD}|{_SIGN}")
# In a label the sign and the point of a number belong to it: what is typed as 5.1 never means 1.5, nor 1 the label -1.
_WORD_OF_LABEL = re.compile(rf"[+-]?[0-9]+(?:[.,][0-9]+)+|[+-][0-9]+|{_PLAIN_WORD}|{_SIGN}")


def words_of(prompt: str, segmented: bool = True, repeats: bool = False) -> list[str]:
    """'Ankle boot, ankle' as ['ankle', 'boot']: lower case, signs left out beside words.

    segmented: whether letters of writing without spaces are words by themselves, '红狐' as ['红', '狐'].
    repeats: whether a word may come twice, as in 'red circle above red square'.
    """
    return _words(_WORD, prompt, segmented, repeats)[:MOST_WORDS_OF_A_PROMPT]


def words_of_label(text: str, segmented: bool = True) -> list[str]:
    """As `words_of`, with numbers whole, '-1.5 to 3' as ['-1.5', 'to', '3'], and all of the words."""
    return _words(_WORD_OF_LABEL, text, segmented)


def folded(text: str) -> str:
    """With one space between words, and none around them."""
    return " ".join(text.split())


def _words(pattern: re.Pattern, text: str, segmented: bool, repeats: bool = False) -> list[str]:
    lower = text.lower()
    found = pattern.findall(_LETTER.sub(r" \g<0> ", lower) if segmented else lower)
    words = [word for word in found if word[-1].isalnum()] or found
    return words if repeats else list(dict.fromkeys(words))


@dataclass(frozen=True)
class Vocabulary:
    """Words by id less one, and the known prompts with how many examples have each.

    whole: whether the words are whole labels. In runs of version 0.1 labels were bags of words, as captions are; they
    keep their ids.
    segmented: whether letters of writing without spaces are words by themselves; not in runs of before.
    repeats: whether a word may come twice in a caption; not in runs of before.
    """

    words: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    kind: str = "none"  # none, labels or captions
    whole: bool = False
    segmented: bool = False
    repeats: bool = False

    @classmethod
    def of(cls, prompts: Sequence[str], prompt_index: np.ndarray, kind: str) -> "Vocabulary":
        """From the distinct prompts and each example's place among them (-1: none)."""
        counted = np.bincount(prompt_index[prompt_index >= 0], minlength=len(prompts))
        counts = tuple(int(count) for count in counted)
        if kind == "labels":
            used = (prompt for prompt, count in zip(prompts, counts, strict=True) if prompt and count)
            return cls(tuple(dict.fromkeys(used)), tuple(prompts), counts, kind, whole=True, segmented=True)
        found: Counter[str] = Counter()
        for prompt, count in zip(prompts, counts, strict=True):
            found.update({word: count for word in words_of(prompt)})
        commonest = tuple(word for word, _ in found.most_common(_MOST_WORDS))
        return cls(commonest, tuple(prompts), counts, kind, segmented=True, repeats=kind == "captions")

    def behind(self, words: Sequence[str]) -> "Vocabulary":
        """The same with the words that a model knows already in front, each with its id of before."""
        return replace(self, words=tuple(dict.fromkeys([*words, *self.words]))) if words else self

    def to_json(self) -> dict[str, Any]:
        """Plain lists and strings; `from_json` takes them back."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Vocabulary":
        """What `to_json` gave; of version 0.1 too, where labels are bags of words. Raises ValueError for too many."""
        if any(len(value[name]) > most for name, most in _MOST_STORED.items()):
            raise ValueError("no run knows so many words")
        return cls(**{key: tuple(part) if isinstance(part, list) else part for key, part in value.items()})

    # As numbers.

    @functools.cached_property
    def longest(self) -> int:
        """How many ids the longest known prompt has; at least 1."""
        return max([len(self._units(prompt)) for prompt in self.prompts], default=1) or 1

    def table(self) -> np.ndarray:
        """Ids int32 [prompts, longest] of the known prompts."""
        return np.stack([self._ids(self._units(prompt)) for prompt in self.prompts])

    def ids(self, prompt: str) -> np.ndarray:
        """Ids int32 [longest] of what a person typed; all 0 for the empty prompt.

        Raises:
            UserError: a word is not known, or the prompt could mean several labels; names the nearest.
        """
        own = self._own(prompt)
        if own is not None:
            return self._ids(self._units(own))  # some words of a caption may be too rare to have an id
        words = self._split(prompt)
        if not words:
            return self._ids([])
        if not self.prompts:
            raise UserError(
                "This run was trained without prompts, so it can't follow one.",
                "Leave the prompt out, or fit on examples in one sub-folder per label, or with a captions.csv.",
            )
        words = list(map(self._known_word, words))
        words = words if self.repeats else list(dict.fromkeys(words))
        return self._ids(self._units(self._label(prompt, words)) if self.kind == "labels" else self._fitting(words))

    def prompt_of(self, ids: np.ndarray) -> str:
        """The known prompt that has these ids; '' for none."""
        found = np.flatnonzero((self.table() == ids).all(axis=1)) if self.prompts else []
        return self.prompts[found[0]] if len(found) else ""

    def _ids(self, units: Sequence[str]) -> np.ndarray:
        ids = [self._places[unit] for unit in units if unit in self._places]
        return np.pad(np.asarray(ids, np.int32), [0, self.longest - len(ids)])

    def _units(self, prompt: str) -> list[str]:
        """What has an id in a known prompt: the label, or the words."""
        return [prompt] if self.whole else words_of(prompt, self.segmented, self.repeats)

    def _split(self, text: str) -> list[str]:
        """The words of what was typed, or of a label."""
        if self.whole:
            return words_of_label(text, self.segmented)
        return words_of(text, self.segmented, self.repeats)

    def _fitting(self, words: list[str]) -> list[str]:
        if len(words) > self.longest:
            raise UserError(
                f"The prompt has {len(words)} words, more than any that the model saw.", f"Use {self.longest} or fewer."
            )
        return words

    @functools.cached_property
    def _places(self) -> dict[str, int]:
        return {word: place for place, word in enumerate(self.words, 1)}

    @functools.cached_property
    def _captions(self) -> frozenset[str]:
        return frozenset(filter(str.strip, self.prompts)) if self.kind == "captions" else frozenset()

    # What may be typed.

    @functools.cached_property
    def known_labels(self) -> dict[str, int]:
        """The labels that some example has, and the place of each among the prompts."""
        places = zip(self.prompts, self.counts, range(len(self.prompts)), strict=True)
        return {label: place for label, count, place in places if label and (count or not self.whole)}

    @functools.cached_property
    def as_written(self) -> dict[str, str]:
        """Labels by themselves, also with the spaces in them folded."""
        return {**{folded(label): label for label in self.known_labels}, **{each: each for each in self.known_labels}}

    @functools.cached_property
    def in_lower_case(self) -> dict[str, str]:
        """Labels by themselves in lower case, but for those that differ in case alone; and 'seven' for '7', unless both
        are labels."""
        lower = Counter(folded(label).lower() for label in self.known_labels)
        alone = {folded(label).lower(): label for label in self.known_labels}
        alone = {text: label for text, label in alone.items() if lower[text] == 1}
        same = {SAME_WORD[text]: label for text, label in alone.items() if text in SAME_WORD}
        taken = {*lower, *self.unseen_labels}
        return {**{text: label for text, label in same.items() if text not in taken}, **alone}

    @property
    def typed_labels(self) -> dict[str, str]:
        """Labels in lower case, and as they are where they differ in case alone."""
        others = {text: label for text, label in self.as_written.items() if text.lower() not in self.in_lower_case}
        return {**others, **self.in_lower_case}

    @functools.cached_property
    def unseen_labels(self) -> dict[str, str]:
        """Labels of a set that no example has, by themselves in lower case."""
        labels = {folded(label).lower(): label for label in self.prompts if label and label not in self.known_labels}
        taken = {folded(label).lower() for label in self.known_labels}
        return {text: label for text, label in labels.items() if text not in taken}

    @functools.cached_property
    def typed_words(self) -> tuple[str, ...]:
        """The words that a person may type."""
        if not self.whole:
            return self.words
        return tuple(dict.fromkeys(word for label in self.known_labels for word in self._split(label)))

    @functools.cached_property
    def _typed_words(self) -> frozenset[str]:
        return frozenset(self.typed_words)

    @functools.cached_property
    def rare_words(self) -> frozenset[str]:
        """Words of captions that have no id, since there are too many."""
        if self.kind != "captions":
            return frozenset()
        return frozenset(word for prompt in self.prompts for word in self._split(prompt)) - set(self.words)

    def notes(self) -> list[str]:
        """What a user should know of the prompts of data: what of them a model can't be asked for."""
        notes = []
        if self.unseen_labels:
            without = list(self.unseen_labels.values())
            notes.append(
                f"No example has the label{'s' if len(without) > 1 else ''} {_shown(without)}, so a model won't know "
                f"{'them' if len(without) > 1 else 'it'}."
            )
        alike = self._nearly_same() if self.kind == "labels" else []
        if alike:
            shown = "; ".join(" and ".join(f"'{label}'" for label in each) for each in alike[:_SHOWN])
            which = "These labels are" if len(alike) == 1 else f"{len(alike)} groups of labels are each"
            notes.append(
                f"{which} nearly the same, and learned apart: {shown}{'; ...' if len(alike) > _SHOWN else ''}. If they "
                "are one, spell them alike."
            )
        if self.rare_words:
            notes.append(
                f"The captions have {len(self.words) + len(self.rare_words)} different words. The commonest "
                f"{len(self.words)} are learned; the {len(self.rare_words)} rarest are left out of the prompts."
            )
        captions = () if self.whole else self.prompts
        lengths = [len(_words(_WORD, prompt, self.segmented, self.repeats)) for prompt in captions]
        cut = sum(length > MOST_WORDS_OF_A_PROMPT for length in lengths)
        if cut:
            most = MOST_WORDS_OF_A_PROMPT
            has = "has" if cut == 1 else "have"
            notes.append(f"{cut} of the captions {has} more than {most} words; of each the first {most} are learned.")
        return notes

    def _nearly_same(self) -> list[list[str]]:
        """Labels that differ in case, width or what joins their words alone; not single letters, as of handwriting."""
        groups: dict[str, list[str]] = {}
        for label in self.known_labels:
            plain = unicodedata.normalize("NFKC", label).casefold()
            if len(plain) > 1:
                groups.setdefault(re.sub(r"(?<=[^\W\d_])[\s_-]+(?=[^\W\d_])", " ", plain), []).append(label)
        return [labels for labels in groups.values() if len(labels) > 1]

    def _own(self, prompt: str) -> str | None:
        """The known prompt that was typed as it is: a label whatever its case and spaces, or a caption.

        Raises UserError for a label that no example has.
        """
        text = folded(prompt)
        if not self.whole:
            return text if text in self._captions else None
        own = self.as_written.get(prompt) or self.as_written.get(text) or self.in_lower_case.get(text.lower())
        if own is None and text.lower() in self.unseen_labels:
            raise UserError(
                f"No example had the label '{self.unseen_labels[text.lower()]}', so the model never saw it.",
                f"It knows {_list(list(self.known_labels), 'labels')}.",
            )
        return own

    def _known_word(self, word: str) -> str:
        """The word itself, or '7' for 'seven' and the reverse. Raises UserError where it isn't known in any form."""
        if word in self._typed_words:
            return word
        if SAME_WORD.get(word) in self._typed_words:
            return SAME_WORD[word]
        known = _list(list(self.known_labels), "labels") if self.kind == "labels" else _list(self.words, "words")
        if word in self.rare_words:
            raise UserError(f"The word '{word}' was in too few captions to be learned.", f"The model knows {known}.")
        close = nearest(word, self.typed_words)
        advice = f"Did you mean {_any_of(close)}?" if close else f"It knows {known}."
        raise UserError(f"The model never saw the word '{word}'.", advice)

    @functools.cached_property
    def bags(self) -> dict[str, frozenset[str]]:
        """The words of each known label."""
        return {label: frozenset(self._split(label)) for label in self.known_labels}

    def _label(self, prompt: str, words: list[str]) -> str:
        """The one label that has all of the words."""
        exact = [label for label, bag in self.bags.items() if bag == set(words)]
        if not self.whole:
            exact = exact[:1]  # labels that differed in signs alone were one
        matches = exact or [label for label, bag in self.bags.items() if bag >= set(words)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise UserError(f"'{prompt}' could mean several labels.", f"Choose {_any_of(matches[:5])}.")
        known = _shown(list(self.known_labels))
        raise UserError(f"No label has all the words of '{prompt}'.", f"Choose one of: {known}.")


def _any_of(names: Sequence[str]) -> str:
    return " or ".join(f"'{name}'" for name in names)


def _list(names: Sequence[str], what: str) -> str:
    """"3 labels: 'a', 'b', 'c'"; of many the first."""
    return f"{len(names)} {what}: {_shown(names)}"


def _shown(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
