"""A tokenizer of characters as part of a graph: text to ids and back; agrees with tfgen.modalities.text.tokenizer."""

import hashlib
from typing import Any

import numpy as np
import tensorflow as tf


class _Ids(tf.lookup.KeyValueTensorInitializer):
    """A table's content, named after itself: TensorFlow's own name is a new one each time, and so the graph."""

    def __init__(self, ids: dict[bytes, int]):
        super().__init__(tf.constant(np.array(list(ids), object)), tf.constant(list(ids.values()), tf.int32))
        self._digest = hashlib.sha256(repr(ids).encode()).hexdigest()[:16]

    @property
    def _shared_name(self) -> str:
        return f"characters_{self._digest}"


class GraphTokenizer(tf.Module):
    """Both ways, for an export that takes and gives text. What has no id of its own goes by its UTF-8 bytes."""

    def __init__(self, tokenizer: Any):
        super().__init__()
        pieces = tokenizer.token_bytes()
        ids = {piece: number for number, piece in enumerate(pieces) if piece}
        # An ASCII character may have an id as a character and one as a byte.
        ids.update({piece: int(tokenizer.encode(piece.decode())[0]) for piece in ids if piece.isascii()})
        self._ids = tf.lookup.StaticHashTable(_Ids(ids), -1)
        self._pieces = tf.constant(np.array(pieces, object))

    def encode(self, texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Ids int32 [batch, most] of strings [batch], padded with 0, and how many each has, [batch]."""
        letters = tf.strings.unicode_split(texts, "UTF-8")
        found = self._ids.lookup(letters.values)
        known = found >= 0
        alone = tf.RaggedTensor.from_row_lengths(tf.boolean_mask(found, known), tf.cast(known, tf.int64))
        spelled = tf.strings.bytes_split(tf.where(known, "", letters.values))
        spelled = spelled.with_values(self._ids.lookup(spelled.values))
        ids = letters.with_values(tf.concat([alone, spelled], axis=1)).merge_dims(1, 2)
        return ids.to_tensor(), tf.cast(ids.row_lengths(), tf.int32)

    def decode(self, ids: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
        """Strings [batch] of ids [batch, most], of which `length` [batch] count; broken UTF-8 is U+FFFD."""
        counted = tf.sequence_mask(length, tf.shape(ids)[1])
        joined = tf.strings.reduce_join(tf.where(counted, tf.gather(self._pieces, ids), ""), axis=1)
        return tf.strings.unicode_transcode(joined, "UTF-8", "UTF-8")
