"""A tree of columns: it keeps the marginals of a table that a tree made, draws rows by the probabilities that it says,
and spends what was counted."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.conftest import assert_same_state, fit_run, state_of
from tests.sources import SOURCES
from tfgen.errors import UserError
from tfgen.models.rows import marginals
from tfgen.models.rows.configs import RowTreeConfig
from tfgen.models.rows.marginals import Noise, grouped, measured, on_simplex, raked
from tfgen.models.rows.tree import RowTree
from tfgen.representations.rows.conditions import FREE
from tfgen.representations.rows.specification import Field, RowSpecification
from tfgen.training import private, stage
from tfgen.trust.privacy import MARGINALS, Account, MarginalNoise, Release

SIZES = (3, 4, 2, 3, 2)
PARENTS = (-1, 0, 0, 1, 1)  # of the tree that made the table


def specification_of(tokens, sizes, never=()):
    counts = [np.bincount(column, minlength=size).tolist() for column, size in zip(tokens.T, sizes)]
    fields = tuple(
        Field(tuple(own), never=tuple(token for where, token in never if where == place))
        for place, own in enumerate(counts)
    )
    return RowSpecification(fields, len(tokens))


def table_of_a_tree(count, seed=0):
    """Rows int [count, fields] whose columns are each drawn by one other."""
    chance, columns = np.random.default_rng(seed), []
    for size, parent in zip(SIZES, PARENTS):
        table = chance.dirichlet(np.full(size, 0.7), SIZES[parent] if parent >= 0 else 1)
        own = table[columns[parent]] if parent >= 0 else np.tile(table, [count, 1])
        columns.append((chance.random([count, 1]) > np.cumsum(own, axis=1)[:, :-1]).sum(axis=1))
    return np.stack(columns, axis=1)


def model_of(found, example):
    model = RowTree(RowTreeConfig(), example, None)
    model.tree.take(found)
    return model


@pytest.fixture(scope="module")
def small():
    """A model of a small table, of which some tokens are never drawn, and the probability of every row."""
    tokens = table_of_a_tree(3000)
    example = specification_of(tokens, SIZES, never=[(1, 3), (3, 0)])
    model = model_of(measured(tokens, example, 32, 30.0, Noise()), example)
    every = np.array(list(itertools.product(*map(range, SIZES))), np.int32)
    return model, every, np.exp(model.log_likelihood(tf.constant(every)).numpy().astype(np.float64))


# What is learned.


@pytest.mark.parametrize("deviation", [0.0, 1e-6])
def test_the_marginals_of_a_table_that_a_tree_made_are_kept(deviation):
    """Without noise and with next to none, by the exponential mechanism of an epsilon without end."""
    tokens = table_of_a_tree(100_000, seed=3)
    example = specification_of(tokens, SIZES)
    noise = Noise(MarginalNoise.of(deviation, len(SIZES)), 5) if deviation else Noise()
    found = measured(tokens, example, 32, 1e-6, noise)
    edges = {frozenset((field, int(parent))) for field, parent in enumerate(found.parents) if parent >= 0}
    assert edges == {frozenset(pair) for pair in enumerate(PARENTS) if pair[1] >= 0}
    for field, parent in enumerate(found.parents):
        exact = np.zeros(found.pairs[field].shape)
        above = found.groups[parent][tokens[:, parent]] if parent >= 0 else np.zeros(len(tokens), int)
        np.add.at(exact, (above, found.groups[field][tokens[:, field]]), 1 / len(tokens))
        assert found.pairs[field] == pytest.approx(exact, abs=3e-5)


def test_all_pairs_of_a_column_agree_whatever_the_noise():
    tokens = table_of_a_tree(2000)
    noise = Noise(MarginalNoise.of(20.0, len(SIZES)), 1)
    found = measured(tokens, specification_of(tokens, SIZES), 32, 1.0, noise)
    for field, parent in enumerate(found.parents):
        pair = found.pairs[field]
        assert pair.min() >= 0.0 and pair.sum() == pytest.approx(1.0)
        if parent >= 0:
            assert pair.sum(axis=1) == pytest.approx(found.pairs[parent].sum(axis=0), abs=1e-6)
        assert np.bincount(found.groups[field], found.within[field]) == pytest.approx(np.ones(pair.shape[1]))


@given(hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(-5, 5)))
def test_on_simplex_gives_the_nearest_shares(values):
    """By the conditions of Karush, Kuhn and Tucker: what is above 0 was moved by the same, and the rest was below."""
    found = on_simplex(values)
    assert found.min() >= 0.0 and found.sum() == pytest.approx(1.0)
    moved = values - found
    assert np.ptp(moved[found > 0]) < 1e-9 and (moved[found == 0] <= moved[found > 0].min() + 1e-9).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 6))
def test_a_raked_table_has_the_sides_and_keeps_its_odds(seed, height, width):
    chance = np.random.default_rng(seed)
    table, rows, columns = (chance.random(shape) + 0.1 for shape in ([height, width], height, width))
    found = raked(table, rows / rows.sum(), columns / columns.sum())
    assert found.sum(axis=1) == pytest.approx(rows / rows.sum()) and found.sum(axis=0) == pytest.approx(
        columns / columns.sum()
    )
    odds = np.log(found) - np.log(table)  # a sum of one number for each row and one for each column
    assert odds - odds[:1] - odds[:, :1] + odds[0, 0] == pytest.approx(np.zeros_like(odds), abs=1e-6)


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(1, 120), st.sampled_from([0.0, 10.0, 60.0]), st.booleans())
def test_groups_are_neighbours_that_are_told_from_noise(seed, size, deviation, is_ordered):
    chance, total = np.random.default_rng(seed), 20_000.0
    shares = chance.dirichlet(np.full(size, 0.3))
    field = Field((1,) * size, scores=tuple(np.linspace(-2, 2, size)) if is_ordered else ())
    groups = grouped(field, shares, total, 16, deviation)
    assert sorted(set(groups)) == list(range(groups.max() + 1)) and groups.max() < 16
    if is_ordered:
        assert (np.diff(groups) >= 0).all()
    rows = np.bincount(groups, shares) * total
    if deviation and len(rows) > 1:  # of words without an order, all that are rare are together, however few they are
        enough = 2 * rows if is_ordered else np.sort(rows)[1:]
        assert enough.min() >= 8 * deviation * (1 - 1e-9)


def test_there_are_no_more_groups_than_may_be_however_shares_fall():
    shares = np.tile([1.0, 2.0], 21) / 63
    assert grouped(Field((1,) * 42, scores=tuple(range(42))), shares, 50_000.0, 32, 0.0).max() < 32


# What it costs.


def test_the_account_is_what_dp_accounting_says_of_the_noise_that_is_drawn():
    """Composed anew from the deviations and epsilons that `measured` uses, with a row once in each table."""
    import dp_accounting
    from dp_accounting.rdp import RdpAccountant

    for epsilon, columns, release in ((1.0, 15, Release(11.0, 1e-6)), (10.0, 7, None)):
        asked = Account(epsilon, 1e-5, 1.0, "row", 1.0, 1000.0, release, mechanism=MARGINALS).calibrated(0)
        assert 0.99 * epsilon < asked.after(0).spent["epsilon"] <= epsilon
        noise, accountant = MarginalNoise.of(asked.noise_multiplier, columns), RdpAccountant()
        if release:
            accountant.compose(dp_accounting.GaussianDpEvent(release.noise_multiplier))
        accountant.compose(dp_accounting.GaussianDpEvent(noise.of_columns), columns)
        accountant.compose(dp_accounting.ZCDpEvent(noise.epsilon_of_choice**2 / 8), columns - 1)
        accountant.compose(dp_accounting.GaussianDpEvent(noise.of_pairs), columns - 1)
        delta = 1e-5 - (release.delta if release else 0.0)
        assert asked.after(0).spent["epsilon"] == pytest.approx(accountant.get_epsilon(delta), rel=1e-6)


def test_a_row_moves_no_score_by_more_than_1_and_is_once_in_each_table(monkeypatch):
    class Recording(Noise):
        """The scores of the first choice, and all that is counted."""

        def __init__(self):
            super().__init__(MarginalNoise.of(0.1, len(SIZES)), 0)
            self.scores, self.counts = None, []

        def chosen(self, scores):
            self.scores = scores if self.scores is None else self.scores
            return int(np.argmax(scores))

        def counted(self, counts, deviation):
            self.counts.append(counts.astype(float))
            return counts.astype(float)

    tokens, example = table_of_a_tree(300), specification_of(table_of_a_tree(300), SIZES)
    # What was found of columns, with noise, is known: it is the same for neighbours.
    sides = [np.bincount(column, minlength=size) / 300 for column, size in zip(tokens.T, SIZES)]
    for place in range(0, 300, 20):
        found = []
        for rows in (tokens, np.delete(tokens, place, axis=0)):
            noise = Recording()
            marginals.spanning_tree(rows, sides, 300.0, noise)
            measured(rows, example, 32, 1.0, noise)
            found.append(noise)
        assert np.abs(found[0].scores - found[1].scores).max() <= 1.0 + 1e-9
        assert len(found[0].counts) == 2 * len(SIZES) - 1
        for one, other in zip(found[0].counts[: len(SIZES)], found[1].counts):
            assert np.abs(one - other).sum() == 1.0


def test_noise_has_the_deviation_and_the_choice_the_odds_that_were_counted():
    budget = MarginalNoise(of_columns=3.0, of_pairs=5.0, epsilon_of_choice=0.8)
    noise, scores = Noise(budget, 7), np.array([0.0, 1.0, 4.0])
    assert np.std(noise.counted(np.zeros(20_000), budget.of_pairs)) == pytest.approx(5.0, rel=0.03)
    chosen = np.bincount([noise.chosen(scores) for _ in range(20_000)], minlength=3) / 20_000
    assert chosen == pytest.approx(np.exp(0.4 * scores) / np.exp(0.4 * scores).sum(), abs=0.012)


# What is drawn.


def drawn(model, count, given_tokens=None, allowed=None, together=None):
    fill = np.full([count, len(SIZES)], FREE, np.int32) if given_tokens is None else given_tokens
    rows, weights = model.conditional_rows(tf.range(count), tf.constant(fill), allowed, None, together)
    return rows.numpy(), float(weights.numpy().mean())


def shares_of(rows, every):
    places = np.ravel_multi_index(rows.T, SIZES)
    assert np.array_equal(np.ravel_multi_index(every.T, SIZES), np.arange(len(every)))
    return np.bincount(places, minlength=len(every)) / len(rows)


def assert_drawn_by(rows, every, probabilities):
    """As far as chance allows: the total variation of so many draws is about sqrt(rows / draws)."""
    apart = 0.5 * np.abs(shares_of(rows, every) - probabilities).sum()
    assert apart < 0.8 * math.sqrt((probabilities > 0).sum() / len(rows))


def possible(model, every):
    """Whether each row has no token that is never drawn."""
    return (model.drawable[every + model.example.offsets.astype(int)] > 0).all(axis=1)


def test_probabilities_add_up_and_rows_are_drawn_by_them(small):
    model, every, probabilities = small
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-5)
    rows = model.unconditional_rows(tf.range(20_000)).numpy()
    able = possible(model, every) * probabilities
    assert_drawn_by(rows, every, able / able.sum())
    assert np.array_equal(model.unconditional_rows(tf.constant([7, 3, 7])).numpy(), rows[[7, 3, 7]])


def test_under_conditions_rows_and_their_share_are_exact(small):
    model, every, probabilities = small
    allowed = np.ones(sum(SIZES), np.float32)
    allowed[[0, 3, 9]] = 0.0, 0.3, 0.5  # fields 0, 1 and 3; parts of tokens are parts of bins
    weight = allowed[every + model.example.offsets.astype(int)].prod(axis=1)
    fill = np.tile(np.array([FREE, FREE, FREE, FREE, 1], np.int32), [20_000, 1])
    rows, share = drawn(model, 20_000, fill, tf.constant(allowed))
    able = possible(model, every) * probabilities
    wanted = able * weight * (every[:, 4] == 1)
    assert share == pytest.approx(wanted.sum() / able.sum(), rel=1e-3)
    assert_drawn_by(rows, every, wanted / wanted.sum())


def test_what_is_never_drawn_may_be_given(small):
    model, every, probabilities = small
    fill = np.tile(np.array([FREE, 3, FREE, FREE, FREE], np.int32), [20_000, 1])
    rows, _ = drawn(model, 20_000, fill)
    able = probabilities * (every[:, 1] == 3) * (every[:, 3] != 0)
    assert_drawn_by(rows, every, able / able.sum())


def test_what_is_asked_of_two_columns_together_holds(small):
    """Of columns that don't hang together in the tree, by weights; the share is right in the mean."""
    model, every, probabilities = small
    table = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.5]], np.float32)
    rows, share = drawn(model, 20_000, None, tf.ones([sum(SIZES)]), {(3, 4): tf.constant(table)})
    able = possible(model, every) * probabilities
    wanted = able * table[every[:, 3], every[:, 4]]
    assert share == pytest.approx(wanted.sum() / able.sum(), rel=0.02)
    assert_drawn_by(rows, every, wanted / wanted.sum())


