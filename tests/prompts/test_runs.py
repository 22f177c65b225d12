"""Saved prompts at work on runs: matrices, tests and searches, by command and from Python."""

import json

import numpy as np
import pytest
from PIL import Image

import tfgen
from tfgen.errors import UserError
from tfgen.feedback.store import open_store

JUDGES = """
def ink(value):
    return value.mean() / 255

def never(value):
    return False

def vowels(text):
    return sum(letter in "aeiou" for letter in text) / max(1, len(text))
"""


@pytest.fixture
def judges(isolated):
    (isolated / "judges.py").write_text(JUDGES, encoding="utf-8")


# generate.


def test_a_matrix_has_the_samples_that_each_prompt_has_alone(gan_run):
    tfgen.save_prompt("digits", "{seven|two}", settings={"truncation": 0.7})
    samples = gan_run.generate("@digits", n=3, seed=5)
    assert samples.prompts == ["seven"] * 3 + ["two"] * 3 and samples.seeds == [5, 6, 7, 5, 6, 7]
    for place, prompt in enumerate(("seven", "two")):
        alone = gan_run.generate(prompt, n=3, seed=5, truncation=0.7)
        assert np.abs(samples[3 * place : 3 * place + 3].values.astype(int) - alone.values).max() <= 1
    plain = gan_run.generate("{seven|two}", n=3, seed=5, template=True)
    assert np.array_equal(plain[:3].values, gan_run.generate("seven", n=3, seed=5).values), "to the last bit"


def test_files_say_prompt_template_and_version(gan_run, command, isolated):
    tfgen.save_prompt("digits", "{seven|two}")
    done = command("generate", gan_run.path, "@digits", "-n", 4, "-o", "both.png")
    assert done.exit_code == 0 and "2 rows of 4" in done.stderr, done.stderr
    said = Image.open("both.png").text
    assert (said["template"], said["prompt version"], said["prompt"]) == ("{seven|two}", "digits@1", "seven; two")
    tfgen.save_prompt("digits", "{x}")
    done = command("generate", gan_run.path, "@digits", "--var", "x=two", "-n", 2, "-o", "alone")
    assert done.exit_code == 0, done.stderr
    said = Image.open("alone/two-seed0.png").text
    assert (said["prompt"], said["template"], said["prompt version"]) == ("two", "{x}", "digits@2")


def test_each_seed_can_have_its_own_combination(gan_run, command):
    done = command("generate", gan_run.path, "{seven|two}", "--per-seed", "-n", 16, "-o", "mixed.npz")
    assert done.exit_code == 0, done.stderr
    with np.load("mixed.npz") as stored:
        assert set(stored["prompts"]) == {"seven", "two"} and list(stored["seeds"]) == list(range(16))


@pytest.mark.slow
def test_texts_come_in_rows(gpt_run, command, kept_models):
    tfgen.save_prompt("openings", "{He|She} ", settings={"length": 8, "temperature": 0.5})
    done = command("generate", gpt_run.path, "@openings", "-n", 2, "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["prompt"], row["seed"]) for row in rows] == [("He ", 0), ("He ", 1), ("She ", 0), ("She ", 1)]
    assert rows[0]["template"] == "{He|She} " and rows[0]["prompt version"] == "openings@1"
    assert rows[0]["settings"]["temperature"] == 0.5
    assert list(gpt_run.generate("He ", n=2, length=8, temperature=0.5)) == [row["text"] for row in rows[:2]]
    done = command("generate", gpt_run.path, "@openings")
    assert done.stdout.count("--- ") == 2


def test_two_signs_are_one(gpt_run):
    with pytest.raises(UserError, match="prompt 'home'"):
        gpt_run.generate("@home")
    with pytest.raises(UserError, match="never saw '@'"):  # a letter of the text itself, then
        gpt_run.generate("@@home")


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["@nothing"], "There is no prompt 'nothing'"),
        (["{seven|two", "--template"], "is never closed"),
        (["{seven|tow}", "--template"], "Did you mean"),
        (["{x}", "--var", "y=two"], "no variable 'y'"),
        (["{seven|two}", "--template", "--temperature", "0.5"], "'--temperature' doesn't go with"),
        (["{seven|two}", "--template", "--truncation", "3"], "truncation must be between"),
    ],
)
def test_what_can_not_be_made_is_said_before_tensorflow_loads(gan_run, command, arguments, words):
    done = command("generate", gan_run.path, *arguments)
    assert done.exit_code == 2 and words in done.stderr


