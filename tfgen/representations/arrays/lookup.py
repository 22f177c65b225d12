"""The vocabulary as part of a graph: what people type, as strings, to word ids; agrees with Vocabulary.ids."""

import hashlib
import json

import numpy as np
import tensorflow as tf

from tfgen.representations.arrays.vocabulary import MOST_WORDS_OF_A_PROMPT, SAME_WORD, Vocabulary

# The words of tfgen.representations.arrays.vocabulary in RE2's language, and single signs, which count where there are no words.
_TOKEN = r"([\pL\pN]+(?:['’-][\pL\pN]+)*|[^\pL\pN_\s])"
_WORD = r"[\pL\pN].*"
_MARK = "\x01"  # set around each token


class _Places(tf.lookup.KeyValueTensorInitializer):
    """A table's content, named after itself: TensorFlow's own name is a new one each time, and so the graph."""

    def __init__(self, places: dict[str, int]):
        super().__init__(tf.constant(list(places), tf.string), tf.constant(list(places.values()), tf.int32))
        self._digest = hashlib.sha256(json.dumps(places).encode()).hexdigest()[:16]

    @property
    def _shared_name(self) -> str:
        return f"words_{self._digest}"


class PromptLookup(tf.Module):
    """Strings [batch] to word ids int32 [batch, words], for an export that takes prompts as people type them.

    A prompt that the model can't follow fails the call, with the reason in the error's message.
    """

    def __init__(self, vocabulary: Vocabulary):
        super().__init__()
        self._longest = vocabulary.longest
        self._labels = vocabulary.kind == "labels"
        places = {word: place for place, word in enumerate(vocabulary.words, 1)}
        same = {word: places[other] for word, other in SAME_WORD.items() if other in places}
        known = {**same, **places}
        self._table = tf.lookup.StaticHashTable(_Places(known), 0)
        if self._labels:
            self._size = len(vocabulary.words) + 1
            self._prompts = tf.constant(vocabulary.table(), tf.int32)
            self._prompt_bags = tf.constant([_bag(row, self._size) for row in vocabulary.table()])

    def __call__(self, prompts: tf.Tensor) -> tf.Tensor:
        words = _words(prompts)
        found = self._table.lookup(words.flat_values)
        strange = tf.boolean_mask(words.flat_values, tf.equal(found, 0))
        known = tf.debugging.Assert(tf.equal(tf.size(strange), 0), ["The model never saw the word", strange])
        with tf.control_dependencies([known]):
            ids = tf.identity(words.with_flat_values(found).to_tensor())
        return self._label(prompts, ids) if self._labels else self._caption(ids)

    def _caption(self, ids: tf.Tensor) -> tf.Tensor:
        """Each word once, in order of first appearance."""
        places = tf.range(tf.shape(ids)[1])
        earlier = places[:, None] > places[None, :]
        again = tf.reduce_any(tf.equal(ids[:, :, None], ids[:, None, :]) & earlier, axis=2)
        once = tf.ragged.boolean_mask(ids, ~again & (ids > 0))[:, :MOST_WORDS_OF_A_PROMPT]
        fits = tf.debugging.Assert(
            tf.reduce_all(once.row_lengths() <= self._longest),
            [f"A prompt has more words than any that the model saw; use {self._longest} or fewer."],
        )
        with tf.control_dependencies([fits]):
            return tf.identity(once.to_tensor(shape=[None, self._longest]))

    def _label(self, prompts: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
        """The one label that has all of the words; the first with exactly these words comes before others."""
        bags = tf.reduce_max(tf.one_hot(ids, self._size, dtype=tf.int32), axis=1)[:, None, 1:]
        within = tf.reduce_all(bags <= self._prompt_bags, axis=2)
        exact = tf.reduce_all(tf.equal(bags, self._prompt_bags), axis=2)
        place = tf.argmax(
            tf.cast(tf.where(tf.reduce_any(exact, axis=1, keepdims=True), exact, within), tf.int32), axis=1
        )
        empty = tf.reduce_all(tf.equal(ids, 0), axis=1)
        matches = tf.reduce_sum(tf.cast(within, tf.int32), axis=1)
        clear = empty | tf.equal(matches, 1) | tf.reduce_any(exact, axis=1)
        one = tf.debugging.Assert(
            tf.reduce_all(clear), ["No label, or more than one, has all the words of", tf.boolean_mask(prompts, ~clear)]
        )
        with tf.control_dependencies([one]):
            return tf.where(empty[:, None], 0, tf.gather(self._prompts, place))


def _words(prompts: tf.Tensor) -> tf.RaggedTensor:
    """As tfgen.representations.arrays.vocabulary.words_of, but a word may come twice: [batch, words]."""
    lower = tf.strings.lower(prompts, encoding="utf-8")
    tokens = tf.strings.split(tf.strings.regex_replace(lower, _TOKEN, rf"{_MARK}\1{_MARK}"), _MARK)
    tokens = tf.ragged.boolean_mask(tokens, tf.strings.regex_full_match(tokens, _TOKEN))
    words = tf.ragged.boolean_mask(tokens, tf.strings.regex_full_match(tokens, _WORD))
    has_words = tf.gather(words.row_lengths() > 0, tokens.value_rowids())
    keep = tokens.with_flat_values(~has_words | tf.strings.regex_full_match(tokens.flat_values, _WORD))
    return tf.ragged.boolean_mask(tokens, keep)


def _bag(ids: np.ndarray, size: int) -> np.ndarray:
    bag = np.zeros(size, np.int32)
    bag[ids] = 1
    return bag[1:]  # 0 pads
