"""Rows as tokens and back, and what can be asked of them, in Python and in a graph."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfgen.errors import UserError
from tfgen.representations.rows.codec import Bins, Categories, RowCodec
from tfgen.representations.rows.columns import CATEGORY, DATE, DATETIME, INTEGER, NUMBER, TIME, Column, Rows
from tfgen.representations.rows.conditions import FREE, read_conditions, split_prompt, words_of_columns

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
    how = codec.encodings["ward"]
    assert isinstance(how, Categories) and 3 not in how.kept and how.size == 5
    assert codec.specification.fields[1].never == how.never == (3,)


def test_the_ends_of_a_column_are_nobodys(rows):
    amount = rows.values["amount"].copy()
    amount[0] = 1e9
    how = Bins.of(amount, AMOUNT)
    assert how.knots.max() < 1.1 * np.nanmax(amount[1:])  # as if it weren't there


def test_a_tail_is_drawn_nearly_to_its_end_but_never_as_far():
    column, reached = Column("x", NUMBER, decimals=3), []
    for seed in range(20):
        generator = np.random.default_rng(seed)
        values = generator.exponential(1000.0, 1000)
        how = Bins.of(values, column)
        drawn = how.decode(how.encode(np.repeat(values, 5)), generator.random(5000), column)
        assert drawn.max() <= np.sort(values)[-3:].mean()
        reached.append(drawn.max() / values.max())
    assert np.median(reached) > 0.86


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
        ("age=40..60, age=20..30", "Nothing is age=40..60 and age=20..30 at once, which is what a comma asks for. "
                                   "For one or the other, write: age=40..60|20..30"),
        ("ward=South, ward=A&E", "write: ward=South|A&E"),
        ("age=40..60, age=200", "No row of the data has age=200"),
        ("ward=South,A&E", "write a bar for one or the other: ward=South|A&E"),
        ("ward=north, left", 'in quotes it is part of a value: ward="north, left"'),
        ("age>20, amount=12,5..20,5", "write a point in numbers: amount=12.5..20.5"),
        ("amount>=12,5, age=30", "amount>=12.5"),
        ("ward=South,nowhere", "Write COLUMN=VALUE"),
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

    given, allowed, ends, *_ = RowLookup(codec).conditions(tf.constant(PROMPTS))
    given, allowed, ends = (part.numpy() for part in (given, allowed, ends))
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
    tokens = np.argmax(asked.allowed[codec.specification.offsets[2] :][: codec.encodings["amount"].size])
    drawn = np.tile(codec.encode(patients(1))[:1], [200, 1]).astype(np.int64)
    drawn[:, 2], drawn[:, 0] = tokens, codec.encodings["age"].encode(np.array([40.0]))
    made = asked.within(codec, drawn, np.random.default_rng(0).random(drawn.shape))
    assert (made.values["amount"] >= 1000).all() and (made.values["amount"] < 1100).all()
    assert asked.hold(codec, made).all() and asked.ranges["age"] == [(40, 60)]
    with pytest.raises(UserError, match="Nothing is age<30 and age>40 at once"):
        read_conditions(codec, "age<30, age>40")


def test_a_graph_refuses_to_be_asked_twice(codec):
    import tensorflow as tf

    from tfgen.representations.rows.lookup import RowLookup

    for prompt in ("age>=40, age<60", 'ward=South, age=40, "age" <60'):
        with pytest.raises(tf.errors.InvalidArgumentError, match="Ask for age once"):
            RowLookup(codec).conditions(tf.constant([prompt]))


def test_no_cut_leaves_a_value_of_one_row_alone():
    few = np.repeat([0.0, 1.0, 2.0, 3.0, 4.0], [34, 1, 39, 28, 40])  # a third of the first four ends at the 1
    values = np.concatenate([few, 100 + np.arange(3858) % 1400])
    bins = Bins.of(values, Column("x", "integer"))
    alone = bins.knots[bins.knots[:, 0] == bins.knots[:, -1], 0]
    assert 1.0 not in alone and all(np.sum(values == each) >= 5 for each in alone)


def test_a_graph_reads_and_writes_the_same_rows(rows, codec):
    import tensorflow as tf

    from tfgen.representations.rows.lookup import RowLookup

    lookup, some = RowLookup(codec), rows.take(slice(0, 500))
    tokens = codec.encode(some)
    uniform = np.random.default_rng(2).random(tokens.shape).astype(np.float32)
    made = lookup.columns(lookup.cells(tf.constant(tokens.astype(np.int32)), tf.constant(uniform)))
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


SIGNS = (
    "plain", "a,b", "a|b", 'a "quoted" b', "a=b", '"', " spaced", ">50K", "<=50K", "missing", "?", "A", "a", "x..y"
)


def odd(count=4000, seed=1):
    """Rows of what is hard to ask for: bins of whole numbers, names and categories of signs, times, fine digits."""
    chance = np.random.default_rng(seed)
    columns = (
        Column("wage", INTEGER),
        Column("sex", CATEGORY, ("f", "m", "rarely"), missing=""),
        Column("Sex", CATEGORY, ("f", "m")),
        Column("when", DATETIME),
        Column("a=b, c", CATEGORY, SIGNS, missing="n/a"),
        Column("p<5", NUMBER, decimals=1, missing=""),
        Column("Two words", NUMBER, decimals=16),
        Column("gone", NUMBER, missing=""),
    )
    sex = np.where(np.arange(count) == 7, 2, chance.integers(-1, 2, count)).astype(np.int32)
    values = {
        "wage": 1000.0 + chance.integers(0, 9000, count),
        "sex": sex,
        "Sex": chance.integers(0, 2, count).astype(np.int32),
        "when": 1577836800.0 + chance.integers(0, 366 * 86400, count),
        "a=b, c": chance.integers(-1, len(SIGNS), count).astype(np.int32),
        "p<5": np.where(chance.random(count) < 0.1, np.nan, np.round(10 * chance.random(count), 1)),
        "Two words": 12345.5 + chance.integers(0, 5, count),
        "gone": np.full(count, np.nan),
    }
    return Rows(columns, values)


@pytest.fixture(scope="module")
def odd_codec():
    return RowCodec.of(odd(), 4000)


def _seconds(text):
    return float(np.datetime64(text, "s").astype(int))


# What is typed, the column that it is about, and the intervals or the categories (-1: a missing cell) that it means.
MEANT = [
    ("wage=3000|3001|3002|3003", "wage", [(3000, 3003)]),
    ("wage=3000..3100|3050..3200|3150", "wage", [(3000, 3200)]),
    ("wage=3002|3000|3010..3012", "wage", [(3000, 3000), (3002, 3002), (3010, 3012)]),
    ("wage=3000..3500|8000..8500", "wage", [(3000, 3500), (8000, 8500)]),
    ("wage>=2999.5", "wage", [(3000, np.inf)]),
    ("wage>2999.5", "wage", [(3000, np.inf)]),
    ("wage>2999", "wage", [(3000, np.inf)]),
    ("wage<3000.5", "wage", [(-np.inf, 3000)]),
    ("wage<=3000.5", "wage", [(-np.inf, 3000)]),
    ("wage<3000", "wage", [(-np.inf, 2999)]),
    ("wage=2999.5..3001.5", "wage", [(3000, 3001)]),
    ('wage="3000..3100"', "wage", [(3000, 3100)]),
    ('"p<5">1.1', "p<5", [(1.2, np.inf)]),
    ('"p<5"=missing|1.05..1.2', "p<5", [(1.1, 1.2)]),
    ('"P<5"=', "p<5", []),
    ('"p<5"=0.1|0.3|0.7|1.1..1.3|2.3', "p<5", [(0.1, 0.1), (0.3, 0.3), (0.7, 0.7), (1.1, 1.3), (2.3, 2.3)]),
    ("Two words=12346.5", "Two words", [(12346.5, 12346.5)]),
    ('"two words">12346.5', "Two words", [(np.nextafter(12346.5, 2e4), np.inf)]),
    ("sex=f", "sex", [0]),
    ("Sex=m", "Sex", [1]),
    ("sex=?|M", "sex", [-1, 1]),
    ("when=2020-03-01", "when", [(_seconds("2020-03-01"), _seconds("2020-03-01T23:59:59"))]),
    ("when<=2020-11-30", "when", [(-np.inf, _seconds("2020-11-30T23:59:59"))]),
    ("when<2020-11-30", "when", [(-np.inf, _seconds("2020-11-29T23:59:59"))]),
    ("when>2020-03-01", "when", [(_seconds("2020-03-02"), np.inf)]),
    ("when=2020-03-01..2020-03-05", "when", [(_seconds("2020-03-01"), _seconds("2020-03-05T23:59:59"))]),
    ("when=2020-02|2020-12", "when", [(_seconds("2020-02-01"), _seconds("2020-02-29T23:59:59")),
                                      (_seconds("2020-12-01"), _seconds("2020-12-31T23:59:59"))]),
    ("when>=2020-03-01 7:30", "when", [(_seconds("2020-03-01T07:30"), np.inf)]),
    ('"a=b, c"="a,b"|"a|b"', "a=b, c", [1, 2]),
    ('"A=B, C"="a ""quoted"" b"', "a=b, c", [3]),
    ('"a=b, c"=a=b|>50K|<=50K', "a=b, c", [4, 7, 8]),
    ('"a=b, c"=""""', "a=b, c", [5]),
    ('"a=b, c"=" spaced"', "a=b, c", [6]),
    ('"a=b, c"=spaced', "a=b, c", [6]),
    ('"a=b, c"=missing', "a=b, c", [9]),
    ('"a=b, c"=?', "a=b, c", [10]),
    ('"a=b, c"=N/A', "a=b, c", [-1]),
    ('"a=b, c"=A', "a=b, c", [11]),
    ('"a=b, c"=a', "a=b, c", [12]),
    ('"a=b, c"="a,b", wage=3000..4000', "a=b, c", [1]),
    ('"a=b, c"=plain, wage=3000..4000, ', "wage", [(3000, 4000)]),
]
REFUSED = [
    "wage=nan", "wage=inf", "wage>=-inf", "wage=1e400", "wage>=", "wage=", "when>=", "when=NaT", "when=today",
    "when=2020-02-30", "when=2020-13", "wage=2999.5", "wage=missing|3000", "wage>=3000..4000", "wage=1..2..3", "SEX=f",
    "Sex=missing", "sex<f", "sex=rarely", 'sex="f', "Sex=f|", "gone=1", "wage=4000..3000", "wage=3 000", "p<5=1",
    "wage", "sex=f,Sex", "wage=0x10", "wage=1_000",
]


