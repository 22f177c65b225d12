"""A column that is never below another is learned as its distance from that one: what is asked of it holds exactly, is
as common as it is told to be, and means the same in a graph."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgen.errors import UserError
from tfgen.models.rows.configs import RowGPTConfig, RowVAEConfig
from tfgen.models.rows.gpt import RowGPT
from tfgen.models.rows.vae import RowVAE
from tfgen.representations.rows.codec import Distance, RowCodec
from tfgen.representations.rows.columns import CATEGORY, DATE, NUMBER, Column, Rows
from tfgen.representations.rows.conditions import no_conditions, read_conditions
from tfgen.representations.rows.lookup import RowLookup
from tfgen.representations.rows.sampler import Given, RowSampler

COLUMNS = (
    Column("start", DATE), Column("end", DATE), Column("paid", DATE, missing=""), Column("ward", CATEGORY, ("a", "b")),
    Column("low", NUMBER, decimals=2), Column("high", NUMBER, decimals=2),
)  # fmt: skip
FIRST = 18993  # 2022-01-01


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(0)
    start = FIRST + random.integers(0, 1095, 2000).astype(float)
    end = start + 1 + np.floor(random.gamma(2, 3, 2000))
    paid = np.where(random.random(2000) < 0.2, np.nan, end + random.integers(5, 60, 2000))
    low = np.round(random.lognormal(3, 1, 2000), 2)
    values = {"start": start, "end": end, "paid": paid, "ward": random.integers(0, 2, 2000).astype(np.int32),
              "low": low, "high": np.round(low * random.uniform(1, 30, 2000), 2)}  # fmt: skip
    return Rows(COLUMNS, values)


@pytest.fixture(scope="module")
def codec(rows):
    return RowCodec.of(rows, len(rows), after={"end": "start", "paid": "start", "high": "low"})


@pytest.fixture(scope="module", params=[pytest.param("gpt", marks=pytest.mark.slow), "vae"])
def sampler(request, codec):
    """Of a model that has learned nothing but how common each token is."""
    kind, config = {"gpt": (RowGPT, RowGPTConfig), "vae": (RowVAE, RowVAEConfig)}[request.param]
    own = {"width": 8, "embedding": 4, **({"latent_dim": 4, "components": 0} if request.param == "vae" else {})}
    return RowSampler(kind(config(**own), codec.specification, None), codec)


@functools.cache
def many(sampler):
    return sampler(np.arange(100_000, dtype=np.int32))


def date(day):
    return str(np.datetime64(int(day), "D"))


def test_what_is_finer_is_learned_as_a_distance(rows, codec):
    assert {codec.learned[place].name for place in codec.distances} == {"end", "paid"}  # a wide range is no finer
    tokens = codec.encode(rows)
    again = codec.decode(tokens.astype(int), np.full(tokens.shape, 0.5))
    stays, lengths = again.values["end"] - again.values["start"], rows.values["end"] - rows.values["start"]
    assert np.median(np.abs(stays - lengths)) == 0 and np.abs(stays - lengths)[lengths < 12].max() <= 1
    assert (again.values["end"] > again.values["start"]).all()
    assert np.array_equal(np.isnan(again.values["paid"]), np.isnan(rows.values["paid"]))
    known = {"start": rows.values["start"]}
    ends = codec.decode(tokens.astype(int), np.full(tokens.shape, 0.5), known).values["end"]
    assert np.quantile(np.abs(ends - rows.values["end"]), 0.9) == 0


def test_a_value_without_its_beginning_stays_what_it_is(rows):
    values = {**rows.values, "start": np.where(np.arange(2000) < 3, np.nan, rows.values["start"])}
    codec = RowCodec.of(Rows(COLUMNS, values), 2000, after={"end": "start"})
    assert not codec.distances


def test_it_is_the_same_from_its_json(rows, codec):
    again = RowCodec.from_json(codec.to_json())
    assert again.distances == codec.distances and isinstance(again.encodings["end"], Distance)
    assert np.array_equal(again.encode(rows), codec.encode(rows))
    assert again.encodings["end"].ends == codec.encodings["end"].ends


@settings(max_examples=10, deadline=None)
@given(first=st.integers(8, 1080), length=st.integers(0, 40), more=st.integers(45, 400), both=st.booleans())
def test_what_is_asked_of_an_end_holds(codec, sampler, first, length, more, both):
    low, high = FIRST + first, FIRST + first + length
    asked = f"end={date(low)}..{date(high)}" + (f"|{date(high + more)}" if both and high + more < FIRST + 1085 else "")
    conditions = read_conditions(codec, asked)
    made = sampler(np.arange(64, dtype=np.int32), conditions)
    start, end = made.values["start"], made.values["end"]
    inside = (end >= low) & (end <= high) | (both and (end == high + more))
    assert inside.all() and (end > start).all()
    assert conditions.hold(codec, made).all() and np.array_equal(start, np.round(start))


@pytest.mark.parametrize(
    "prompt",
    ["end=2023-03-05", "start=2023-02-20..2023-03-01, end=2023-03-02..2023-03-08", "end<2022-02",
     "end=2023-03, paid=2023-04", "paid=missing|2023-04"],
)  # fmt: skip
def test_the_share_that_is_told_is_that_of_the_models_rows(codec, sampler, prompt):
    conditions = read_conditions(codec, prompt)
    meant = conditions.hold(codec, free := many(sampler))
    rows, share = sampler.drawn(np.arange(1000, dtype=np.int32), conditions)
    assert conditions.hold(codec, rows).all()
    assert share == pytest.approx(meant.mean(), rel=0.15, abs=0.0005)
    # And they are what such rows are: the length of a stay is not that of another.
    stays, others = (each.values["end"] - each.values["start"] for each in (rows, free.take(meant)))
    if meant.sum() > 300:
        assert stays.mean() == pytest.approx(others.mean(), abs=0.12 * others.std() + 0.15)


def test_a_graph_means_the_same(codec, sampler):
    prompts = ["", "end=2023-03-05", "end=2023-03-01..2023-03-04|2022-06", "paid=missing", "paid=missing|2023-04",
               "start=2023-02, end=2023-03-01..2023-03-04", "end<2022-01-20, ward=a"]  # fmt: skip
    lookup, model = RowLookup(codec), sampler.model
    given_tokens, allowed, ends, intervals, together, _ = lookup.conditions(tf.constant(prompts))
    seeds = np.arange(len(prompts), dtype=np.int32)
    tokens, _ = model.conditional_rows(tf.constant(seeds), given_tokens, allowed, together=together)
    own = tf.gather(ends, tokens + tf.constant(codec.specification.offsets, tf.int32), axis=1, batch_dims=1)
    made = lookup.columns(lookup.cells(tokens, model.places(tf.constant(seeds)), own, intervals))
    for place, prompt in enumerate(prompts):
        rows = sampler(seeds[place : place + 1], read_conditions(codec, prompt) if prompt else no_conditions(codec))
        for name in ("start", "end", "paid"):
            value = rows.values[name][0]
            assert made[name].numpy()[place].decode() == ("" if np.isnan(value) else date(value)), (prompt, name)


def test_a_graph_takes_no_prompts_too(codec):
    *arrays, together, asked = RowLookup(codec).conditions(tf.zeros([0], tf.string))
    assert {len(each) for each in (*arrays, *together.values(), asked)} == {0}


def test_what_is_missing_of_two_dates_is_filled_in(codec, sampler):
    known, count = FIRST + 500.0, 60
    kind = np.arange(count) % 3  # the end alone, the beginning alone, both
    values = {
        "start": np.where(kind == 0, np.nan, known), "end": np.where(kind == 1, np.nan, known + 7),
        "paid": np.full(count, np.nan), "ward": np.full(count, -1, np.int32),
        "low": np.full(count, np.nan), "high": np.full(count, np.nan),
    }  # fmt: skip
    filled = Given.of(codec, Rows(COLUMNS, values), no_conditions(codec).without_missing(codec))
    made, _ = sampler.drawn(np.arange(count, dtype=np.int32), filled.under, filled)
    filled.put_into(made)
    start, end, paid = (made.values[name] for name in ("start", "end", "paid"))
    assert (end > start).all() and (paid > start).all() and len(np.unique(end - start)) > 5
    assert (start[kind > 0] == known).all() and (end[kind != 1] == known + 7).all()
    assert (end[kind == 0] - start[kind == 0]).mean() < 14  # as long as stays are, not as far as the table reaches
    # And in a graph.
    lookup = RowLookup(codec)
    columns = [
        tf.constant(["" if np.isnan(each) else date(each) for each in values[column.name]]) if column.kind == DATE
        else tf.constant(values[column.name]) if column.is_numeric else tf.constant([""] * count)
        for column in codec.learned
    ]  # fmt: skip
    tokens = lookup.tokens(columns, free=True)
    assert np.array_equal(tokens, filled.tokens)
    intervals, together = lookup.beginnings_of(columns, tokens)
    seeds = tf.range(count)
    drawn, _ = sampler.model.conditional_rows(seeds, tokens, tf.constant(filled.under.allowed), None, together)
    again = lookup.columns(lookup.cells(drawn, sampler.model.places(seeds), None, intervals, columns))
    for name, own, some in (("start", start, kind == 0), ("end", end, kind < 2)):
        assert [each.decode() for each in again[name].numpy()[some]] == [date(each) for each in own[some]]


@pytest.mark.parametrize(
    "prompt, sentence",
    [("end=2030", "No row of the data has end=2030. Its values are from"),
     ("start=2023-03-01, end=2023-02-01", "No row of the data has such a 'end' with what is asked of 'start'"),
     ("start=2022-02-01, end=2024-02-01", "No row of the data has such a 'end' with what is asked of 'start'")],
)  # fmt: skip
def test_ends_that_no_beginning_reaches_are_refused(codec, prompt, sentence):
    with pytest.raises(UserError, match=sentence):
        read_conditions(codec, prompt)
    with pytest.raises(tf.errors.InvalidArgumentError, match="No row of the data"):
        RowLookup(codec).conditions(tf.constant([prompt]))
