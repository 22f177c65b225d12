"""tfgen steer, driven line by line."""

import json
import re

import pytest
from click.testing import CliRunner
from PIL import Image


@pytest.fixture
def steer():
    from tfgen.cli import main

    def run(lines, *arguments):
        words, typed = ["steer", *map(str, arguments)], "".join(f"{line}\n" for line in lines)
        return CliRunner().invoke(main, words, input=typed, prog_name="tfgen")

    return run


@pytest.mark.slow
def test_a_session_of_lines(steer, command, gan_run, isolated):
    import shutil

    path = isolated / "mine"
    shutil.copytree(gan_run.path, path)
    done = steer(["3", "1 2", "n", "u", "?", "+ slant", "s", "4", "save liked", "q"], path, "seven", "-k", 5, "--json")
    assert done.exit_code == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["round"] for row in rows] == [1, 2, 3, 4, 3, 4, 5, 6]
    assert rows[4]["shown"] == rows[2]["shown"] and set(rows[5]["arms"]) == {"asked"}
    assert "Took back: none." in done.stderr and "Saved the preset liked. Use it: tfgen generate" in done.stderr
    with Image.open(isolated / "mine-steer.png") as sheet:
        assert sheet.text["round"] == "6"
    session = rows[0]["session"]
    more = steer(["q"], path, "--session", session, "--json")
    assert json.loads(more.stdout)["shown"] == rows[-1]["shown"]
    made = command("generate", path, "seven", "-n", 2, "--preset", "liked", "-o", "liked.npz")
    assert made.exit_code == 0, made.stderr
    unknown = command("generate", path, "seven", "--preset", "likd")
    assert unknown.exit_code == 2 and "Did you mean 'liked'" in unknown.stderr


def test_lines_that_are_no_answers_are_said_and_end_with_2(steer, gan_run):
    done = steer(["9", "x", "2", "q"], gan_run.path, "seven", "-k", 4)
    assert done.exit_code == 2
    assert "There are 4 tiles. Pick from 1 to 4." in done.stderr and "'x' is no answer." in done.stderr
    assert "Go on later: tfgen steer" in done.stderr


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["-k", "37"], "37 tiles can't be shown"),
        (["--session", "none"], "No session 'none' is known"),
        (["--replay", "missing.jsonl"], "'missing.jsonl' can't be read"),
        (["--save", "a b"], "can't be the name of a version"),
        (["--temperature", "1"], "have no such options"),
        (["--session", "none", "--seed", "3"], "has its own tiles and seed. Leave --seed out"),
        (["--sheet", "tiles.odd"], "can't be written to 'tiles.odd'. Give a path that ends in .png"),
        (["--sheet", "file/tiles.png"], "is no folder"),
    ],
)
def test_what_can_not_be_is_refused(steer, gan_run, isolated, arguments, words):
    (isolated / "file").touch()
    done = steer([], gan_run.path, "seven", *arguments)
    assert done.exit_code == 2 and words in done.stderr and not done.stdout


def test_texts_have_no_preset_to_save_at_the_end(steer, gpt_run):
    done = steer(["1", "q"], gpt_run.path, "--save", "mine")
    assert done.exit_code == 2 and "has no preset" in done.stderr and "Session" not in done.stderr


@pytest.mark.slow
def test_a_log_is_replayed_from_a_file(steer, gan_run, isolated):
    from tfgen.feedback.rows import export_events
    from tfgen.feedback.store import open_store
    from tfgen.steering.session import SteerRequest, open_session

    with open_store() as store:
        session = open_session(gan_run, SteerRequest("seven", 5, 1), store)
        for place in (1, 3):
            session.answer("pick", [place])
        export_events(store, isolated / "log.jsonl")
        done = steer(["u", "q"], gan_run.path, "--replay", "log.jsonl", "--json")
        assert len(store.events(withdrawn=True)) == 2, "what is only looked at takes nothing back"
    assert done.exit_code == 0 and "Go on later" not in done.stderr, done.stderr
    first, second = map(json.loads, done.stdout.splitlines())
    assert first["shown"] == [sample.id for sample in session.tiles().samples]
    session.undo()
    assert second["shown"] == [sample.id for sample in session.tiles().samples]


def test_a_text_goes_to_standard_output(steer, gpt_run):
    done = steer(["1", "2", "q"], gpt_run.path, "ROMEO:", "-k", 3, "--length", 12)
    assert done.exit_code == 0, done.stderr
    firsts = re.findall(r"^(?:1: |--- 1 ---$)", done.stderr, re.MULTILINE)  # the second where it has lines of its own
    assert done.stdout.startswith("ROMEO:") and len(firsts) == 3
