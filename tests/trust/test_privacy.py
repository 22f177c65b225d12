"""Private fits: no gradient says more than it may, batches are Poisson samples, the count is dp-accounting's, and
nothing is spent twice."""

import csv
import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import assert_same_state, fit_run, state_of, stopped_at
from tests.test_captions import pictures
from tfgen.catalog import model_class
from tfgen import load
from tfgen.data import open_data
from tfgen.errors import UserError
from tfgen.models import private as mechanisms
from tfgen.models.private import GradientMechanism, clipped_sum
from tfgen.representations.sequences import examples as sequence_examples
from tfgen.representations.batches import Part, poisson_sample, sampling_rate
from tfgen.representations.rows.columns import Column, Rows
from tfgen.restore import open_codec
from tfgen.run import Run
from tfgen.training import private
from tfgen.trust import privacy
from tfgen.trust.privacy import Account, Budget, Release
from tfgen.tuning import TuneRequest
from tfgen.tuning.sequences import SequenceTuner

KEY = 1234567
SMALL = ("width=8", "embedding=4", "batch_size=64")


def account(**changes):
    known = {"epsilon": 3.0, "delta": 1e-5, "clip": 1.0, "unit": "row", "sampling_rate": 0.05, "expected_batch": 50.0}
    return Account(**{**known, **changes})


@pytest.fixture(scope="module")
def table():
    return open_data("insurance")


def private_model(name, examples, clip, **settings):
    """A model whose weights are far from their start, so that no gradient is 0 by accident."""
    keras.utils.set_random_seed(0)
    made_by = model_class(name, examples.representation)
    config = made_by.Config(**{**made_by.Config.private_only, **settings})
    model = made_by(config, examples.codec.specification, examples.conditions(), seed=0)
    chance = np.random.default_rng(0)
    for variable in model.trained_variables():
        variable.assign(variable.value + 0.1 * chance.standard_normal(variable.shape).astype("float32"))
    model.make_private(GradientMechanism(KEY, clip, 16.0))
    return model


def clipped_by_a_loop(gradients, clip):
    """The sum of the examples' gradients, each clipped, in float64; and their norms before."""
    norms = [np.sqrt(sum((each**2).sum() for each in one)) for one in gradients]
    scaled = [[each * min(1.0, clip / norm) for each in one] for one, norm in zip(gradients, norms)]
    return [sum(parts) for parts in zip(*scaled)], np.array(norms)


def assert_equal_to_a_loop(found, gradients, clip, rounding=1e-6):
    wanted, norms = clipped_by_a_loop(gradients, clip)
    assert norms.min() < clip < norms.max()  # some are clipped, and some are not
    apart = max(np.abs(one - other.numpy()).max() for one, other in zip(wanted, found, strict=True))
    assert apart <= rounding * max(1.0, max(np.abs(one).max() for one in wanted))


def test_a_norm_is_found_where_what_places_want_all_but_cancels():
    """Much the same goes in everywhere, as in a flat background, and what is wanted adds up to nearly nothing."""
    chance = np.random.default_rng(0)
    came = (np.full([4, 16, 1024], 0.9) + 1e-4 * chance.standard_normal([4, 16, 1024])).astype(np.float32)
    wanted = chance.standard_normal([4, 16, 8])
    wanted = (wanted - wanted.mean(axis=1, keepdims=True)).astype(np.float32)
    with tf.GradientTape(persistent=True) as tape, mechanisms.Products() as products:
        made = tf.Variable(np.zeros([4, 16, 8], np.float32)) + 0.0
        noted = products.note_places(made, tf.constant(came), lambda inputs: inputs, tf.zeros([1024, 8]), None)
        losses = tf.reduce_sum(noted * wanted, axis=[1, 2])
    true = np.sum(np.einsum("bpi,bpo->bio", came.astype(float), wanted.astype(float)) ** 2, axis=(1, 2))
    assert products.squared_norms(tape, losses).numpy() == pytest.approx(true, rel=1e-4)


