"""What every model of rows shares: rows under conditions, drawn so that a seed alone says which.

A model gives candidates: rows that agree with the conditions, each with the logarithm of how much too rarely the model
proposed it. For each seed some are drawn, and one of them is chosen by these weights (sampling importance resampling,
Rubin 1987). The mean weight is the share of the model's rows that agree with the conditions.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen.models import noise
from tfgen.models.base import GenerativeModel
from tfgen.models.rows.pairs import Pairs
from tfgen.representations import ROWS
from tfgen.representations.rows.conditions import FREE
from tfgen.representations.rows.specification import RowSpecification
from tfgen.representations.signatures import Kind, Signature

CANDIDATES = 16  # for each seed under conditions
_CHOICE_STREAM, _PLACE_STREAM, _FIRST_STREAM = 90, 91, 100
NEVER = -1e9  # added to logits of what can't be drawn


class RowModel(GenerativeModel):
    """Base of models of rows; a subclass defines `candidate`.

    example: the fields, by which all tokens [fields] are counted through: a field's token t is `offsets[field] + t`.
    """

    representations = (ROWS,)
    exact_likelihood = False  # whether `log_likelihood` is no bound, so that it tells how well rows are known by heart

    def __init__(self, config: Any, example: RowSpecification, conditions: None, seed: int = 0):
        super().__init__(config, example, conditions, seed)
        self.fields = len(example.fields)
        self.tokens = int(example.sizes.sum())
        self.order = [int(field) for field in example.order]
        # Which fields are drawn before each field, [fields, fields]: the first index is the earlier one.
        places = np.argsort(example.order)
        self.before = (places[:, None] < places[None, :]).astype(np.float32)
        drawable = np.ones(self.tokens, np.float32)
        for field, offset in zip(example.fields, example.offsets, strict=True):
            drawable[[offset + token for token in field.never]] = 0.0
        self.drawable = drawable

    def candidate(
        self, seeds: tf.Tensor, draws: tf.Tensor, given: tf.Tensor, allowed: tf.Tensor | None,
        asked: Sequence[int] | None = None, pairs: Pairs | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """A row for each seed, int32 [batch, fields], and the logarithm of its weight, [batch].

        Args:
            seeds: int32 [batch].
            draws: int32 [batch], which candidate of its seed each is, from 0; they are independent.
            given: int32 [batch, fields], tokens that a row must have; FREE for what is to be drawn.
            allowed: float32 [tokens] or [batch, tokens], how much of each token is within the conditions, 0 to 1;
                None for all of each.
            asked: the fields of which not all is allowed, where that is known; it saves work.
            pairs: what is allowed of fields together, beside `allowed`.
        """
        raise NotImplementedError

    def log_likelihood(self, tokens: tf.Tensor) -> tf.Tensor:
        """Nats of rows int32 [batch, fields], [batch], or a lower bound; NotImplementedError where there is none."""
        raise NotImplementedError

    def held_out_loss(self, tokens: tf.Tensor) -> tf.Tensor:
        """What a fit measures itself by at rows that it doesn't learn, [batch]; less is better."""
        return -self.log_likelihood(tokens)

    def generate(self, seeds: tf.Tensor, given: tf.Tensor) -> tf.Tensor:
        """Rows int32 [batch, fields] for int32 seeds [batch] that have the given tokens [batch, fields]."""
        return self.conditional_rows(seeds, given)[0]

    def unconditional_rows(self, seeds: tf.Tensor) -> tf.Tensor:
        """Rows int32 [batch, fields] for int32 seeds [batch]: of each its first candidate."""
        given = tf.fill([tf.shape(seeds)[0], self.fields], FREE)
        return self.candidate(seeds, tf.zeros_like(seeds), given, None)[0]

    def conditional_rows(
        self, seeds: tf.Tensor, given: tf.Tensor, allowed: tf.Tensor | None = None,
        asked: Sequence[int] | None = None, together: Mapping[tuple[int, int], tf.Tensor] | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:  # fmt: skip
        """Rows under conditions, as `candidate` takes them, and the weights of all candidates [batch, CANDIDATES].

        Where nothing is asked of a row, it is the first candidate, so that it is the same as without conditions.

        together: what is allowed of two fields, as Pairs takes it; only beside `allowed`.
        """
        count, pairs = tf.shape(seeds)[0], Pairs(together, CANDIDATES)
        draws = tf.tile(tf.range(CANDIDATES), [count])
        rows, logarithms = self.candidate(
            tf.repeat(seeds, CANDIDATES), draws, tf.repeat(given, CANDIDATES, axis=0), _repeated(allowed), asked,
            pairs,
        )
        logarithms = tf.reshape(logarithms, [count, CANDIDATES])
        weights = tf.exp(logarithms - tf.reduce_max(logarithms, axis=1, keepdims=True))
        ends = tf.cumsum(weights, axis=1)
        with tf.name_scope(noise.SCOPE):
            point = noise.uniform(seeds, 1, _CHOICE_STREAM) * ends[:, -1:]
            chosen = tf.reduce_sum(tf.cast(point >= ends[:, :-1], tf.int32), axis=1)
        asked = tf.reduce_any(given > FREE, axis=1)
        asked = asked if allowed is None else asked | tf.reduce_any(allowed < 1.0, axis=-1)
        asked |= pairs.is_asked(count * CANDIDATES)[::CANDIDATES]
        chosen = tf.where(asked, chosen, 0)
        return tf.gather(rows, tf.range(count) * CANDIDATES + chosen), tf.exp(logarithms)

    def places(self, seeds: tf.Tensor) -> tf.Tensor:
        """Where in its token each value lies, float32 [batch, fields], 0 to 1."""
        return noise.uniform(seeds, self.fields, _PLACE_STREAM)

    def chances(self, seeds: tf.Tensor, draws: tf.Tensor) -> list[tf.Tensor]:
        """The uniform numbers that the tokens of each field are drawn by, float32 [batch] of each: made at once, since
        a graph of many columns would be noise for the most part."""
        position = draws[:, None] * self.fields + tf.range(self.fields)[None]
        with tf.name_scope(noise.SCOPE):
            return tf.unstack(noise.uniform_positions(seeds, position, _FIRST_STREAM), axis=1)

    @staticmethod
    def sample_token(chance: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
        """A token by each uniform number [batch], int32 [batch], by probabilities [batch, tokens], which need no sum of
        1."""
        ends = tf.cumsum(probabilities, axis=1)
        with tf.name_scope(noise.SCOPE):
            # Below the end always, so that rounding can't choose what has no probability.
            point = chance[:, None] * ends[:, -1:] * (1.0 - 2.0**-22)
            return tf.reduce_sum(tf.cast(point >= ends[:, :-1], tf.int32), axis=1)

    def of_field(self, values: tf.Tensor | np.ndarray, field: int) -> Any:
        """The part [..., size] of values [..., tokens] that is one field's."""
        first = int(self.example.offsets[field])
        return values[..., first : first + int(self.example.sizes[field])]

    def signatures(self) -> dict[str, Signature]:
        rows = {self.example.plural: Kind.TOKENS}
        return {"generate": Signature(self.generate, {"seed": Kind.SEED, "given": Kind.TOKENS}, rows)}

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Rows int32 [batch, fields] for int32 seeds [batch]."""
        return self.generate(inputs, tf.fill([tf.shape(inputs)[0], self.fields], FREE))

    def measurements(self) -> Mapping[str, Any]:
        return {"likelihood": self.log_likelihood}


def _repeated(allowed: tf.Tensor | None) -> tf.Tensor | None:
    """What is allowed of all rows, or of each of their candidates."""
    return allowed if allowed is None or allowed.shape.rank == 1 else tf.repeat(allowed, CANDIDATES, axis=0)
