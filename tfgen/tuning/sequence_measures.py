"""What is measured of a model of sequences before and after it was tuned: unseen text, and samples at common seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfgen.evaluate.metrics.distinct import distinct
from tfgen.evaluate.metrics.repetition import repetition
from tfgen.evaluate.sequences.lexicon import Lexicon
from tfgen.evaluate.sequences.losses import LossReader
from tfgen.evaluate.sequences.reference_data import ReferenceData, Tokens
from tfgen.representations.sequences.codec import SequenceCodec
from tfgen.representations.sequences.sampling_settings import SamplingSettings
from tfgen.tuning.sequence_windows import Written

_AT_ONCE = 50  # samples that are made together
_LONGEST = 256  # tokens of a sample
_UNITS_FOR_BOUND, _UNITS_FOR_REPORT = 2**14, 2**16  # of unseen text
_LENGTH_CHANGE, _MORE_REPETITION = 0.2, 0.02
_FEWER_WORDS = 0.08  # of the different words, at the most


class UnseenText:
    """What text costs that was held out; training text where nothing was. In nats a unit, such as a character.

    What bounds the learning is other text than what is reported, where there is enough.
    """

    def __init__(self, model: Any, data: ReferenceData):
        self._reader = LossReader(model)
        self.is_unseen = len(data.unseen) > 1
        tokens = data.unseen if self.is_unseen else data.training_tokens(_UNITS_FOR_BOUND + _UNITS_FOR_REPORT)
        ends = np.cumsum(tokens.units)
        first, last = np.searchsorted(ends, [_UNITS_FOR_BOUND, _UNITS_FOR_BOUND + _UNITS_FOR_REPORT], side="right")
        self._bounding, rest = tokens[: max(int(first), 2)], tokens[int(first) : int(last)]
        self._reported = rest if rest.units.sum() >= _UNITS_FOR_BOUND // 4 and rest.learned.any() else self._bounding

    def for_bound(self) -> float:
        return self._nats(self._bounding)

    def reported(self) -> float:
        return self._nats(self._reported)

    def _nats(self, tokens: Tokens) -> float:
        nats, _, units = self._reader.read(tokens).pieces(np.zeros(1, np.int64)).sum(axis=0)
        return float(nats / max(units, 1))


class Author:
    """Makes a model's samples for prompts; the same seeds each time."""

    def __init__(self, model: Any, codec: SequenceCodec, settings: SamplingSettings):
        import tensorflow as tf

        self._model, self._codec, self._settings = model, codec, settings
        self._length = min(settings.length, _LONGEST)

        def make(ids: tf.Tensor, lengths: tf.Tensor, sampling: Any) -> tuple[tf.Tensor, tf.Tensor]:
            return model.generate(ids, lengths, tf.fill([_AT_ONCE], self._length), sampling)

        self._make = tf.function(make, autograph=False)

    def __call__(self, prompts: Sequence[np.ndarray], seed: int) -> list[Written]:
        """A sample for each prompt, ids int32 [n], with seeds from `seed` on; with its end if it has one."""
        import tensorflow as tf

        from tfgen.representations.sequences.examples import side_by_side

        count = len(prompts)
        ids, lengths = side_by_side([*prompts, *[prompts[-1]] * (-count % _AT_ONCE)])
        found: list[Written] = []
        for start in range(0, count, _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            sampling = self._settings.sampling(list(range(seed + start, seed + start + _AT_ONCE)))
            made, counts = self._make(tf.constant(ids[part]), tf.constant(lengths[part]), sampling)
            rows = zip(prompts[part], made.numpy(), counts.numpy(), strict=False)
            found += [Written(prompt, row[:stop]) for prompt, row, stop in rows]
        return found[:count]

    def texts(self, rows: Sequence[Written]) -> list[str]:
        return [self._codec.decode(row.completion) for row in rows]


def in_numbers(codec: SequenceCodec, rows: Sequence[Written]) -> dict[str, float]:
    """Of samples: the mean number of tokens, the share of different words and of sequences of words that come twice."""
    words = Lexicon(codec.words).rows([codec.decode(row.completion) for row in rows])
    return {
        "tokens": float(np.mean([len(row.completion) for row in rows])),
        "distinct words": distinct({"sample_words": words})["distinct_1"],
        "repetition": repetition({"sample_words": words})["repetition"],
    }


def concerns(before: Mapping[str, float], after: Mapping[str, float], about_length: bool) -> list[str]:
    """What of samples got worse than it may, in sentences. about_length: whether other lengths were asked for."""
    found = []
    change = after["tokens"] / max(before["tokens"], 1e-9) - 1
    if abs(change) > _LENGTH_CHANGE and not about_length:
        found.append(f"Samples are {abs(change):.0%} {'longer' if change > 0 else 'shorter'} than before.")
    was, now = before["distinct words"], after["distinct words"]
    if now < (1 - _FEWER_WORDS) * was:
        found.append(f"Samples have fewer different words: {now:.3f}, before {was:.3f}.")
    if after["repetition"] - before["repetition"] > _MORE_REPETITION:
        found.append(f"Samples repeat themselves more: {after['repetition']:.1%}, before {before['repetition']:.1%}.")
    return found
