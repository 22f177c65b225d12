"""Rows as tokens and back, and what can be asked of them, in Python and in a graph."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfgen.errors import UserError
from tfgen.representations.rows.codec import Bins, Categories, RowCodec
from tfgen.representations.rows.columns import CATEGORY, DATE, INTEGER, NUMBER, TIME, Column, Rows
from tfgen.representations.rows.conditions import FREE, read_conditions

AMOUNT = Column("amount", NUMBER, decimals=2)
DAY = Column("day", DATE)


def patients(count=3000, seed=0):
    """Rows with a column of every kind, some cells missing, a rare category, and a spike."""
    chance = np.random.default_rng(seed)
    age = chance.integers(18, 91, count).astype(np.float64)
    amount = np.round(chance.lognormal(7, 1, count), 2)
    amount[chance.random(count) < 0.1] = 0.0
    amount[chance.random(count) < 0.05] = np.nan
    ward = chance.choice(4, count, p=[0.5, 0.3, 0.199, 0.001]).astype(np.int32)
    ward[chance.random(count) < 0.03] = -1
    columns = (
        Column("age", INTEGER),
        Column("ward", CATEGORY, ("A&E", "north, left", "South", "hidden"), missing="?"),
        AMOUNT,
        DAY,
        Column("clock", TIME),
        Column("id", "key"),
    )
    values = {
        "age": age,
        "ward": ward,
        "amount": amount,
        "day": 18000.0 + chance.integers(0, 900, count),
        "clock": 60.0 * chance.integers(0, 1440, count),
    }
    return Rows(columns, values)


@pytest.fixture(scope="module")
def rows():
    return patients()


@pytest.fixture(scope="module")
def codec(rows):
    return RowCodec.of(rows, 2500)


def test_tokens_go_there_and_back(rows, codec):
    tokens = codec.encode(rows)
    assert tokens.shape == (3000, 5) and (tokens < codec.specification.sizes).all()
    back = codec.decode(tokens, np.random.default_rng(1).random(tokens.shape))
    again = codec.encode(back)
    # A value on the edge of two bins may be the other one's.
    assert (again == tokens).mean() > 0.98
    for column, values in back:
        seen = rows.values[column.name]
        if column.is_numeric:
            known = values[~np.isnan(values)]
            assert known.min() >= np.nanmin(seen) and known.max() <= np.nanmax(seen)
            assert (np.round(known, column.decimals) == known).all()
            assert np.isnan(values).sum() == np.isnan(seen).sum()
        else:
            assert ((values < 0) == ((seen < 0) | (seen == 3))).all()


def test_what_few_rows_have_is_never_drawn(codec):
    how = codec.how["ward"]
    assert isinstance(how, Categories) and 3 not in how.kept and how.has_rare
    assert codec.specification.fields[1].never == how.never == (3,)


def test_the_ends_of_a_column_are_nobodys(rows):
    amount = rows.values["amount"].copy()
    amount[0] = 1e9
    how = Bins.of(amount, AMOUNT)
    assert how.knots.max() < 5e8


def test_a_codec_is_the_same_from_its_json(rows, codec):
    import json

    again = RowCodec.from_json(json.loads(json.dumps(codec.to_json())))
    assert again.to_json() == codec.to_json()
    assert (again.encode(rows) == codec.encode(rows)).all()


def test_a_table_of_keys_can_not_be_learned():
    with pytest.raises(UserError, match="No column can be learned"):
        RowCodec.of(Rows((Column("id", "key"),), {}), 100)
    names = np.arange(50, dtype=np.int32)
    each = Column("name", CATEGORY, tuple(map(str, range(50))))
    with pytest.raises(UserError, match="hardly any rows share"):
        RowCodec.of(Rows((each,), {"name": names}), 50)


@given(hnp.arrays(np.float64, st.integers(1, 400), elements=st.one_of(
    st.floats(-1e9, 1e9), st.just(0.0), st.just(float("nan")), st.integers(-5, 5).map(float)
)))
@settings(max_examples=150, deadline=None)
def test_bins_of_any_numbers(values):
    column = Column("x", NUMBER, decimals=3)
    how = Bins.of(values, column)
    tokens = how.encode(values)
    assert (tokens >= 0).all() and (tokens < max(1, how.size)).all()
    assert (np.diff(how.knots[:, 0]) >= 0).all() and (np.diff(how.knots, axis=1) >= 0).all()
    back = how.decode(tokens, np.full(len(values), 0.5), column)
    assert (np.isnan(back) == np.isnan(values)).all()


@pytest.mark.parametrize(
    "prompt, holds",
    [
        ("age=40..60", lambda values: (values["age"] >= 40) & (values["age"] <= 60)),
        ("AGE >= 80", lambda values: values["age"] >= 80),
        ("age=..20", lambda values: values["age"] <= 20),
        ("age=30|70..75", lambda values: np.isin(values["age"], [30, 70, 71, 72, 73, 74, 75])),
        ('ward="north, left"|south', lambda values: np.isin(values["ward"], [1, 2])),
        ("ward=missing", lambda values: values["ward"] == -1),
        ("amount=100.5..2000", lambda values: (values["amount"] >= 100.5) & (values["amount"] <= 2000)),
        ("amount=0", lambda values: values["amount"] == 0),
        ("day=2020-01-05..2020-02-01, age<30", lambda values: (values["day"] >= 18266) & (values["day"] <= 18293)
            & (values["age"] < 30)),
        ("clock=08:00..09:30", lambda values: (values["clock"] >= 28800) & (values["clock"] <= 34200)),
    ],
)
def test_conditions(codec, prompt, holds):
    conditions = read_conditions(codec, prompt)
    chance, offsets = np.random.default_rng(0), codec.specification.offsets
    tokens = np.stack([
        chance.choice(size, 400, p=(share := conditions.allowed[first : first + size]) / share.sum())
        for first, size in zip(offsets, codec.specification.sizes)
    ], axis=1)
    tokens = np.where(conditions.given >= 0, conditions.given, tokens)
    made = conditions.within(codec, tokens, chance.random(tokens.shape))
    assert holds(made.values).all()
    # And what is left out breaks them.
    assert not conditions.are_none and (conditions.allowed == 0).any()


@pytest.mark.parametrize(
    "prompt, sentence",
    [
        ("wrd=South", "There is no column 'wrd'. Did you mean 'ward'?"),
        ("ward=Sout", "'ward' is never 'Sout'. Did you mean 'South'?"),
        ("ward=hidden", "Too few rows have ward=hidden"),
        ("ward>3", "'ward' has no order"),
        ("age=old", "'old' is not a number"),
        ("age=60..40", "begins above its end"),
        ("age=200", "No row of the data has age=200. Its values are from 18 to 90."),
        ("age=missing", "'age' is never missing"),
        ("forty", "'forty' is no condition on rows"),
        ("id=7", "The column 'id' is not learned"),
        ("day=soon", "'soon' is not a date"),
    ],
)
def test_what_can_not_be_asked_for_is_said(codec, prompt, sentence):
    with pytest.raises(UserError) as caught:
        read_conditions(codec, prompt)
    assert sentence in str(caught.value)


PROMPTS = [
    "", "age=40..60", "age>=80, ward=South", 'ward="north, left"|south', "ward=missing, amount=0", "age=30|70..75",
    "amount<1000.5", "day=2020-01-05..2020-02-01", "clock=08:00..09:30", "amount=missing", "AGE=..20 , Ward=a&e",
]


def test_a_graph_reads_the_same_conditions(codec):
    import tensorflow as tf

    from tfgen.representations.rows.lookup import RowLookup

    given, allowed, ends = (part.numpy() for part in RowLookup(codec).conditions(tf.constant(PROMPTS)))
    for place, prompt in enumerate(PROMPTS):
        wanted = read_conditions(codec, prompt)
        assert (given[place] == wanted.given).all(), prompt
        np.testing.assert_allclose(allowed[place], wanted.allowed, atol=1e-6, err_msg=prompt)
        used = wanted.allowed > 0
        np.testing.assert_allclose(ends[place][used], wanted.ends[used], atol=1e-6, err_msg=prompt)


@pytest.mark.parametrize("prompt", ["wrd=South", "ward=Sout", "age=200", "nothing", "age=4x"])
def test_a_graph_refuses_what_python_refuses(codec, prompt):
    import tensorflow as tf

    from tfgen.representations.rows.lookup import RowLookup

    with pytest.raises(tf.errors.InvalidArgumentError):
        RowLookup(codec).conditions(tf.constant([prompt]))


def test_a_column_asked_for_twice_is_within_both(codec):
    asked = read_conditions(codec, "amount>=1000, amount<1100, age=20..60, age>=40")
    tokens = np.argmax(asked.allowed[codec.specification.offsets[2] :][: codec.how["amount"].size])
    drawn = np.tile(codec.encode(patients(1))[:1], [200, 1]).astype(np.int64)
    drawn[:, 2], drawn[:, 0] = tokens, codec.how["age"].encode(np.array([40.0]))
    made = asked.within(codec, drawn, np.random.default_rng(0).random(drawn.shape))
    assert (made.values["amount"] >= 1000).all() and (made.values["amount"] < 1100).all()
    assert asked.hold(codec, made).all() and asked.ranges["age"] == [(40, 60)]
    with pytest.raises(UserError, match="No row of the data has age"):
        read_conditions(codec, "age<30, age>40")


def test_a_graph_refuses_to_be_asked_twice(codec):
    import tensorflow as tf

    from tfgen.representations.rows.lookup import RowLookup

    for prompt in ("age>=40, age<60", 'ward=South, age=40, "age" <60'):
        with pytest.raises(tf.errors.InvalidArgumentError, match="Ask for age once"):
            RowLookup(codec).conditions(tf.constant([prompt]))


def test_a_graph_reads_and_writes_the_same_rows(rows, codec):
    import tensorflow as tf

    from tfgen.representations.rows.lookup import RowLookup

    lookup, some = RowLookup(codec), rows.take(slice(0, 500))
    tokens = codec.encode(some)
    uniform = np.random.default_rng(2).random(tokens.shape).astype(np.float32)
    made = lookup.columns(tf.constant(tokens.astype(np.int32)), tf.constant(uniform))
    wanted = codec.decode(tokens, uniform)
    np.testing.assert_allclose(made["age"].numpy(), wanted.values["age"])
    np.testing.assert_allclose(made["amount"].numpy(), wanted.values["amount"])
    days = wanted.values["day"].astype("datetime64[D]").astype(str)
    assert [text.decode() for text in made["day"].numpy()] == days.tolist()
    names = ["" if place < 0 else codec.columns[1].categories[place] for place in wanted.values["ward"]]
    assert [text.decode() for text in made["ward"].numpy()] == names
    back = lookup.tokens(list(made.values()), free=True).numpy()
    same = codec.encode(wanted).astype(np.int64)
    gone = np.stack([np.isnan(wanted.values[c.name]) if c.is_numeric else wanted.values[c.name] < 0
                     for c in codec.learned], axis=1)
    assert (back[gone] == FREE).all() and (back[~gone] == same[~gone]).all()