# Through the doors.


@pytest.fixture(scope="module")
def run(fit_once):
    """The run that the conformance tests look at too. Don't change it."""
    return fit_once("tree", SOURCES["table"].row_steps, modality="table")


def test_a_fit_needs_one_step_and_says_so(sources, tmp_path, capsys):
    fitted = fit_run("tree", tmp_path / "run", sources("table"), None)
    assert fitted.record["steps"] == fitted.record["reached"] == 1
    assert "fitted at once, 1 step" in capsys.readouterr().err
    assert 0 < fitted.history()[-1]["loss"] < 30


@pytest.mark.parametrize(
    "options, words",
    [
        ({"evaluate_every": 5}, "fitted at once, so there is nothing to measure"),
        ({"private": "epsilon=3,clip=2"}, "no gradients that could be cut"),
        ({"private": "epsilon=3", "settings": {"group": "region"}}, "protects single rows"),
    ],
)
def test_what_a_tree_has_no_use_for_is_refused_before_anything_is_written(options, words, tmp_path):
    with pytest.raises(UserError, match=words):
        fit_run("tree", tmp_path / "new", "insurance", 1, **options)
    assert not (tmp_path / "new").exists()


def test_a_tree_begins_with_no_run(run, tmp_path):
    with pytest.raises(UserError, match="it has nothing to begin with"):
        fit_run("tree", tmp_path / "new", "insurance", 1, size=None, start=str(run.path))


