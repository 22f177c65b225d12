"""Where there is nothing to measure there is no score: no 0, no chance level, and no failure either."""

import json
import math
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from tests.evaluate import tables
from tfgen.catalog import METRICS
from tfgen.errors import UserError
from tfgen.evaluate.arrays.tracker import ArrayTracker
from tfgen.evaluate.intervals import half_widths
from tfgen.evaluate.metrics import metric
from tfgen.evaluate.metrics.canaries import FIELDS
from tfgen.evaluate.metrics.diversity import diversity
from tfgen.evaluate.metrics.frechet import distance_of_moments
from tfgen.evaluate.metrics.repetition import repetition
from tfgen.evaluate.record import Score
from tfgen.evaluate.request import EvaluateRequest
from tfgen.evaluate.sequences import alarms as sequence_alarms
from tfgen.evaluate.sequences import metric_inputs
from tfgen.evaluate.stage import _scores, evaluate
from tfgen.evaluate.statistics import Moments

ROWS_SAY = (
    "unseen_told", "generated_told", "training_apart", "unseen_apart", "training_guessed", "unseen_guessed",
    "training_nats", "unseen_nats",
)
COUNT = 4100  # enough for half of it to be enough for every metric
JUDGED = ("real_judged", "generated_judged", "real_judged_by_eye", "generated_judged_by_eye")
LEVELS_COUNT, LEVEL_PATTERNS = ("structures", "stretches", "columns_seen"), ("generated_patterns", "real_patterns")
RANKS = ("target_ranks", "ease_ranks", "nearest_ranks", "popular_ranks")
WHOLE = (
    "asked", "recognised", "real_prompts", "sample_words", "matches", "windows", *LEVELS_COUNT, *LEVEL_PATTERNS, *RANKS
)
OF_SOUNDS = ("generated_harmonicity", "generated_silence", "generated_clipping")
OF_SETS = ("wanted_shares", "reference_lifts", "sample_lifts")
TABLES = ("real_rows", "generated_rows", "unseen_predictions", "unseen_augmented")  # a cell may be missing
SAID = ("predicates", "of_several", "are_copies", "ever_suggested")  # yes or no
OF_NUMBERS = ("r2",)  # of what is predicted here, a class, there is none


def _no_matter():
    """Numpy warns of what these tests are about."""
    return warnings.catch_warnings(action="ignore")


def _said(fields):
    """What boosting said, at random, of three classes."""
    chance, found = np.random.default_rng(1), np.zeros(COUNT, [("truth", float), *fields])
    found["truth"] = chance.integers(0, 3, COUNT)
    for name, kind, *_ in fields:
        if kind is float:
            shape = found[name].shape
            found[name] = chance.random(shape) if name.startswith("of") else chance.integers(0, 3, shape)
    return found


def _attacked():
    """Canaries that the model knows no better where it learned them."""
    chance, found = np.random.default_rng(2), np.zeros(COUNT, FIELDS)
    found["known"], found["learned"], found["delta"] = chance.normal(size=COUNT), chance.random(COUNT) < 0.5, 1e-5
    return found