@pytest.mark.parametrize("prompt, name, meant", MEANT)
def test_what_is_typed_is_what_is_meant(odd_codec, prompt, name, meant):
    asked, place = read_conditions(odd_codec, prompt), [each.name for each in odd_codec.learned].index(name)
    first, how = odd_codec.specification.offsets[place], odd_codec.encodings[name]
    if isinstance(how, Bins):
        assert asked.ranges.get(name, []) == meant
        rows = odd()
        held, values = asked.hold(odd_codec, rows), rows.values[name]
        wanted = np.zeros(len(rows), bool)
        for low, high in meant:
            wanted |= (values >= low) & (values <= high)
        others = set(asked.asked(odd_codec)) - {name}
        assert others or (held == (wanted | np.isnan(values) & (asked.allowed[first + how.missing] > 0))).all()
        # Every bin with such a value may be drawn.
        assert (asked.allowed[first + how.encode(values[wanted])] > 0).all()
    else:
        tokens = [how.missing if each < 0 else how.kept.index(each) for each in meant]
        assert set(np.flatnonzero(asked.allowed[first : first + how.size])) == set(tokens)


def test_pieces_of_one_bin_add_up(odd_codec):
    parts = [read_conditions(odd_codec, f"wage={each}").allowed for each in (3000, 3001, 3003)]
    asked = read_conditions(odd_codec, "wage=3000|3001|3003")
    np.testing.assert_allclose(asked.allowed[: odd_codec.encodings["wage"].size].sum(),
                               sum(part[: odd_codec.encodings["wage"].size].sum() for part in parts), rtol=1e-5)
    tokens = np.tile(odd_codec.encode(odd().take([0])), [500, 1]).astype(np.int64)
    tokens[:, 0] = np.argmax(asked.allowed[: odd_codec.encodings["wage"].size])
    made = asked.within(odd_codec, tokens, np.random.default_rng(0).random(tokens.shape))
    assert set(made.values["wage"]) == {3000, 3001, 3003}


