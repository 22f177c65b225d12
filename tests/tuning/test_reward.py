"""What is learned from comparisons, and whether it is told from chance."""

import numpy as np
import pytest

from tfgen.evaluate.statistics import wilson
from tfgen.feedback.events import Event, Sample
from tfgen.steering.choice import ChoiceModel
from tfgen.steering.directions import Directions
from tfgen.tuning.reward import CHANCE, Answer, Reward, binomial, folds_of, held_out, preferred


def answers_by(utility, count, seed, random=0.1, size=6, shown=4):
    """Picks of what has most utility [size], of random positions; names are numbers."""
    chance, answers = np.random.default_rng(seed), []
    for number in range(count):
        positions = chance.standard_normal([shown, size]) / np.sqrt(size)
        liked = positions @ utility + 0.2 * chance.standard_normal(shown)
        picked = int(chance.integers(shown)) if chance.random() < random else int(np.argmax(liked))
        answers.append(Answer(positions, (picked,), tuple(f"{number}-{place}" for place in range(shown))))
    return answers


def test_what_is_meant_is_predicted():
    tried = held_out(answers_by(np.array([2.0, -1, 0, 0, 0, 0]), 100, 0))
    assert tried.count == 100 and tried.accuracy > 0.75 and tried.p_value < 1e-6 and tried.needed is None


def test_what_means_nothing_is_not():
    refused = sum(held_out(answers_by(np.ones(6), 60, seed, random=1.0), seed).p_value >= 0.05 for seed in range(40))
    assert refused >= 37


def test_the_reward_ranks_what_nobody_judged():
    chance = np.random.default_rng(1)
    features = chance.standard_normal([400, 12])
    directions = Directions.of(features)
    utility, answers = chance.standard_normal(12), []
    for number in range(150):
        shown = chance.choice(300, 4, replace=False)
        picked = int(np.argmax(features[shown] @ utility))
        answers.append(Answer(directions(features[shown]), (picked,), tuple(map(str, shown))))
    reward = Reward.fit(directions, answers)
    ranks = [np.argsort(np.argsort(each)) for each in (reward(features[300:]), features[300:] @ utility)]
    assert np.corrcoef(*ranks)[0, 1] > 0.9


def test_tensors_get_the_same_rewards_as_arrays():
    import tensorflow as tf

    features = np.random.default_rng(0).standard_normal([50, 8]).astype(np.float32)
    directions = Directions.of(features)
    answers = [Answer(directions(features[at : at + 2]), (0,), (str(at), "x")) for at in range(20)]
    reward = Reward.fit(directions, answers)
    np.testing.assert_allclose(reward(tf.constant(features)).numpy(), reward(features), atol=1e-4)


def test_answers_about_the_same_samples_are_left_aside_together():
    positions = np.zeros([2, 3])
    answers = [Answer(positions, (0,), shown) for shown in [("a", "b"), ("b", "a"), ("c", "d"), ("e", "f"), ("g", "h")]]
    folds = folds_of(answers, 2, 0)
    assert folds[0] == folds[1] and set(folds) == {0, 1}


def test_a_pick_counts_once_however_many_were_shown():
    tried = held_out(answers_by(np.array([5.0, 0, 0, 0, 0, 0]), 30, 0, shown=9))
    assert tried.count == 30 and tried.right <= 30


def test_intervals_and_tests_are_those_of_the_books():
    assert binomial(8, 10) == pytest.approx(56 / 1024)
    assert binomial(0, 7) == 1
    np.testing.assert_allclose(wilson(0.5, 100), (0.4038, 0.5962), atol=1e-3)  # Wilson 1927, by hand
    assert wilson(1.0, 10)[0] == pytest.approx(0.7225, abs=1e-3)


def test_says_how_many_more_would_do():
    few = held_out(answers_by(np.array([0.5, 0, 0, 0, 0, 0]), 12, 3, random=0.3))
    if few.p_value >= 0.05 and few.accuracy > 0.51:
        assert few.needed >= 1
    nothing = [Answer(np.zeros([2, 3]), (0,), (str(each), "x")) for each in range(10)]
    assert held_out(nothing).needed is None and held_out(nothing).right == 5


@pytest.mark.slow
def test_ratings_at_random_are_refused_as_often_as_promised():
    """Ratings become comparisons that share no sample; else one accident would foretell another."""
    from tfgen.feedback.preferences import _from_values

    refused = 0
    for seed in range(40):
        chance = np.random.default_rng(seed)
        positions = chance.standard_normal([100, 33]) / np.sqrt(33)
        rated = [Sample("run", "digest", prompt="one", seed=number) for number in range(100)]
        usable = [
            (Event("rating", (each.id,), {"value": int(value)}, "ann", id=str(number)), (each,))
            for number, (each, value) in enumerate(zip(rated, chance.integers(1, 6, 100), strict=True))
        ]
        answers = [
            Answer(positions[[sample.seed for sample in each.shown]], each.picked, tuple(one.id for one in each.shown))
            for each in _from_values(usable)
        ]
        refused += held_out(answers, seed).p_value >= CHANCE
    assert refused >= 36


def test_several_peoples_answers_about_the_same_are_one_judgement():
    chance = np.random.default_rng(3)
    answers = []
    for pair in range(30):
        positions = chance.standard_normal([2, 4])
        better = int(positions[1, 0] > positions[0, 0])
        answers += [Answer(positions, (better,), (f"{pair}-0", f"{pair}-1"))] * 3
    tried = held_out(answers)
    assert tried.count == 30 and tried.right <= 30 and tried.p_value < CHANCE


def test_a_judge_of_few_answers_is_less_sure_than_one_of_many():
    chance = np.random.default_rng(4)
    few, many = (ChoiceModel(np.array([1.0, 0.0]), np.eye(2) * variance) for variance in (1.0, 0.01))
    apart = chance.standard_normal([400, 2]) + [0.5, 0.0]
    (share, low, high), (same, near, far) = (preferred(judge, apart, 0) for judge in (few, many))
    assert 0.55 < share < 0.75 and 0.6 < same < 0.75 and high - low > 3 * (far - near) and low <= share <= high
