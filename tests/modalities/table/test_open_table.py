"""A table to examples: what of it stays learned, and which rows are held out."""

import numpy as np
import pytest

from tfgen.data import open_data
from tfgen.modalities.table.codec import TableCodec
from tfgen.modalities.table.constraints import Fixed, Sum
from tfgen.modalities.table.open_table import _split
from tfgen.modalities.table.table import Table
from tfgen.representations.rows.columns import Column, Rows


def as_table(group):
    return Table(Rows((Column("x", "integer"),), {"x": np.arange(len(group))}), [], [], [], "", np.asarray(group))


def test_a_column_of_rare_values_takes_its_constraints_along(write):
    """Each city has four rows: none of them is learned, nor is that a country follows from it."""
    lines = [f"city {row // 4},{'AB'[row // 4 % 2]},{row % 7}" for row in range(400)]
    path = write("a.csv", "city,country,x\n" + "\n".join(lines))
    examples = open_data(str(path), column={"city": "category"})
    assert [each.text for each in examples.table.constraints] == ["fixed city country"]
    assert examples.codec.constraints == [] and examples.codec.about["constraints"] == []
    assert [column.name for column in examples.rows.learned] == ["country", "x"] == list(examples.rows.values)
    about = {"constraints": [each.to_json() for each in examples.table.constraints]}
    old = {**examples.codec.to_json(), "about": about}
    assert TableCodec.from_json(old).constraints == []


def test_what_follows_is_never_a_rare_value():
    names = ["Graz"] * 50 + ["Wien"] * 50 + ["Lyon"] * 2
    city = Column("city", "category", ("Graz", "Wien", "Lyon"))
    country = Column("country", "category", ("Austria", "France"))
    zip_code = Column("zip", "integer")
    values = np.array([city.categories.index(name) for name in names], np.int32)
    rows = Rows((city, country, zip_code), {
        "city": values, "country": (values == 2).astype(np.int32), "zip": np.array([8010.0, 1010, 69001])[values],
    })  # fmt: skip
    found = [Fixed(*pair).fitted(rows) for pair in (("city", "country"), ("city", "zip"), ("zip", "city"))]
    codec = TableCodec.of(rows, len(rows), constraints=[*found, Sum(("zip",), "zap")])
    for each in (codec, TableCodec.from_json(codec.to_json())):
        assert [constraint.seen for constraint in each.constraints] == [
            ((0, 0), (1, 0)), ((0, 8010), (1, 1010)), ((1010, 1), (8010, 0)),
        ]


@pytest.mark.parametrize("sizes", [[70, *[1] * 30], [*[5] * 20], [40, 40, 5, 5, 5, 5], [1] * 100])
def test_groups_are_held_out_as_they_fit(sizes):
    group = np.random.default_rng(1).permutation(np.repeat(np.arange(len(sizes)), sizes))
    order, learned = _split(as_table(group), None)
    assert sorted(order.tolist()) == list(range(100)) and learned == 80
    assert not set(group[order[:learned]]) & set(group[order[learned:]])
    assert _split(as_table(group), 0.0)[1] == 100


def test_of_large_groups_the_smallest_is_held_out():
    assert _split(as_table(np.repeat([0, 1, 2], [40, 25, 35])), None)[1] == 75
    assert _split(as_table(np.repeat([0], [100])), None)[1] == 100


def test_few_columns_are_looked_at_for_what_follows():
    from tfgen.modalities.table import constraints

    columns = tuple(Column(f"c{place}", "category", ("a", "b")) for place in range(201))
    values = np.random.default_rng(0).integers(0, 2, 400).astype(np.int32)
    rows = Rows(columns, {column.name: values for column in columns})
    assert constraints.find(rows) == []
    assert constraints.find(Rows(columns[:3], {name: rows.values[name] for name in ("c0", "c1", "c2")}))
