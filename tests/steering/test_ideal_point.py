"""Readings of picks by who wants certain amounts of two things: on made-up measurements."""

from dataclasses import replace

import numpy as np
import pytest

from tfgen.steering.choice import ChoiceModel, pick
from tfgen.steering.ideal_point import IdealPoint


def picks(wish, count, size=5, noise=0.3, seed=0):
    """Of nine samples each, the one that a person likes best as they see them."""
    chance = np.random.default_rng(seed)
    choices = []
    for _ in range(count):
        shown = chance.standard_normal([9, size])
        picked = chance.integers(9) if chance.random() < 0.1 else np.argmax(wish(shown) + noise * chance.normal(size=9))
        choices += pick(shown, [int(picked)])
    return choices


def near(values):
    return -np.hypot(values[:, 1] - 0.6, values[:, 3] + 0.8)


def much(values):
    return values[:, 2]


@pytest.mark.parametrize("seed", range(5))
def test_a_middle_of_two_attributes_is_found(seed):
    ideal = IdealPoint.fit(picks(near, 40, seed=seed), 5)
    assert ideal.wanted() == (1, 3)
    np.testing.assert_allclose(ideal.probabilities @ ideal.amounts, [0.6, -0.8], atol=0.35)
    others = np.random.default_rng(99).standard_normal([2000, 5])
    best = np.argmax(ideal.utilities(others))
    assert np.mean(near(others) < near(others)[best]) > 0.97


def test_as_much_as_there_is_is_no_middle():
    ideal = IdealPoint.fit(picks(much, 40), 5)
    assert ideal.wanted() is None
    others = np.random.default_rng(99).standard_normal([2000, 5])
    assert np.corrcoef(ideal.utilities(others), much(others))[0, 1] > 0.8


def test_nothing_said_is_nothing_known():
    ideal = IdealPoint.fit([], 3)
    assert ideal.evidence == 0 and ideal.wanted() is None and ideal.probabilities.sum() == pytest.approx(1)
    assert ChoiceModel.fit([], 3).evidence == 0
    assert IdealPoint.fit([], 2).wanted() is None


@pytest.mark.parametrize("seed", range(5))
def test_what_nobody_cares_about_is_not_wanted(seed):
    assert IdealPoint.fit(picks(lambda values: -np.abs(values[:, 0]), 20, size=2, seed=seed), 2).wanted() is None


def test_evidence_says_which_reading_explains_answers_better():
    """The choice model sees squared lengths too, as in a session."""
    for wish, by_ideal in ((near, True), (lambda values: values @ [1.0, -1.0, 1.0, 1.0, -1.0], False)):
        choices = picks(wish, 40)
        lengths = [np.square(each.shown).sum(axis=1, keepdims=True) / 5 for each in choices]
        longer = [replace(each, shown=np.hstack([each.shown, own])) for each, own in zip(choices, lengths, strict=True)]
        assert (IdealPoint.fit(choices, 5).evidence > ChoiceModel.fit(longer, 6).evidence) == by_ideal


def test_draws_are_of_the_posterior():
    ideal, others = IdealPoint.fit(picks(near, 40), 5), np.random.default_rng(99).standard_normal([50, 5])
    drawn = ideal.draws(others, np.random.default_rng(1), 4000)
    assert drawn.shape == (50, 4000)
    np.testing.assert_allclose(drawn.mean(axis=1), ideal.utilities(others), atol=0.05)
