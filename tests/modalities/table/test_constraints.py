"""What holds in every row: found, written, checked and put right."""

import numpy as np
import pytest

from tfgen.errors import UserError
from tfgen.modalities.table import constraints
from tfgen.modalities.table.codec import TableCodec
from tfgen.modalities.table.table import open_table
from tfgen.representations.rows.columns import Column, Rows

CHANCE = np.random.default_rng(0)


def rows_of(**values):
    """Rows of numbers, of categories where values are int32, and of dates where a name begins with d_."""
    columns = []
    for name, column in values.items():
        name = name.replace("__", " ")
        if column.dtype == np.int32:
            columns.append(Column(name, "category", tuple(f"{name}{place}" for place in range(column.max() + 1))))
        elif name.startswith("d_"):
            columns.append(Column(name, "date", writing={"format": "%Y-%m-%d"}))
        else:
            columns.append(Column(name, "number", decimals=2))
    return Rows(tuple(columns), {name.replace("__", " "): column for name, column in values.items()})


def table(count=500):
    net, tax, fee = (CHANCE.integers(0, 10_000, count) / 100 for _ in range(3))
    city = CHANCE.integers(0, 20, count).astype(np.int32)
    start = CHANCE.integers(0, 1000, count).astype(float)
    start[::50] = np.nan
    end = start + CHANCE.integers(0, 400, count) * (np.arange(count) % 9 > 0)  # some end as they start
    return rows_of(
        net=net, tax=tax, total=np.round(net + tax, 2), fee=fee, all__of__it=np.round(net + tax + fee, 2), city=city,
        state=(city // 3).astype(np.int32), country=(city // 9).astype(np.int32), other=city[::-1].copy(),
        d_start=start, d_end=end,
    )  # fmt: skip


def test_what_holds_is_found_and_nothing_else():
    rows = table()
    found = [constraint.text for constraint in constraints.find(rows)]
    assert "d_start <= d_end" in found and "net + tax = total" in found and 'total + fee = "all of it"' in found
    assert "fixed city state" in found and "fixed state country" in found and "fixed city country" not in found
    assert not [text for text in found if "other" in text]
    assert not [text for text in found if text.startswith("fixed") and "d_" in text]


@pytest.mark.parametrize("seed", range(10))
def test_nothing_is_found_in_noise(seed):
    chance = np.random.default_rng(seed)
    values = {f"n{place}": chance.normal(size=60).round(2) for place in range(8)}
    values |= {f"c{place}": chance.integers(0, 6, 60).astype(np.int32) for place in range(8)}
    rare = np.zeros(60, np.int32)
    rare[:2] = 1
    assert constraints.find(rows_of(**values, rare=rare)) == []


def test_what_follows_from_what_was_put_right_is_put_right_too():
    rows = table()
    found = [constraints.parse(text, rows.columns) for text in ('total + fee = "all of it"', "net + tax = total")]
    broken = Rows(rows.columns, {**rows.values, "net": rows.values["net"] + 1})
    assert constraints.holding(found, constraints.repaired(found, broken)).all()


def test_few_rows_say_nothing():
    assert constraints.find(table().take(slice(0, 40))) == []


def test_columns_that_are_the_same():
    rows = table()
    rows = Rows((*rows.columns, Column("again", "number", decimals=2)), {**rows.values, "again": rows.values["net"]})
    found = [constraint.text for constraint in constraints.find(rows)]
    assert "net = again" in found and "again + tax = total" not in found and "net + tax = total" in found


def test_a_repair_makes_it_hold():
    rows = table()
    found = constraints.find(rows)
    shuffled = {name: np.random.default_rng(place).permutation(values)
                for place, (name, values) in enumerate(rows.values.items())}  # fmt: skip
    broken = Rows(rows.columns, shuffled)
    assert not constraints.holding(found, broken).all()
    right = constraints.repaired(found, broken)
    wanted = [each for each in found if not isinstance(each, constraints.Order)]
    assert constraints.holding(wanted, right).all()
    assert right.values["state"].dtype == np.int32
    (order,) = [each for each in found if isinstance(each, constraints.Order) and "d_start" in each.names]
    assert np.array_equal(order.repair(broken).values["d_end"], broken.values["d_end"], equal_nan=True)


def test_a_repair_leaves_what_is_settled():
    rows = table()
    found = [each for each in constraints.find(rows) if isinstance(each, constraints.Sum)]
    other = Rows(rows.columns, {**rows.values, "total": np.roll(rows.values["total"], 1)})
    everywhere = np.ones(len(rows), bool)
    right = constraints.repaired(found, other, {"total": everywhere, "tax": everywhere})
    assert constraints.holding(found, right).all()
    for name in ("total", "tax"):
        assert np.array_equal(right.values[name], other.values[name], equal_nan=True)


@pytest.mark.parametrize("seed", range(5))
def test_a_graph_puts_the_same_right(seed):
    import tensorflow as tf

    chance, rows = np.random.default_rng(seed), table()
    city, district = rows.values["city"], rows.values["city"] % 4
    kind = np.where(district == 2, chance.integers(0, 2, len(rows)), district).astype(np.int32)
    more = {
        "district": district.astype(np.int32), "zip": 1000.0 + district, "depth": np.where(city == 3, np.nan, city),
        "rate": np.where(kind == 3, np.nan, np.where(district == 2, 7.0 + kind, kind)), "kind": kind,
    }  # fmt: skip
    columns = (Column("district", "category", tuple("abcd")), Column("zip", "integer"), Column("depth", "integer"),
               Column("rate", "integer"), Column("kind", "category", tuple("abcd")))  # fmt: skip
    rows = Rows((*rows.columns, *columns), {**rows.values, **more})
    texts = ["net + tax = total", 'total + fee = "all of it"', "fixed city state", "fixed state country", "net < total",
             "fixed district zip", "fixed zip district", "fixed city depth", "d_start <= d_end",
             "fixed rate kind", "unique net"]  # fmt: skip
    found = constraints.parsed([text for text in texts if text not in ("net < total", "unique net")], rows)
    found += [constraints.parse(text, rows.columns) for text in ("net < total", "unique net")]
    codec = TableCodec.of(rows, len(rows), constraints=found)
    assert set(codec.constraints) == set(found)
    values = {name: chance.permutation(values) for name, values in rows.values.items()}
    for column in rows.columns:
        if column.is_numeric:
            values[column.name][chance.random(len(rows)) < 0.1] = np.nan
    broken = Rows(rows.columns, values)
    settled = {name: chance.random(len(rows)) < 0.2 for name in ("total", "tax", "state", "zip")}
    in_graph = codec.constraints_in_graph()

    def as_cells(rows):
        return [tf.constant(values if column.is_numeric else codec.encode_column(column, rows).astype(np.int32))
                for column, values in rows]  # fmt: skip

    nothing = tf.zeros(len(rows), tf.bool)
    stays = [tf.constant(settled[column.name]) if column.name in settled else nothing for column in rows.columns]
    put_right = tf.function(lambda cells: in_graph.put_right(cells, stays), autograph=False)
    right = constraints.repaired(codec.constraints, broken, settled)
    for column, made, wanted in zip(rows.columns, put_right(as_cells(broken)), as_cells(right), strict=True):
        assert np.array_equal(made, wanted, equal_nan=column.is_numeric), column.name
    seen = [each for each in codec.constraints if each.text != "unique net"]
    assert codec.distances, "d_end is learned by its distance, which what is given or put right may break"
    for some in (rows, broken, right):
        assert np.array_equal(in_graph.hold(as_cells(some)), constraints.holding(seen, some))
    assert constraints.holding(seen, right).mean() > 3 * constraints.holding(seen, broken).mean()


def test_a_graph_knows_no_value_of_a_single_row():
    size = 200
    price = np.arange(size, dtype=float) * 7.13
    rows = rows_of(price=price, sort=(np.arange(size) // 20).astype(np.int32), rate=np.repeat(np.arange(10.0), 20))
    rows.values["sort"][7] = -1  # one row lacks it
    found = [constraints.parse(text, rows.columns).fitted(rows) for text in ("fixed price sort", "fixed sort rate")]
    in_graph = TableCodec.of(rows, size, constraints=found).constraints_in_graph()
    kept = {constraint.text: keys.tolist() for constraint, (keys, _) in in_graph._tables.items()}
    assert kept == {"fixed price sort": [], "fixed sort rate": list(range(10))}


@pytest.mark.parametrize(
    "text", ["net < tax", "d_start <= d_end", "net + tax + fee = total", "fixed city state", "unique city",
             '"all of it" <= net', "net = tax"],
)  # fmt: skip
def test_texts_and_json(text):
    rows = table()
    constraint = constraints.parse(text, rows.columns)
    assert constraint.text == text
    if isinstance(constraint, constraints.Fixed):
        constraint = constraint.fitted(rows)
    assert constraints.from_json(constraint.to_json(), rows.columns) == constraint


def test_greater_is_less_the_other_way():
    assert constraints.parse("tax > net", table().columns).text == "net < tax"


@pytest.mark.parametrize(
    "text, says",
    [
        ("net < text", "No column named 'text'. Did you mean 'tax'"),
        ("net << tax", "is no constraint. Write it as in"),
        ("net + tax", "is no constraint"),
        ("city < net", "'city' is category, not numbers or dates"),
        ("unique ctiy", "Did you mean 'city'"),
        ("", "is no constraint"),
    ],
)
def test_what_is_no_constraint(text, says):
    with pytest.raises(UserError, match=says):
        constraints.parse(text, table().columns)


def test_one_that_does_not_hold_is_refused(write):
    path = write("a.csv", "a,b\n1,2\n3,4\n5,4\n2,9\n")
    toml = write("a.toml", 'constraints = ["a < b"]')
    with pytest.raises(UserError, match="'a < b' doesn't hold in 1 of 4 rows, the first is row 3"):
        open_table(path, {"columns": str(toml)})


def test_unique_in_rows():
    rows = rows_of(x=np.array([1.0, 2, 1, np.nan, np.nan]))
    assert constraints.Unique("x").holds(rows).tolist() == [True, True, False, True, True]
    assert constraints.Unique("a key").holds(rows).all(), "made anew when it is written"


def test_many_columns_take_seconds():
    count = 20_000
    values = {f"n{place}": CHANCE.normal(size=count).round(3) for place in range(25)}
    values |= {f"c{place}": CHANCE.integers(0, 20, count).astype(np.int32) for place in range(25)}
    values["n3"] = np.round(values["n1"] + values["n2"], 3)
    values["c3"] = (values["c2"] // 4).astype(np.int32)
    assert [each.text for each in constraints.find(rows_of(**values))] == ["n1 + n2 = n3", "fixed c2 c3"]
