"""Sequences as one array of tokens, some of them held out; `values` may be larger than the memory."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tfgen.console import several
from tfgen.data.examples import Report
from tfgen.errors import UserError
from tfgen.representations.base import OTHER_CANARIES, WHOLE, Examples, Share
from tfgen.representations.sequences.codec import SequenceCodec

if TYPE_CHECKING:
    import tensorflow as tf

    from tfgen.representations.batches import Part

PARTS = ("training", "held-out")
_BLOCK = 2**20  # tokens looked at once
_IN_MEMORY_BYTES = 2**25
_TOKENS_PER_CALL = 2**12
_FEW_MEMBERS = 100  # among which a private fit hides nobody
_CANARY_LENGTH = 32  # tokens


def given_bit(dtype: np.dtype | type) -> int:
    """The highest bit of a type of tokens: it marks what is given, not learned."""
    return 1 << (8 * np.dtype(dtype).itemsize - 1)


@dataclass(frozen=True, eq=False)
class SequenceExamples(Examples):
    """All sequences of one source, as tokens. `values` is read-only.

    Sequences ("documents") stand end to end, each closed by the codec's end; those to learn first, those that are held
    out behind. The highest bit of a token (`given_bit`) says that it is given: a prompt, or a user's words.
    """

    modality: str
    source: str
    name: str
    values: np.ndarray  # uint16 or uint32 [tokens]
    training_tokens: int
    training_units: int  # of what is learned; an end that is learned counts as one, since it is predicted as one
    holdout_units: int
    documents: tuple[int, int]  # to learn, held out
    codec: SequenceCodec
    report: Report
    fingerprint: str

    def __len__(self) -> int:
        return self.training_tokens

    def symbols(self) -> tuple[Any, ...]:
        return self.codec.symbols()

    def beside(self, symbols: tuple[Any, ...]) -> "SequenceExamples":
        return replace(self, codec=self.codec.widened())

    @property
    def kind(self) -> str:
        """"text", "completions" or "chats": whether all of a sequence is learned, or what answers a prompt."""
        return self.codec.kind

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
        """Whether some of what is held out would be learned otherwise, so that a model can be measured by it."""
        return bool(self.learned(self.part(PARTS[1])[1:]).any())

    @property
    def measurable(self) -> bool:
        return self.holds_out

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

    # For whoever asks that something be forgotten.

    def contents(self) -> Iterator[bytes]:
        """Of every document its text, without space at its ends."""
        for part in PARTS:
            for stored in self.documents_of(part):
                yield self.codec.decode(self.ids(stored)).strip().encode()

    def holds(self, records: "SequenceExamples") -> int:
        """How many of other documents are among these, or a part of one: a passage of a book is no document of it."""
        text = b"\0".join(self.contents())
        return sum(each in text for each in records.contents() if each)

    # For a fit.

    def conditions(self) -> None:
        return None

    def codec_json(self) -> dict[str, Any]:
        return self.codec.to_json()

    def check(self, settings: Any) -> None:
        tokens = self.training_tokens
        if tokens < settings.context + 1:
            raise UserError(
                f"The context of {settings.context} tokens is longer than what there is to learn, {tokens} tokens.",
                f"Add more, since some hundred thousand tokens learn well, or use --set context={max(8, tokens // 4)}.",
            )

    def count(self, settings: Any) -> int:
        return max(1, self.training_tokens // settings.context - 1)

    def batches(self, settings: Any, seed: int, start: int, stop: int, share: Share = WHOLE) -> "tf.data.Dataset":
        """Windows of tokens int32 [batch, context + 1], and which of the last `context` are learned."""
        from tfgen.representations.batches import by_steps

        read = window_reader(self.part(PARTS[0]), settings.context + 1)
        starts = self.window_starts(settings, seed)
        return by_steps(lambda part: read(starts(part)), start, stop, share)

    def window_starts(self, settings: Any, seed: int) -> "Callable[[Part], tf.Tensor]":
        """A function in the graph: a part of a step's batch to where its windows begin, int64 [batch]; each epoch is
        cut elsewhere."""
        import tensorflow as tf

        from tfgen.models import noise
        from tfgen.representations.batches import Part, order

        size, context, windows = settings.batch_size, settings.context, self.count(settings)
        shifts = self.training_tokens - windows * context

        def starts(part: Part) -> tf.Tensor:
            first, count = part.places(size)
            epochs = tf.cast((first + tf.range(count, dtype=tf.int64)) // windows, tf.int32)
            shift = noise.integers(epochs + seed * 7919 % 2**31, 1)[:, 0] % min(shifts, context)
            return order(seed, first, count, windows) * context + tf.cast(shift, tf.int64)

        return starts

    # For a private fit: of a document, not of a window, nothing is given away, so each has one window in a batch.

    unit = "document"

    @property
    def members(self) -> int:
        return self.documents[0]

    def not_covered(self) -> tuple[str, ...]:
        return ("How many documents there are, how many tokens they have together, and whether they are chats.",)

    def unlearned(self) -> "SequenceExamples":
        if self.members < _FEW_MEMBERS:
            raise UserError(
                f"{several(self.members, 'document')} to learn can't be fitted with --private: one needs many others.",
                "Give some thousand, a file for each; where each line is one, set documents=lines.",
            )
        return replace(self, codec=self.codec.unlearned())

    def under(self, codec: SequenceCodec) -> "SequenceExamples":
        return replace(self, codec=codec)

    def poisson_batches(
        self, settings: Any, key: int, rate: float, start: int, stop: int, share: Share = WHOLE
    ) -> "tf.data.Dataset":
        """One window of each chosen document, as `batches` has them: from its start, or anywhere inside."""
        import tensorflow as tf

        from tfgen.representations.batches import Part, by_steps, poisson_sample

        ends, room = self._ends, settings.context + 1
        starts = np.concatenate([[0], ends[:-1] + 1])
        read = document_reader(self.part(PARTS[0]), room, self.codec.specification.start)
        firsts, lasts = tf.constant(starts), tf.constant(ends)

        def batch_of(part: Part) -> tuple[Any, tf.Tensor]:
            chosen, mask = poisson_sample(key, part, self.members, rate)
            first, last = tf.gather(firsts, chosen), tf.gather(lasts, chosen)
            # Before the first token stands an empty prompt. As windows may reach past both ends before they are moved
            # inside, what is near these is seen as often as the rest.
            spare = tf.cast(tf.maximum(last - first + 2 - room, 0), tf.float32)
            seed = tf.stack([tf.constant(key, tf.int64), -1 - part.step])
            chance = part.rows(lambda count: tf.random.stateless_uniform([count], seed), tf.shape(chosen)[0])
            shift = tf.where(spare > 0, chance * (spare + room) - room / 2, 0.0)
            shift = tf.cast(tf.clip_by_value(shift, 0.0, spare), tf.int64)
            return read(first, last, first - 1 + shift), mask

        return by_steps(batch_of, start, stop, share)

    # For a fit with canaries.

    @property
    def most_canaries(self) -> int:
        return self.training_tokens // _CANARY_LENGTH

    def canaries(self, count: int, generator: np.random.Generator) -> dict[str, np.ndarray]:
        """Documents of letters, or what else says something, whatever goes together."""
        speaking = [number for number, spelled in enumerate(self.codec.token_bytes()) if spelled]
        drawn = generator.choice(speaking, [count, _CANARY_LENGTH])
        return {"tokens": drawn.astype(self.values.dtype)}

    def with_planted(self, canaries: Mapping[str, np.ndarray]) -> "SequenceExamples":
        tokens, specification = canaries["tokens"], self.codec.specification
        if tokens.size and tokens.max() >= specification.vocabulary_size or tokens.dtype != self.values.dtype:
            raise UserError(*OTHER_CANARIES)
        ended = np.pad(tokens, [[0, 0], [0, 1]], constant_values=specification.end).reshape(-1)
        units = self.codec.units()[self.ids(ended)].sum()
        return replace(
            self,
            values=np.concatenate([self.part(PARTS[0]), ended, self.part(PARTS[1])]),
            training_tokens=self.training_tokens + len(ended),
            training_units=self.training_units + int(units),
            documents=(self.documents[0] + len(tokens), self.documents[1]),
        )

    def steps_per_call(self, settings: Any) -> int:
        return max(1, min(8, _TOKENS_PER_CALL // (settings.batch_size * settings.context)))

    @cached_property
    def _ends(self) -> np.ndarray:
        """Where the documents that are learned end, int64 [documents]."""
        ends = np.fromiter(self._ends_of(self.part(PARTS[0])), np.int64)
        if len(ends) != self.documents[0]:
            raise ValueError(f"{len(ends)} ends, and {self.documents[0]} documents")
        return ends

    def _ends_of(self, values: np.ndarray) -> Iterator[int]:
        end = self.codec.specification.end
        for start in range(0, len(values), _BLOCK):
            yield from (start + np.flatnonzero(self.ids(values[start:start + _BLOCK]) == end)).tolist()


def side_by_side(rows: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Token ids of several lengths as int32 [rows, most], filled up on the right, and the lengths int32 [rows]."""
    lengths = np.array([len(row) for row in rows], np.int32)
    ids = np.zeros([len(rows), max(1, lengths.max())], np.int32)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
    return ids, lengths


