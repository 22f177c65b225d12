"""Whether samples can be told from real examples: what a small classifier finds, and what is said of it."""

import math

import numpy as np
import pytest

from tfgen.data import open_data
from tfgen.evaluate.alarms import not_tested
from tfgen.evaluate.arrays import alarms, detector
from tfgen.evaluate.arrays.groups import Group
from tfgen.evaluate.arrays.summary import in_words
from tfgen.evaluate.metrics.detectability import detectability
from tfgen.evaluate.record import Score
from tfgen.evaluate.sequences.detector import judge as judge_texts
from tests.evaluate.test_sequence_report import evaluation_of


@pytest.fixture(autouse=True)
def cache(isolated):
    """Nothing is found that another test has judged."""


@pytest.fixture(autouse=True)
def quick_detector():
    """Here it learns for as long as it should."""


@pytest.fixture(scope="module")
def codec():
    return open_data("digits").codec


def group_of(name, values):
    return Group(name, lambda start, stop: values[start:stop], np.full(len(values), -1), [name])


def told(real, made, codec, noisy):
    rows = detector.judge(group_of("real", real), group_of("made", made), codec, noisy, "test")
    assert rows.shape == (len(real) // 2, 2)
    return detectability.function(rows[:, 0], rows[:, 1])["detectability"]


@pytest.fixture(scope="module")
def halves():
    values = np.asarray(open_data("digits").values)[np.random.default_rng(0).permutation(10_000)[:1600]]
    return values[:800], values[800:]


@pytest.mark.slow
def test_real_examples_are_not_told_from_real_ones(halves, codec):
    assert abs(told(*halves, codec, False) - 0.5) < 0.08


@pytest.mark.slow
def test_what_no_eye_sees_is_told_exactly_and_not_under_noise(halves, codec):
    """Some pixels of 3 where real ones have 0."""
    real, made = halves
    lifted = made.copy()
    lifted[:, :4, :4] = np.maximum(made[:, :4, :4], 6)
    assert told(real, lifted, codec, False) > 0.9
    assert abs(told(real, lifted, codec, True) - 0.5) < 0.1


@pytest.mark.slow
def test_a_blur_is_told_under_noise_too(halves, codec):
    real, made = halves
    padded = np.pad(made.astype(float), [(0, 0), (1, 1), (1, 1), (0, 0)])
    blurred = sum(padded[:, top : top + 28, left : left + 28] for top in range(3) for left in range(3)) / 9
    assert told(real, blurred.astype(np.uint8), codec, True) > 0.85


@pytest.mark.slow
def test_the_same_is_judged_alike_and_once(halves, codec, monkeypatch, tmp_path):
    first = detector.judge(group_of("real", halves[0]), group_of("made", halves[1]), codec, False, "test")
    detector.judge(group_of("real", halves[1]), group_of("other", halves[0]), codec, True, "test")
    monkeypatch.setenv("TFGEN_CACHE", str(tmp_path / "empty"))
    anew = detector.judge(group_of("real", halves[0]), group_of("made", halves[1]), codec, False, "test")
    np.testing.assert_array_equal(first, anew)  # whatever it learned in between
    monkeypatch.setattr(detector, "_fitted", lambda *arguments: pytest.fail("it was judged again"))
    again = detector.judge(group_of("real", halves[0]), group_of("made", halves[1]), codec, False, "test")
    np.testing.assert_array_equal(first, again)


def test_texts_are_told_by_what_stands_in_them():
    draw = np.random.default_rng(0)
    words = "the old king rode over a hill and met one grey wolf who spoke of rain".split()

    def texts(chances, count=80):
        return [" ".join(draw.choice(words, 40, p=chances)) for _ in range(count)]

    even = np.full(len(words), 1 / len(words))
    odd = np.arange(1, len(words) + 1) / sum(range(1, len(words) + 1))

    def score(real, made):
        rows = judge_texts(real, made)
        return detectability.function(rows[:, 0], rows[:, 1])["detectability"]

    assert abs(score(texts(even), texts(even)) - 0.5) < 0.15
    assert score(texts(even), texts(odd)) > 0.9
    assert judge_texts(["a"], ["", "b"]).shape == (0, 2) and np.isfinite(judge_texts(["", "é"], ["a", ""])).all()


def words_on(by_eye, half_width=0.01, left_out=False):
    """What is said of a run that is near by every other score."""
    scores = {
        "kernel_distance": Score("kernel", 0.1, 0.01, "lower"),
        "precision": Score("precision-recall", 0.95, 0.01, "higher"),
        "recall": Score("precision-recall", 0.95, 0.01, "higher"),
    }
    if by_eye is not None:
        scores["detectability_to_the_eye"] = Score("detectability-to-the-eye", by_eye, half_width, "near 0.5")
    baselines = {"real": {"precision": 0.95, "recall": 0.95}, "noisy copies": {"kernel_distance": 1.0}}
    evaluation = evaluation_of(scores=scores, baselines=baselines)
    if left_out:
        evaluation.left_out["detectability-to-the-eye"] = "It needs 100 samples."
    return in_words(evaluation, "pictures")


def test_good_needs_samples_that_can_not_be_told():
    assert "does hardly better than guessing" in words_on(0.55) and "most samples look real" in words_on(0.55)
    for words in (words_on(0.8), words_on(0.99), words_on(0.58, half_width=0.1), words_on(None, left_out=True)):
        assert "look real (" not in words and "nearer to the data" not in words and "Weak: " in words
        assert "Nothing that was measured is weak" not in words and "as varied as the data" in words
    assert "nearly always tells samples" in words_on(0.99)
    assert "too few pictures to tell whether the samples look real" in words_on(None, left_out=True)


def test_what_is_high_by_chance_alone_is_not_praised():
    scores = {"recall": Score("precision-recall", 0.93, 0.2, "higher")}
    words = in_words(evaluation_of(scores=scores, baselines={"real": {"recall": 0.95}}), "pictures")
    assert "as varied" not in words


@pytest.mark.parametrize(
    "of_real, judged_by, state",
    [(0.33, 9, "not tested"), (0.35, 999, "raised"), (0.9, 999, "quiet"), (0.95, 40, "quiet"), (0.5, 9, "not tested")],
)
def test_a_classifier_that_few_examples_judged_says_so(of_real, judged_by, state):
    scores = {"prompt_adherence": Score("adherence", 0.8, 0.02, "higher")}
    alarm = alarms._prompt_ignored(scores, alarms.Told(1 / 3, of_real, judged_by), "pictures")
    assert alarm.state == state
    if state == "not tested":
        assert f"judged by {judged_by} pictures alone" in alarm.sentence


@pytest.mark.parametrize(
    "copied, unseen, state",
    [(0.0, 20, "quiet"), (0.15, 20, "not tested"), (0.5, 20, "raised"), (0.15, 90, "raised"), (0.05, 2000, "quiet")],
)
def test_copies_of_few_examples_are_told_from_chance(copied, unseen, state):
    assert alarms._copying({"copied": Score("copying", copied, None, "lower")}, unseen, "pictures").state == state


@pytest.mark.parametrize(
    "diversity, half_width, state",
    [(0.4, 0.3, "raised"), (0.55, 0.3, "not tested"), (0.55, 0.02, "quiet"), (0.9, 0.3, "quiet"), (0.9, None, "quiet")],
)
def test_a_collapse_that_few_examples_hide_is_not_called_quiet(diversity, half_width, state):
    alarm = alarms._collapse({"diversity": Score("diversity", diversity, half_width, "near 1")})
    assert alarm.state == state


def test_what_was_not_measured_is_not_tested():
    assert alarms._copying({}, 0, "pictures") == not_tested(
        "copying", "The metric copying was left out, or there are too few examples for it."
    )
    assert math.isclose(sum(alarms.Told(0.1, 0.5, 100).interval()) / 2, 0.5, abs_tol=0.01)
