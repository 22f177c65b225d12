"""A model of sequences with its codec at work: tokens a few at a time, as text that may be shown at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from tfgen.representations.redraw import seeds_of_round
from tfgen.representations.sequences.adherence import lacking_in
from tfgen.representations.sequences.codec import SequenceCodec
from tfgen.representations.sequences.sampling_settings import SamplingSettings

ROWS = 8  # texts that are made at once, at the most
# Few enough that text comes smoothly, and enough that Python between the calls costs little.
_STEPS = 8
_TOGETHER = 8 * ROWS  # texts whose attempts are made together, so that batches stay full and something is shown
_SHORTEST = 16  # tokens that a prompt is padded to; longer ones to twice that, and so on, so that few shapes are traced


@dataclass
class Text:
    """One text, as far as it is made."""

    label: str  # what tells it from the others of its prompt: "seed 7"
    seed: int | None
    prompt: str = ""
    settings: dict[str, Any] = field(default_factory=dict)  # where the texts of a command have several
    text: str = ""
    ended: str = ""  # why: "end" of the document, "stop", "length", "context"; empty while under way
    tokens: list[int] = field(default_factory=list)  # with the end's, and those of the text that stopped it
    log_probabilities: list[float] = field(default_factory=list)  # natural, of each token, at temperature 1
    lacking: int = 0  # things that its prompt asks for and that it hasn't, as far as they can be counted

    def take_over(self, draft: "Text", lacking: int) -> None:
        """Becomes what was made of the same prompt, under the name and the seed of its own."""
        self.text, self.ended, self.lacking = draft.text, draft.ended, lacking
        self.tokens, self.log_probabilities = draft.tokens, draft.log_probabilities


class Piece(NamedTuple):
    """What one text grew by."""

    place: int  # of the text among those that were asked for
    text: str
    done: bool


class StopFilter:
    """Lets text through up to the first of some texts, of which it never shows a part."""

    def __init__(self, stops: Sequence[str]):
        self._stops = stops
        self._held = ""
        self.stopped = False

    def push(self, text: str) -> str:
        """What can be shown now that `text` has come; what may be the beginning of a stop is held back."""
        held = self._held + text
        places = [held.find(stop) for stop in self._stops]
        found = [place for place in places if place >= 0]
        if found:
            self.stopped, self._held = True, ""
            return held[: min(found)]
        keep = max([_overlap(held, stop) for stop in self._stops], default=0)
        self._held = held[len(held) - keep :]
        return held[: len(held) - keep]

    def finish(self) -> str:
        """What was held back, when no more text comes."""
        held, self._held = self._held, ""
        return held


class SequenceSampler:
    """Texts that go on from a prompt. The graph is traced once for each number of rows and length of prompt."""

    def __init__(self, model: Any, codec: SequenceCodec):
        import tensorflow as tf

        self.model, self.codec = model, codec
        self._begin = tf.function(model.begin, autograph=False, reduce_retracing=True)
        self._advance = tf.function(self._extend, autograph=False, reduce_retracing=True)
        if codec.adherence:
            self._lacking = tf.function(codec.adherence.lacking, autograph=False, reduce_retracing=True)

    def room(self, prompt: int, length: int) -> tuple[int, int]:
        """How many of a prompt's tokens are kept, and how many new ones there can be, of `length` wanted."""
        context = self.model.context
        if self.model.endless:
            return min(prompt, context), length
        # Half of the context is for the prompt, whatever the length; the rest too, where the length leaves it.
        kept = min(prompt, max(context - length, context // 2))
        return kept, min(length, context - max(kept, 1))

    def write(self, ids: Sequence[int], texts: Sequence[Text], settings: SamplingSettings) -> Iterator[Piece]:
        """Fills the texts, up to ROWS at once, and gives what each grows by; each has one last piece that is done.

        A search gives whole texts, when it has found them.

        Args:
            ids: the prompt's tokens, of which the front is cut where they are too many.
        """
        if settings.beams:
            yield from self._search(ids, texts, settings)
            return
        # Every batch of a command has the same size, since each other one would be traced anew.
        rows = min(ROWS, 2 ** (len(texts) - 1).bit_length())
        counted = self.codec.adherence if settings.attempts and settings.temperature > 0 else None
        if not (counted and counted.asks(ids)):
            yield from self._write_batches(ids, texts, rows, settings)
            return
        for start in range(0, len(texts), _TOGETHER):
            for piece in self._write_as_asked(ids, texts[start : start + _TOGETHER], rows, settings):
                yield piece._replace(place=piece.place + start)

    def _write_batches(
        self, ids: Sequence[int], texts: Sequence[Text], rows: int, settings: SamplingSettings
    ) -> Iterator[Piece]:
        for start in range(0, len(texts), rows):
            yield from self._write_batch(ids, texts[start : start + rows], start, rows, settings)

    def _write_as_asked(
        self, ids: Sequence[int], texts: Sequence[Text], rows: int, settings: SamplingSettings
    ) -> Iterator[Piece]:
        """As `draw_as_asked` in a graph: of each text's attempts the first that lacks least, in one piece behind empty
        ones."""
        left = list(range(len(texts)))
        for number in range(settings.attempts):
            seeds = [texts[place].seed for place in left]
            drafts = [Text("", seeds_of_round(seed, number) if number else seed) for seed in seeds]
            for piece in self._write_batches(ids, drafts, rows, settings):
                yield Piece(left[piece.place], "", False)
            lacking = lacking_in(self._lacking, ids, [draft.tokens for draft in drafts]).tolist()
            for place, lack, draft in zip(left, lacking, drafts, strict=True):
                if not number or lack < texts[place].lacking:
                    texts[place].take_over(draft, lack)
            is_last = number == settings.attempts - 1
            for place in left:
                if is_last or not texts[place].lacking:
                    yield Piece(place, texts[place].text, True)
            left = [place for place in left if texts[place].lacking]
            if not left:
                return

    def _write_batch(
        self, ids: Sequence[int], texts: Sequence[Text], start: int, rows: int, settings: SamplingSettings
    ) -> Iterator[Piece]:
        import tensorflow as tf

        kept, limit = self.room(len(ids), settings.length)
        short = "context" if limit < settings.length else "length"
        seeds = [text.seed for text in texts]
        sampling = settings.sampling(seeds + seeds[-1:] * (rows - len(texts)))
        state = self._begin(*padded(ids[len(ids) - kept :], rows))
        lines = [self._line(text, settings, short) for text in texts]
        made = 0
        while made < limit and not all(line.text.ended for line in lines):
            steps = min(_STEPS, limit - made)
            tokens, scores, state = self._advance(tf.constant(steps), state, sampling)
            tokens, scores = tokens.numpy().tolist(), scores.numpy().tolist()
            made += steps
            for row, line in enumerate(lines):
                if not line.text.ended:
                    piece = line.push(tokens[row], scores[row], made >= limit)
                    yield Piece(start + row, piece, bool(line.text.ended))

    def _search(self, ids: Sequence[int], texts: Sequence[Text], settings: SamplingSettings) -> Iterator[Piece]:
        from tfgen.representations.sequences.beam import search

        kept, limit = self.room(len(ids), settings.length)
        short = "context" if limit < settings.length else "length"

        def is_over(tokens: tuple[int, ...]) -> bool:
            text = self.codec.decode(tokens) if settings.stop else ""
            return any(stop in text for stop in settings.stop)

        found = search(self.model, *padded(ids[len(ids) - kept :], 1), settings.beams, limit, is_over)
        for place, (text, beam) in enumerate(zip(texts, found, strict=False)):
            line = self._line(text, settings, short)
            yield Piece(place, line.push(beam.tokens, beam.scores, last=True), True)

    def _line(self, text: Text, settings: SamplingSettings, short: str) -> "Line":
        return Line(text, self.codec, frozenset(self.model.example.ends), settings.stop, short)

    def _extend(self, steps: Any, state: Any, sampling: Any) -> tuple[Any, Any, Any]:
        """As the model's `extend`, for a number of steps that the graph does not know: it is traced for one alone."""
        import tensorflow as tf

        made = tf.TensorArray(tf.int32, steps, element_shape=[None])
        scores = tf.TensorArray(tf.float32, steps, element_shape=[None])

        def body(place: Any, made: Any, scores: Any, state: Any) -> tuple[Any, ...]:
            token, score, state = self.model.extend(1, state, sampling)
            return place + 1, made.write(place, token[:, 0]), scores.write(place, score[:, 0]), state

        start = (tf.constant(0), made, scores, state)
        _, made, scores, state = tf.while_loop(lambda place, *_: place < steps, body, start)
        return tf.transpose(made.stack()), tf.transpose(scores.stack()), state


class Line:
    """One text's tokens on their way to letters; made one by one, or known from a search."""

    def __init__(
        self, text: Text, codec: SequenceCodec, ends: frozenset[int], stops: Sequence[str], short: str = "length"
    ):
        self.text = text
        self._ends = ends
        self._stream = codec.stream()
        self._filter = StopFilter(stops)
        self._short = short  # why it ends where there is no room for more

    def push(self, tokens: Sequence[int], scores: Sequence[float], last: bool) -> str:
        """What new tokens let be shown; sets `text.ended` where they end it, as the `last` ones do."""
        text, shown = self.text, []
        for token, score in zip(tokens, scores, strict=True):
            text.tokens.append(token)
            text.log_probabilities.append(score)
            if token in self._ends:
                text.ended = "end"
                break
            shown.append(self._filter.push(self._stream.push(token)))
            if self._filter.stopped:
                text.ended = "stop"
                break
        if last and not text.ended:
            text.ended = self._short
        if text.ended and not self._filter.stopped:
            shown.append(self._filter.push(self._stream.finish()))
            shown.append(self._filter.finish())
        piece = "".join(shown)
        text.text += piece
        return piece


def padded(ids: Sequence[int], rows: int) -> tuple[Any, Any]:
    """Tokens int32 [rows, most] and their number [rows], the same in every row, padded to one of few lengths."""
    import tensorflow as tf

    most = _SHORTEST
    while most < len(ids):
        most *= 2
    row = np.pad(np.asarray(ids, np.int32), [0, most - len(ids)])
    return tf.constant(np.tile(row, [rows, 1])), tf.fill([rows], len(ids))


def _overlap(text: str, stop: str) -> int:
    """How many of the last letters of `text` are the first of `stop`, which is not in it."""
    return next((size for size in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:size])), 0)