def test_the_gpt_of_rows_clips_each_gradient_by_its_norm_alone(table):
    """Dropout, masks, numbers with bumps and gaps are all in it."""
    model = private_model("gpt", table, 1.0, width=8, embedding=4, masks=4, dropout=0.2)
    tokens, variables = tf.cast(table.learned[:16], tf.int32), model.network.trainable_variables
    mask = tf.constant([1.0] * 14 + [0.0] * 2)
    labels = tf.repeat(tf.range(4), 4)  # so that rows stay in their places
    each = tf.function(lambda place: gradients_of(lambda: model._row_losses(tokens)[place], variables), autograph=False)
    alone = [[part.numpy().astype(float) for part in each(tf.constant(place))] for place in range(14)]
    norms = clipped_by_a_loop(alone, 1.0)[1]
    model.privacy.clip = float(np.median(norms))
    found = tf.function(model.clipped_sum, autograph=False)(tokens, mask, labels)
    assert_equal_to_a_loop(found, alone, model.privacy.clip)


@pytest.fixture(scope="module")
def captioned():
    """Pictures with captions, some of which have a word twice, so that its row of a table is used twice; in flat
    colours, so that what goes into a convolution is much the same in many places."""
    values, captions = pictures()
    return open_data(values.repeat(2, axis=1).repeat(2, axis=2), labels=captions)


