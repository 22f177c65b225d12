"""A model's rows as values, drawn in batches of one size."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfgen.console import Preparation
from tfgen.representations.rows.codec import RowCodec
from tfgen.representations.rows.columns import Rows
from tfgen.representations.rows.conditions import BEYOND, FREE, Conditions, no_conditions

# Kernels may add up in another order for another batch size, so every batch has the same one.
BATCH = 4096
CONDITIONED = 128  # each of which takes several candidates


@dataclass(frozen=True)
class Given:
    """Cells of rows that a person has: which, by column bool [n]; the rows; and their tokens int32 [n, fields], FREE
    for all others, which are drawn under conditions."""

    there: dict[str, np.ndarray]
    rows: Rows
    tokens: np.ndarray
    under: Conditions

    @classmethod
    def of(cls, codec: RowCodec, rows: Rows, under: Conditions) -> "Given":
        """Those of rows whose other cells are missing."""
        there = {
            column.name: ~np.isnan(rows.values[column.name]) if column.is_numeric else rows.values[column.name] >= 0
            for column in codec.learned
        }
        has_token = [there[column.name] for column in codec.learned]
        for place, base in codec.distances.items():
            has_token[place] = has_token[place] & has_token[base]
        tokens = codec.encode(rows).astype(np.int32)
        return cls(there, rows, np.where(np.stack(has_token, axis=1), tokens, FREE), under)

    def take(self, places: np.ndarray) -> "Given":
        there = {name: values[places] for name, values in self.there.items()}
        return Given(there, self.rows.take(places), self.tokens[places], self.under)

    def put_into(self, rows: Rows) -> None:
        for name, there in self.there.items():
            rows.values[name][there] = self.rows.values[name][there]

    def known(self, codec: RowCodec) -> dict[str, np.ndarray]:
        """What is known of columns that are distances, or from which distances are taken; NaN for what isn't."""
        places = {*codec.distances, *codec.distances.values()}
        return {codec.learned[place].name: self.rows.values[codec.learned[place].name] for place in places}

    def ends(self, codec: RowCodec) -> dict[int, np.ndarray]:
        """Of distances of which the end is given or asked for, and the beginning isn't known everywhere: by place, and
        for each row, as Conditions.ends_of has them, [n, 1 + intervals, 2]."""
        found = {}
        for place, base in codec.distances.items():
            name = codec.learned[place].name
            alone = self.there[name] & ~self.there[codec.learned[base].name]
            if alone.any() or place in self.under.together:
                asked = self.under.ends_of(codec, place)
                own = np.full([len(alone), *asked.shape], [BEYOND, -BEYOND])
                own[:, 0], own[~self.there[name]] = asked[0], asked
                own[self.there[name], 1] = [-BEYOND, BEYOND]  # has its token already, or:
                own[alone, 1] = self.rows.values[name][alone, None]
                found[place] = own
        return found