# prompt save, list, show, ...


def test_the_library_by_command(command):
    assert command("prompt", "save", "hearts", "a {red|blue} heart", "--message", "begun").exit_code == 0
    assert "says so already" in command("prompt", "save", "hearts", "a {red|blue} heart").stderr
    command("prompt", "save", "hearts", "a {red|green} heart", "--set", "temperature=0.5")
    assert "hearts@best is hearts@1" in command("prompt", "tag", "hearts@1", "best").stderr
    listed = json.loads(command("prompt", "list", "--json").stdout)
    assert [(each["name"], each["version"]) for each in listed] == [("hearts", 2)]
    assert listed[0]["settings"] == {"temperature": 0.5}
    shown = json.loads(command("prompt", "show", "hearts@best", "--json").stdout)
    assert (shown["text"], shown["message"], shown["tags"]) == ("a {red|blue} heart", "begun", ["best"])
    assert "temperature: - -> 0.5" in command("prompt", "diff", "hearts@1", "hearts").stdout
    assert "its versions are kept" in command("prompt", "remove", "hearts").stderr
    assert command("prompt", "list", "--json").stdout.strip() == "[]"
    from click.testing import CliRunner

    from tfgen.cli import main

    piped = CliRunner().invoke(main, ["prompt", "save", "hearts", "-", "--json"], input="a {red|blue} heart\n")
    assert json.loads(piped.stdout)["text"] == "a {red|blue} heart"
    done = command("prompt", "save", "x", "y", "--set", "temprature=1")
    assert done.exit_code == 2 and "Did you mean 'temperature'" in done.stderr


# prompt test.


@pytest.mark.slow
def test_an_assertion_that_fails_ends_with_1(gan_run, command, judges, quick_cache, kept_models):
    arguments = ["prompt", "test", gan_run.path, "{seven|two}", "-n", 4, "-o", "sheet.png"]
    passed = command(*arguments, "--assert", "python:judges.py:ink>=0", "--json")
    assert passed.exit_code == 0, passed.stderr
    result = json.loads(passed.stdout)
    assert result["passed"] and [row["prompt"] for row in result["rows"]] == ["seven", "two"]
    assert all(0 < row["assertions"][0]["value"] < 1 and "diversity" in row["scores"] for row in result["rows"])
    assert Image.open("sheet.png").size[0] > Image.open("sheet.png").size[1]
    failed = command(*arguments, "--assert", "python:judges.py:never")
    assert failed.exit_code == 1 and "2 of 2 assertions failed" in failed.stderr and "FAILED" in failed.stdout


@pytest.mark.parametrize("ending", ["json", "toml"])
def test_a_file_holds_prompts_variables_and_assertions(gpt_run, command, isolated, judges, ending):
    tfgen.save_prompt("openings", "{who} ")
    if ending == "json":
        content = json.dumps({
            "prompts": ["@openings", "And {who}"], "variables": {"who": ["he", "she"]}, "assert": ["max-length:10"],
            "n": 2, "settings": {"length": 10}, "tests": [{"variables": {"who": "it"}, "assert": ["regex:^zzz"]}],
        })
    else:
        content = (
            'prompts = ["@openings", "And {who}"]\nassert = ["max-length:10"]\nn = 2\nsettings = {length = 10}\n'
            '[variables]\nwho = ["he", "she"]\n[[tests]]\nvariables = {who = "it"}\nassert = ["regex:^zzz"]\n'
        )
    (isolated / f"test.{ending}").write_text(content, encoding="utf-8")
    done = command("prompt", "test", gpt_run.path, f"test.{ending}", "--json")
    rows = json.loads(done.stdout)["rows"]
    assert [row["prompt"] for row in rows] == ["he ", "she ", "And he", "And she", "it ", "And it"]
    assert [row["version"] for row in rows][:3] == ["openings@1", "openings@1", ""]
    assert [row["passed"] for row in rows] == [True] * 4 + [False] * 2 and done.exit_code == 1


