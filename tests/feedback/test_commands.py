"""tfgen feedback, as it is typed; and samples that one reacts to in Python."""

import json

import pytest

from tfgen.errors import UserError
from tfgen.feedback.references import sample_of
from tfgen.feedback.store import open_store


@pytest.fixture(scope="module")
def threes(gan_run):
    return gan_run.generate("three", n=3, seed=5)


@pytest.fixture
def files(threes, isolated):
    """Three samples as files, of a run."""
    threes.save("threes")
    return sorted(str(path) for path in (isolated / "threes").iterdir())


def test_a_day_of_feedback(command, files, gan_run, isolated):
    for arguments in (
        ["rate", files[0], "5", "--who", "ada"],
        ["rate", files[1], "down", "--who", "ada"],
        ["compare", *files, "--pick", "2", "--who", "ben", "--session", "monday"],
        ["compare", f"{gan_run.path}:5", f"{gan_run.path}:9", "--prompt", "three", "--pick", "1", "--pick", "2"],
        ["tag", files[2], "odd", "blurred"],
    ):
        result = command("feedback", *arguments)
        assert result.exit_code == 0 and result.stderr.startswith("Kept as "), result.output
    listed = json.loads(command("feedback", "list", "--json").stdout)
    assert [row["kind"] for row in listed] == ["rating", "thumb", "pick", "pair", "tag"]
    assert listed[2]["payload"] == {"picked": [1]} and listed[2]["session"] == "monday"
    seeds = [sample["seed"] for sample in listed[2]["samples"]]
    assert seeds == [5, 6, 7] and listed[0]["samples"][0]["prompt"] == "three"
    assert listed[0]["shown"] == listed[3]["shown"][:1], "a file and RUN:SEED name the same sample"
    shown = command("feedback", "list").stdout
    assert "odd, blurred" in shown and "1 and 2" in shown and listed[0]["shown"][0][:8] in shown
    assert command("feedback", "rate", listed[0]["shown"][0][:12], "4", "--who", "ada").exit_code == 0

    assert command("feedback", "undo", listed[4]["id"][:24]).exit_code == 0
    again = command("feedback", "undo", listed[4]["id"])
    assert again.exit_code == 2 and "was taken back before" in again.stderr
    assert "odd" not in command("feedback", "list").stdout
    report = command("feedback", "report", gan_run.path)
    assert "2 ratings" in report.stdout and "by ada, ben and " in report.stdout, report.output

    assert command("feedback", "export", "-o", "all.jsonl").stderr == "Wrote all.jsonl, 7 rows.\n"
    result = command("feedback", "export", gan_run.path, "--as", "preferences", "-o", "pairs.jsonl")
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in (isolated / "pairs.jsonl").read_text().splitlines()]
    assert len(rows) == 2 and all((isolated / row["chosen"]).is_file() for row in rows)
    assert command("feedback", "forget", "ada", "--yes").stderr == "Deleted 3 events.\n"


def test_a_written_sample_is_the_one_that_was_shown(command, files, gan_run, isolated):
    from PIL import Image

    command("feedback", "compare", *files[:2], "--pick", "2")
    command("feedback", "export", gan_run.path, "--as", "preferences", "-o", "pairs.jsonl")
    (row,) = [json.loads(line) for line in (isolated / "pairs.jsonl").read_text().splitlines()]
    for name, file in (("chosen", files[1]), ("rejected", files[0])):
        with Image.open(isolated / row[name]) as written, Image.open(file) as shown:
            assert written.tobytes() == shown.tobytes()


def test_texts_by_row_edits_and_reactions_in_python(command, gpt_run, isolated):
    samples = gpt_run.generate("Once", n=2, seed=3, length=20)
    samples.save("texts.jsonl")
    samples.edit(0, "Once upon a time.", who="ada")
    samples.pick(1, who="ada")
    refused = command("feedback", "edit", "texts.jsonl:2", " ")
    assert refused.exit_code == 2 and "corrects nothing" in refused.stderr
    assert command("feedback", "edit", "texts.jsonl:2", "Once more.").exit_code == 0
    with open_store() as store:
        edit, pick, by_row = store.events()
        known = store.samples(pick.shown)
    assert known[pick.shown[0]].content == samples[0] and known[pick.shown[1]].seed == 4
    assert edit.shown == pick.shown[:1] and by_row.shown == pick.shown[1:]
    assert sample_of("texts.jsonl:1").id == pick.shown[0]
    for row, what in (("0", "has 2 rows"), ("-1", "has 2 rows"), ("3", "has 2 rows")):
        refused = command("feedback", "rate", f"texts.jsonl:{row}", "3")
        assert refused.exit_code == 2 and what in refused.stderr
    assert "Name one" in command("feedback", "rate", "texts.jsonl", "3").stderr
    result = command("feedback", "export", gpt_run.path, "--as", "preferences", "-o", "pairs.jsonl")
    back = command("feedback", "import", "pairs.jsonl", "--run", gpt_run.path)
    assert back.stderr == "Kept 0 new answers from pairs.jsonl.\n", "what went out of this store is in it already"
    rows = [json.loads(line) for line in (isolated / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    assert result.exit_code == 0 and {"Once upon a time.", samples[1]} <= {row["chosen"] for row in rows}


@pytest.mark.parametrize(
    "arguments, what",
    [
        (["rate", "nothing.png", "5"], "names no sample"),
        (["rate", "abcdef", "5"], "No sample 'abcdef'"),
        (["rate", "{file}", "6"], "'6' is no rating"),
        (["rate", "{folder}/sheet.png", "5"], "shows several samples"),
        (["rate", "{folder}/mine.txt", "5"], "does not say what made it"),
        (["edit", "{file}", "brighter"], "An edit is of a text"),
        (["compare", "{file}", "{other}", "--pick", "3"], "There are 2 samples. Pick from 1 to 2"),
        (["list", "nobody"], "named 'nobody'. There is none yet."),
        (["list", "-n", "0"], "at least 1"),
        (["import", "{file}", "--run", "{run}"], "Texts of others are no samples"),
        (["compare", "{file}", "{file}", "--pick", "1"], "beside itself"),
        (["compare", "{file}", "--pick", "1"], "two to 36|2 to 36"),
        (["compare", "{file}", "{other}"], "isn't said which"),
        (["rate", "{run}:1", "5", "--prompt", "tree"], "three"),
        (["undo", "never"], "No feedback 'never'"),
        (["import", "nothing.jsonl"], "no 'nothing.jsonl'"),
        (["export", "--as", "preferences", "-o", "pairs.jsonl"], "one run"),
        (["report", "nobody"], "no run 'nobody'"),
    ],
)
def test_bad_requests_get_two_sentences_and_keep_nothing(
    command, files, threes, gan_run, isolated, arguments, what
):
    threes.save("threes/sheet.png")
    (isolated / "threes" / "mine.txt").write_text("mine")
    names = {"file": files[0], "other": files[1], "run": gan_run.path, "folder": "threes"}
    result = command("feedback", *[argument.format(**names) for argument in arguments])
    assert result.exit_code == 2, result.output
    import re

    assert re.search(what, result.stderr), result.stderr
    with open_store() as store:
        assert store.events() == []


def test_a_walk_is_made_by_no_seed(gan_run):
    walk = gan_run.generate(interpolate=("three", "seven"), frames=4)
    with pytest.raises(UserError, match="No seed alone"):
        walk.pick(0)