class RowSampler:
    """Seeds to rows. The same seed gives the same row under the same conditions, alone or among others."""

    def __init__(self, model: Any, codec: RowCodec):
        import tensorflow as tf

        self.model, self.codec = model, codec
        fields, tokens = model.fields, model.tokens

        def free(seeds: Any) -> tuple:
            return model.unconditional_rows(seeds), model.places(seeds)

        def under(seeds: Any, given: Any, *more: Any) -> tuple:
            rows, weights = model.conditional_rows(seeds, given, *more)
            return rows, model.places(seeds), weights

        some, rows = tf.TensorSpec([None], tf.int32), tf.TensorSpec([None, fields], tf.int32)
        self._free = tf.function(free, input_signature=[some], autograph=False)
        self._given = tf.function(lambda *inputs: under(*inputs), input_signature=[some, rows], autograph=False)

        @functools.cache
        def under_asked(asked: tuple[int, ...], together: tuple[int, ...], is_of_each: bool) -> Any:
            """Of fields of which not all is allowed, and distances with intervals: of each row, or of all."""

            def function(seeds: Any, given: Any, *inputs: Any) -> tuple:
                *ends, allowed = inputs
                return under(seeds, given, allowed, asked, self._tables(dict(zip(together, ends, strict=True))))

            of_one = tf.TensorSpec([None] * is_of_each + [None, 2], tf.float64)
            allowed = tf.TensorSpec([tokens], tf.float32)
            signature = [some, rows, *[of_one] * len(together), allowed]
            return tf.function(function, input_signature=signature, autograph=False)

        self._under = under_asked

    def _tables(self, ends: dict[int, Any]) -> dict[tuple[int, int], Any]:
        """What of two fields may be together, as models take it; ends as Conditions.ends_of has them."""
        if not ends:
            return {}
        from tfgen.representations.rows.distances import shares_together

        codec, made = self.codec, {}
        for place, own in ends.items():
            base, column = codec.distances[place], codec.learned[place]
            bins, how = codec.encodings[codec.learned[base].name], codec.encodings[column.name]
            made[base, place] = shares_together(bins, how, own[..., 0, :], own[..., 1:, :], column.decimals)
        return made

    def __call__(self, seeds: np.ndarray, conditions: Conditions | None = None) -> Rows:
        """Rows for int32 seeds [n] under the conditions."""
        return self.drawn(seeds, conditions)[0]

    def drawn(
        self, seeds: np.ndarray, conditions: Conditions | None = None, given: Given | None = None
    ) -> tuple[Rows, float]:
        """Rows for int32 seeds [n], and the share of the model's rows that are within the conditions.

        given: cells of each row that are known beside the conditions.
        """
        conditions = conditions or no_conditions(self.codec)
        if conditions.are_none and given is None:
            tokens, uniform = self._in_batches(self._free, BATCH, [seeds])
            return self.codec.decode(tokens, uniform), 1.0
        known = np.tile(conditions.given, [len(seeds), 1])
        known = known if given is None else np.where(given.tokens > FREE, given.tokens, known)
        known = known.astype(np.int32)
        of_each = {} if given is None else given.ends(self.codec)
        if conditions.are_values and not of_each:
            made = self._in_batches(self._given, CONDITIONED, [seeds, known])
        elif of_each:
            both = {*of_each, *(self.codec.distances[place] for place in of_each)}
            function = self._under(tuple(sorted(both.union(conditions.fields_asked()))), tuple(of_each), True)
            made = self._in_batches(function, CONDITIONED, [seeds, known, *of_each.values()], [conditions.allowed])
        else:
            of_all = [conditions.ends_of(self.codec, place) for place in conditions.together]
            function = self._under(conditions.fields_asked(), tuple(conditions.together), False)
            made = self._in_batches(function, CONDITIONED, [seeds, known], [*of_all, conditions.allowed])
        tokens, uniform, weights = made
        share = float(np.mean(weights, dtype=np.float64)) if given is None else 1.0
        return conditions.within(self.codec, tokens, uniform, given.known(self.codec) if given else {}), share

    @staticmethod
    def _in_batches(
        function: Any, size: int, rows: list[np.ndarray], same: Sequence[np.ndarray] = ()
    ) -> list[np.ndarray]:
        """The outputs of a function for all rows, in batches, with what is the same for all of them behind."""
        import tensorflow as tf

        count = len(rows[0])
        padded = [np.concatenate([each, np.repeat(each[-1:], -count % size, axis=0)]) for each in rows]
        same, parts = [tf.constant(each) for each in same], []
        told = Preparation("Made {done} of {total} rows, {left} left", every=15.0)
        for at in range(0, len(padded[0]), size):
            own = [tf.constant(each[at : at + size]) for each in padded]
            parts.append([made.numpy() for made in function(*own, *same)])
            told.show(min(at + size, count), count)
        return [np.concatenate(each)[:count] for each in zip(*parts, strict=True)]
