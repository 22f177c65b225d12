"""Answers as preferences: each counts once, and what says nothing teaches nothing."""

import json

import pytest

from tfgen.errors import UserError
from tfgen.feedback.events import Event, Sample
from tfgen.feedback.preferences import preferences_of
from tfgen.feedback.report import report
from tfgen.feedback.rows import export_events, export_preferences, import_rows
from tfgen.feedback.store import open_store


@pytest.fixture
def store(tmp_path):
    with open_store(str(tmp_path / "feedback.db")) as opened:
        yield opened


@pytest.fixture
def shown(gan_run):
    """Six samples of a real run."""
    return [Sample.of(gan_run, "three", seed) for seed in range(6)]


def said(store, samples, kind, payload, who="ada", **more):
    return store.add(samples, [Event(kind, tuple(each.id for each in samples), payload, who, **more)])[0]


def pairs(preferences):
    return sorted(
        (better.seed, worse.seed, round(weight, 3))
        for each in preferences.comparisons
        for better, worse, weight in each.pairs()
    )


def test_a_pick_is_better_than_all_the_rest_and_weighs_one(store, shown, gan_run):
    said(store, shown[:4], "pick", {"picked": [1]})
    said(store, shown[4:], "pair", {"picked": [0]})
    found = preferences_of(store, gan_run)
    assert pairs(found) == [(1, 0, 0.333), (1, 2, 0.333), (1, 3, 0.333), (4, 5, 1.0)]
    assert (found.left_out, found.repeated) == (0, 0)


def test_what_says_nothing_teaches_nothing(store, shown, gan_run):
    said(store, shown[:3], "pick", {"picked": [0, 1, 2]})
    said(store, shown[:3], "skip", {})
    said(store, shown[:3], "none", {})
    said(store, shown[:1], "tag", {"tags": ["odd"]})
    assert preferences_of(store, gan_run).comparisons == ()


def test_the_newest_of_contradictory_answers_counts_and_one_taken_back_does_not(store, shown, gan_run):
    said(store, shown[:2], "pair", {"picked": [0]})
    said(store, shown[1::-1], "pair", {"picked": [0]})  # the other way around, and the other one
    taken_back = said(store, shown[2:4], "pair", {"picked": [0]})
    store.add([], [Event("undo", (), {"event": taken_back}, "ada")])
    found = preferences_of(store, gan_run)
    assert pairs(found) == [(1, 0, 1.0)] and found.repeated == 1


def test_ratings_are_compared_with_the_last_that_differs(store, shown, gan_run):
    for place, value in enumerate((3, 5, 5, 1)):
        said(store, shown[place : place + 1], "rating", {"value": value})
    said(store, shown[:1], "rating", {"value": 2}, who="ben")  # one rating alone says nothing
    assert pairs(preferences_of(store, gan_run)) == [(1, 0, 1.0), (2, 0, 1.0), (2, 3, 1.0)]
    said(store, shown[3:4], "rating", {"value": 5})
    assert pairs(preferences_of(store, gan_run)) == [(1, 0, 1.0), (2, 0, 1.0), (3, 0, 1.0)]


def test_samples_of_other_weights_are_left_out_and_counted_but_texts_are_kept(store, shown, gan_run):
    other = [Sample(gan_run.name, "f" * 32, prompt="three", seed=seed) for seed in range(2)]
    texts = [Sample(gan_run.name, "f" * 32, prompt="three", seed=seed, content="a" * seed) for seed in range(2)]
    said(store, other, "pair", {"picked": [0]})
    said(store, texts, "pair", {"picked": [1]})
    found = preferences_of(store, gan_run)
    assert pairs(found) == [(1, 0, 1.0)] and found.left_out == 1


def test_all_that_was_said_moves_to_another_store_and_twice_is_once(store, shown, gan_run, tmp_path):
    said(store, shown[:3], "pick", {"picked": [1]}, session="monday")
    gone = said(store, shown[:1], "rating", {"value": 1})
    store.add([], [Event("undo", (), {"event": gone}, "ada")])
    assert export_events(store, tmp_path / "all.jsonl") == 3
    with open_store(str(tmp_path / "other.db")) as other:
        for _ in range(2):
            assert import_rows(other, tmp_path / "all.jsonl") == 3
        assert [(each.id, each.at, each.payload) for each in other.events(withdrawn=True)] == [
            (each.id, each.at, each.payload) for each in store.events(withdrawn=True)
        ]
        assert pairs(preferences_of(other, gan_run)) == pairs(preferences_of(store, gan_run))


def test_a_damaged_row_is_named_by_its_line(store, shown, tmp_path):
    said(store, shown[:3], "pick", {"picked": [1]})
    export_events(store, tmp_path / "all.jsonl")
    with open(tmp_path / "all.jsonl", "a", encoding="utf-8") as file:
        file.write('{"event": 1}\n')
    with open_store(str(tmp_path / "other.db")) as other, pytest.raises(UserError, match="Line 2 of .*all.jsonl"):
        import_rows(other, tmp_path / "all.jsonl")


def test_rows_of_prompt_chosen_and_rejected_come_in_and_go_out(store, gan_run, tmp_path):
    rows = [
        {"prompt": "Say hello.", "chosen": "Hello!", "rejected": "No."},
        {"prompt": "Say hello.", "chosen": "Good day.", "rejected": "Go away."},
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for _ in range(2):
        assert import_rows(store, path, gan_run.name, "0" * 32) == 2
    found = preferences_of(store, gan_run)
    export_preferences(found.comparisons, found.edits, tmp_path / "out.jsonl", lambda sample: sample.content)
    out = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [{key: row[key] for key in ("prompt", "chosen", "rejected")} for row in out] == rows


def test_the_report_says_who_agrees_and_what_is_odd(store, gan_run):
    many = [[Sample.of(gan_run, "three", 2 * number + place) for place in range(2)] for number in range(30)]
    for number, both in enumerate(many):
        said(store, both, "pair", {"picked": [0]}, who="ada")
        said(store, both, "pair", {"picked": [0 if number < 6 else 1]}, who="ben")
    said(store, many[0], "pair", {"picked": [1]}, who="ben")
    found = report(store, gan_run)
    assert found.counts == {"pair": {"ada": 30, "ben": 31}}
    assert found.agreements == [("ada", "ben", 5, 30)]
    words = "\n".join(found.lines())
    assert "ada picked place 1 in 30 of 30 answers" in words
    assert "ada and ben picked the same in only 5 of 30 cases" in words
    assert "ben judged the same samples differently once" in words
    assert "Nothing was learned from it yet" in words