def inputs_of(metric):
    """Something for everything that a metric needs."""
    chance = np.random.default_rng(0)
    known = {
        **{name: chance.normal(size=[COUNT, 8]) for name in ("real", "generated", "log_weights")},
        **{name: chance.random([COUNT, 8]) for name in ("latent_kl", "generated_nearest", "unseen_nearest")},
        **{name: 1 + chance.random([COUNT, 3]) for name in ("unseen_texts", "training_texts")},
        **{name: chance.random(COUNT) for name in ("training_scores", "unseen_scores", "reconstruction_errors")},
        **{name: chance.integers(0, 3, COUNT) for name in ("asked", "recognised", "real_prompts", "matches")},
        **{name: chance.random(COUNT) for name in JUDGED},
        **{name: chance.random(COUNT) for name in ROWS_SAY},
        **{name: tables.table(tables.people(COUNT, place)) for place, name in enumerate(TABLES[:2])},
        "unseen_predictions": _said([("of_samples", float, 3), ("of_real", float, 3)]),
        "unseen_augmented": _said([("rarest", int), ("alone", float, 2), ("augmented", float, 2)]),
        "canaries": _attacked(),
        "predicates": np.tile(np.arange(60) % 30 == 4, [COUNT, 1]),
        "of_several": np.arange(COUNT) % 2 == 0,
        "are_copies": np.arange(COUNT) % 3 == 0,
        "ever_suggested": np.arange(COUNT) % 2 == 0,
        "suggested_shares": chance.random([COUNT, 20]),
        **{name: chance.random(COUNT) for name in (*OF_SOUNDS, *OF_SETS)},
        **{name: chance.integers(0, 99, [COUNT, 4]) for name in RANKS},
        "sample_words": chance.integers(0, 9, [COUNT, 12]),
        "windows": np.tile([9, 2], [COUNT, 1]),
        **{name: np.tile([9, 2], [COUNT, 1]) for name in LEVELS_COUNT},
        **{name: chance.integers(0, 9, [COUNT, 12]) for name in LEVEL_PATTERNS},
        **{name: chance.integers(0, 2, COUNT).astype(float) for name in ("playable", "whole_copies")},
        "words_obeyed": chance.random([COUNT, 2]),
    }
    return {name: np.sort(known[name]) if name.endswith("nearest") else known[name] for name in metric.needs}


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_of_nothing_gives_no_score(name):
    metric = METRICS.load(name)
    inputs = inputs_of(metric)
    assert all(math.isfinite(value) for score, value in metric(inputs).items() if score not in OF_NUMBERS)
    for missing in metric.needs:
        fewer = {**inputs, missing: inputs[missing][: metric.least - 1]}
        for empty in ({**inputs, missing: inputs[missing][:0]}, fewer):
            found = metric(empty)
            assert found.keys() == metric.scores.keys()
            assert all(math.isnan(value) for value in found.values()), (missing, found)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("name", METRICS)
def test_a_metric_of_what_is_no_number_gives_no_score(name, bad):
    """Comparisons with not-a-number are false: a broken model would have no copies and tell nobody its secrets."""
    metric = METRICS.load(name)
    for broken in set(metric.needs) - {*WHOLE, *TABLES, *SAID}:
        inputs = inputs_of(metric)
        inputs[broken].flat[7] = bad
        assert all(math.isnan(value) for value in metric(inputs).values()), broken


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_s_own_function_gives_no_number_for_no_rows(name):
    """What calls it without the guard, such as the parts of an interval, gets no score either; or an error."""
    metric = METRICS.load(name)
    empty = {need: rows[:0] for need, rows in inputs_of(metric).items()}
    with _no_matter():
        try:
            values = metric.function(**empty).values()
        except (ZeroDivisionError, IndexError):
            return
        assert all(math.isnan(value) for value in values)


def test_the_distance_of_too_few_rows_or_of_none_is_no_distance():
    rows = np.random.default_rng(0).normal(size=[50, 4])
    broken = np.where(np.arange(50)[:, None] == 3, math.nan, rows)
    for other in (rows[:1], broken, np.full([50, 4], math.inf)):
        with _no_matter():
            assert math.isnan(distance_of_moments(Moments.of(rows), Moments.of(other)))
    assert distance_of_moments(Moments.of(rows), Moments.of(rows)) < 1e-6


def test_a_tracker_of_a_broken_model_has_no_distance(monkeypatch):
    """0 would make the broken weights the best ones."""
    tracker = object.__new__(ArrayTracker)
    rows = np.random.default_rng(0).normal(size=[50, 4])
    tracker._real, tracker._samples = Moments.of(rows), None
    with _no_matter():
        monkeypatch.setattr(tracker, "_moments", lambda group: Moments.of(np.full([50, 4], math.nan)), raising=False)
        assert math.isnan(tracker.measure())


def test_real_examples_that_are_all_alike_have_no_diversity_to_share():
    alike, varied, none = np.ones([40, 3]), np.random.default_rng(0).normal(size=[40, 3]), np.full(40, -1)
    for prompts in (none, np.zeros(40, int)):
        assert math.isnan(diversity.function(alike, varied, prompts, prompts)["diversity"])
        assert diversity.function(varied, alike, prompts, prompts)["diversity"] == 0