def window_reader(values: np.ndarray, length: int) -> Any:
    """A function in the graph: starts int64 [n] to tokens int32 [n, length], and which are learned, [n, length - 1].

    The first of each window is not predicted, so it isn't among those. Long texts stay in their memory-mapped file.
    """
    import tensorflow as tf

    given, pick = given_bit(values.dtype), _picker(values)

    def read(starts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        starts = tf.convert_to_tensor(starts)
        places = starts[:, None] + tf.range(length, dtype=tf.int64)
        picked = tf.ensure_shape(pick(places), [starts.shape[0], length])
        return tf.cast(picked % given, tf.int32), picked[:, 1:] < given

    return read


def document_reader(values: np.ndarray, length: int, start: int) -> Any:
    """As `window_reader`, for windows of single documents: by the places of their first tokens, of their ends, and of
    the windows' starts, int64 [n] each. Before a document stands `start`, and behind its end nothing that is learned;
    no token of another document is in its window."""
    import tensorflow as tf

    given, pick = given_bit(values.dtype), _picker(values)

    def read(first: tf.Tensor, last: tf.Tensor, starts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        places = starts[:, None] + tf.range(length, dtype=tf.int64)
        picked = tf.ensure_shape(pick(tf.clip_by_value(places, first[:, None], last[:, None])), [None, length])
        inside = (places >= first[:, None]) & (places <= last[:, None])
        return tf.where(inside, tf.cast(picked % given, tf.int32), start), (inside & (picked < given))[:, 1:]

    return read


def _picker(values: np.ndarray) -> "Callable[[tf.Tensor], tf.Tensor]":
    """A function in the graph: places int64 [n, length] to stored tokens int64 [n, length]."""
    import tensorflow as tf

    if values.nbytes <= _IN_MEMORY_BYTES:
        held = tf.constant(np.asarray(values))
        return lambda places: tf.cast(tf.gather(held, places), tf.int64)
    return lambda places: tf.numpy_function(
        lambda at: values[at].astype(np.int64), [places], tf.int64, stateful=False
    )
