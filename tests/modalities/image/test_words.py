"""The words of pictures as tools and people leave them: texts beside, tables of any name and place, names, splits."""

import json

import numpy as np
import pytest

from tests.modalities.image.conftest import noise, save
from tfgen.data import open_data
from tfgen.data.labels import caption_of_name
from tfgen.data.splits import held_out, without_split
from tfgen.errors import UserError

CAPTIONS = ["a red fox", "two blue birds, flying", "ein Bär", "a red fox"]


def fill(folder, *names):
    for number, name in enumerate(names):
        save(folder / name, noise(number))


def words(folder, **settings):
    """The prompt of each picture, in the order of their names, and the notes."""
    examples = open_data(str(folder), **settings)
    return [examples.prompts[place] if place >= 0 else "" for place in examples.prompt_index], examples.report.notes


@pytest.fixture
def four(photos):
    fill(photos, *[f"{number}.png" for number in range(4)])
    return photos


@pytest.mark.parametrize("name", ["{}.txt", "{}.caption", "{}.png.txt"])
def test_texts_beside_pictures(four, name):
    for number, caption in enumerate(CAPTIONS):
        (four / name.format(number)).write_text(caption + "\n", encoding="utf-8")
    assert words(four) == (CAPTIONS, ["4 captions read from texts beside the pictures."])
    assert words(four, prompts="none")[0] == [""] * 4
    first = open_data(str(four)).fingerprint
    (four / name.format(2)).write_text("ein anderer Bär", encoding="utf-8")
    assert open_data(str(four)).fingerprint != first, "a changed text is noticed"


def test_texts_that_are_missing_or_damaged_are_said(four):
    (four / "0.txt").write_bytes("Bär".encode("latin-1"))
    (four / "1.txt").write_text("a bird")
    found, notes = words(four)
    assert found == ["Bär", "a bird", "", ""]
    assert "2 pictures without one" in " ".join(notes) and "1 text not UTF-8, read as cp1252: 0.txt" in " ".join(notes)


def table_of(rows, kind):
    if kind == "jsonl":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if kind == "json":
        return json.dumps(rows)
    mark = {"csv": ",", "tsv": "\t"}[kind]
    lines = [mark.join(rows[0]), *[mark.join(f'"{value}"' for value in row.values()) for row in rows]]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "json"])
@pytest.mark.parametrize(
    "columns", [("img_path", "description"), ("id", "title"), ("which", "what"), ("image_id", "tags")]
)
@pytest.mark.parametrize("inside", ["", "train/"])
def test_tables_of_any_name_place_and_columns(photos, kind, columns, inside):
    fill(photos, *[f"{inside}a{number}.png" for number in range(4)])
    named = [f"a{number}" + (".png" if columns[0] == "img_path" else "") for number in range(4)]
    rows = [dict(zip(columns, pair, strict=True)) for pair in zip(named, CAPTIONS, strict=True)]
    (photos / inside / f"anything.{kind}").write_text(table_of(rows, kind), encoding="utf-8")
    assert words(photos) == (CAPTIONS, [])


def test_stylegans_labels(four):
    (four / "dataset.json").write_text(json.dumps({"labels": [[f"{number}.png", number % 2] for number in range(4)]}))
    examples = open_data(str(four))
    assert examples.prompts == ["0", "1"] and examples.prompt_kind == "labels"
    (four / "dataset.json").write_text(json.dumps({"labels": 3}))
    with pytest.raises(UserError, match="dataset.json' holds no captions or labels"):
        open_data(str(four))


def test_stylegans_sets_without_labels_have_no_prompts_and_their_folders_only_count(photos):
    fill(photos, "00000/0.png", "00000/1.png", "00001/2.png")
    (photos / "dataset.json").write_text(json.dumps({"labels": None}))
    assert words(photos) == ([""] * 3, [])


