"""Runs on the disk: names, records, lists, and what is done about damage."""

import json
import shutil
from pathlib import Path

import pytest

from tfgen.errors import UserError
from tfgen.representations.arrays.vocabulary import Vocabulary
from tfgen.run import FORMAT, Run, all_runs, free_name, locate, runs_folder

CODEC = {"example": {"shape": [28, 28, 1]}, "vocabulary": Vocabulary(("a",), ("a",), (3,), "labels").to_json()}


def create(name, **record):
    """A run's folder without weights, as `tfgen runs` sees it."""
    facts = {
        "model": "gan",
        "status": "finished",
        "data": {"source": "digits", "path": None, "count": 3},
        "config": {"width": 8},
        "environment": {},
    }
    return Run.create(runs_folder() / name, {**facts, **record}, CODEC, {"found": 3, "used": 3})


def test_what_was_created_can_be_opened():
    made = create("one")
    opened = Run.open("one")
    assert opened.record == made.record and opened.path == made.path
    assert opened.vocabulary().prompts == ("a",)
    assert Run.open(str(made.path)).record == made.record


def test_changes_are_on_the_disk_at_once():
    create("one").update(status="failed", problem="It broke.")
    assert Run.open("one").record["problem"] == "It broke."


def test_a_missing_run_names_the_nearest():
    create("digits-gan")
    with pytest.raises(UserError, match="There is no run 'digit-gan'. Did you mean 'digits-gan'"):
        Run.open("digit-gan")
    with pytest.raises(UserError, match="tfgen runs list"):
        Run.open("zzzzzz")


@pytest.mark.parametrize("name", ["", "-n", ".hidden", "a b", "a\nb", "größe", "a\0b", "~", "*"])
def test_a_bare_name_stays_plain(name):
    with pytest.raises(UserError, match="can't be the name of a run"):
        locate(name)


@pytest.mark.parametrize("name", ["..", "../x", ".", "a/../../x"])
def test_a_path_is_a_path_and_never_a_place_beside_the_runs(name):
    assert locate(name) == Path(name)
    with pytest.raises(UserError, match="There is no run"):
        Run.open(name)


def test_a_run_in_the_current_folder_is_found_by_its_name(isolated):
    made = create("one")
    shutil.copytree(made.path, isolated / "copy")
    assert Run.open("copy").record == made.record


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'"a"', b"{}", b"\xff\xfe", b'{"format": "1"}', b'{"format": null}']
)
def test_a_damaged_record_is_said(content):
    made = create("one")
    (made.path / "run.json").write_bytes(content)
    with pytest.raises(UserError, match="'run.json' of the run 'one' is damaged"):
        Run.open("one")


def test_a_newer_format_is_said():
    made = create("one")
    made.update(format=99)
    with pytest.raises(UserError, match="made by a newer tfgen"):
        Run.open("one")


def test_a_damaged_codec_is_said():
    made = create("one")
    (made.path / "codec.json").write_text("{")
    with pytest.raises(UserError, match="damaged"):
        made.vocabulary()


def test_the_list_is_by_age_and_leaves_out_what_is_no_run():
    create("b", created="2024-01-02T00:00:00Z")
    create("a", created="2024-01-03T00:00:00Z")
    create("c", created="2024-01-01T00:00:00Z")
    (create("broken").path / "run.json").write_text("{")
    (runs_folder() / "just-a-folder").mkdir()
    (runs_folder() / "README.md").write_text("# Runs")
    assert [run.name for run in all_runs()] == ["c", "b", "a"]


def test_a_folder_that_does_not_exist_holds_no_runs():
    assert all_runs() == []


def test_remove_deletes_this_run_alone():
    kept, gone = create("kept"), create("gone")
    gone.remove()
    assert not gone.path.exists()
    assert [run.name for run in all_runs()] == ["kept"] and (kept.path / "codec.json").exists()


def test_a_run_that_is_half_removed_is_not_a_run(monkeypatch):
    made = create("one")
    monkeypatch.setattr(shutil, "rmtree", lambda path: None)
    made.remove()
    with pytest.raises(UserError, match="There is no run"):
        Run.open("one")


def test_free_names_count_up():
    assert free_name("digits-gan") == "digits-gan"
    create("digits-gan")
    create("digits-gan-2")
    assert free_name("digits-gan") == "digits-gan-3"


def test_reference_is_the_shortest_that_works(tmp_path):
    made = create("one")
    assert made.reference == "one"
    moved = shutil.copytree(made.path, tmp_path / "elsewhere" / "one")
    assert Run.open(Run.open(str(moved)).reference).path == moved


def test_history_skips_a_line_that_was_never_finished():
    made = create("one")
    (made.path / "history.jsonl").write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "lo')
    assert made.history() == [{"step": 1, "loss": 2.0}]


def test_record_is_plain_json():
    made = create("one")
    assert json.loads((made.path / "run.json").read_text())["format"] == FORMAT