@pytest.mark.parametrize("prompt", REFUSED)
def test_what_means_nothing_is_refused(odd_codec, prompt):
    with pytest.raises(UserError) as caught:
        read_conditions(odd_codec, prompt)
    assert caught.value.what_is_wrong and caught.value.what_to_do


@pytest.mark.slow
def test_a_graph_means_the_same(odd_codec):
    import tensorflow as tf

    from tfgen.representations.rows.lookup import RowLookup

    lookup, prompts = RowLookup(odd_codec), [prompt for prompt, _, _ in MEANT]
    read = tf.function(lookup.conditions, input_signature=[tf.TensorSpec([None], tf.string)])
    # Graphs, since TensorFlow rewrites what is in them.
    write = tf.function(lambda *drawn: lookup.columns(lookup.cells(*drawn)), reduce_retracing=True)
    given, allowed, ends, intervals, *_ = read(tf.constant(prompts))
    chance, sizes = np.random.default_rng(3), odd_codec.specification.sizes
    starts = np.cumsum(sizes) - sizes
    for place, prompt in enumerate(prompts):
        wanted = read_conditions(odd_codec, prompt)
        assert (given[place].numpy() == wanted.given).all(), prompt
        np.testing.assert_allclose(allowed[place], wanted.allowed, atol=1e-7, rtol=1e-3, err_msg=prompt)
        assert ((allowed[place].numpy() > 0) == (wanted.allowed > 0)).all(), prompt
        used = wanted.allowed > 0
        np.testing.assert_allclose(ends[place].numpy()[used], wanted.ends[used], atol=1e-6, err_msg=prompt)
        tokens = np.stack([
            chance.choice(size, 50, p=(share := wanted.allowed[start : start + size]) / share.sum())
            for start, size in zip(starts, sizes, strict=True)
        ], axis=1)
        uniform = chance.random(tokens.shape).astype(np.float32)
        rows, own = wanted.within(odd_codec, tokens, uniform), wanted.ends[tokens + starts]
        made = write(
            tf.constant(tokens.astype(np.int32)), tf.constant(uniform), tf.constant(own),
            tf.repeat(intervals[place][None], 50, axis=0),
        )
        for name in ("wage", "p<5", "Two words"):
            np.testing.assert_array_equal(made[name].numpy(), rows.values[name], err_msg=prompt)
        times = rows.values["when"].astype("datetime64[s]").astype(str)
        assert [text.decode() for text in made["when"].numpy()] == times.tolist(), prompt
    for prompt in REFUSED:
        with pytest.raises(tf.errors.InvalidArgumentError):
            read(tf.constant(["", prompt]))
            pytest.fail(f"{prompt} was read")
    words = words_of_columns(odd_codec)
    assert (read(tf.constant(words))[0] == [read_conditions(odd_codec, word).given for word in words]).numpy().all()
    # A rare category is rare, and an empty cell is missing.
    cells = [tf.constant(["rarely", "", "f"]) if column.name == "sex" else
             tf.constant(["", "", ""]) if column.is_categorical or column.name == "when" else
             tf.constant([np.nan, 1.0, 2.0], tf.float64) for column in odd_codec.learned]
    how = odd_codec.encodings["sex"]
    assert lookup.tokens(cells)[:, 1].numpy().tolist() == [how.never[0], how.missing, how.encode(np.array([0]))[0]]


