"""Arrays with their prompts, ready for training; `values` may be larger than the memory."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tfgen.data.examples import Report
from tfgen.errors import UserError
from tfgen.representations.arrays.codec import ArrayCodec
from tfgen.representations.arrays.conditions import Conditions
from tfgen.representations.arrays.vocabulary import Vocabulary
from tfgen.representations.base import OTHER_CANARIES, WHOLE, Examples, Share

if TYPE_CHECKING:
    import tensorflow as tf

    from tfgen.representations.batches import Part

_IN_MEMORY_BYTES = 2**29
_VALUES_PER_CALL = 2**20


@dataclass(frozen=True, eq=False)
class ArrayExamples(Examples):
    """Every example of one source. `values` is read-only."""

    modality: str
    source: str
    name: str
    values: np.ndarray  # [n, ...], as they are stored
    prompts: list[str]  # distinct; the empty prompt is among them only if some, but not all, examples have none
    prompt_index: np.ndarray  # int32 [n]; all -1 when there are no prompts
    prompt_kind: str  # "labels", "captions" or "none"
    codec: ArrayCodec
    report: Report
    fingerprint: str
    known_words: tuple[str, ...] = field(default=(), kw_only=True)  # that a model to go on with has learned
    planted: np.ndarray | None = field(default=None, kw_only=True)  # canaries, as they are stored, behind `values`

    def __len__(self) -> int:
        return len(self.prompt_index)

    @property
    def has_held_out(self) -> bool:
        """Whether the source has others, kept for evaluation, which its setting split=test reads."""
        return False

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The words and prompts that a run on these examples knows."""
        return Vocabulary.of(self.prompts, self.prompt_index, self.prompt_kind).behind(self.known_words)

    def symbols(self) -> tuple[str, ...]:
        return self.vocabulary.words

    def beside(self, symbols: tuple[str, ...]) -> "ArrayExamples":
        if not symbols or self.prompts:
            return replace(self, known_words=symbols)
        # A model that takes prompts is given empty ones.
        return replace(self, known_words=symbols, prompts=[""], prompt_index=np.zeros(len(self), np.int32))

    def conditions(self) -> Conditions:
        return Conditions.of(self.vocabulary)

    def prompt_counts(self) -> dict[str, int]:
        """How many examples each prompt has."""
        counts = np.bincount(self.prompt_index[self.prompt_index >= 0], minlength=len(self.prompts))
        return {prompt: int(count) for prompt, count in zip(self.prompts, counts, strict=True)}

    def codec_json(self) -> dict[str, Any]:
        return {**self.codec.to_json(), "vocabulary": self.vocabulary.to_json()}

    def check(self, settings: Any) -> None:
        count = len(self)
        if count < 2:
            raise UserError("There is only one example.", "Add more: some hundreds learn well.")
        if settings.batch_size > count:
            raise UserError(
                f"The batch of {settings.batch_size} is larger than the data, {count} examples.",
                f"Add examples, since some hundreds learn well, or use --set batch_size={max(2, count // 2)}.",
            )

    def count(self, settings: Any) -> int:
        return len(self)

    def batches(self, settings: Any, seed: int, start: int, stop: int, share: Share = WHOLE) -> "tf.data.Dataset":
        """Encoded examples [batch, ...] and the places of their prompts int32 [batch]."""
        import tensorflow as tf

        from tfgen.representations.batches import Part, by_steps

        read, size = _reader(self.values, self.planted), settings.batch_size
        index = tf.constant(self.prompt_index, tf.int32)

        def batch_of(part: Part) -> tuple[tf.Tensor, tf.Tensor]:
            chosen = part.order(seed, size, len(self))
            return self.vary(self.codec.encode(read(chosen)), seed, part), tf.gather(index, chosen)

        return by_steps(batch_of, start, stop, share)

    # For whoever asks that something be forgotten.

    def contents(self) -> Iterator[bytes]:
        return (np.ascontiguousarray(value).tobytes() for value in self.values)

    # For a private fit.

    def not_covered(self) -> tuple[str, ...]:
        told = "" if self.prompt_kind == "none" else "; which words and prompts there are, and how often each is"
        return (f"How many examples there are, and how large and of which form{told}.",)

    def poisson_batches(
        self, settings: Any, key: int, rate: float, start: int, stop: int, share: Share = WHOLE
    ) -> "tf.data.Dataset":
        import tensorflow as tf

        from tfgen.representations.batches import Part, by_steps, poisson_sample

        read, index = _reader(self.values, self.planted), tf.constant(self.prompt_index, tf.int32)

        def batch_of(part: Part) -> tuple[tuple[tf.Tensor, tf.Tensor], tf.Tensor]:
            chosen, mask = poisson_sample(key, part, len(self), rate)
            encoded = self.vary(self.codec.encode(read(chosen)), key, part)
            return (encoded, tf.gather(index, chosen)), mask

        return by_steps(batch_of, start, stop, share)

    # For a fit with canaries.

    def canaries(self, count: int, generator: np.random.Generator) -> dict[str, np.ndarray]:
        values = self.codec.decode(self.codec.specification.drawn_evenly(count, generator))
        prompts = generator.integers(0, len(self.prompts), count) if self.prompts else np.full(count, -1)
        return {"values": values, "prompts": prompts.astype(np.int32)}

    def with_planted(self, canaries: Mapping[str, np.ndarray]) -> "ArrayExamples":
        values, prompts = canaries["values"], canaries["prompts"]
        known = (prompts >= 0) & (prompts < len(self.prompts)) if self.prompts else prompts == -1
        if values.shape[1:] != self.values.shape[1:] or values.dtype != self.values.dtype or not known.all():
            raise UserError(*OTHER_CANARIES)
        return replace(self, planted=values, prompt_index=np.concatenate([self.prompt_index, prompts]))

    def vary(self, encoded: "tf.Tensor", seed: int, part: "Part") -> "tf.Tensor":
        """A part of a step's batch as it is learned; here as it is. What a modality changes is a function of the seed,
        the step and the place in the batch."""
        return encoded

    def steps_per_call(self, settings: Any) -> int:
        places = settings.batch_size * int(np.prod(self.codec.specification.shape[:-1], dtype=np.int64))
        return max(1, min(32, _VALUES_PER_CALL // places))


def _reader(values: np.ndarray, planted: np.ndarray | None) -> "Callable[[tf.Tensor], tf.Tensor]":
    """A function in the graph from places [k] to stored values [k, ...]; those of planted ones are behind the others'.
    """
    import tensorflow as tf

    behind = values[:0] if planted is None else planted
    if values.nbytes <= _IN_MEMORY_BYTES:
        held = tf.constant(np.concatenate([values, behind]) if len(behind) else np.asarray(values))
        return lambda chosen: tf.gather(held, chosen)
    kind = tf.as_dtype(values.dtype)

    def at(places: np.ndarray) -> np.ndarray:
        is_planted = places >= len(values)
        picked = values[np.where(is_planted, 0, places)]
        picked[is_planted] = behind[places[is_planted] - len(values)]
        return picked

    def read(chosen: tf.Tensor) -> tf.Tensor:
        picked = tf.numpy_function(at, [chosen], kind, stateful=False)
        return tf.ensure_shape(picked, [None, *values.shape[1:]])

    return read
