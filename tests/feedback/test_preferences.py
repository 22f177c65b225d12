"""Answers as preferences: each counts once, and what says nothing teaches nothing."""

import json

import pytest

from tfgen.console import talking
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
    assert pairs(preferences_of(store, gan_run)) == [(1, 0, 1.0), (2, 3, 1.0)], "each once, or they foretell each other"
    said(store, shown[3:4], "rating", {"value": 5})
    assert pairs(preferences_of(store, gan_run)) == [(1, 0, 1.0)]


def test_none_prefers_what_was_kept(store, shown, gan_run):
    said(store, shown[:3], "none", {"arms": ["near", "kept", "liked"]})
    assert pairs(preferences_of(store, gan_run)) == [(1, 0, 0.5), (1, 2, 0.5)]


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
        assert [import_rows(other, tmp_path / "all.jsonl") for _ in range(2)] == [3, 0]
        export_events(other, tmp_path / "back.jsonl")
        assert import_rows(store, tmp_path / "all.jsonl") == import_rows(store, tmp_path / "back.jsonl") == 0
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


@pytest.mark.parametrize(
    "change, what",
    [
        (lambda row: row["samples"][0].update(prompt="other"), "Line 2 .* not what was exported"),
        (lambda row: row["event"].update(payload={"value": 9}), "Line 2 .* 9 is no rating"),
        (lambda row: row["event"].update(who=5), "Line 2 .* no row of feedback"),
        (lambda row: row["samples"][0].update(seed="1"), "Line 2 .* no row of feedback"),
        (lambda row: row["event"].update(shown=["0" * 32]), "Line 2 .* not what was exported"),
    ],
)
def test_nothing_is_kept_of_a_file_with_a_row_that_was_tampered_with(store, shown, tmp_path, change, what):
    said(store, shown[:1], "rating", {"value": 4})
    said(store, shown[1:2], "rating", {"value": 2})
    export_events(store, tmp_path / "all.jsonl")
    first, second = map(json.loads, (tmp_path / "all.jsonl").read_text(encoding="utf-8").splitlines())
    change(second)
    (tmp_path / "all.jsonl").write_text(f"{json.dumps(first)}\n{json.dumps(second)}\n")
    with open_store(str(tmp_path / "other.db")) as other:
        with pytest.raises(UserError, match=what):
            import_rows(other, tmp_path / "all.jsonl")
        assert len(other) == 0


def test_an_answer_that_says_otherwise_than_the_one_that_is_kept_is_refused(store, shown, tmp_path):
    said(store, shown[:1], "rating", {"value": 4})
    export_events(store, tmp_path / "all.jsonl")
    row = json.loads((tmp_path / "all.jsonl").read_text(encoding="utf-8"))
    row["event"]["payload"]["value"] = 1
    (tmp_path / "all.jsonl").write_text(json.dumps(row))
    with pytest.raises(UserError, match="Line 1 .* kept already"):
        import_rows(store, tmp_path / "all.jsonl")


def test_rows_whose_texts_are_the_same_are_counted_and_named(store, gan_run, tmp_path, capsys):
    rows = [
        {"prompt": "Hello?", "chosen": "Hello!", "rejected": "No."},
        {"prompt": "Hello?", "chosen": "Yes.", "rejected": "Yes."},
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with talking():
        assert import_rows(store, tmp_path / "rows.jsonl", gan_run.name, "0" * 32) == 1
    assert "Left out: 1 row with the same text twice, of which none is better (line 2)." in capsys.readouterr().err


def test_rows_of_prompt_chosen_and_rejected_come_in_and_go_out(store, gan_run, tmp_path):
    rows = [
        {"prompt": "Say hello.", "chosen": "Hello!", "rejected": "No."},
        {"prompt": "Say hello.", "chosen": "Good day.", "rejected": "Go away."},
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert [import_rows(store, path, gan_run.name, "0" * 32) for _ in range(2)] == [2, 0]
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps({"prompt": "Say bye.", "chosen": "Bye!", "rejected": "No."}) + "\n")
    assert import_rows(store, path, gan_run.name, "0" * 32) == 1, "a file may grow"
    rows.append({"prompt": "Say bye.", "chosen": "Bye!", "rejected": "No."})
    assert {event.who for event in store.events()} == {"import:rows.jsonl"}
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
    assert "ben judged 1 pair of samples both ways" in words
    assert "Nothing was learned from it yet" in words


def test_blind_comparisons_are_counted_by_version(store, gan_run, tmp_path):
    import dataclasses
    import shutil

    import numpy as np

    from tfgen import versions
    from tfgen.api import load

    shutil.copytree(gan_run.path, tmp_path / "copied")
    run = load(tmp_path / "copied")
    dim, words = run.record["config"]["latent_dim"], run.vocabulary().table().shape[1]
    arrays = {"words": np.zeros([1, words]), "mean": np.zeros([1, dim]), "scale": np.ones([1, dim])}
    versions.create(run, "v1", arrays, {"kind": "tuned"})
    version = load(f"{run.path}@v1")
    for seed, picked in enumerate(([0], [1], [0], [0, 1])):
        both = [Sample.of(version, "three", seed), Sample.of(run, "three", seed)]
        said(store, both, "pair", {"picked": picked}, session="blind-1")
    again = dataclasses.replace(both[0], version="v1:ffffffff")  # another v1, such as a colleague's
    assert again.id != both[0].id
    found = report(store, run)
    assert found.blind == [("v1", "base", 2.5, 4)]
    assert "v1 was preferred to base in 2.5 of 4 pairs" in "\n".join(found.lines())