@given(
    st.lists(st.text('a A,|"=<>.?\\\t', max_size=6), min_size=1, max_size=6, unique=True),
    st.text('xX ,"=<>|', max_size=4),
)
@settings(max_examples=200, deadline=None)
def test_every_word_is_read_back(categories, name):
    column = Column(name, CATEGORY, tuple(categories), missing="")
    values = np.repeat(np.arange(-1, len(categories), dtype=np.int32), 30)
    codec = RowCodec.of(Rows((column,), {name: values}), len(values))
    words = words_of_columns(codec)
    for token, word in enumerate(words):
        assert read_conditions(codec, word).given[0] == token
    assert split_prompt(", ".join(words)) == words


def test_neighbours_of_a_prompt_leave_quotes_whole(odd_codec):
    from tfgen.prompts.cells import Cell
    from tfgen.prompts.rows import RowCells

    cells = RowCells.__new__(RowCells)
    cells.codec = odd_codec
    made = [each.prompt for each in cells.neighbours(Cell('"A=B, C"="a,b", wage>3000', {}))]
    assert made[:2] == ["wage>3000", '"A=B, C"="a,b"']
    assert made[2:] == [f'"A=B, C"="a,b", wage>3000, {word}' for word in ("sex=f", "sex=m", "Sex=f", "Sex=m")] or made[
        2:
    ] == [f'"A=B, C"="a,b", wage>3000, {word}' for word in words_of_columns(odd_codec) if word[0] in "sS"]