def test_cocos_captions(photos):
    fill(photos, "images/1.png", "images/2.png")
    content = {"images": [{"id": 7, "file_name": "1.png"}, {"id": 9, "file_name": "2.png"}],
               "annotations": [{"image_id": 9, "caption": "two"}, {"image_id": 7, "caption": "one"}]}
    (photos / "annotations").mkdir()
    (photos / "annotations" / "captions_train2017.json").write_text(json.dumps(content))
    assert words(photos)[0] == ["one", "two"]


def test_labels_that_differ_in_signs_stay_apart(four):
    (four / "labels.csv").write_text("file,label\n0.png,-1\n1.png,1\n2.png,C++\n3.png,C\n")
    examples = open_data(str(four))
    assert examples.prompt_kind == "labels" and len(examples.vocabulary.known_labels) == 4


def test_a_table_that_was_not_used_is_named_with_the_reason(four):
    (four / "prices.csv").write_text("item,price\npear,2\n")
    (four / "config.json").write_text('{"learning_rate": 1}')
    (four / "odd.jsonl").write_text("[1]\n")
    (four / "metadata.json1").write_text("{}")
    (four / "captions.cvs").write_text("file,caption\n0.png,a\n")
    notes = "\n".join(words(four)[1])
    for said in ("prices.csv was not used: it lacks a column for the file; it has: item, price",
                 "config.json was not used: it holds no captions",
                 "odd.jsonl was not used: it is malformed: line 1 is no JSON object",
                 "metadata.json1 looks like metadata.jsonl, and is not read under this name",
                 "captions.cvs looks like captions.csv, and is not read under this name"):
        assert said in notes


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_tables_and_texts_in_other_encodings_are_read(four, encoding):
    captions = [f"ein Kätzchen und {number} Bären" for number in range(4)]
    lines = [f"{number}.png,{caption}\n" for number, caption in enumerate(captions)]
    (four / "captions.csv").write_text("file,caption\n" + "".join(lines), encoding=encoding)
    assert words(four) == (captions, [f"captions.csv is not UTF-8, read as {encoding}."])
    (four / "captions.csv").unlink()
    for number, caption in enumerate(captions):
        (four / f"{number}.txt").write_text(caption, encoding=encoding)
    found, notes = words(four)
    assert found == captions and f"4 texts not UTF-8, read as {encoding}: 0.txt, 1.txt, 2.txt and more." in notes


def test_a_caption_with_commas_that_nobody_put_into_quotes_is_whole(four):
    (four / "captions.csv").write_text("file,caption\n0.png,a cat, sitting, on a mat\n1.png,a dog\n")
    assert words(four)[0][:2] == ["a cat, sitting, on a mat", "a dog"]
    (four / "captions.csv").write_text("caption,file\na cat, sitting,0.png\na dog,1.png\n")
    found, notes = words(four)
    assert found[1] == "a dog" and "more cells than columns, which were left out: 1" in notes[0]


@pytest.mark.parametrize("name, mark", [("labels.csv", ","), ("list.txt", "\t"), ("train.txt", " ")])
def test_a_table_without_a_heading_loses_no_row(four, name, mark):
    (four / name).write_text("".join(f"{number}.png{mark}{label}\n" for number, label in enumerate(["a", "b"] * 2)))
    assert words(four) == (["a", "b", "a", "b"], [])


@pytest.mark.parametrize(
    "table",
    [
        'image,caption\n0.png,"a cat, seen"\n0.png,a cat\n1.png,a dog\n',
        "0.png#0\ta cat, seen\n0.png#1\ta cat\n1.png#0\ta dog\n",
    ],
)
def test_a_txt_is_a_table_where_its_first_line_says_so(photos, table):
    fill(photos, *[f"Images/{number}.png" for number in range(3)])
    (photos / "captions.txt").write_text(table)
    (photos / "README.txt").write_text("Pictures, of cats and dogs.\n")
    found, notes = words(photos)
    assert found == ["a cat, seen", "a dog", ""]
    assert "1 caption left out, since the file has one already: 0.png" in notes[1]


def test_tables_of_labels_of_other_kinds_are_named(four):
    (four / "labels.xlsx").write_bytes(b"PK")
    assert "labels.xlsx looks like a table of labels, and is not read: save it as .csv." in words(four)[1]


