"""Prompts of a folder: from sub-folders, from captions in each spelling, and what is said when they misfit."""

import json

import pytest

from tests.modalities.image.conftest import noise, save
from tfgen.data import open_data
from tfgen.errors import UserError


def prompts_by_place(examples):
    return [examples.prompts[place] for place in examples.prompt_index]


def fill(folder, *names):
    for number, name in enumerate(names):
        save(folder / name, noise(number))


def test_sub_folders_are_labels_in_natural_order(photos):
    fill(photos, "10/a.png", "2/b.png", "9/old/c.png", "Ärger/d.png")
    examples = open_data(str(photos))
    assert examples.prompts == ["2", "9 old", "10", "Ärger"] and examples.prompt_kind == "labels"
    assert prompts_by_place(examples) == ["2", "9 old", "10", "Ärger"]


def test_one_sub_folder_is_no_label(photos):
    fill(photos, "all/a.png", "all/b.png", "c.png")
    assert open_data(str(photos)).prompt_kind == "none"


def test_pictures_beside_labelled_folders(photos):
    fill(photos, "a/1.png", "b/2.png", "3.png")
    examples = open_data(str(photos))
    assert sorted(prompts_by_place(examples)) == examples.prompts == ["", "a", "b"]
    assert "empty prompt" in examples.report.notes[0]


@pytest.mark.parametrize(
    "header", ["file,caption", "filename,text", "File_Name,Label", "image,prompt", "x,file,caption"]
)
def test_captions_csv(photos, header):
    fill(photos, "a.png", "b.png")
    extra = "9," if header.startswith("x") else ""
    text = f'{header}\r\n{extra}b.png,"a dog, ""Rex"""\r\n{extra}a.png,ein Kätzchen\r\n'
    (photos / "captions.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    examples = open_data(str(photos))
    assert prompts_by_place(examples) == ["ein Kätzchen", 'a dog, "Rex"']
    assert [note for note in examples.report.notes if "one or two pictures" not in note] == []


def test_metadata_jsonl(photos):
    fill(photos, "a.png", "b.png")
    rows = [{"file_name": "b.png", "text": "two"}, {"file": "a.png", "caption": "one"}]
    (photos / "metadata.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    assert prompts_by_place(open_data(str(photos))) == ["one", "two"]


def test_captions_by_bare_name_and_by_path(photos):
    fill(photos, "in/a.png", "in/b.png", "out/b.png")
    (photos / "captions.csv").write_text("file,caption\na.png,A\nout/b.png,B\n.\\in\\b.png,C\n")
    examples = open_data(str(photos))
    assert dict(zip(["in/a", "in/b", "out/b"], prompts_by_place(examples), strict=True)) == {
        "in/a": "A", "in/b": "C", "out/b": "B"
    }


def test_misfits_are_said(photos):
    fill(photos, "a.png", "b.png")
    (photos / "captions.csv").write_text("file,caption\na.png,A\na.png,again\ngone.png,G\n")
    examples = open_data(str(photos))
    assert prompts_by_place(examples) == ["A", ""] and examples.prompts == ["", "A"]
    notes = " ".join(examples.report.notes)
    assert "b.png" in notes and "gone.png" in notes and "has one already" in notes


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("captions.csv", b"picture;words;more\nx;A;B\n", "lacks a column for the file"),
        ("captions.csv", b"file,words,more\na.png,A,B\n", "lacks a column for the caption"),
        ("captions.csv", b"", "has no rows"),
        ("captions.csv", b"file,caption\na.png,\x00\x01\x02\x00\xff\xfe\n", "no text"),
        ("metadata.jsonl", b"[1]\n", "line 1 is no JSON object"),
        ("metadata.jsonl", b'{"file_name": "a.png", "text": "x"}\n{"text": "x"}\n', "the file in row 2"),
    ],
)
def test_malformed_captions_are_the_users_to_mend(photos, name, content, words):
    fill(photos, "a.png")
    (photos / name).write_bytes(content)
    with pytest.raises(UserError, match=words):
        open_data(str(photos))


def test_many_captions_are_captions_and_few_are_labels(photos):
    fill(photos, *(f"{number}.png" for number in range(260)))
    rows = "".join(f"{number}.png,caption {number}\n" for number in range(260))
    (photos / "captions.csv").write_text("file,caption\n" + rows)
    assert open_data(str(photos)).prompt_kind == "captions"
    rows = "".join(f"{number}.png,caption {number % 3}\n" for number in range(260))
    (photos / "captions.csv").write_text("file,caption\n" + rows)
    examples = open_data(str(photos))
    assert examples.prompt_kind == "labels" and examples.prompts == ["caption 0", "caption 1", "caption 2"]


def test_changed_captions_are_noticed(photos):
    fill(photos, "a.png")
    (photos / "captions.csv").write_text("file,caption\na.png,one\n")
    first = open_data(str(photos))
    (photos / "captions.csv").write_text("file,caption\na.png,two\n")
    second = open_data(str(photos))
    assert second.prompts == ["two"] and second.fingerprint != first.fingerprint
