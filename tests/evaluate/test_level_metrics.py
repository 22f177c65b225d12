"""Metrics of levels know a copy, a new column and a broken pipe when they see one."""

import numpy as np
import pytest

from tfgen.data import open_data
from tfgen.evaluate.evaluator import Evaluator
from tfgen.evaluate.metrics.levels import broken, level_copying, novelty, obedience, patterns, playability
from tfgen.evaluate.record import Score
from tfgen.modalities.level.concerns import concerns_of
from tfgen.modalities.level.judging import Judge
from tfgen.modalities.level.modality import LevelModality


@pytest.fixture(scope="module")
def judge():
    return Judge(open_data("meadows", representation="arrays", mix=0.5))


def scores(judge, windows, prompts=()):
    inputs = judge.inputs(lambda: windows, lambda: prompts)
    found = {}
    for metric in (playability, patterns, broken, level_copying, novelty, *([obedience] if prompts else [])):
        found |= metric({name: inputs[name]() for name in metric.needs})
    return found


def test_copies_are_known_as_such(judge):
    found = scores(judge, judge.real_windows[::40])
    assert found["copied_levels"] == found["copied_stretches"] == 1 and found["new_columns"] == 0
    assert found["broken_structures"] == 0 and found["playable"] == 1 and found["patterns"] < 0.05


def test_held_out_levels_are_neither_copies_nor_strange(judge):
    found = scores(judge, judge.parts.unseen.tiles)
    assert found["copied_levels"] == 0 and found["copied_stretches"] < 0.6 and found["broken_structures"] == 0


def test_half_a_pipe_is_broken_and_one_at_the_edge_is_not(judge):
    tiles = judge.tiles
    window = judge.real_windows[judge.tiles.are("pipe")[judge.real_windows].any((1, 2))][0].copy()
    whole = judge.structures(window[None])[0]
    right = np.isin(window, [tiles.letters.find(">"), tiles.letters.find("]")])
    window[right] = tiles.background
    assert whole[0] > 0 and whole[1] == 0 and judge.structures(window[None])[0, 1] > 0
    edge = np.full_like(window, tiles.background)
    edge[-3:, -1] = [tiles.letters.find("<"), tiles.letters.find("["), tiles.letters.find("X")]
    edge[-1] = tiles.letters.find("X")
    assert judge.structures(edge[None])[0, 1] == 0


def test_patterns_are_symmetric_and_random_tiles_far():
    chance = np.random.default_rng(0)
    first, second = chance.integers(0, 5, [30, 40]), chance.integers(2, 9, [30, 40])
    one = patterns({"generated_patterns": first, "real_patterns": second})["patterns"]
    other = patterns({"generated_patterns": second, "real_patterns": first})["patterns"]
    assert one == pytest.approx(other) and one > 1
    assert patterns({"generated_patterns": first, "real_patterns": first})["patterns"] == 0


def test_words_are_counted_against_what_is_usual(judge):
    words = judge.parts.words
    place = words.texts.index("many pipes")
    borne = words.borne_out(judge.real_windows, judge.tiles)[:, place]
    asked = judge.real_windows[borne][:40]
    found = scores(judge, asked, ["many pipes"] * len(asked))
    assert found["words_obeyed"] == 1 and found["words_gain"] == pytest.approx(1 - borne.mean())


def test_concerns_are_raised_for_what_deserves_it():
    good = {
        "playable": 0.95, "patterns": 0.02, "broken_structures": 0.0, "copied_stretches": 0.3, "copied_levels": 0.0,
        "new_columns": 0.01,
    }
    others = {"chain of 2": {"playable": 0.9, "patterns": 0.02}, "real": {"copied_stretches": 0.2}}
    assert not any(each.raised for each in concerns_of(good, others))
    bad = {
        "playable": 0.5, "patterns": 0.5, "broken_structures": 0.2, "copied_stretches": 0.9, "copied_levels": 0.4,
        "new_columns": 0.0,
    }
    assert [each.raised for each in concerns_of(bad, others)] == [True] * 5


def test_what_cant_be_tested_is_said_and_chance_raises_nothing():
    found = {each.name: each.raised for each in concerns_of({"playable": 0.9, "patterns": 0.1}, {})}
    assert "unplayable" in found and set(found.values()) == {None}
    assert "unplayable" not in {each.name for each in concerns_of({}, {})}  # where no rule says what can be played
    for value, chain, raised in ((0.96, 0.97, False), (0.8, 0.97, True), (0.96, float("nan"), None)):
        others = {"chain of 2": {"playable": chain}}
        found = {each.name: each.raised for each in concerns_of({"playable": value}, others, {"playable": 0.04})}
        assert found["unplayable"] is raised


def test_alarms_of_levels_have_three_states():
    evaluator, scores = Evaluator.__new__(Evaluator), {"new_columns": 0.0, "playable": 0.96, "patterns": 0.1}
    evaluator.modality = LevelModality
    with_margins = {name: Score(name, value, 0.04, "higher") for name, value in scores.items()}
    found = evaluator.own_alarms(with_margins, {"chain of 2": {"playable": 0.97}})
    states = {alarm.name: (alarm.state, bool(alarm.advice)) for alarm in found}
    assert states["nothing new"] == ("raised", True) and states["unplayable"] == ("quiet", False)
    assert states["strange patterns"] == states["copied levels"] == ("not tested", False)


def test_without_a_rule_nothing_is_said_of_playing():
    inputs = Judge(open_data("meadows", representation="arrays", rule="none")).inputs(lambda: None, lambda: ())
    assert "playable" not in inputs and "structures" in inputs
