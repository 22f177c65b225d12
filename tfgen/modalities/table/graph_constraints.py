"""What holds in every row of a table, as part of a graph: as constraints.py has it, for rows that an export draws.

Cells are a tensor [batch] for each learned column: tokens int32 of categories, numbers with NaN for a missing one.
Unique is no matter of a single row. Of Fixed only what at least five rows share is in the graph: an export gives no row
away.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from tfgen.modalities.table.constraints import EXACT, MISSING, Constraint, Fixed, Order, Sum
from tfgen.representations.rows.codec import FEWEST, Categories, Distance
from tfgen.representations.rows.columns import INTEGER, NUMBER
from tfgen.representations.rows.lookup import rounded

if TYPE_CHECKING:
    from tfgen.modalities.table.codec import TableCodec

Cells = list[tf.Tensor]


class GraphConstraints:
    """The constraints of a codec, for cells in a graph."""

    def __init__(self, codec: "TableCodec", constraints: Sequence[Constraint]):
        self._codec = codec
        self._place = {column.name: place for place, column in enumerate(codec.learned)}
        self._orders = [each for each in constraints if isinstance(each, Order)]
        self._following = [each for each in constraints if isinstance(each, (Fixed, Sum))]
        self._tables = {each: self._table(each) for each in constraints if isinstance(each, Fixed)}

    def __bool__(self) -> bool:
        return bool(self._orders or self._following)

    def put_right(self, cells: Cells, settled: Cells) -> Cells:
        """Cells with what follows from others put right, as constraints.repaired does it.

        settled: of each column, bool [batch]: which cells were given or asked for, and stay.
        """
        if not self._following:
            return cells

        def is_wrong(count: tf.Tensor, *cells: tf.Tensor) -> tf.Tensor:
            return (count < len(self._following)) & ~tf.reduce_all(self._hold(self._following, list(cells)))

        def once(count: tf.Tensor, *cells: tf.Tensor) -> tuple:
            made = list(cells)
            for each in self._following:
                made = self._repaired_fixed(each, made, settled) if isinstance(each, Fixed) else (
                    self._repaired_sum(each, made, settled)
                )
            return count + 1, *made

        return list(tf.while_loop(is_wrong, once, (tf.constant(0), *cells))[1:])

    def hold(self, cells: Cells) -> tf.Tensor:
        """bool [batch]: which rows keep to all."""
        return self._hold([*self._orders, *self._following], cells)

    def _hold(self, constraints: Sequence[Constraint], cells: Cells) -> tf.Tensor:
        result = tf.ones(tf.shape(cells[0]), tf.bool)
        for each in constraints:
            if isinstance(each, Order):
                lower, upper = (cells[self._place[name]] for name in each.names)
                fine = (lower < upper) if each.strict else (lower <= upper)
                result &= fine | tf.math.is_nan(lower) | tf.math.is_nan(upper)
            elif isinstance(each, Sum):
                result &= ~self._is_wrong_sum(each, cells)
            else:
                wanted, is_known = self._wanted(each, cells)
                result &= ~is_known | _equal(wanted, cells[self._place[each.follows]])
        return result

    # Sums.

    def _summed(self, constraint: Sum, cells: Cells) -> tf.Tensor:
        first, *others = (cells[self._place[name]] for name in constraint.addends)
        return sum(others, first)

    def _is_wrong_sum(self, constraint: Sum, cells: Cells) -> tf.Tensor:
        """A missing cell makes nothing wrong: what is compared with NaN is False."""
        total = cells[self._place[constraint.total]]
        exact = EXACT if total.dtype == tf.float64 else 1e-6
        return tf.abs(total - self._summed(constraint, cells)) > exact * tf.maximum(tf.ones_like(total), tf.abs(total))

    def _repaired_sum(self, constraint: Sum, cells: Cells, settled: Cells) -> Cells:
        place, made = self._place[constraint.total], list(cells)
        is_wrong, summed = self._is_wrong_sum(constraint, cells), self._summed(constraint, cells)
        made[place] = tf.where(is_wrong & ~settled[place], self._rounded(place, summed), cells[place])
        places = [self._place[name] for name in constraint.addends]
        sizes = [tf.where(settled[each], -tf.ones_like(summed), tf.abs(cells[each])) for each in places]
        largest = tf.argmax(tf.stack(sizes, axis=1), axis=1, output_type=tf.int32)
        for number, each in enumerate(places):
            here = is_wrong & settled[place] & ~settled[each] & tf.equal(largest, number)
            rest = self._rounded(each, cells[place] - (summed - cells[each]))
            made[each] = tf.where(here, rest, made[each])
        return made

    def _rounded(self, place: int, values: tf.Tensor) -> tf.Tensor:
        column = self._codec.learned[place]
        return rounded(values, column.decimals) if column.kind in (NUMBER, INTEGER) else values

    # What follows from another column.

    def _repaired_fixed(self, constraint: Fixed, cells: Cells, settled: Cells) -> Cells:
        place, made = self._place[constraint.follows], list(cells)
        wanted, is_known = self._wanted(constraint, cells)
        made[place] = tf.where(is_known & ~settled[place], wanted, cells[place])
        return made

    def _wanted(self, constraint: Fixed, cells: Cells) -> tuple[tf.Tensor, tf.Tensor]:
        """What should stand there, and in which rows that is known."""
        given, follows = (cells[self._place[name]] for name in constraint.names)
        wanted, is_known = follows, tf.zeros(tf.shape(given), tf.bool)
        keys, values = self._tables[constraint]
        is_missing = np.isnan(keys)  # of numbers
        if is_missing.any():
            is_known = tf.math.is_nan(given)
            wanted = tf.where(is_known, tf.constant(values[is_missing][0], follows.dtype), wanted)
            keys, values = keys[~is_missing], values[~is_missing]
        if len(keys):
            keys, values = tf.constant(keys, given.dtype), tf.constant(values, follows.dtype)
            nearest = tf.minimum(tf.reduce_sum(tf.cast(given[:, None] > keys, tf.int32), axis=1), tf.size(keys) - 1)
            is_key = tf.equal(tf.gather(keys, nearest), given)
            wanted, is_known = tf.where(is_key, tf.gather(values, nearest), wanted), is_known | is_key
        return wanted, is_known

    def _table(self, constraint: Fixed) -> tuple[np.ndarray, np.ndarray]:
        """What is given, rising, with what follows from it, as cells of a graph: of what a token stands for alone that
        enough rows have."""
        place, how = self._place[constraint.given], self._codec.encodings[constraint.given]
        given, follows = np.array(constraint.seen or np.zeros([0, 2]), np.float64).T
        keys = self._as_cells(constraint.given, given)
        if isinstance(how, Categories):
            tokens, is_one = keys, keys != how.rare
        else:
            tokens = how.encode(keys)
            bins = how.knots[tokens.clip(max=len(how.knots) - 1)] if len(how.knots) else np.full([len(keys), 1], np.nan)
            is_one = np.isnan(keys) | ((bins[:, 0] == keys) & (bins[:, -1] == keys))
            is_one &= not isinstance(how, Distance)
        enough = np.array(self._codec.specification.fields[place].counts)[tokens] >= FEWEST
        keys, values = (each[is_one & enough] for each in (keys, self._as_cells(constraint.follows, follows)))
        order = np.argsort(keys)
        return keys[order], values[order]

    def _as_cells(self, name: str, values: np.ndarray) -> np.ndarray:
        """Values as a Fixed has them, as cells of a graph."""
        how = self._codec.encodings[name]
        if isinstance(how, Categories):
            return how.encode(values.astype(np.int64)).astype(np.int32)
        return np.where(values == MISSING, np.nan, values)


def _equal(one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
    """Whether they are the same, missing ones too."""
    same = tf.equal(one, other)
    return same if one.dtype == tf.int32 else same | (tf.math.is_nan(one) & tf.math.is_nan(other))
