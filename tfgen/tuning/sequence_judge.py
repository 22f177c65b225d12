"""A cheap judge of texts: a choice model on few numbers each, of the model's hidden states, the words, and counts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfgen.feedback.preferences import Comparison
from tfgen.representations.sequences.codec import SequenceCodec
from tfgen.steering.choice import ChoiceModel
from tfgen.steering.directions import Directions
from tfgen.tuning import HeldOut
from tfgen.tuning.reward import FOLDS, Answer, choice_of, held_out
from tfgen.tuning.sequence_windows import WindowCutter, WindowReader, Written

DIRECTIONS = 32  # of the hidden states, and as many of the words
_MOST_WORDS, _LEAST_TEXTS = 256, 3  # words that are looked at: the commonest, of so many texts
_FAR = 4.0  # standard deviations, beyond which a count says no more
_SCALE = 0.4  # of all positions: as a prior variance of 1 for the choice model's weights, since texts are noisier


@dataclass(frozen=True)
class Seen:
    """What is known of n texts: the texts, the mean hidden states [n, width], the mean log-probability and the number
    of their tokens [n]."""

    texts: Sequence[str]
    hidden: np.ndarray
    likelihood: np.ndarray
    tokens: np.ndarray


class SequenceFeatures:
    """Positions [n, d] of texts, for a choice model (tfgen.steering.choice).

    Principal directions of mean hidden states and of the roots of the words' shares (their Hellinger distances), and
    standardised counts: tokens, words, how many words are different, letters in a word, how likely it is to the model.
    Words find what a rule forbids, hidden states and counts how it is written; together they are as good as the better
    one or nearly so (docs/log.md).
    """

    def __init__(self, codec: SequenceCodec, bank: Seen):
        self._codec = codec
        found = Counter(word for text in bank.texts for word in set(codec.words(text)))
        common = [word for word, often in found.most_common(_MOST_WORDS) if often >= _LEAST_TEXTS]
        self._places = {word: place for place, word in enumerate(common)}
        self._hidden = _directions(bank.hidden)
        shares, counts = self._counted(bank)
        self._words = _directions(shares)
        self._mean, self._spread = counts.mean(axis=0), np.maximum(counts.std(axis=0), 1e-9)

    def __call__(self, seen: Seen) -> np.ndarray:
        shares, counts = self._counted(seen)
        standard = np.clip((counts - self._mean) / self._spread, -_FAR, _FAR)
        parts = [each(values) for each, values in ((self._hidden, seen.hidden), (self._words, shares)) if each]
        return _SCALE * np.concatenate([*parts, standard], axis=1)

    def _counted(self, seen: Seen) -> tuple[np.ndarray, np.ndarray]:
        """The roots of the shares of the common words [n, words], and the counts [n, 5]."""
        shares, counts = np.zeros([len(seen.texts), len(self._places)]), np.zeros([len(seen.texts), 5])
        for row, text in enumerate(seen.texts):
            words = self._codec.words(text)
            for word, often in Counter(words).items():
                if word in self._places:
                    shares[row, self._places[word]] = np.sqrt(often / len(words))
            many = max(len(words), 1)
            counts[row, :3] = np.log1p(len(words)), len(set(words)) / many, sum(map(len, words)) / many
        counts[:, 3], counts[:, 4] = np.log1p(seen.tokens), seen.likelihood
        return shares, counts


class SequenceJudge:
    """Judges texts as those did who answered, by what a model sees in them: ask while it is as it was.

    texts: all that was shown, by the ids of samples; written: the same as tokens.
    """

    def __init__(self, model: Any, codec: SequenceCodec, texts: Mapping[str, str], written: Mapping[str, Written]):
        self._model, self._reader = model, WindowReader(model)
        bank = self._seen([texts[own] for own in written], list(written.values()))
        self._features = SequenceFeatures(codec, bank)
        self._positions = dict(zip(written, self._features(bank), strict=True))

    def answers(self, comparisons: Sequence[Comparison]) -> list[Answer]:
        """Comparisons as a reward takes them; those of one prompt are held out together, where there are enough."""
        prompts = {each.shown[0].prompt for each in comparisons}
        return [
            Answer(
                np.stack([self._positions[sample.id] for sample in each.shown]),
                each.picked,
                tuple(sample.id for sample in each.shown),
                each.weight,
                (each.shown[0].prompt,) if len(prompts) >= FOLDS else (),
            )
            for each in comparisons
        ]

    def held_out(self, comparisons: Sequence[Comparison], seed: int = 0) -> HeldOut:
        """How well answers about some prompts are predicted from those about others."""
        return held_out(self.answers(comparisons), seed)

    def learn(self, comparisons: Sequence[Comparison]) -> ChoiceModel:
        """What these answers say of positions."""
        return choice_of(self.answers(comparisons))

    def positions(self, texts: Sequence[str], rows: Sequence[Written]) -> np.ndarray:
        """The positions [n, d] of other texts."""
        return self._features(self._seen(texts, rows))

    def _seen(self, texts: Sequence[str], rows: Sequence[Written]) -> Seen:
        windows = WindowCutter(rows, self._model.context, self._model.example.start)(rows)
        scores, hidden = self._reader(windows)
        tokens = np.array([len(row.completion) for row in rows])
        return Seen(texts, hidden, scores / np.maximum(windows.lengths, 1), tokens)


def _directions(values: np.ndarray) -> Directions | None:
    """None where there is nothing that differs."""
    if not values.shape[1]:
        return None
    try:
        return Directions.of(values, DIRECTIONS)
    except ValueError:
        return None
