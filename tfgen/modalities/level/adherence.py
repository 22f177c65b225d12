"""Whether a sequence's level bears out the words of its prompt, counted from its tokens as part of a graph."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfgen.modalities.level.words import GAPS, counts_of

if TYPE_CHECKING:
    from tfgen.modalities.level.codec import LevelSequenceCodec


class WordAdherence:
    """See representations.sequences.adherence. A prompt's own columns count like those that follow it; the game's name
    can't be counted."""

    attempts = 8

    def __init__(self, codec: "LevelSequenceCodec"):
        tiles, self._rows = codec.tiles, codec.size[0]
        every_tile = np.arange(len(tiles), dtype=np.uint8)
        single = [(None, bytes([tile])) for tile in every_tile]  # it stands where the column has got to
        placed = [*single, *single, *codec.pieces]
        counts = counts_of(every_tile[:, None, None], tiles)  # of a column of one tile, a gap where it isn't solid
        nouns = list(counts)
        of_tile = np.stack([counts[noun] for noun in nouns], axis=1).astype(np.int32)
        self._gap = nouns.index(GAPS)
        self._is_gap = of_tile[:, self._gap].copy()
        of_tile[:, self._gap] = 0  # which the lowest tile of a column decides, whatever stands above
        self._first_tile = np.array([content[0] for _, content in placed], np.int32)
        self._start = np.array([-1 if start is None else start for start, _ in placed], np.int32)
        self._size = np.array([len(content) for _, content in placed], np.int32)
        self._closes = np.arange(len(placed)) // len(tiles) == 1  # tiles that end a column
        self._counts = np.stack([of_tile[list(content)].sum(axis=0) for _, content in placed]).astype(np.int32)
        self._filling, self._background = of_tile[tiles.background], tiles.background
        self._first_word, self._begin = codec.first_word, codec.begin
        measured = codec.word_set.measured
        self._noun = np.array([nouns.index(word.noun) for word in measured], np.int32)
        self._low = np.array([word.low for word in measured], np.int32)
        self._high = np.array([2**31 - 1 if word.high is None else word.high for word in measured], np.int32)

    def asks(self, prompt: Sequence[int]) -> bool:
        last = self._first_word + len(self._noun)
        return any(self._first_word <= number < last for number in np.asarray(prompt).tolist())

    def example(self) -> list[int]:
        return [self._first_word, self._begin]

    def lacking(self, prompts: Any, prompt_lengths: Any, tokens: Any, lengths: Any) -> Any:
        import tensorflow as tf

        def counted(ids: Any, lengths: Any) -> Any:
            """The ids, -1 for those that don't count."""
            return tf.where(tf.sequence_mask(lengths, tf.shape(ids)[1]), ids, -1)

        asking = counted(prompts, prompt_lengths)
        words = self._first_word + tf.range(len(self._noun))
        is_asked = tf.reduce_any(tf.equal(asking[:, :, None], words), axis=1)
        counts = tf.gather(self._counts_in(tf.concat([asking, counted(tokens, lengths)], axis=1)), self._noun, axis=1)
        is_so = (counts >= self._low) & (counts <= self._high)
        return tf.reduce_sum(tf.cast(is_asked & ~is_so, tf.int32), axis=1)

    def _counts_in(self, ids: Any) -> Any:
        """How many of each noun the levels of ids [batch, length] have, int32 [batch, nouns]: they are put together as
        by the codec's `grid`."""
        import tensorflow as tf

        batch = tf.shape(ids)[0]

        def filled(fills: Any) -> Any:
            return fills[:, None] * self._filling

        def body(place: Any, height: Any, counts: Any) -> tuple:
            number = ids[:, place]
            is_there = (number >= 0) & (number < self._first_word)
            number = tf.where(is_there, number, 0)
            start = tf.gather(self._start, number)
            leaves = is_there & (start >= 0) & (height > start)  # its column unfinished, for the next
            left = tf.where(leaves, self._rows - height, 0)
            height = tf.where(leaves, 0, height)
            under = tf.where(is_there & (start >= 0), start - height, 0)
            lowest = tf.where(under > 0, self._background, tf.gather(self._first_tile, number))
            is_gap = tf.where(is_there & tf.equal(height, 0), tf.gather(self._is_gap, lowest), 0)
            new = tf.gather(self._counts, number) * tf.cast(is_there, tf.int32)[:, None]
            height = tf.where(is_there, height + under + tf.gather(self._size, number), height)
            closes = is_there & (tf.gather(self._closes, number) | (height >= self._rows))
            above = tf.where(closes, self._rows - height, 0)
            gap = tf.one_hot(self._gap, len(self._filling), dtype=tf.int32)
            counts += new + filled(left + under + above) + is_gap[:, None] * gap
            return place + 1, tf.where(closes, 0, height), counts

        nothing = tf.zeros([batch], tf.int32)
        counts = tf.zeros([batch, len(self._filling)], tf.int32)
        start = (tf.constant(0), nothing, counts)
        length = tf.shape(ids)[1]
        _, height, counts = tf.while_loop(lambda place, *_: place < length, body, start)
        return counts + filled(tf.where(height > 0, self._rows - height, 0))
