"""A model's rows as values, drawn in batches of one size."""

from typing import Any

import numpy as np

from tfgen.representations.rows.codec import RowCodec
from tfgen.representations.rows.columns import Rows
from tfgen.representations.rows.conditions import Conditions, no_conditions

# Kernels may add up in another order for another batch size, so every batch has the same one.
BATCH = 1024
CONDITIONED = 64  # each of which takes several candidates


class RowSampler:
    """Seeds to rows. The same seed gives the same row under the same conditions, alone or among others."""

    def __init__(self, model: Any, codec: RowCodec):
        import tensorflow as tf

        self.model, self.codec = model, codec
        fields, tokens = model.fields, model.tokens
        whole = tf.TensorSpec([None], tf.int32), tf.TensorSpec([tokens], tf.float32)

        def free(seeds: Any, allowed: Any) -> tuple:
            given = tf.fill([tf.shape(seeds)[0], fields], -1)
            return model.candidate(seeds, tf.zeros_like(seeds), given, allowed)[0], model.places(seeds)

        def under(seeds: Any, allowed: Any, given: Any) -> tuple:
            rows, weights = model.under(seeds, given, allowed)
            return rows, model.places(seeds), weights

        self._free = tf.function(free, input_signature=whole)
        self._under = tf.function(under, input_signature=(*whole, tf.TensorSpec([None, fields], tf.int32)))

    def __call__(self, seeds: np.ndarray, conditions: Conditions | None = None) -> Rows:
        """Rows for int32 seeds [n] under the conditions."""
        return self.drawn(seeds, conditions)[0]

    def drawn(
        self, seeds: np.ndarray, conditions: Conditions | None = None, given: np.ndarray | None = None
    ) -> tuple[Rows, float]:
        """Rows for int32 seeds [n], and the share of the model's rows that are within the conditions.

        given: int32 [n, fields], tokens of each row beside the conditions; -1 where there is none.
        """
        conditions = conditions or no_conditions(self.codec)
        if conditions.are_none and given is None:
            tokens, uniform = self._in_batches(self._free, BATCH, seeds, conditions.allowed)
            return self.codec.decode(tokens, uniform), 1.0
        known = np.tile(conditions.given, [len(seeds), 1])
        known = known if given is None else np.where(given >= 0, given, known)
        tokens, uniform, weights = self._in_batches(self._under, CONDITIONED, seeds, conditions.allowed, known)
        share = float(np.mean(weights, dtype=np.float64)) if given is None else 1.0
        return conditions.within(self.codec, tokens, uniform), share

    def _in_batches(
        self, function: Any, size: int, seeds: np.ndarray, allowed: np.ndarray, *rows: np.ndarray
    ) -> list[np.ndarray]:
        """A function of seeds, what is allowed, and more rows; its outputs for all of them."""
        import tensorflow as tf

        missing = -len(seeds) % size
        padded = [np.concatenate([each, np.repeat(each[-1:], missing, axis=0)]) for each in (seeds, *rows)]
        allowed, parts = tf.constant(allowed, tf.float32), []
        for at in range(0, len(padded[0]), size):
            first, *others = (tf.constant(each[at : at + size], tf.int32) for each in padded)
            parts.append([made.numpy() for made in function(first, allowed, *others)])
        return [np.concatenate(each)[: len(seeds)] for each in zip(*parts, strict=True)]