@pytest.mark.parametrize(
    "cells, read",
    [
        (["['red', 'cat']", '["a", "b"]', "[laughs]", "[]"], ["red, cat", "a, b", "[laughs]", ""]),
        (["0.0", "1.0", "", "1.0"], ["0", "1", "", "1"]),
        (["0.0", "1.5", "1.0", "1.0"], ["0.0", "1.5", "1.0", "1.0"]),
        (["NaN", "cat", "cat", "cat"], ["", "cat", "cat", "cat"]),
    ],
)
def test_cells_are_read_as_words(four, cells, read):
    lines = [f'{number}.png;"{cell.replace(chr(34), chr(34) * 2)}"\n' for number, cell in enumerate(cells)]
    (four / "labels.csv").write_text("file;label\n" + "".join(lines))
    assert words(four)[0] == read


def test_boxes_are_no_captions(photos):
    fill(photos, *[f"{label}/{number}.png" for label in "ab" for number in range(3)])
    for path in photos.glob("a/*.png"):
        path.with_suffix(".txt").write_text("0 0.5 0.5 0.2 0.2\n1 .25 1 0.1 0.3\n")
    found, notes = words(photos)
    assert found == ["a"] * 3 + ["b"] * 3
    assert "3 texts beside pictures not used, since boxes are no captions: a/0.txt, a/1.txt, a/2.txt." in notes
    (photos / "metadata.jsonl").write_text('{"file_name": "a/0.png", "objects": {"bbox": [1, 2, 3, 4]}}\n')
    found, notes = words(photos)
    assert found == ["a"] * 3 + ["b"] * 3
    assert "metadata.jsonl was not used: it has no captions: its column objects holds objects." in notes


def test_a_column_is_chosen_by_its_name(four):
    (four / "data.csv").write_text("id_code,grade,animal\n0,2,cat\n1,2,cat\n2,1,cat\n3,1,cat\n")
    assert "it has: id_code, grade, animal (to choose one: --set prompts=COLUMN)" in words(four)[1][0]
    assert words(four, prompts="animal")[0] == ["cat"] * 4
    with pytest.raises(UserError, match="Did you mean 'animal'"):
        words(four, prompts="animals")
    (four / "data.csv").write_text("id_code,diagnosis\n0,0\n1,1\n2,0\n3,1\n")
    assert words(four)[0] == ["0", "1", "0", "1"]


def test_columns_of_ones_are_labels_by_their_names(four):
    (four / "data.csv").write_text("image_id,healthy,rust\n0,1,0\n1,0,1\n2,1,0\n3,0,1\n")
    assert words(four)[0] == ["healthy", "rust"] * 2 and open_data(str(four)).prompt_kind == "labels"
    (four / "data.csv").write_text("image_id,healthy,rust\n0,1,1\n1,0,1\n2,1,0\n3,0,0\n")
    assert words(four)[0] == ["healthy, rust", "rust", "healthy", ""]


def test_names_that_lost_their_zeros_or_have_another_ending_are_found_and_said(photos):
    fill(photos, "00007.jpg", "00010.jpg", "B.JPG", "x/3.jpg", "y/03.jpg")
    (photos / "labels.csv").write_text("file,label\n7,a\n10.0,b\nb.png,c\n003,d\n")
    found, notes = words(photos)
    assert found == ["a", "b", "c", "", ""], "3 may be either"
    said = "spelled otherwise than the files: 7 for 00007.jpg, 10.0 for 00010.jpg, b.png for B.JPG."
    assert f"3 names in labels.csv {said}" in notes


def test_the_numbers_of_classes_are_no_names_that_lost_their_zeros(photos):
    fill(photos, *[f"{number:03}.png" for number in range(9)])
    (photos / "classes.json").write_text('{"0": "cat", "1": "dog"}')
    assert words(photos) == ([""] * 9, ["classes.json was not used: it names none of the pictures."])


def test_many_tables_that_name_nothing_are_one_note(four):
    for number in range(4):
        (four / f"{number}.png.json").write_text('{"title": "x"}')
    said = "4 tables were not used: 0.png.json, 1.png.json, 2.png.json and more: each names none of the pictures."
    assert words(four)[1] == [said]


