"""The n-gram model: its chances add up, agree with counting by hand, and it writes what it predicts."""

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfgen.evaluate.sequences import ngram
from tfgen.evaluate.sequences.ngram import NGram

VOCABULARY = 5


def chances(model, before):
    """Of every token after these."""
    return np.array([model.probabilities(np.array([*before, token]))[-1] for token in range(model.vocabulary_size)])


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.lists(st.integers(0, 4), max_size=6),
       st.integers(1, 5))
def test_chances_add_up_to_one_after_whatever_stands_before(tokens, before, order):
    found = chances(NGram(np.array(tokens), VOCABULARY, order), before)
    assert found.min() > 0 and found.sum() == pytest.approx(1.0)


def test_chances_add_up_for_a_long_text_with_all_discounts():
    tokens = np.random.default_rng(0).zipf(1.5, 20_000) % 200
    model = NGram(tokens, 200, 4)
    for start in (5, 100, 7000):
        assert chances(model, tokens[start : start + 3]).sum() == pytest.approx(1.0)


def naive_chance(tokens, before, token, order, discount=0.75):
    """Interpolated Kneser-Ney as Chen and Goodman write it, with one discount, by dictionaries."""
    def counts(size):
        if size == order:
            return [tuple(tokens[at : at + size]) for at in range(len(tokens) - size + 1)]
        return [gram[1:] for gram in {tuple(tokens[at : at + size + 1]) for at in range(len(tokens) - size)}]

    def chance(size):
        if size == 0:
            return 1 / VOCABULARY
        context = tuple(before[len(before) - size + 1 :]) if size > 1 else ()
        behind = [gram[-1] for gram in counts(size) if gram[:-1] == context]
        if len(context) < size - 1 or not behind:
            return chance(size - 1)
        taken = max(behind.count(token) - discount, 0) + discount * len(set(behind)) * chance(size - 1)
        return taken / len(behind)

    return chance(order)


@given(st.lists(st.integers(0, 3), min_size=4, max_size=20), st.lists(st.integers(0, 4), max_size=4),
       st.integers(0, 4), st.integers(1, 4))
def test_chances_equal_a_naive_implementation(tokens, before, token, order):
    with patch.object(ngram, "_discounts", lambda counts: np.array([0.0, 0.75, 0.75, 0.75])):
        model = NGram(np.array(tokens), VOCABULARY, order)
    found = model.probabilities(np.array([*before, token]))[-1]
    assert found == pytest.approx(naive_chance(tokens, before, token, order))


def test_pairs_by_hand():
    # a b a b a c: pairs ab 2, ba 2, ac 1; before each token stand: a: b; b: a; c: a.
    model = NGram(np.array([0, 1, 0, 1, 0, 2]), 4, 2)
    single = lambda token: ((0.25 if token < 3 else 0.0) + 0.75 * 3 / 4) / 3  # noqa: E731
    assert chances(model, [])[:3] == pytest.approx([single(0)] * 3)
    assert chances(model, [0]) == pytest.approx(
        [0.5 * single(0), 1.25 / 3 + 0.5 * single(1), 0.25 / 3 + 0.5 * single(2), 0.5 * single(3)]
    )


def test_it_writes_what_it_predicts():
    tokens = np.random.default_rng(1).choice(4, 3000, p=[0.5, 0.3, 0.15, 0.05])
    tokens[1::2] = (tokens[::2] + 1) % 4
    model = NGram(tokens, 5, 3)
    made = np.array([row[0] for row in model.sample(20_000, 1, 2, 4, seed=3)])
    assert np.bincount(made, minlength=5) / len(made) == pytest.approx(chances(model, [2]), abs=0.015)


def test_texts_end_with_their_end_and_come_again():
    tokens = np.tile([0, 1, 2, 3], 50)
    model = NGram(tokens, 4, 3)
    rows = model.sample(30, 12, 3, 3, seed=0)
    assert all(len(row) <= 12 and 3 not in row[:-1] for row in rows) and any(row[-1] == 3 for row in rows)
    again = model.sample(30, 12, 3, 3, seed=0)
    assert all(np.array_equal(one, other) for one, other in zip(rows, again, strict=True))
    assert any(not np.array_equal(one, other) for one, other in zip(rows, model.sample(30, 12, 3, 3, 1), strict=True))


def test_longer_sequences_predict_better_where_there_are_any():
    tokens = np.tile([0, 0, 1, 0, 2], 400)
    nats = [NGram(tokens[:1500], 3, order).nats(tokens[1500:], 2).mean() for order in (1, 2, 3)]
    assert nats == sorted(nats, reverse=True) and nats[-1] < 0.05
