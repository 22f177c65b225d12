"""Runs of levels: files that a game opens, words, picks, other levels to judge by, and an app."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.sources import SOURCES
from tfgen.modalities.level.embedded import layout
from tfgen.modalities.level.reading import read_file
from tfgen.representations.sequences.adherence import lacking_in
from tfgen.restore import open_codec
from tfgen.steering.session import SteerRequest, open_session

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(fit_once):
    """The run that the conformance tests look at too. Don't change it."""
    return fit_once("gpt", 120, *SOURCES["level"].sequence_settings, modality="level", seed=1)


def test_samples_are_files_that_are_levels_and_a_picture(run, command, tmp_path):
    made = command("generate", run.path, "no gaps", "-n", 2, "-o", tmp_path / "new")
    assert made.exit_code == 0 and "--length" not in made.stderr, made.stderr  # a level's own length, not a person's
    for path in sorted((tmp_path / "new").glob("*.txt")):
        lines = path.read_text().splitlines()
        assert path.name.startswith("no-gaps-seed") and len(lines) == 12
        if len(lines[0]) > 2:
            assert read_file(path, path.name)[0].names.shape[0] == 12
    sheet = command("generate", run.path, "-n", 4, "-o", tmp_path / "sheet.png")
    assert sheet.exit_code == 0, sheet.stderr
    picture = Image.open(tmp_path / "sheet.png")
    assert picture.size[1] > 2 * 12 * 16 and picture.info["run"] == run.name
    refused = command("generate", run.path, "many pipse")
    assert refused.exit_code == 2 and "Did you mean 'many pipes'" in refused.stderr


def test_a_level_goes_on_from_its_beginning(run, command):
    start = "\n".join(row[:6] for row in layout(0))
    made = command("generate", run.path, "--", start)  # a level begins with a dash
    assert made.exit_code == 0 and len(made.stdout.strip("\n").split("\n")) == 12


def test_picks_become_part_of_a_level(run):
    session = open_session(run, SteerRequest("no gaps", 3, 1, options={"length": 12}))
    first = session.tiles()
    assert all(text.count("\n") == 11 for text in first.values)
    session.answer("pick", [1])
    assert session.written == first.values[1]
    second = session.tiles()
    session.answer("pick", [0])
    columns = [len(text.split("\n")[0]) for text in (first.values[1], second.values[0], session.written)]
    assert columns[2] in (sum(columns[:2]), sum(columns[:2]) - 1)  # the second may finish a column of the first
    # What was asked for and picked is a prompt again.
    codec = session.codec
    assert codec.words_asked(codec.prompt_ids(session.ending())) == codec.word_set.parse("no gaps")


def test_other_levels_judge_a_run(run, command, tmp_path):
    for seed in range(100, 104):
        (tmp_path / f"{seed}.txt").write_text("\n".join(layout(seed)))
    judged = command("evaluate", run.path, "--data", tmp_path, "-n", 40, "--json")
    assert judged.exit_code == 0, judged.stderr
    found = json.loads(judged.stdout)
    assert {"playable", "patterns", "copied_stretches", "words_gain"} <= found["scores"].keys()
    assert {"random tiles", "chain of 1", "chain of 2", "chain of 3", "real"} <= found["baselines"].keys()
    names = {each["name"] for each in found["alarms"]}
    assert {"copied levels", "nothing new", "broken structures", "unplayable"} <= names
    (tmp_path / "100.txt").write_text("\n".join(layout(100)).replace("X", "Z"))
    refused = command("evaluate", run.path, "--data", tmp_path, "-n", 40)
    assert refused.exit_code == 2 and "tiles that the run never saw: Z" in refused.stderr


def test_a_level_is_drawn_until_it_is_as_asked(run, command):
    """And no more often than it has to be: what was as asked at once stays as it is."""
    codec = open_codec(run)
    word = codec.word_set.measured[0].text
    prompt = codec.prompt_ids(word).tolist()

    def lacking(samples):
        return lacking_in(codec.adherence.lacking, prompt, [text.tokens for text in samples.texts])

    once, often = (run.generate(word, 24, attempts=attempts) for attempts in (1, 8))
    before, after = lacking(once), lacking(often)
    assert before.any() and after.sum() < before.sum() / 2
    assert all(often[place] == once[place] for place in np.flatnonzero(before == 0))
    assert list(run.generate(word, 3, seed=5)) == list(often[5:8])  # alone as among others, and 8 is usual
    assert [each.records()[0].settings["attempts"] for each in (once, often)] == [1, 8]
    told = command("generate", run.path, word, "-n", 24, "--attempts", 1)
    assert f"{np.count_nonzero(before)} of 24 levels lack something" in told.stderr
    refused = command("generate", run.path, word, "--attempts", 0)
    assert refused.exit_code == 2 and "attempts must be between 1 and 1000, not 0" in refused.stderr


def test_a_server_and_an_app_make_the_level_that_the_run_makes(run, command, tmp_path):
    exported = command("export", run.path, "-o", tmp_path / "out")
    assert exported.exit_code == 0, exported.stderr
    codec = open_codec(run)
    word = codec.word_set.measured[0].text
    once, often = (run.generate(word, 8, attempts=attempts) for attempts in (1, 8))
    seed = next(seed for seed in range(8) if once[seed] != often[seed])  # of which the first level was not as asked
    (saved,) = (tmp_path / "out").rglob("saved_model.pb")
    loaded = tf.saved_model.load(str(saved.parent))
    prompt = codec.prompt_ids(word).tolist()
    many = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "max_new_tokens": codec.usual_sampling["length"]}
    given = {name: tf.fill([8], value) for name, value in many.items()}
    given |= {"seed": tf.range(8), "prompt_ids": tf.constant([prompt] * 8), "prompt_length": tf.fill([8], len(prompt))}
    made = loaded.signatures["generate"](**given)
    for text, ids, length in zip(often.texts, made["ids"].numpy(), made["length"].numpy(), strict=True):
        assert text.tokens == ids[:length].tolist()
    counted = lacking_in(codec.adherence.lacking, prompt, [text.tokens for text in often.texts])
    assert made["lacking"].numpy().tolist() == counted.tolist()
    (example,) = (tmp_path / "out").rglob("example.py")
    done = subprocess.run([sys.executable, example, str(seed), word], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == often[seed].split()
    unknown = subprocess.run([sys.executable, example, "3", "no gasp"], capture_output=True, text=True)
    assert unknown.returncode == 1 and "knows no 'no gasp'" in unknown.stderr