def test_pictures_are_no_rows(tmp_path):
    with pytest.raises(UserError, match="A tree learns tables"):
        fit_run("tree", tmp_path / "new", "digits", 1)


def test_which_private_model_to_take_is_said_by_what_was_measured_nearest():
    said = private.which_to_take(50_000, 1.2)
    assert "a gpt to train classifiers" in said and "a tree for columns" in said and "rows at epsilon 1:" in said
    assert "a tree. Measured on 2,000" in private.which_to_take(500, 30.0)


def test_a_private_fit_that_was_killed_draws_the_same_noise_and_spends_it_once(tmp_path, monkeypatch, capsys):
    """Killed after it had counted, before anything of it was written."""
    monkeypatch.setattr(private.secrets, "randbits", lambda bits: 1234567)
    whole = fit_run("tree", tmp_path / "whole", "insurance", None, private="epsilon=3")
    said = capsys.readouterr().err
    assert "at most epsilon 3 at delta 1e-05 for each row" in said and "chooses 6 pairs of columns" in said
    assert "Which model to take: a tree. Measured on 2,000 census rows at epsilon 3" in said
    with monkeypatch.context() as patch:
        patch.setattr(stage, "_save_start", lambda *arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            fit_run("tree", tmp_path / "parts", "insurance", None, private="epsilon=3")
    assert (tmp_path / "parts" / private.KEY).exists() and not list((tmp_path / "parts" / "checkpoints").glob("*.npz"))
    parts = fit_run("tree", tmp_path / "parts", "insurance", None, size=None, resume=True)
    assert_same_state(state_of(whole), state_of(parts))
    assert whole.record["privacy"] == parts.record["privacy"] and not (parts.path / private.KEY).exists()
    spent = parts.record["privacy"]["spent"]["epsilon"]
    assert 2.9 < spent <= 3.0


@pytest.mark.slow
def test_a_phone_draws_the_same_rows_by_built_in_operations(small, tmp_path):
    """What tests/conformance exports and serves is this and a codec."""
    from ai_edge_litert.interpreter import Interpreter

    model = small[0]
    signature = [tf.TensorSpec([None], tf.int32), tf.TensorSpec([None, len(SIZES)], tf.int32)]
    module = tf.Module()
    module.weights = [weight.value for weight in model.tree.weights]
    module.generate = tf.function(model.generate, input_signature=signature, autograph=False)
    tf.saved_model.save(module, str(tmp_path), signatures={"generate": module.generate.get_concrete_function()})
    content = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path), signature_keys=["generate"]).convert()
    call = Interpreter(model_content=content).get_signature_runner("generate")
    fill = np.full([500, len(SIZES)], FREE, np.int32)
    fill[::2, 2] = 1
    seeds = np.arange(500, dtype=np.int32)
    (there,) = call(seeds=seeds, given=fill).values()
    assert np.array_equal(there, model.generate(tf.constant(seeds), tf.constant(fill)).numpy())
