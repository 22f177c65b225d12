"""Rows that keep to what holds in every row of the data: put right where that follows from other columns, else drawn
anew by a seed that follows from their own."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfgen.representations.redraw import seeds_of_round
from tfgen.representations.rows.codec import Bins, Distance, RowCodec
from tfgen.representations.rows.columns import Rows
from tfgen.representations.rows.conditions import Conditions
from tfgen.representations.rows.sampler import Given, RowSampler

_ROUNDS = 100  # of drawing anew


def enforce_constraints(
    modality: Any, codec: RowCodec, sampler: RowSampler, seeds: np.ndarray, conditions: Conditions, rows: Rows,
    given: Given | None = None,
) -> tuple[Rows, int]:
    """Rows that were drawn by these seeds, with what breaks a constraint of the data put right or drawn anew, and how
    many still do. What was given stays, and so does what was asked for.

    modality: what knows the constraints, by `holds` and `repair` (tfgen.modalities.base.Modality).
    """
    rows = _put_right(modality, codec, conditions, rows, given)
    for round_number in range(1, _ROUNDS + 1):
        broken = np.flatnonzero(~_is_right(modality, codec, conditions, rows, given))
        if not len(broken):
            return rows, 0
        # A row that breaks a constraint is drawn anew by a seed that follows from its own.
        again = seeds_of_round(seeds[broken].astype(np.int64), round_number)
        part = None if given is None else given.take(broken)
        new = sampler.drawn(again.astype(np.int32), conditions if part is None else part.under, part)[0]
        new = _put_right(modality, codec, conditions, new, part)
        for name, values in rows.values.items():
            values[broken] = new.values[name]
    return rows, int((~_is_right(modality, codec, conditions, rows, given)).sum())


def drawn_by_constraints(
    codec: RowCodec, draw: Callable[[Any, Any], tuple[list, Any]], seeds: Any, settled: Sequence[Any],
    given: Sequence[Any] | None = None,
) -> tuple[list, Any, Any]:  # fmt: skip
    """Rows of int32 seeds [batch] with what `enforce_constraints` does to them, as part of a graph: cells, as RowLookup
    has them, what else the first draw gave, and which rows are right, bool [batch].

    draw: seeds [k], and the places in the batch int64 [k] that these are for, to cells and a float32 [k].
    settled: of each column bool [batch], which cells were given or asked for. given: likewise, which were given.
    """
    import tensorflow as tf

    constraints = codec.constraints_in_graph()

    def is_wrong(number: Any, _: list, __: Any, is_right: Any) -> Any:
        return (number <= _ROUNDS) & ~tf.reduce_all(is_right)

    # The first draw is a round too, so that the graph has it once. Only what is wrong is drawn anew.
    def drawn(number: Any, cells: list, first: Any, is_right: Any) -> tuple:
        places = tf.where(~is_right)
        rows = places[:, 0]
        own = tf.gather(seeds, rows)
        anew = tf.cast(seeds_of_round(tf.cast(own, tf.int64), number), tf.int32)
        new, more = draw(tf.where(number > 0, anew, own), rows)
        new = constraints.put_right(new, [tf.gather(each, rows) for each in settled])
        is_given = None if given is None else [tf.gather(each, rows) for each in given]
        is_new_right = constraints.hold(new) & _is_inside(codec, new, is_given)

        def put(old: Any, new: Any) -> Any:
            return tf.tensor_scatter_nd_update(old, places, new)

        cells = [put(*pair) for pair in zip(cells, new, strict=True)]
        return number + 1, cells, tf.where(number > 0, first, put(first, more)), put(is_right, is_new_right)

    kinds = [tf.float64 if isinstance(codec.encodings[each.name], Bins) else tf.int32 for each in codec.learned]
    nothing = (
        tf.constant(0, tf.int64), [tf.zeros_like(seeds, kind) for kind in kinds], tf.zeros_like(seeds, tf.float32),
        tf.zeros_like(seeds, tf.bool),
    )  # fmt: skip
    any_size = tf.nest.map_structure(lambda each: tf.TensorShape([None] * len(each.shape)), nothing)
    return tf.while_loop(is_wrong, drawn, nothing, shape_invariants=any_size)[1:]


def _is_inside(codec: RowCodec, cells: list, given: Sequence[Any] | None) -> Any:
    """bool [batch]: of which rows all values lie where the data does, as `_is_right` has it."""
    import tensorflow as tf

    result = tf.ones(tf.shape(cells[0]), tf.bool)
    for place, column in enumerate(codec.learned):
        if (extent := _extent(codec, place)) is not None:
            own = tf.math.is_nan(cells[place])
            own = own if given is None else own | given[place]
            result &= own | ((cells[place] >= extent[0]) & (cells[place] <= extent[1]))
    return result


def _extent(codec: RowCodec, place: int) -> tuple[float, float] | None:
    """Between which values of a numeric column the data lies. A distance is never too great, unless from what was
    given."""
    column = codec.learned[place]
    how, half = codec.encodings[column.name], 0.5 * 10.0**-column.decimals  # what rounding does
    if not isinstance(how, Bins) or isinstance(how, Distance) or not len(how.knots):
        return None
    return how.knots[0, 0] - half, how.knots[-1, -1] + half


def _put_right(modality: Any, codec: RowCodec, conditions: Conditions, rows: Rows, given: Given | None) -> Rows:
    settled = {} if given is None else dict(given.there)
    settled |= {name: np.ones(len(rows), bool) for name in conditions.asked(codec)}
    if given is not None:
        given.put_into(rows)
    return modality.repair(rows, codec, settled)


def _is_right(modality: Any, codec: RowCodec, conditions: Conditions, rows: Rows, given: Given | None) -> np.ndarray:
    """bool [n]: which rows keep to constraints and conditions, and lie where the data does."""
    right = modality.holds(rows, codec)
    if given is None:
        right = right & conditions.hold(codec, rows)
    for place, column in enumerate(codec.learned):
        if (extent := _extent(codec, place)) is not None:
            values = rows.values[column.name]
            own = np.isnan(values) if given is None else np.isnan(values) | given.there[column.name]
            right = right & (own | ((values >= extent[0]) & (values <= extent[1])))
    return right