def test_an_interval_with_a_part_of_nothing_is_no_interval():
    """JSON has no word for not-a-number."""
    words = np.full([200, 9], -1)
    words[::10] = np.arange(9)  # in the first tenth alone
    inputs = {"sample_words": words}
    assert math.isfinite(repetition(inputs)["repetition"])
    with _no_matter():
        assert half_widths(repetition, inputs) == {}


# The stage.


def test_what_can_not_be_measured_is_left_out_and_said():
    short = {"sample_words": np.full([50, 3], -1)}
    scores, left_out = _scores({"repetition": repetition}, short, {}, asked=False)
    assert not scores and "There is nothing that it could measure" in left_out["repetition"]
    with pytest.raises(UserError, match="The metric 'repetition' can't be measured for this run: There is nothing"):
        _scores({"repetition": repetition}, short, {}, asked=True)


def test_broken_inputs_are_said():
    own = metric(level="lower")(lambda unseen_scores: {"level": float(np.mean(unseen_scores))})
    broken = {"unseen_scores": np.array([1.0, math.nan, 2.0])}
    scores, left_out = _scores({"level": own}, broken, {}, asked=False)
    assert not scores and "are no numbers" in left_out["level"]


def test_a_part_of_a_metric_s_scores_may_be_known():
    both = metric(one="lower", other="lower")(lambda matches: {"one": 1.0, "other": math.nan})
    scores, left_out = _scores({"both": both}, {"matches": np.arange(9)}, {}, asked=False)
    assert set(scores) == {"one"} and not left_out


@pytest.mark.slow
def test_a_model_that_says_nothing_has_copied_nothing_and_proves_nothing(writer, monkeypatch):
    end = writer.codec()["example"]["end"]
    silent = [np.array([end], np.int32)]
    monkeypatch.setattr(metric_inputs, "sample_ids", lambda model, codec, openings, *_: silent * len(openings))
    evaluation = evaluate(writer, EvaluateRequest(count=40))
    words = {"longest_match", "longest_match_95", "copied_windows", "distinct_1", "overlap", "repetition"}
    assert not words & set(evaluation.scores)
    assert {"memorisation", "distinct", "overlap", "repetition"} <= set(evaluation.left_out)
    states = {alarm.name: alarm.state for alarm in evaluation.alarms}
    assert states["copying"] == states["repeats itself"] == "not tested"
    assert "bits_per_character" in evaluation.scores  # what it predicts can be measured
    json.dumps(evaluation.to_json(), allow_nan=False)


def test_the_copying_alarm_says_only_what_was_seen():
    scores = {"longest_match": Score("memorisation", 8.0, None, "lower"),
              "longest_match_95": Score("memorisation", 12.0, None, "lower")}
    alarm = sequence_alarms.alarms_of(scores, {}, None)[0]
    assert alarm.name == "copying" and alarm.state == "quiet" and "%" not in alarm.sentence
    assert "12 characters" in alarm.sentence
    scores["longest_match_95"] = Score("memorisation", 90.0, None, "lower")
    assert sequence_alarms.alarms_of(scores, {}, None)[0].state == "raised"
    assert sequence_alarms.alarms_of({}, {}, None)[0].state == "not tested"


def test_chance_is_not_known_where_no_prompt_is():
    from tfgen.evaluate.arrays.evaluator import _chance

    seen = {"recognised": np.array([0, 1, 1, 0])}
    assert _chance({**seen, "asked": np.full(4, -1)}) is None and _chance({"asked": np.zeros(4, int)}) is None
    assert _chance({**seen, "asked": np.array([0, 1, -1, -1])}) == pytest.approx(0.5)


# Sequences that nothing is known of.


def test_held_out_sequences_in_other_tokens_are_refused():
    """A codec that is made from its data gives the same number to another token."""
    from tfgen.evaluate.sequences.reference_data import ReferenceData

    own = SimpleNamespace(_table=[b"a", b"b", b""])
    ReferenceData._check_tokens(own, np.array([0, 1, 1]), [b"a", b"b", b"c", b""], "mine")
    for ids, table in (([0, 1], [b"b", b"a", b""]), ([3], [b"a", b"b", b"", b"c"]), ([2], [b"a", b"b", b"c"])):
        with pytest.raises(UserError, match="'mine' comes in other tokens"):
            ReferenceData._check_tokens(own, np.array(ids), table, "mine")
