"""The vocabulary as part of a graph: what people type, as strings, to ids; agrees with Vocabulary.ids.

But for one thing: a caption as a whole is not in the graph, since which words stood together in the data is nobody
else's business. So a known caption that has a word too rare to be learned is refused here, as any other with that word.
"""

import numpy as np
import tensorflow as tf

from tfgen.representations.arrays.vocabulary import LETTERS, MOST_WORDS_OF_A_PROMPT, SAME_WORD, Vocabulary
from tfgen.representations.places import table_of_places

# The words of tfgen.representations.arrays.vocabulary in RE2's language, and single signs, which count where there are
# no words.
_SPACE = r"\s\pZ\x0b\x1c-\x1f\x{85}"  # what Python takes for a space
_PLAIN = rf"[\pL\pN]+(?:['’-][\pL\pN]+)*|[^\pL\pN_{_SPACE}]"
_TOKEN = rf"({_PLAIN})"
_TOKEN_OF_LABEL = rf"([+-]?[0-9]+(?:[.,][0-9]+)+|[+-][0-9]+|{_PLAIN})"
_WORD = r".*[\pL\pN]"
_MARK, _ITS_PLACE = "\x01", "\x02"  # set around each token, and where it stood itself
_NO_LABEL, _UNSEEN = -1, -2


