"""Pairs of fields of which something is asked together: a date and the days from it to another date."""

from collections.abc import Mapping

import tensorflow as tf

from tfgen.representations.rows.conditions import FREE


class Pairs:
    """How much of every two tokens of two fields is within what is asked of both together.

    tables: by the two fields, float32 [tokens of the first, tokens of the second], the same for all rows, or
        [batch, ...] of each row.
    candidates: how many candidates each row of such a batch has, one behind the other.
    """

    def __init__(self, tables: Mapping[tuple[int, int], tf.Tensor] | None, candidates: int):
        self._tables, self._candidates = dict(tables or {}), candidates
        self.fields = {field for pair in self._tables for field in pair}

    def is_asked(self, count: tf.Tensor, field: int | None = None) -> tf.Tensor:
        """Whether any is asked of each of `count` candidates, if told of a field, bool [count]."""
        asked = tf.zeros([count], tf.bool)
        for pair, table in self._tables.items():
            if field is not None and field not in pair:
                continue
            own = tf.reduce_any(table < 1.0, axis=[-2, -1])
            asked |= own if table.shape.rank == 2 else tf.repeat(own, self._candidates)
        return asked

    def may(
        self, field: int, columns: list[tf.Tensor], probabilities: list[tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """How much of each token of a field is within, [candidates, tokens], by what the other fields are, or, where
        that isn't known yet, by what they may become; and the latter part alone.

        columns: int32 [candidates] of each field, FREE where it isn't known.
        probabilities: of each field, [tokens] or [candidates, tokens]: those of what it may become.
        """
        may, expected = tf.ones([]), tf.ones([])
        for (first, second), table in self._tables.items():
            if field not in (first, second):
                continue
            other = second if field == first else first
            table = tf.linalg.matrix_transpose(table) if field == second else table  # [..., own, other]
            is_known = (columns[other] > FREE)[:, None]
            by_token = self._beside(table, tf.maximum(columns[other], 0))
            ahead = self._expected(table, probabilities[other])
            may *= tf.where(is_known, by_token, ahead)
            expected *= tf.where(is_known, tf.ones_like(by_token), ahead)
        return may, expected

    def log_fraction(self, rows: tf.Tensor) -> tf.Tensor:
        """The logarithm of how much of the pairs of rows int32 [candidates, fields] is within, [candidates]."""
        total = tf.zeros([tf.shape(rows)[0]])
        for (first, second), table in self._tables.items():
            own = tf.one_hot(rows[:, first], table.shape[-2])
            beside = self._beside(table, rows[:, second])
            total += tf.math.log(tf.maximum(tf.reduce_sum(own * beside, axis=1), 1e-30))
        return total

    def _beside(self, table: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
        """Of a table [..., own, other] what stands beside tokens [candidates] of the other, [candidates, own]."""
        columns = tf.linalg.matrix_transpose(table)
        if table.shape.rank == 2:
            return tf.gather(columns, tokens)
        return tf.gather_nd(columns, tf.stack([tf.range(tf.size(tokens)) // self._candidates, tokens], axis=1))

    def _expected(self, table: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
        """The mean over the other field's tokens, [1 or candidates, own]."""
        if table.shape.rank == 2:
            shared = probabilities if probabilities.shape.rank == 2 else probabilities[None]
            return tf.matmul(shared, table, transpose_b=True)
        if probabilities.shape.rank == 1:
            return tf.repeat(tf.linalg.matvec(table, probabilities), self._candidates, axis=0)
        of_rows = tf.reshape(probabilities, [-1, self._candidates, table.shape[-1]])
        return tf.reshape(tf.matmul(of_rows, table, transpose_b=True), [-1, table.shape[-2]])