@pytest.mark.parametrize("scores, shown", [
    ([1.0] * 8, "1 (0.676 to 1)"), ([0.0] * 8, "0 (0 to 0.324)"), ([2.0, 4.0], "3 (1.04 to 4.96)"), ([3.0, 3.0], "3"),
])
def test_intervals_of_yes_and_no_stay_within_0_and_1(scores, shown):
    from tfgen.cli.prompt import _score
    from tfgen.prompts.testing import _interval

    assert _score((float(np.mean(scores)), _interval(np.array(scores)))) == shown


@pytest.mark.slow
def test_what_people_said_of_a_prompt_counts(gan_run, quick_cache):
    seven = gan_run.generate("seven", n=3)
    seven.rate(0, 5)
    seven.rate(1, 4)
    seven.thumb(2, True)
    result = gan_run.test_prompt("{seven|two}", n=2, asserted=["rating>=4"])
    one, two = result.rows
    assert one.scores["rating"][0] == 4.5 and one.scores["thumbs"][0] == 1.0 and one.passed
    assert "rating" not in two.scores and not two.passed, "nobody said anything of it"


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["seven", "--assert", "contains:x"], "'contains' is for texts"),
        (["seven", "--assert", "recognized"], "Did you mean 'recognised'"),
        (["seven", "--assert", "diversity"], "asserts nothing. Give a limit, such as 'diversity>=0.5'"),
        (["seven", "--assert", "python:none.py:ink"], "There is no file 'none.py'"),
        (["seven", "--assert", "python:judges.py:inc"], "Did you mean 'ink'"),
        (["seven", "--assert", "recognised:sevn"], "seven"),
        (["nothing.json"], "can't be read"),
        (["seven", "-n", "0"], "0 samples can't be made"),
    ],
)
def test_what_is_no_test_is_refused(gan_run, command, judges, arguments, words):
    done = command("prompt", "test", gan_run.path, *arguments)
    assert done.exit_code == 2 and words in done.stderr


def test_texts_are_not_recognised(gpt_run, command):
    done = command("prompt", "test", gpt_run.path, "once", "--assert", "recognised>=0.5")
    assert done.exit_code == 2 and "'recognised' needs labels" in done.stderr
    assert "Judge by one of: " in done.stderr and "contains" in done.stderr


@pytest.mark.parametrize(
    "content, words",
    [
        ("{", "is no JSON"),
        ('{"promts": []}', "Did you mean 'prompts'"),
        ('{"prompts": []}', "has no prompts"),
        ('{"prompts": ["a"], "n": "4"}', "must be a whole number"),
        ('{"prompts": ["{x}", "{y}"], "variables": {"z": ["1"]}}', "No variable named 'z'"),
    ],
)
def test_a_file_that_is_none_is_refused(gpt_run, command, isolated, content, words):
    (isolated / "test.json").write_text(content, encoding="utf-8")
    done = command("prompt", "test", gpt_run.path, "test.json")
    assert done.exit_code == 2 and words in done.stderr


# prompt optimize.


