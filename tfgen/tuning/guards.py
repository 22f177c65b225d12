"""What a new version of a model of arrays may not cost: old and new measured at common seeds, and what got worse."""

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfgen.catalog import METRICS
from tfgen.errors import UserError
from tfgen.representations.base import Codec
from tfgen.run import Run

COUNT = 4000  # samples of each version
ALL, WORST = 0.015, 0.04  # how much less is recognised as asked, at the most: of all, and of one prompt
DIVERSITY = (0.8, 1.2)  # new as a share of old
_COPIED = 0.02  # more than before
_LOST = 0.5  # of a prompt's samples that were recognised before
_ENOUGH = 50  # samples of a prompt, for a share of them to mean something
_PAIRED = 2000  # samples whose neighbours are looked for
_NEIGHBOURS = 10_000  # training examples among which
_ROWS = 64
_TOGETHER = 16 * _ROWS  # whose latents are drawn at once


@dataclass(frozen=True)
class Measured:
    """A version's values by name, such as "as asked", and the shares of each prompt that are recognised as asked."""

    values: Mapping[str, float]
    by_prompt: Mapping[int, float]
    features: np.ndarray
    prompts: np.ndarray


class Guards:
    """Looks at versions of a run with the evaluation's eyes: what it is judged by, it is guarded by.

    missing: why something can't be measured, in a sentence; None where all can.
    """

    def __init__(self, run: Run, model: Any, codec: Codec):
        import tensorflow as tf

        from tfgen.evaluate.arrays.reference_data import ReferenceData

        self.model, self.codec, self.missing = model, codec, None
        self.names = run.vocabulary().prompts
        shapes = [tf.TensorSpec([_ROWS, model.latent_dim]), tf.TensorSpec([_ROWS, model.conditions.longest], tf.int32)]
        self._decode = tf.function(model.decode, input_signature=shapes, autograph=False)
        self._extractor = self._detail = self._real = None
        if "privacy" in run.record:  # what is kept of the steering would tell of examples what no budget covers
            self.missing = "Only diversity was measured: the run is private, and a look at its examples has no noise."
            return
        try:
            data = ReferenceData.of(run, None, 0)
            count = data.usable(COUNT)
        except UserError as error:
            self.missing = f"Only diversity was measured: {error.what_is_wrong}"
            return
        self._prepare(data, count)

    def _prepare(self, data: Any, count: int) -> None:
        from tfgen.catalog import EXTRACTORS
        from tfgen.evaluate.arrays.features import look, open_extractor

        def seen(extractor: Any, group: Any) -> np.ndarray:
            """Real examples are the same for every version, so what is seen in them is kept."""
            return np.asarray(look(extractor, group, data.training.fingerprint, lambda done, count: None).features)

        self._extractor = open_extractor(None, data.training)
        self._detail = EXTRACTORS.load("random")(data.training)
        self._reference = data.reference(count)
        self._real = seen(self._extractor, self._reference)
        if not self._extractor.labels:
            self.missing = "Whether it follows prompts was not measured: that needs data with labels, 20 of each."
        self._learned = seen(self._detail, data.neighbours().first(_NEIGHBOURS))

    def measure(self, first_seed: int, count: int = COUNT, old: Measured | None = None) -> Measured:
        """The model as it is now: samples `first_seed`, ..., each prompt as often as in the data.

        Args:
            old: what a share is taken of where there are no real examples to take it of.
        """
        values, prompts = self._samples(_seeds(first_seed, count))
        if self._extractor is None:
            features, by_prompt, found = values.reshape(len(values), -1).astype(np.float32), {}, {}
        else:
            rows = np.concatenate([self._extractor.look(part) for part in _blocks(values)])
            features, found = self._extractor.features(rows), {}
            by_prompt = self._recognised(rows, prompts) if self._extractor.labels else {}
        if by_prompt:
            asked = prompts >= 0
            found["as asked"] = float(np.mean(self._extractor.recognised(rows)[asked] == prompts[asked]))
            found["as asked, worst prompt"] = min(by_prompt.values())
        if self._extractor is not None:
            real = self._real, self._reference.prompts
            found["diversity"] = _diversity(*real, features, prompts)
            found |= _nearby(self._real[:_PAIRED], features[:_PAIRED])
            found["copied"] = float(self._copies(values).mean())
        elif old is not None:
            found["diversity"] = _diversity(old.features, old.prompts, features, prompts)
        else:
            found["diversity"] = 1.0
        return Measured(found, by_prompt, features, prompts)

    def recognised(
        self, first_seed: int, only: Iterable[int] | None = None, count: int = COUNT
    ) -> dict[int, float]:
        """The share of each prompt's samples that are recognised as asked; nothing where none can be.

        Args:
            only: the places of prompts that are looked at.
        """
        if self._extractor is None or not self._extractor.labels:
            return {}
        values, prompts = self._samples_of(first_seed, only, count)
        return self._recognised(np.concatenate([self._extractor.look(part) for part in _blocks(values)]), prompts)

    def copied(self, first_seed: int, only: Iterable[int] | None = None, count: int = COUNT) -> dict[int, float]:
        """The share of each prompt's samples, at -1 of those without one, that are near copies of examples; nothing
        where that can't be told. `only` as in `recognised`."""
        if self._extractor is None:
            return {}
        values, prompts = self._samples_of(first_seed, only, count)
        near = self._copies(values)
        places, counts = np.unique(prompts, return_counts=True)
        return {int(place): float(near[prompts == place].mean()) for place in places[counts >= _ENOUGH]}

    def _samples_of(
        self, first_seed: int, only: Iterable[int] | None, count: int
    ) -> tuple[np.ndarray, np.ndarray]:
        seeds = _seeds(first_seed, count)
        return self._samples(seeds if only is None else seeds[np.isin(self._prompts(seeds), list(only))])

    def _recognised(self, rows: np.ndarray, prompts: np.ndarray) -> dict[int, float]:
        right, counts = self._extractor.recognised(rows) == prompts, np.bincount(prompts[prompts >= 0])
        return {int(place): float(right[prompts == place].mean()) for place in np.flatnonzero(counts >= _ENOUGH)}

    def _copies(self, values: np.ndarray) -> np.ndarray:
        """Of which samples one training example is suspiciously near, bool [n] (tfgen.evaluate.metrics.copying)."""
        from tfgen.evaluate.metrics.copying import closeness
        from tfgen.evaluate.statistics import nearest

        rows = np.concatenate([self._detail.look(part) for part in _blocks(values)])
        _, made = nearest(rows, self._learned, 2)
        return closeness(made) <= self._usual_closeness

    @functools.cached_property
    def _usual_closeness(self) -> float:
        from tfgen.evaluate.metrics.copying import USUAL, closeness
        from tfgen.evaluate.statistics import nearest

        _, own = nearest(self._learned[:_PAIRED], self._learned, 3)  # the first is the example itself
        return float(np.quantile(closeness(own[:, 1:]), USUAL))

    def _prompts(self, seeds: np.ndarray) -> np.ndarray:
        """The places [n] of the prompts that seeds draw, -1 without prompts."""
        known = self.model.conditions.prompt_words
        return self.model.prompts_drawn_for(seeds) if known else np.full(len(seeds), -1)

    def _samples(self, seeds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Stored values [n, ...], and the places [n] of their prompts, -1 without prompts."""
        import tensorflow as tf

        values, model, drawn = [], self.model, self._prompts(seeds)
        full = -(-len(seeds) // _ROWS) * _ROWS  # the last part is filled up by the first
        words = np.zeros([len(seeds), model.conditions.longest], np.int32)
        if model.conditions.prompt_words:
            words = np.asarray(model.conditions.prompt_words, np.int32)[drawn]
        rows, prompts = tf.constant(np.resize(seeds, full)), tf.constant(np.resize(words, [full, words.shape[1]]))
        for start in range(0, full, _TOGETHER):
            # Which steering is in use changes, so latents are not traced: many at once cost little more than few.
            known = prompts[start : start + _TOGETHER]
            latents = model.latents(rows[start : start + _TOGETHER], known)
            for at in range(0, len(latents), _ROWS):
                examples = self._decode(latents[at : at + _ROWS], known[at : at + _ROWS])
                values.append(self.codec.decode(examples.numpy()))
        return np.concatenate(values)[: len(seeds)], drawn

    def most_lost(self, old: Measured, new: Measured) -> tuple[str, float, float] | None:
        """The prompt that is recognised less often than before by most, and the shares before and now."""
        falls = {place: old.by_prompt[place] - share for place, share in new.by_prompt.items()}
        if not falls:
            return None
        place = max(falls, key=falls.get)
        return self.names[place], round(old.by_prompt[place], 4), round(new.by_prompt[place], 4)

    def concerns(self, old: Measured, new: Measured) -> list[str]:
        """What got worse than it may, in sentences."""
        found, before, after = [], old.values, new.values
        if "as asked" in before and new.by_prompt:
            fall = before["as asked"] - after["as asked"]
            if fall > ALL:
                found.append(f"It does what is asked less often: {_change(before['as asked'], after['as asked'])}.")
            name, was, now = self.most_lost(old, new)
            if was - now > WORST:
                fate = "is lost" if now < _LOST * was else "suffers"
                found.append(f"The prompt '{name}' {fate}: recognised {_change(was, now)}.")
        share = after["diversity"] / max(before["diversity"], 1e-9)
        if not DIVERSITY[0] <= share <= DIVERSITY[1]:
            too = "too little" if share < 1 else "too much"
            found.append(f"Samples of a prompt differ {share:.2f} times as much as before, which is {too}.")
        if after.get("copied", 0.0) > before.get("copied", 0.0) + _COPIED:
            found.append(f"More samples are near copies of examples: {_change(before['copied'], after['copied'])}.")
        return found


def _seeds(first: int, count: int) -> np.ndarray:
    return np.arange(first, first + count, dtype=np.int64).astype(np.int32)


def _change(was: float, now: float) -> str:
    return f"{was:.1%} before, {now:.1%} now"


def _blocks(values: np.ndarray) -> list[np.ndarray]:
    return [values[start : start + 1024] for start in range(0, len(values), 1024)]


def _diversity(real: np.ndarray, real_prompts: np.ndarray, made: np.ndarray, prompts: np.ndarray) -> float:
    inputs = {"real": real, "generated": made, "real_prompts": real_prompts, "asked": prompts}
    return METRICS.load("arrays/diversity")(inputs)["diversity"]


def _nearby(real: np.ndarray, made: np.ndarray) -> dict[str, float]:
    return METRICS.load("arrays/precision-recall")({"real": real, "generated": made})
