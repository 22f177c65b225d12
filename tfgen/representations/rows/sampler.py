"""A model's rows as values, drawn in batches of one size."""

import functools
from typing import Any

import numpy as np

from tfgen.representations.rows.codec import RowCodec
from tfgen.representations.rows.columns import Rows
from tfgen.representations.rows.conditions import FREE, Conditions, no_conditions

# Kernels may add up in another order for another batch size, so every batch has the same one.
BATCH = 4096
CONDITIONED = 128  # each of which takes several candidates


class RowSampler:
    """Seeds to rows. The same seed gives the same row under the same conditions, alone or among others."""

    def __init__(self, model: Any, codec: RowCodec):
        import tensorflow as tf

        self.model, self.codec = model, codec
        fields, tokens = model.fields, model.tokens

        def free(seeds: Any) -> tuple:
            return model.unconditional_rows(seeds), model.places(seeds)

        def under(seeds: Any, given: Any, allowed: Any = None, asked: Any = None) -> tuple:
            rows, weights = model.conditional_rows(seeds, given, allowed, asked)
            return rows, model.places(seeds), weights

        some, rows = tf.TensorSpec([None], tf.int32), tf.TensorSpec([None, fields], tf.int32)
        self._free = tf.function(free, input_signature=[some], autograph=False)
        self._given = tf.function(lambda *inputs: under(*inputs), input_signature=[some, rows], autograph=False)
        signature = [some, rows, tf.TensorSpec([tokens], tf.float32)]

        @functools.cache
        def under_asked(asked: tuple[int, ...]) -> Any:
            return tf.function(lambda *inputs: under(*inputs, asked), input_signature=signature, autograph=False)

        self._under = under_asked

    def __call__(self, seeds: np.ndarray, conditions: Conditions | None = None) -> Rows:
        """Rows for int32 seeds [n] under the conditions."""
        return self.drawn(seeds, conditions)[0]

    def drawn(
        self, seeds: np.ndarray, conditions: Conditions | None = None, given: np.ndarray | None = None
    ) -> tuple[Rows, float]:
        """Rows for int32 seeds [n], and the share of the model's rows that are within the conditions.

        given: int32 [n, fields], tokens of each row beside the conditions; FREE where there is none.
        """
        conditions = conditions or no_conditions(self.codec)
        if conditions.are_none and given is None:
            tokens, uniform = self._in_batches(self._free, BATCH, [seeds])
            return self.codec.decode(tokens, uniform), 1.0
        known = np.tile(conditions.given, [len(seeds), 1])
        known = known if given is None else np.where(given > FREE, given, known)
        if conditions.are_values:
            made = self._in_batches(self._given, CONDITIONED, [seeds, known])
        else:
            function = self._under(conditions.fields_asked())
            made = self._in_batches(function, CONDITIONED, [seeds, known], conditions.allowed)
        tokens, uniform, weights = made
        share = float(np.mean(weights, dtype=np.float64)) if given is None else 1.0
        return conditions.within(self.codec, tokens, uniform), share

    def _in_batches(self, function: Any, size: int, rows: list[np.ndarray], *same: np.ndarray) -> list[np.ndarray]:
        """The outputs of a function for all rows, in batches, with what is the same for all of them behind."""
        import tensorflow as tf

        count = len(rows[0])
        padded = [np.concatenate([each, np.repeat(each[-1:], -count % size, axis=0)]) for each in rows]
        same, parts = [tf.constant(each, tf.float32) for each in same], []
        for at in range(0, len(padded[0]), size):
            own = [tf.constant(each[at : at + size], tf.int32) for each in padded]
            parts.append([made.numpy() for made in function(*own, *same)])
        return [np.concatenate(each)[:count] for each in zip(*parts, strict=True)]
