"""What is said of scores of sets: praise and alarms only where there is evidence."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from tfgen.evaluate.record import Score
from tfgen.evaluate.sets import evaluator
from tfgen.evaluate.sets.metric_inputs import SetInputs
from tfgen.representations.sets.sets import Sets


def scores_of(**values):
    return {name: Score(name, *value, "higher") for name, value in values.items()}


@pytest.mark.parametrize(
    "gain, half, words",
    [
        (0.05, 0.05, "are as good as the best"),
        (-0.05, 0.06, "can't tell suggestions from simple ones"),
        (0.05, None, "can't tell suggestions from simple ones"),
        (-0.05, 0.01, "are hardly better"),
    ],
)
def test_only_what_is_surely_no_worse_is_praised(gain, half, words, monkeypatch):
    monkeypatch.setattr(evaluator, "paragraph", lambda evaluation, good, weak, change, longer: " ".join(good + weak))
    scores = scores_of(gain_over_ease=(gain, half), gain_over_nearest=(0.2, 0.01), gain_over_popular=(0.2, 0.01),
                       ndcg_at_100=(0.4, 0.01))  # fmt: skip
    codec = SimpleNamespace(specification=SimpleNamespace(plural="loans"))
    evaluation = SimpleNamespace(scores=scores, baselines={})
    said = evaluator.SetEvaluator.in_words(SimpleNamespace(codec=codec), evaluation)
    assert words in said


@pytest.mark.parametrize("half, state", [(None, "not tested"), (0.02, "raised"), (0.06, "quiet")])
def test_worse_than_ease_needs_an_interval(half, state):
    assert evaluator._worse_than_ease(scores_of(gain_over_ease=(-0.05, half)), "loans").state == state


@pytest.mark.parametrize(
    "real, state", [(math.nan, "not tested"), (-0.2, "not tested"), (0.02, "not tested"), (0.6, "raised")]
)
def test_held_out_ones_without_lifts_prove_nothing(real, state):
    alarm = evaluator._unrelated(scores_of(pair_lifts=(0.0, 0.1)), {"real": {"pair_lifts": real}}, "loans")
    assert alarm.state == state


def test_no_more_invented_ones_are_compared_than_held_out_ones(monkeypatch):
    monkeypatch.setattr("tfgen.evaluate.sets.metric_inputs.Ranker", lambda model: None)
    held, made = Sets.of([[0, 1], [1, 2]] * 5), Sets.of([[0, 1]] * 10 + [[2]] * 90)
    data = SimpleNamespace(names=("a", "b", "c"), unseen=held, learned=held)
    inputs = SetInputs(SimpleNamespace(), data, 100, 0)
    inputs.invented = made
    lifts = inputs.of_model()["sample_lifts"]
    assert inputs.compared == 10 and np.array_equal(lifts, inputs._lifts_of(made.part(0, 10)))
