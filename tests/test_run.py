"""Runs on the disk: names, records, lists, and what is done about damage."""

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import tfgen_environment
from tfgen import files
from tfgen.catalog import MODALITIES
from tfgen.errors import UserError
from tfgen.representations.arrays.vocabulary import Vocabulary
from tfgen.run import FORMAT, Run, all_runs, check_free, free_name, is_free, locate, runs_folder

CODEC = {"example": {"shape": [28, 28, 1]}, "vocabulary": Vocabulary(("a",), ("a",), (3,), "labels").to_json()}


RECORD = {
    "model": "gan",
    "status": "finished",
    "data": {"source": "digits", "path": None, "count": 3},
    "config": {"width": 8},
    "environment": {},
}


def create(name, **record):
    """A run's folder without weights, as `tfgen runs` sees it."""
    return create_at(runs_folder() / name, **record)


def create_at(path, **record):
    return Run.create(path, {**RECORD, **record}, CODEC, {"found": 3, "used": 3})


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


def test_of_a_link_to_a_run_only_the_link_is_removed(tmp_path, command):
    made = create("one")
    elsewhere = shutil.move(made.path, tmp_path / "elsewhere")
    made.path.symlink_to(elsewhere)
    result = command("runs", "remove", "one", "--yes")
    assert f"Removed {made.path}, a link; {elsewhere} is kept" in result.stderr
    assert not os.path.lexists(made.path) and Run.open(str(elsewhere)).record["model"] == "gan"


def test_what_a_removed_run_links_to_is_kept(tmp_path):
    made, mine = create("one"), tmp_path / "mine"
    mine.mkdir()
    (mine / "a.txt").write_text("mine")
    (made.path / "link").symlink_to(mine)
    made.remove()
    assert (mine / "a.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["tokenizer.json", "data.json", ".lock", "run.json", "a.tmp", ".hidden", "samples/"])
def test_a_folder_that_holds_anything_is_no_place_for_a_run(name, tmp_path):
    """Whatever its name is, tfgen's own included."""
    path = tmp_path / "mine"
    path.mkdir()
    (path / name).mkdir() if name.endswith("/") else (path / name).write_text("mine")
    before = sorted(path.iterdir())
    with pytest.raises(UserError, match="exists already"):
        check_free(path)
    with pytest.raises(FileExistsError):
        create_at(path)
    assert sorted(path.iterdir()) == before and list(tmp_path.glob(".*.tmp")) == []


def test_places_for_a_run(tmp_path, isolated):
    empty, link, dangling = tmp_path / "empty", tmp_path / "link", tmp_path / "dangling"
    empty.mkdir()
    link.symlink_to(empty)
    dangling.symlink_to(tmp_path / "nothing")
    assert is_free(empty) and is_free(link) and is_free(tmp_path / "new" / "deep") and not is_free(dangling)
    create_at(link)
    assert link.is_symlink() and Run.open(str(link)).record["model"] == "gan" and (empty / "run.json").exists()
    with pytest.raises(UserError, match="'.' can't become a run's folder. Name a folder in it: -o run"):
        check_free(Path("."))


def test_a_new_run_is_locked_until_it_is_let_go():
    with contextlib.ExitStack() as held:
        made = Run.create(runs_folder() / "one", RECORD, CODEC, {}, held=held)
        with pytest.raises(UserError, match="Another process is at work"):
            with files.locked(made.path):
                pass
    with files.locked(made.path):
        pass


def python(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], env=tfgen_environment(), stdout=subprocess.PIPE, text=True
    )


MAKE_SOME = """
import contextlib, sys
from tfgen.run import Run
for number in range(5):
    with contextlib.ExitStack() as held:
        print(Run.create_numbered("digits-gan", {"by": sys.argv[1]}, {}, {}, None, held).name)
"""


def test_runs_that_begin_at_once_get_a_name_each():
    processes = [python(MAKE_SOME, number) for number in range(8)]
    names = [process.communicate()[0].split() for process in processes]
    assert sorted(sum(names, [])) == sorted(["digits-gan", *[f"digits-gan-{number}" for number in range(2, 41)]])
    for number, own in enumerate(names):
        for name in own:
            record = json.loads((runs_folder() / name / "run.json").read_text())
            assert record["by"] == str(number)
    assert list(runs_folder().glob(".*")) == []


MAKE_ONE = """
import sys, time
from pathlib import Path
from tfgen.run import Run
time.sleep(max(0, float(sys.argv[2]) - time.time()))
try: print(Run.create(Path(sys.argv[1]), {}, {}, {}).name)
except FileExistsError: print("taken")
"""


def test_of_runs_that_begin_at_once_under_one_name_one_gets_it(tmp_path):
    soon = time.time() + 1
    processes = [python(MAKE_ONE, tmp_path / "one", soon) for _ in range(6)]
    assert sorted(process.communicate()[0].strip() for process in processes) == ["one", *["taken"] * 5]


KILLED = """
import os, sys
from pathlib import Path
from tfgen import files
from tfgen.catalog import MODALITIES
from tfgen.run import Run
write, left = files.write_bytes, int(sys.argv[2])
def write_or_die(path, content):
    global left
    left -= 1
    if left < 0: os._exit(9)
    write(path, content)
files.write_bytes = write_or_die
if left > 2: os.rename = lambda *paths: os._exit(9)
Run.create(Path(sys.argv[1]), {}, {}, {})
"""


@pytest.mark.parametrize("writes", range(4))
def test_a_beginning_that_is_killed_leaves_the_name_free(writes, tmp_path):
    path = tmp_path / "one"
    process = python(KILLED, path, writes)
    process.communicate()
    assert process.returncode == 9 and not path.exists()
    (left,) = tmp_path.glob(".tfgen-*.tmp")
    os.utime(left, (0, 0))  # long ago
    create_at(path)
    assert not left.exists() and json.loads((path / "run.json").read_text())["model"] == "gan"


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


@pytest.mark.parametrize("modality", MODALITIES.all(), ids=lambda each: each.__name__)
def test_commands_for_a_run_whose_path_has_spaces_name_it(tmp_path, modality):
    run = create_at(tmp_path / "my runs" / "cats and dogs")
    codec = {"kind": "prompts", "words": {"measured": [["wide gap", 1]]}, "items": ["oat milk", "tea"]}
    for command in (run.resume_command, modality.first_command(codec, run.reference)):
        assert str(run.path) in shlex.split(command)