class PromptLookup(tf.Module):
    """Strings [batch] to word ids int32 [batch, words], for an export that takes prompts as people type them.

    A prompt that the model can't follow fails the call, with the reason in the error's message.
    """

    def __init__(self, vocabulary: Vocabulary):
        super().__init__()
        self._longest = vocabulary.longest
        self._segmented, self._repeats = vocabulary.segmented, vocabulary.repeats
        self._labels, self._whole = vocabulary.kind == "labels", vocabulary.whole
        places = {word: place for place, word in enumerate(vocabulary.typed_words, 1)}
        same = {word: places[other] for word, other in SAME_WORD.items() if other in places}
        self._table = table_of_places({**same, **places}, 0)
        if self._labels:
            self._size = len(places) + 1
            self._prompts = tf.constant(vocabulary.table()[list(vocabulary.known_labels.values())], tf.int32)
            # Sparse, since there may be thousands of labels with as many words: (label, place of a word that it has).
            rows = [{places[word] for word in bag if word in places} for bag in vocabulary.bags.values()]
            pairs = [(row, place) for row, bag in enumerate(rows) for place in sorted(bag)]
            self._pairs = np.array(pairs, np.int64).reshape(-1, 2)
            self._words_each = tf.constant([len(bag) for bag in rows], tf.float32)
        if self._whole:
            order = {label: place for place, label in enumerate(vocabulary.known_labels)}
            written = {text: order[label] for text, label in vocabulary.as_written.items()}
            lower = {text: order[label] for text, label in vocabulary.in_lower_case.items()}
            unseen = dict.fromkeys(vocabulary.unseen_labels, _UNSEEN)
            self._as_written = table_of_places(written, _NO_LABEL)
            self._in_lower_case = table_of_places({**unseen, **lower}, _NO_LABEL)

    def __call__(self, prompts: tf.Tensor) -> tf.Tensor:
        words = _words(prompts, _TOKEN_OF_LABEL if self._whole else _TOKEN, self._segmented)
        found = self._table.lookup(words.flat_values)
        typed = self._typed(prompts)
        strange = tf.equal(found, 0) & tf.gather(tf.equal(typed, _NO_LABEL), words.value_rowids())
        reason = ["The model never saw the word", tf.boolean_mask(words.flat_values, strange)]
        unseen = ["No example had the label", tf.boolean_mask(prompts, tf.equal(typed, _UNSEEN))]
        checks = [
            tf.debugging.Assert(~tf.reduce_any(strange), reason),
            tf.debugging.Assert(~tf.reduce_any(tf.equal(typed, _UNSEEN)), unseen),
        ]
        with tf.control_dependencies(checks):
            ids = tf.identity(words.with_flat_values(found).to_tensor())
        return self._label(prompts, ids, typed) if self._labels else self._caption(ids)

    def _typed(self, prompts: tf.Tensor) -> tf.Tensor:
        """The places of labels typed as they are, but for case and spaces; else negative."""
        if not self._whole:
            return tf.fill(tf.shape(prompts), _NO_LABEL)
        text = tf.strings.regex_replace(tf.strings.regex_replace(prompts, f"[{_SPACE}]+", " "), "^ | $", "")
        lower = self._in_lower_case.lookup(tf.strings.lower(text, encoding="utf-8"))
        folded = self._as_written.lookup(text)
        exact = self._as_written.lookup(prompts)
        return tf.where(exact >= 0, exact, tf.where(folded >= 0, folded, lower))

    def _caption(self, ids: tf.Tensor) -> tf.Tensor:
        """The words in their order; in runs of before each once."""
        wanted = ids > 0
        if not self._repeats:
            places = tf.range(tf.shape(ids)[1])
            earlier = places[:, None] > places[None, :]
            wanted &= ~tf.reduce_any(tf.equal(ids[:, :, None], ids[:, None, :]) & earlier, axis=2)
        chosen = tf.ragged.boolean_mask(ids, wanted)[:, :MOST_WORDS_OF_A_PROMPT]
        fits = tf.debugging.Assert(
            tf.reduce_all(chosen.row_lengths() <= self._longest),
            [f"A prompt has more words than any that the model saw; use {self._longest} or fewer."],
        )
        with tf.control_dependencies([fits]):
            return tf.identity(chosen.to_tensor(shape=[None, self._longest]))

    def _label(self, prompts: tf.Tensor, ids: tf.Tensor, typed: tf.Tensor) -> tf.Tensor:
        """The one label as typed, or that has all of the words; those with exactly these words come before others."""
        has = tf.reduce_any(tf.one_hot(ids, self._size, True, False, dtype=tf.bool), axis=1)
        bags = tf.cast(has & (tf.range(self._size) > 0), tf.float32)  # 0 pads
        labels = tf.SparseTensor(self._pairs, tf.ones([len(self._pairs)]), [len(self._words_each), self._size])
        shared = tf.transpose(tf.sparse.sparse_dense_matmul(labels, bags, adjoint_b=True))  # [batch, labels]
        typed_words = tf.reduce_sum(bags, axis=1, keepdims=True)
        within = tf.equal(shared, typed_words)
        exact = within & tf.equal(self._words_each, typed_words)
        meant = tf.cast(tf.where(tf.reduce_any(exact, axis=1, keepdims=True), exact, within), tf.int32)
        place = tf.where(typed < 0, tf.argmax(meant, axis=1, output_type=tf.int32), typed)
        empty = tf.reduce_all(tf.equal(ids, 0), axis=1) & (typed < 0)
        one = tf.equal(tf.reduce_sum(meant, axis=1), 1)
        if not self._whole:  # labels that differed in signs alone were one
            one |= tf.reduce_any(exact, axis=1)
        clear = empty | one | (typed >= 0)
        checked = tf.debugging.Assert(
            tf.reduce_all(clear), ["No label, or more than one, has all the words of", tf.boolean_mask(prompts, ~clear)]
        )
        with tf.control_dependencies([checked]):
            return tf.where(empty[:, None], 0, tf.gather(self._prompts, place))


def _words(prompts: tf.Tensor, token: str, segmented: bool) -> tf.RaggedTensor:
    """As vocabulary.words_of or words_of_label, but a word may come twice: [batch, words]."""
    lower = tf.strings.regex_replace(tf.strings.lower(prompts, encoding="utf-8"), _MARK, _ITS_PLACE)
    lower = tf.strings.regex_replace(lower, f"({LETTERS})", r" \1 ") if segmented else lower
    tokens = tf.strings.split(tf.strings.regex_replace(lower, token, rf"{_MARK}\1{_MARK}"), _MARK)
    tokens = tf.ragged.boolean_mask(tokens, tf.strings.regex_full_match(tokens, token))
    words = tf.ragged.boolean_mask(tokens, tf.strings.regex_full_match(tokens, _WORD))
    has_words = tf.gather(words.row_lengths() > 0, tokens.value_rowids())
    keep = tokens.with_flat_values(~has_words | tf.strings.regex_full_match(tokens.flat_values, _WORD))
    return tf.ragged.boolean_mask(tokens, keep)