def test_texts_beside_pictures_give_way_to_a_table_which_is_said(four):
    (four / "captions.csv").write_text("file,caption\n0.png,zero\n1.png,one\n2.png,two\n3.png,three\n")
    (four / "0.txt").write_text("nought")
    unused = "1 text beside pictures not used, since a table has captions."
    assert words(four) == (["zero", "one", "two", "three"], [unused])
    assert words(four, prompts="texts")[0][0] == "nought"


def test_names_as_captions(photos):
    fill(photos, "a red fox (1).png", "a red fox (2).png", "two_blue_birds-003.png")
    found, notes = words(photos)
    assert found == [""] * 3 and "To use them: --set prompts=names" in notes[0]
    assert words(photos, prompts="names") == (["a red fox", "a red fox", "two blue birds"], [])


@pytest.mark.parametrize(
    "name, caption",
    [("x/a red fox (12).png", "a red fox"), ("Bär_03.JPG", "Bär"), ("0017.png", "0017"), ("7 up.png", "7 up")],
)
def test_a_name_without_its_counter(name, caption):
    assert caption_of_name(name) == caption


def test_splits_are_no_labels_and_the_test_part_is_held_out(photos):
    fill(photos, *[f"{split}/{label}/{number}.png" for split in ("train", "val", "test") for label in ("ok", "nok")
                   for number in range(5)])
    examples = open_data(str(photos))
    assert examples.prompts == ["nok", "ok"] and len(examples) == 20 and examples.has_held_out
    assert "10 pictures are held out" in examples.report.notes[0]
    assert len(open_data(str(photos), split="test")) == 10 and len(open_data(str(photos), split="all")) == 30
    assert not open_data(str(photos), split="all").has_held_out


@pytest.mark.parametrize(
    "paths, labels, apart",
    [
        (["train/a/1", "test/a/2"], ["a", "a"], [False, True]),
        (["Train/a/1", "valid/a/2"], ["a", "a"], [False, True]),
        (["train/1", "bus/2"], ["train", "bus"], [False, False]),  # vehicles
        (["test/a/1", "test/b/2"], ["a", "b"], [False, False]),  # all there is
        (["images/train/a/1", "images/test/b/2"], ["images a", "images b"], [False, True]),
        (["a/train/1", "b/test/2"], ["a", "b"], [False, True]),
        (["1", "test/2"], ["", "test"], [False, False]),
        (["train/a/1", "dev/a/2", "test/a/3"], ["a", "a", "a"], [False, False, True]),
        (["training_set/a/1", "test_set/b/2"], ["a", "b"], [False, True]),
        (["seg_train/seg_train/a/1", "seg_test/seg_test/b/2", "seg_pred/seg_pred/3"], ["a", "b", ""],
         [False, True, True]),
        (["trainA/1", "trainB/2", "testA/3", "testB/4"], ["A", "B", "A", "B"], [False, False, True, True]),
        (["set/train_x/1", "set/test_x/2"], ["set x", "set x"], [False, True]),
        (["trainA/1", "trainB/2"], ["trainA", "trainB"], [False, False]),
        (["toy_train/1", "crash_test/2"], ["toy_train", "crash_test"], [False, False]),
        (["steam_train/1", "toy_train/2"], ["steam_train", "toy_train"], [False, False]),
        (["0", *["train/a/1", "test/a/2"] * 10], ["", *["a", "a"] * 10], [False, *[False, True] * 10]),
    ],
)
def test_what_is_a_split(paths, labels, apart):
    folders = [tuple(path.split("/")[:-1]) for path in paths]
    assert [" ".join(each) for each in without_split(folders)] == labels and held_out(paths) == apart


