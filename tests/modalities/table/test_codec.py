"""Values as a table has them, wherever they are drawn."""

import numpy as np
import tensorflow as tf

from tfgen.modalities.table import constraints
from tfgen.modalities.table.codec import TableCodec
from tfgen.representations.rows.columns import Column, Rows
from tfgen.representations.rows.lookup import RowLookup, on_steps


def test_times_on_steps_stay_on_them_in_a_graph_as_in_python():
    """Full hours, quarters behind each by a distance, and times of day."""
    chance = np.random.default_rng(0)
    begin = 3600 * (460_000 + chance.integers(0, 9000, 1000).astype(float))
    columns = (
        Column("begin", "datetime", writing={"format": "%Y-%m-%d %H:%M", "step": 3600}),
        Column("end", "datetime", writing={"format": "%Y-%m-%d %H:%M", "step": 900}),
        Column("lunch", "time", writing={"format": "%H:%M", "step": 900}),
    )
    end = begin + 900 * chance.integers(1, 40, 1000)
    values = {"begin": begin, "end": end, "lunch": 39600 + 900.0 * chance.integers(0, 16, 1000)}
    rows = Rows(columns, values)
    codec = TableCodec.of(rows, len(rows), constraints=constraints.find(rows))
    assert codec.distances == {1: 0}
    tokens = codec.encode(rows).astype(np.int32)
    uniform = chance.random(tokens.shape).astype(np.float32)
    made, cells = codec.decode(tokens, uniform), RowLookup(codec).cells(tf.constant(tokens), tf.constant(uniform))
    for column, cell in zip(columns, cells, strict=True):
        assert not np.any(cell.numpy() % column.writing["step"]), column.name
        np.testing.assert_array_equal(cell.numpy(), made.values[column.name])
        assert values[column.name].min() <= cell.numpy().min() and cell.numpy().max() <= values[column.name].max()
    assert (made.values["begin"] <= made.values["end"]).all()
    # In numbers of seven digits, as a phone has them, above a base that may lie between steps.
    steps, base = codec.steps_of(0), values["begin"].min() - 1234.0
    places = chance.uniform(values["begin"].min(), values["begin"].min() + 10**6, 1000)
    on_phone = on_steps(tf.constant(places - base, tf.float32), steps, base).numpy().astype(np.float64) + base
    sure = np.abs(places / 3600 % 1 - 0.5) > 1e-3
    wanted = np.clip(np.round(places / 3600) * 3600, steps.first, steps.last)
    np.testing.assert_array_equal(on_phone[sure], wanted[sure])