def test_the_winner_is_saved_with_its_evidence(gan_run, command, judges):
    tfgen.save_prompt("dark", "{one|eight}")
    arguments = ["--judge", "python:judges.py:ink", "--budget", 300, "--json"]
    done = command("prompt", "optimize", gan_run.path, "@dark", *arguments)
    assert done.exit_code == 0, done.stderr
    facts = json.loads(done.stdout)
    saved = tfgen.prompt("dark")
    if facts["saved"]:
        assert saved.number == 2 and saved.parent == 1 and saved.evidence["gain"]["low"] > 0
        assert saved.evidence["trials"] and saved.evidence["used"] <= 300
    else:
        assert saved.number == 1 and "Nothing beat the start" in done.stderr
    assert "combinations" in done.stderr


def test_nothing_is_saved_where_nothing_is_better(gan_run, isolated, command):
    (isolated / "same.py").write_text("def same(value):\n    return 1.0\n", encoding="utf-8")
    tfgen.save_prompt("any", "{one|eight}")
    done = command("prompt", "optimize", gan_run.path, "@any", "--judge", "python:same.py:same", "--budget", 100)
    assert done.exit_code == 0 and "Nothing beat the start" in done.stderr
    assert [each.number for each in tfgen.prompt_versions("any")] == [1]


@pytest.mark.slow
def test_texts_are_searched_over_openings_and_settings(gpt_run, judges):
    tfgen.save_prompt("start", "He ", settings={"length": 8})
    improved = gpt_run.optimize_prompt("start", "python:judges.py:vowels", budget=240)
    stages = {row["stage"] for row in improved.found.trials}
    assert "neighbours" in stages and improved.found.used <= 240
    assert any(row["prompt"] != "He " for row in improved.found.trials)
    assert any("temperature" in row["settings"] or "top_p" in row["settings"] for row in improved.found.trials)


def test_a_person_is_asked_and_each_pick_is_kept(gan_run, monkeypatch):
    from click.testing import CliRunner

    from tfgen.cli import main

    tfgen.save_prompt("mine", "{one|eight}")
    arguments = ["prompt", "optimize", str(gan_run.path), "@mine", "--ask", "-n", "1", "--budget", "12"]
    done = CliRunner().invoke(main, arguments, input="1\n2\n=\nwhat\n" + "1\n" * 12)
    assert done.exit_code == 0, done.stderr
    with open_store() as store:
        kept = store.events(kinds=["pair"])
    assert 3 <= len(kept) <= 12 and {event.picked for event in kept} == {(0,), (1,)}
    stopped = CliRunner().invoke(main, arguments, input="q\n")
    assert stopped.exit_code == 1 and len(tfgen.prompt_versions("mine")) <= 2


def test_the_reward_can_be_the_judge(gan_run):
    """Somebody who likes ink: the reward that is learned from the picks finds more of it."""
    tfgen.save_prompt("liked", "{one|eight}")
    with pytest.raises(UserError, match="too few for a reward"):
        gan_run.optimize_prompt("liked", "reward", budget=200)
    samples = gan_run.generate("", n=120)
    ink = samples.values.reshape(120, -1).mean(axis=1)
    for at in range(0, 120, 3):
        samples[at : at + 3].pick(int(np.argmax(ink[at : at + 3])))
    improved = gan_run.optimize_prompt("liked", "reward", budget=200)
    assert improved.found.used <= 200 and "reward" in improved.found.scores


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], "There is no judge"),
        (["--judge", "people"], "nobody is asked"),
        (["--judge", "recognised", "--ask"], "can't both be the judge"),
        (["--judge", "recognised", "--budget", "3"], "too small to tell anything"),
        (["--judge", "length"], "No judge named 'length'. Choose one of: recognised, diversity, reward, people"),
    ],
)
def test_a_search_that_can_not_work_is_refused(gan_run, command, arguments, words):
    tfgen.save_prompt("x", "{one|eight}")
    done = command("prompt", "optimize", gan_run.path, "@x", *arguments)
    assert done.exit_code == 2 and words in done.stderr