def test_celebas_tables_give_the_attributes_of_a_face(photos):
    fill(photos, *[f"img/{number:06d}.jpg" for number in range(1, 5)])
    rows = ["-1  1", " 1  1", " 1 -1", " 1  1"]
    lines = [f"{number:06d}.jpg {row}" for number, row in enumerate(rows, 1)]
    (photos / "list_attr_celeba.txt").write_text("\n".join(["4", "Bald Smiling ", *lines, ""]))
    for name in ("identity_CelebA", "list_eval_partition"):
        (photos / f"{name}.txt").write_text("".join(f"{number:06d}.jpg {number % 2}\n" for number in range(1, 5)))
    found, notes = words(photos)
    assert found == ["smiling", "bald, smiling", "bald", "bald, smiling"]
    assert any("list_eval_partition.txt was not used: it says which part" in note for note in notes)


def test_a_column_of_parts_is_no_label(photos):
    fill(photos, *[f"{label}/{number}.png" for label in ("cat", "dog") for number in range(2)])
    rows = "".join(f"{label}/{number}.png,{number}\n" for label in ("cat", "dog") for number in range(2))
    (photos / "meta.csv").write_text(f"image,partition\n{rows}")
    assert words(photos)[0] == ["cat", "cat", "dog", "dog"]


@pytest.mark.parametrize("column", ["dx", "diagnosis", "species", "class_name"])
def test_class_words_under_other_names_go_before_folders(photos, column):
    fill(photos, *[f"part_{number % 2}/ISIC_{number:03d}.jpg" for number in range(4)])
    rows = "".join(f"HAM_{number},ISIC_{number:03d},{['nv', 'mel'][number // 2]},histo,5{number}\n"
                   for number in range(4))
    (photos / "metadata.csv").write_text(f"lesion_id,image_id,{column},{column}_type,age\n{rows}")
    assert sorted(words(photos)[0]) == ["mel", "mel", "nv", "nv"]


def test_a_folder_that_looks_like_a_test_part_and_is_learned_is_pointed_out(photos):
    fill(photos, *[f"{label}/{number}.png" for label in ("cat", "old-test", "contest") for number in range(3)])
    said = "old-test looks like a test part and is learned as a label. To hold out: call the folders train and test."
    assert words(photos)[1] == [said]


def test_a_stray_picture_beside_splits_is_no_label(photos):
    fill(photos, *[f"{split}_set/{label}/{number}.png" for split in ("train", "test") for label in ("ok", "nok")
                   for number in range(5)], "stray.png")
    examples = open_data(str(photos))
    assert examples.prompts == ["", "nok", "ok"] and len(examples) == 11 and examples.has_held_out
    assert not any("one or two" in note for note in examples.report.notes)


def test_labels_with_hardly_a_picture_are_pointed_out(photos):
    fill(photos, *[f"{label}/{number}.png" for label in "abc" for number in range({"a": 3, "b": 2, "c": 1}[label])])
    assert "2 labels with one or two pictures, too few to learn: b, c." in words(photos)[1]


@pytest.mark.parametrize("name", ["@eaDir", "__MACOSX", "$RECYCLE.BIN", ".thumbnails", ".ipynb_checkpoints"])
def test_what_systems_leave_behind_is_never_read(photos, name):
    fill(photos, "cat/1.png", "cat/2.png", "dog/1.png", f"dog/{name}/1.png", f"{name}/1.png", f"dog/{name}/b.JPG/c.png")
    examples = open_data(str(photos))
    assert len(examples) == 3 and examples.prompts == ["cat", "dog"] and not examples.report.broken


@pytest.mark.parametrize("setting", ["prompts", "split", "fit"])
def test_a_mistyped_setting_names_the_nearest(four, setting):
    right = {"prompts": "names", "split": "train", "fit": "stretch"}[setting]
    with pytest.raises(UserError, match=f"Did you mean '{right}'"):
        open_data(str(four), **{setting: right + "x"})
    assert isinstance(open_data(str(four), **{setting: right}).values, np.ndarray)


def test_a_column_of_prompts_is_refused_where_there_are_no_tables(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.zeros([20, 16, 16], np.uint8), labels=np.arange(20) % 2)
    with pytest.raises(UserError, match="No source of prompts named 'folder'. Did you mean 'folders'"):
        open_data(str(tmp_path / "a.npz"), prompts="folder")