@pytest.mark.parametrize(
    "name, source, settings",
    [
        ("vae", "insurance", {}), ("vae", "captioned", {"network": "dense"}), ("gan", "captioned", {"lowest": 4}),
        pytest.param("vae", "digits", {"likelihood": "bernoulli"}, marks=pytest.mark.slow),
        pytest.param("gan", "digits", {"network": "dense"}, marks=pytest.mark.slow),
        pytest.param("gan", "digits", {}, marks=pytest.mark.slow),
        pytest.param("gan", "digits", {"network": "residual"}, marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_each_gradient_is_clipped_as_a_loop_clips_it(name, source, settings, captioned, monkeypatch):
    monkeypatch.setattr(mechanisms, "_NUMBERS_OF_A_SLICE", 5000)  # several slices, the last of them shorter
    examples = captioned if source == "captioned" else open_data(source)
    model = private_model(name, examples, 1.0, **{"width": 4, **settings})
    batch, mask = next(iter(examples.poisson_batches(model.config, KEY, 14 / len(examples), 0, 1)))
    encoded, *prompt = batch if isinstance(batch, tuple) else (batch,)
    parts = (encoded, *(model.prompts_of(index) for index in prompt))
    if name == "vae":
        variables, losses = model.trained_variables(), model.losses
        parts += (model.random_normal([len(mask), model.config.latent_dim], 1),)
    else:
        variables, losses = model._judging_variables(), model.losses_of_real

    each = tf.function(lambda place: gradients_of(lambda: losses(*parts)[place], variables), autograph=False)
    count = int(tf.reduce_sum(mask))
    assert count > 5
    by_itself = [losses(*(part[place : place + 1] for part in parts))[0] for place in range(3)]
    np.testing.assert_allclose(losses(*parts)[:3], by_itself, rtol=1e-4)  # no other example has a part in it
    alone = [[part.numpy().astype(float) for part in each(tf.constant(place))] for place in range(count)]
    clip = float(np.median(clipped_by_a_loop(alone, 1.0)[1]))
    found = tf.function(lambda: clipped_sum(lambda: losses(*parts), mask, variables, clip), autograph=False)()
    # A convolution's gradient is a sum over some thousand places, in float32 and in another order for each batch.
    assert_equal_to_a_loop(found, alone, clip, 3e-6 if name == "gan" else 1e-6)


LINES = [f"{'' if number % 3 else 'Sing '}{chr(97 + number % 26) * (number % 40)} {number}." for number in range(300)]


@pytest.fixture(scope="module")
def lines():
    return open_data(LINES, tokenizer="bytes").unlearned()


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_the_gpt_of_texts_clips_each_gradient_as_a_loop_does(lines, dropout):
    settings = {"width": 8, "layers": 2, "heads": 2, "context": 16, "dropout": dropout, "optimizer": "adam"}
    model = private_model("gpt", lines, 1.0, **settings)
    (tokens, learned), mask = next(iter(lines.poisson_batches(model.config, KEY, 14 / lines.members, 0, 1)))
    variables, count = model.trained_variables(), int(tf.reduce_sum(mask))
    assert count > 5

    def losses():
        return model.window_losses(tokens, learned)

    each = tf.function(lambda place: gradients_of(lambda: losses()[place], variables), autograph=False)
    alone = [[part.numpy().astype(float) for part in each(tf.constant(place))] for place in range(count)]
    clip = float(np.median(clipped_by_a_loop(alone, 1.0)[1]))
    found = tf.function(lambda: clipped_sum(losses, mask, variables, clip), autograph=False)()
    assert_equal_to_a_loop(found, alone, clip, 3e-6)


@pytest.mark.parametrize("is_large", [False, True])
def test_a_window_has_tokens_of_one_document_alone_and_every_place_of_it_is_seen(lines, is_large, monkeypatch):
    monkeypatch.setattr(sequence_examples, "_IN_MEMORY_BYTES", 0 if is_large else 2**20)
    settings = SimpleNamespace(context=12)
    end, start = lines.codec.specification.end, lines.codec.specification.start
    whole = [[start, *lines.ids(stored), end] for stored in lines.documents_of()]
    assert len(whole) == lines.members and min(map(len, whole)) < 13 < max(map(len, whole))
    firsts, lasts, sizes = set(), set(), []
    for (tokens, learned), mask in lines.poisson_batches(settings, KEY, 0.3, 0, 40):
        assert mask.numpy().all()
        sizes.append(len(mask))
        for row, of_loss in zip(tokens.numpy().tolist(), learned.numpy()):
            count = 1 + int(of_loss.sum())
            assert of_loss[: count - 1].all() and row[count:] == [start] * (13 - count)
            fitting = [
                (number, at)
                for number, document in enumerate(whole)
                for at in range(max(1, len(document) - 12))
                if document[at : at + 13] == row[:count]
            ]
            assert fitting
            firsts |= {number for number, at in fitting if at == 0}
            lasts |= {number for number, at in fitting if at + count == len(whole[number])}
    assert np.mean(sizes) == pytest.approx(0.3 * lines.members, rel=0.05)
    assert len(firsts) > 0.9 * lines.members and len(lasts) > 0.9 * lines.members


def test_a_document_more_leaves_the_windows_of_the_others_as_they_are(lines):
    fewer = open_data(LINES[:-1], tokenizer="bytes", holdout=0).unlearned()
    more = open_data(LINES, tokenizer="bytes", holdout=0).unlearned()
    assert more.members == fewer.members + 1
    settings = SimpleNamespace(context=12)
    for few, many in zip(*(each.poisson_batches(settings, KEY, 0.1, 0, 5) for each in (fewer, more))):
        count = len(few[1])
        assert count <= len(many[1]) <= count + 1
        np.testing.assert_array_equal(few[0][0], many[0][0][:count])


def test_nothing_that_was_learned_from_private_texts_is_in_their_codec(lines):
    assert lines.codec.tokenizer.kind == "bytes" and not lines.codec.tokenizer.alphabet
    other = open_data([text.replace("a", "ß").upper() for text in LINES], tokenizer="bytes").unlearned()
    assert lines.codec.files() == other.codec.files()
    told = [each.codec.to_json() for each in (lines, other)]
    for each in told:
        assert each["example"].pop("count") > 0  # said to be not covered
    assert told[0] == told[1]
    lines.codec.check_letters("ü, which nobody may know whether it was there")


def test_a_network_with_weights_that_no_norm_counts_is_refused():
    """Batch norm's gradients are no example's own, and weights that were left out would make each norm too small."""
    examples = open_data("digits")
    model = private_model("vae", examples, 1.0, width=4, network="convolutional")
    batch = next(iter(examples.poisson_batches(model.config, KEY, 14 / len(examples), 0, 1)))
    with pytest.raises(UserError, match="This network can't learn privately"):
        model.train_step(batch)


def gradients_of(loss, variables):
    with tf.GradientTape() as tape:
        value = loss()
    found = tape.gradient(value, list(variables), unconnected_gradients="zero")
    return [tf.convert_to_tensor(each) for each in found]


def test_one_example_moves_the_sum_by_no_more_than_clip(table):
    model = private_model("gpt", table, 0.5, width=8, embedding=4, masks=4, dropout=0.0)
    tokens, labels = table.learned[:16].astype(np.int32), np.random.default_rng(1).integers(0, 4, 16).astype(np.int32)
    sums = tf.function(model.clipped_sum, autograph=False, reduce_retracing=True)
    everyone = sums(tokens, tf.ones([16]), labels)
    for place in (0, 7, 15):
        others = sums(np.delete(tokens, place, axis=0), tf.ones([15]), np.delete(labels, place))
        moved = np.sqrt(sum(((one - other).numpy() ** 2).sum() for one, other in zip(everyone, others)))
        assert 0.4 < moved <= 0.5 + 1e-5


def test_what_a_private_step_draws_for_its_examples_is_secret_and_each_ones_own(table):
    """By a public seed and the place in a batch, one row more would change what all behind it are learned with."""
    model, other, public = (private_model("vae", table, 1.0, width=4) for _ in range(3))
    other.privacy.key += 1
    public.privacy = None
    drawn = [each.random_normal([8, 4], 1).numpy() for each in (model, model, other, public)]
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2]) and not np.array_equal(drawn[0], drawn[3])
    seeds = [model.step_seed(salt).numpy().tolist() for salt in (1, 11, 12, 13, 14)]
    assert len({tuple(seed) for seed in seeds}) == 5


def test_noise_has_the_deviation_that_was_counted_and_depends_on_key_and_step_alone():
    mechanism = GradientMechanism(KEY, clip=0.5, expected_batch=10.0)
    mechanism.noise_multiplier.assign(3.0)
    zeros = [tf.zeros([200, 100]), tf.zeros([50])]
    first, again, later = (mechanism.gradients(zeros, tf.constant(step, tf.int64)) for step in (4, 4, 5))
    assert np.std(first[0]) == pytest.approx(3.0 * 0.5 / 10.0, rel=0.02)
    assert np.array_equal(first[0], again[0]) and np.array_equal(first[1], again[1])
    assert abs(np.corrcoef(np.ravel(first[0]), np.ravel(later[0]))[0, 1]) < 0.03
    assert abs(np.corrcoef(np.ravel(first[0])[:50], np.ravel(first[1]))[0, 1]) < 0.5
    mechanism.key += 1
    assert not np.array_equal(mechanism.gradients(zeros, tf.constant(4, tf.int64))[0], first[0])


def test_batches_are_poisson_samples():
    """Sizes have a binomial's mean and variance, and who is in a batch says nothing of who else is, or will be."""
    examples, size, steps = 1000, 50, 2000
    rate = sampling_rate(size, examples)
    draw = tf.function(lambda step: poisson_sample(KEY, Part(step), examples, rate), autograph=False)
    is_in = np.zeros([steps, examples], bool)
    for step in range(steps):
        places, mask = (part.numpy() for part in draw(tf.constant(step, tf.int64)))
        assert len(places) == len(mask) > 0
        chosen = places[mask > 0]
        assert len(set(chosen)) == len(chosen)
        is_in[step, chosen] = True
    sizes = is_in.sum(axis=1)
    assert sizes.mean() == pytest.approx(size, abs=4 * np.sqrt(47.5 / steps))
    assert sizes.var() == pytest.approx(size * (1 - rate), rel=0.15)
    times = is_in.sum(axis=0)
    assert times.var() == pytest.approx(steps * rate * (1 - rate), rel=0.2)
    together = (is_in[:, :-1] & is_in[:, 1:]).mean()
    again = (is_in[:-1] & is_in[1:]).mean()
    assert together == pytest.approx(rate**2, rel=0.05) and again == pytest.approx(rate**2, rel=0.05)
    assert np.array_equal(draw(tf.constant(7, tf.int64))[0], draw(tf.constant(7, tf.int64))[0])


def test_an_empty_batch_is_all_padding():
    places, mask = poisson_sample(KEY, Part(tf.constant(0, tf.int64)), 10, 2**-32)
    assert len(places) == 1 and not mask.numpy().any()


def test_epsilon_is_what_dp_accounting_says():
    """N 1000, batches of 50, 20 epochs: measured apart (PLD 5.60; RDP would say 6.18)."""
    found = privacy.spent_epsilon(account(noise_multiplier=1.1), 400)
    assert found == pytest.approx(5.597, abs=0.01)
    with_release = account(noise_multiplier=1.1, release=Release(5.0, 1e-6))
    assert found < privacy.spent_epsilon(with_release, 400) < found + 0.2


def test_calibrated_noise_keeps_to_epsilon_and_is_found_once(monkeypatch):
    asked = account(epsilon=0.5)
    found = asked.calibrated(100)
    assert 0.49 < privacy.spent_epsilon(found, 100) <= 0.5
    assert privacy.spent_epsilon(found, 50) < 0.4
    monkeypatch.setattr(privacy, "_epsilon", None)  # the answer is kept
    assert asked.calibrated(100) == found


def test_what_epsilon_allows_an_attack():
    assert privacy.highest_rate(0.0, 0.0, 0.1) == pytest.approx(0.1)
    assert privacy.highest_rate(1.0, 1e-5, 0.01) == pytest.approx(0.01 * np.e + 1e-5)
    assert privacy.highest_rate(50.0, 0.0, 0.01) == pytest.approx(1.0)
    assert privacy.highest_area(0.0, 0.0) == pytest.approx(0.5, abs=1e-3)
    assert privacy.highest_area(1.0, 0.0) == pytest.approx(np.e / (1 + np.e), abs=1e-3)


@pytest.mark.parametrize(
    "asked, words",
    [
        ("delta=1e-5", "names no epsilon"), ("epsilon=no", "where a number is expected"), ("epsilon=0", "between"),
        ("epsilon=3,clp=1", "Did you mean 'clip'"), ("epsilon=3,delta=0.5", "delta must be"),
        ("epsilon=3,clip=0", "clip must be"), ("epsilon=nan", "between"),
    ],
)  # fmt: skip
def test_a_budget_that_is_none_is_refused(asked, words):
    with pytest.raises(UserError, match=words):
        Budget.parse(asked)


def test_budgets_are_read_as_they_are_typed():
    assert Budget.parse("epsilon=3, delta=1e-6,clip=2") == Budget(3.0, 1e-6, 2.0)
    assert Budget.parse({"epsilon": 3, "delta": 1e-6, "clip": 2}) == Budget(3.0, 1e-6, 2.0)
    assert Budget.parse("3") == Budget.parse(3) == Budget(3.0)
    with pytest.raises(UserError, match="could be given away"):
        Budget(3.0, 1e-3).of(1000)


# What is learned of the columns.


def made_table(count=4000):
    """A table with a word and a number that one row alone has, far from all others."""
    chance = np.random.default_rng(0)
    town = chance.choice([0, 1, 2], count, p=[0.6, 0.35, 0.05]).astype(np.int32)
    sum_ = np.where(chance.random(count) < 0.4, 0.0, np.round(chance.lognormal(3, 1, count), 2))
    town[17], sum_[17] = 3, 987654.32
    columns = (Column("town", "category", ("Graz", "Wien", "Linz", "Zwettl")), Column("sum", "number", decimals=2))
    return Rows(columns, {"town": town, "sum": sum_})


def released(rows, noise=4.0, key=KEY):
    from tfgen.representations.rows.codec import RowCodec
    from tfgen.representations.rows.release import released_codec

    return released_codec(RowCodec.of(rows, len(rows)), rows, noise, 1e-6, key)


def test_a_released_codec_keeps_what_many_have_and_nothing_that_one_has():
    rows = made_table()
    codec = released(rows)
    words = json.dumps(codec.to_json())
    assert "Zwettl" not in words and "987654" not in words
    assert codec.learned[0].categories == ("Graz", "Wien", "Linz", "")
    knots, counts = codec.encodings["sum"].knots, codec.specification.fields[1].counts
    assert (knots[0] == 0.0).all() and 0.35 < counts[0] / len(rows) < 0.45  # the value that many share
    assert 10 < len(knots) < 100 and knots.max() < 2000
    assert np.all(np.diff(knots[1:].ravel()) >= 0)
    real = rows.values["sum"][rows.values["sum"] > 0]
    assert np.median(knots[1:]) == pytest.approx(np.median(real), rel=0.2)


def test_a_released_codec_reads_rows_and_writes_them():
    from tfgen.representations.rows.release import in_columns

    rows = made_table()
    codec = released(rows)
    moved = in_columns(rows, codec)
    tokens = codec.encode(moved)
    assert tokens[17, 0] == codec.encodings["town"].rare
    back = codec.decode(tokens, np.full(tokens.shape, 0.5))
    assert np.mean(back.values["town"] == moved.values["town"]) > 0.99
    assert np.corrcoef(np.log1p(back.values["sum"]), np.log1p(rows.values["sum"]))[0, 1] > 0.95
    assert type(codec).from_json(json.loads(json.dumps(codec.to_json()))).to_json() == codec.to_json()


def test_other_rows_are_read_as_those_that_were_learned_are(tmp_path):
    """A word that the codec may not know is the same of both; so is a gap, that would be one more thing to tell by."""
    from tfgen.modalities.table.cells import cells_of
    from tfgen.modalities.table.filling import read_to_fill
    from tfgen.modalities.table.kinds import read_as
    from tfgen.representations.rows.release import in_columns

    rows = made_table()
    rows.values["town"][18] = -1
    codec = released(rows)
    learned = in_columns(rows, codec).values["town"][[17, 18]]
    cells = {"town": ["Zwettl", None, "Wien", "", "Wels"], "sum": [3.0] * 5}
    others = read_as(cells_of(cells), codec.learned)[0].values["town"]
    assert others.tolist() == [*learned, 1, -1, 3] == [3, -1, 1, -1, 3]
    (tmp_path / "some.csv").write_text("town,sum\nZwettl,3\n,4\nWien,\n")
    filling = read_to_fill(tmp_path / "some.csv", codec)
    assert filling.texts["town"].tolist() == ["Zwettl", "", "Wien"]
    assert filling.unknown["town"].tolist() == [True, False, False]  # which stays as it stands in the file


def test_the_plan_says_what_of_data_from_memory_is_in_the_run(tmp_path, table):
    record = {"privacy": account(noise_multiplier=1.0).to_json(), "data": {"file": "data.parquet"}}
    last = private.plan_in_words(Run(tmp_path, record), table)[-1]
    assert "'data.parquet', all of the data, in the run's folder" in last
    elsewhere = Run(tmp_path, {**record, "data": {"path": "/somewhere"}})
    assert "in the run's folder" not in " ".join(private.plan_in_words(elsewhere, table))


def test_released_counts_have_the_noise_that_was_counted():
    """The count of what many have, over many keys: a column of words and one of numbers are counted four times."""
    rows = made_table(600)
    counts = [released(rows, noise=4.0, key=key).specification.fields[0].counts[0] for key in range(200)]
    assert np.std(counts) == pytest.approx(4.0 * 2.0, rel=0.2)
    assert np.mean(counts) == pytest.approx((rows.values["town"] == 0).sum(), abs=3)


# Fits.


@pytest.fixture
def same_key(monkeypatch):
    """Two fits that draw the same noise, as nobody can have them."""
    monkeypatch.setattr(private.secrets, "randbits", lambda bits: KEY)


@pytest.fixture
def quick(monkeypatch):
    """No search for the noise, which takes seconds: the count itself is tested above."""
    monkeypatch.setattr(privacy, "calibrated_noise", lambda account, steps: 0.8)
    monkeypatch.setattr(privacy, "spent_epsilon", lambda account, steps: account.epsilon * steps / account.steps)


@pytest.mark.slow
def test_a_resumed_fit_ends_in_the_same_bytes_and_spends_nothing_twice(same_key, quick, tmp_path, capsys):
    whole = fit_run("gpt", tmp_path / "whole", "insurance", 24, *SMALL, private="epsilon=3")
    said = capsys.readouterr().err
    assert "at most epsilon 3 at delta 1e-05 for each row" in said and "Not covered: How many rows" in said
    with stopped_at(12):
        parts = fit_run("gpt", tmp_path / "parts", "insurance", 24, *SMALL, private="epsilon=3")
    reached = parts.record["reached"]
    assert parts.record["status"] == "stopped" and 0 < reached < 24
    assert parts.record["privacy"]["spent"] == {"steps": reached, "epsilon": 3.0 * reached / 24}
    assert (parts.path / private.KEY).stat().st_mode & 0o777 == 0o600
    with pytest.raises(UserError, match="keeps the settings"):
        fit_run("gpt", parts.path, "insurance", None, size=None, resume=True, private="epsilon=9")
    key = (parts.path / private.KEY).rename(tmp_path / "key")
    with pytest.raises(UserError, match="is gone"):
        fit_run("gpt", parts.path, "insurance", None, size=None, resume=True)
    key.rename(parts.path / private.KEY)
    resumed = fit_run("gpt", parts.path, "insurance", None, size=None, resume=True)
    assert_same_state(state_of(whole), state_of(resumed))
    assert (whole.path / "codec.json").read_bytes() == (resumed.path / "codec.json").read_bytes()
    assert resumed.record["privacy"] == whole.record["privacy"]
    assert resumed.record["privacy"]["spent"] == {"steps": 24, "epsilon": 3.0}
    assert not (resumed.path / private.KEY).exists()  # nobody can take the noise off again
    assert set(resumed.history()[-1]) == {"step", "seconds", "steps_per_second", "gradient_norm"}
    with pytest.raises(UserError, match="is finished"):
        fit_run("gpt", resumed.path, "insurance", None, size=None, resume=True)
    with pytest.raises(UserError, match="noise isn't kept"):
        fit_run(None, tmp_path / "again", "insurance", None, size=None, repeat=str(resumed.path))


@pytest.mark.parametrize(
    "model, data, options, words",
    [
        ("gan", "digits", {"settings": {"r1": 1.0}}, "can't have r1=1.0"),
        ("gan", "digits", {"settings": {"augment": "color"}}, "can't have augment=color"),
        ("gpt", "shakespeare", {}, "1 document to learn can't be fitted with --private"),
        ("gpt", "lines", {}, "A vocabulary that is learned from the texts gives away what they say"),
        ("gpt", "corner-shop", {}, "A gpt of baskets can't be fitted with --private"),
        ("vae", "meadows", {}, "A vae of levels can't be fitted with --private"),
        ("gpt", "insurance", {"private": True}, "names no epsilon"),
        ("gan", "insurance", {}, "or a vae of .*tables"),
        ("vae", "digits", {"settings": {"network": "convolutional"}}, "can't have network=convolutional"),
        ("vae", "insurance", {"settings": {"components": 20}}, "can't have components=20"),
        ("gpt", "insurance", {"evaluate_every": 5}, "isn't measured while it learns"),
        ("gpt", "insurance", {"settings": {"group": "region"}}, "protects single rows"),
        ("gpt", "insurance", {"private": "epsilon=3,delta=0.002"}, "could be given away"),
    ],
)
def test_what_can_not_be_private_is_refused_before_anything_is_written(model, data, options, words, tmp_path):
    if data == "lines":
        data = tmp_path / "lines.jsonl"
        data.write_text("".join(json.dumps({"text": line}) + "\n" for line in LINES))
    with pytest.raises(UserError, match=words):
        fit_run(model, tmp_path / "new", data, 5, **{"private": "epsilon=3", **options})
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_private_texts_are_generated_evaluated_shown_and_exported(tmp_path, command):
    data = tmp_path / "lines.jsonl"
    data.write_text("".join(json.dumps({"text": line}) + "\n" for line in LINES))
    settings = ("tokenizer=bytes", "width=16", "context=16")
    run = fit_run("gpt", tmp_path / "run", data, 30, *settings, private="epsilon=3", canaries=20)
    assert "epsilon 3 of 3 at delta 1e-05, for each document" in command("runs", "show", run.path).stdout
    made = command("generate", run.path)
    assert made.exit_code == 0, made.stderr
    exported = command("export", run.path, "--saved-model")
    assert exported.exit_code == 0, exported.stderr
    evaluated = command("evaluate", run.path, "-n", 20)
    assert evaluated.exit_code == 0, evaluated.stderr
    told = evaluated.stdout + evaluated.stderr
    assert "at epsilon 3 no attack on the membership of a document" in told and "Canaries: " in told
    with pytest.raises(UserError, match="Tuning learns the training examples along"):
        SequenceTuner(Run.open(str(run.path)), None, None, TuneRequest())
    parts = tmp_path / "parts"
    with stopped_at(12):
        fit_run("gpt", parts, data, 30, *settings, private="epsilon=3", canaries=20)
    resumed = fit_run("gpt", parts, str(data), None, size=None, resume=True)
    assert resumed.record["privacy"]["spent"]["steps"] == 30 and not (parts / "privacy.key").exists()


@pytest.mark.slow
def test_a_private_run_is_generated_evaluated_shown_and_exported(quick, tmp_path, command):
    run = fit_run("gpt", tmp_path / "run", "insurance", 30, *SMALL, private="epsilon=3")
    made = command("generate", run.path, "smoker=yes", "-n", 20, "-o", tmp_path / "rows.csv")
    assert made.exit_code == 0, made.stderr
    with open(tmp_path / "rows.csv", newline="") as file:
        assert {row["smoker"] for row in csv.DictReader(file)} == {"yes"}
    shown = command("runs", "show", run.path)
    assert "epsilon 3 of 3 at delta 1e-05, for each row" in shown.stdout
    exported = command("export", run.path, "--saved-model")
    assert exported.exit_code == 0, exported.stderr
    about = json.loads(next((run.path / "export").rglob("tfgen.json")).read_text())
    assert about["privacy"]["spent"]["epsilon"] == 3.0 and "fingerprint" not in about["data"]
    evaluated = command("evaluate", run.path, "-n", 300)
    assert evaluated.exit_code == 0, evaluated.stderr
    assert "at epsilon 3 no attack on the membership of a row" in evaluated.stdout + evaluated.stderr
    assert open_codec(Run.open(str(run.path))).about["constraints"] == []


@pytest.mark.slow
@pytest.mark.parametrize("tile", [False, True])
def test_a_private_gan_learns_from_nothing_that_is_real_but_in_noise(tile):
    """Where all gradients of real examples are cut to nothing and the noise is the same, what is in the batches makes
    no difference: neither pictures nor captions nor how many there are; not to the generator, not to batch norms, and
    not to what is tracked."""
    made = []
    for value in (0, 255):
        values, captions = pictures()
        examples = open_data(values // 2 + value // 2, labels=captions)
        keras.utils.set_random_seed(0)
        config = model_class("gan", "arrays").Config
        settings = {"width": 4, "batch_size": 16, "discriminator_steps": 2, "tile": tile}
        model = model_class("gan", "arrays")(
            config(**{**config.private_only, **settings}), examples.codec.specification, examples.conditions(), seed=0
        )
        mechanism = GradientMechanism(KEY, 1e-12, 16.0)
        mechanism.noise_multiplier.assign(1e10)
        model.make_private(mechanism)
        step = tf.function(model.train_step, autograph=False)
        tracked = [step(batch) for batch in examples.poisson_batches(model.config, KEY + value, 0.1, 0, 4)][-1]
        made.append((float(tracked["gradient_norm"]), [each.numpy() for each in model.state().values()]))
    (first, one), (second, other) = made
    assert first == pytest.approx(second, rel=1e-5) and first > 0
    assert max(np.abs(each - same).max() for each, same in zip(one, other, strict=True)) < 1e-5


@pytest.mark.slow
def test_a_private_gan_is_fitted_generated_and_goes_on_to_the_same_bytes(same_key, quick, tmp_path):
    settings = ("width=4", "batch_size=32", "discriminator_steps=2")
    whole = fit_run("gan", tmp_path / "whole", "digits", 96, *settings, private="epsilon=3")
    with stopped_at(1):
        parts = fit_run("gan", tmp_path / "parts", "digits", 96, *settings, private="epsilon=3")
    assert 0 < parts.record["reached"] < 96
    resumed = fit_run("gan", parts.path, "digits", None, size=None, resume=True)
    assert_same_state(state_of(resumed), state_of(whole))
    assert whole.record["privacy"]["spent"] == {"steps": 96, "epsilon": 3.0}
    assert set(whole.history()[-1]) == {"step", "seconds", "steps_per_second", "gradient_norm"}
    assert len(load(whole.path).generate("3", n=2)) == 2
