"""A folder of several kinds: who reads it, and what is said of the rest. Strings in memory, which nobody else wants."""

import json

import numpy as np
import pytest

from tests.modalities.image.conftest import noise, save, texts_of
from tfgen.data import open_data
from tfgen.errors import UserError
from tfgen.modalities.text.modality import TextModality

TALE = "In a year a fox crossed the river.\nNobody saw it, and nobody asked.\n" * 10


@pytest.fixture
def folder(tmp_path):
    """Twelve notes and a screenshot."""
    for number in range(12):
        (tmp_path / "notes" / "deep").mkdir(parents=True, exist_ok=True)
        (tmp_path / "notes" / "deep" / f"{number}.md").write_text(f"{number}. {TALE}")
    save(tmp_path / "notes" / "screenshot.png", noise(0))
    return tmp_path / "notes"


def test_the_model_that_is_asked_for_decides_how_a_mixed_folder_is_read(folder):
    texts = open_data(str(folder), representation="sequences")
    assert (texts.modality, texts.report.used) == ("text", 12)
    assert open_data(str(folder), representation="arrays").modality == "image"


def test_what_else_lies_there_is_said_with_the_command_that_reads_it(folder, command):
    notes = open_data(str(folder)).report.notes
    assert notes[-1] == f"12 texts lie there too and are not read. To learn those: tfgen fit gpt {folder}"
    seen = command("data", folder)
    assert notes[-1] in seen.stdout and "1 colour picture, " in seen.stdout
    (files,) = open_data(str(folder), representation="sequences").report.notes
    assert files.startswith("12 files: deep/0.md"), "one picture among many texts is no news"
    for number in range(3):
        save(folder / f"{number}.png", noise(number))
    notes = open_data(str(folder), representation="sequences").report.notes
    assert notes[1:] == [f"4 pictures lie there too and are not read. To learn those: tfgen fit gan {folder}"]


def test_a_readme_and_captions_need_no_word(tmp_path):
    for number in range(12):
        save(tmp_path / "photos" / f"{number}.png", noise(number))
    rows = [{"file_name": f"{number}.png", "text": f"a picture of {number}"} for number in range(12)]
    (tmp_path / "photos" / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "photos" / "README.md").write_text("Some photos.")
    (tmp_path / "photos" / "LICENSE").write_text("Free.")
    examples = open_data(str(tmp_path / "photos"))
    assert examples.report.notes == [] and len(examples.prompts) == 12


def test_captions_in_files_of_their_own_are_no_texts_beside_the_pictures(tmp_path):
    for number in range(12):
        save(tmp_path / "photos" / f"{number}.png", noise(number))
        (tmp_path / "photos" / f"{number}.txt").write_text(f"a picture of {number}")
    examples = open_data(str(tmp_path / "photos"))
    assert examples.report.notes == ["12 captions read from texts beside the pictures."]
    assert examples.prompts[3] == "a picture of 3"


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_strings_in_memory_are_texts(kind, tmp_path):
    texts = [f"{number} {TALE}" for number in range(30)]
    examples = open_data(kind(texts), holdout=0.2)
    assert (examples.modality, examples.name, examples.report.used) == ("text", "texts", 30)
    assert sorted(texts_of(examples) + texts_of(examples, "held-out")) == sorted(texts)
    name, content = TextModality.keep_in_memory(examples, kind(texts))
    (tmp_path / name).write_bytes(content)
    again = open_data(str(tmp_path / name), holdout=0.2)
    assert again.fingerprint == examples.fingerprint and again.kind == "text"


ODD = ["\ufeffé\u0301 \ud800 \r\n x\0" * 50, "", "  ", TALE]


@pytest.mark.parametrize("texts", [ODD, [TALE], [TALE, "<|endoftext|>" * 30]])
@pytest.mark.parametrize("settings", [{}, {"tokenizer": "bpe", "vocabulary_size": 300}, {"holdout": 0}])
def test_strings_come_again_from_the_file_that_a_run_keeps(texts, settings, tmp_path):
    examples = open_data(texts, **settings)
    (tmp_path / "data.jsonl").write_bytes(TextModality.keep_in_memory(examples, texts)[1])
    assert open_data(str(tmp_path / "data.jsonl"), **settings).fingerprint == examples.fingerprint


def test_texts_in_memory_take_no_labels_and_must_be_strings():
    with pytest.raises(UserError, match="Texts take no labels"):
        open_data([TALE, TALE], labels=["a", "b"])
    for data in ([TALE, 5], [], [None]):
        with pytest.raises(UserError, match="can't be read as pictures, texts"):
            open_data(data)


def test_settings_of_another_kind_are_named():
    with pytest.raises(UserError, match="'size' is not a setting of texts.*theirs are: tokenizer"):
        open_data([TALE], size=64)
