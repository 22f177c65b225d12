"""Labels beside an array: what is a label, what a caption, what is not used; where it is unclear, that is said."""

import numpy as np
import pytest

from tests.modalities.image.conftest import noise
from tfgen.data import open_data
from tfgen.errors import UserError

GREY = np.stack([noise(number, 8, 8)[..., 0] for number in range(6)])


def opened(tmp_path, labels, how, names=None, images=GREY):
    """The examples, from an .npz or from memory."""
    if how == "memory":
        return open_data(images, labels=labels)
    arrays = {"images": images, "labels": labels, **({} if names is None else {"label_names": np.array(names)})}
    np.savez(tmp_path / "a.npz", **arrays)
    return open_data(str(tmp_path / "a.npz"))


def prompts_of(examples):
    return [examples.prompts[place] for place in examples.prompt_index]


@pytest.fixture(params=["npz", "memory"])
def how(request):
    return request.param


def test_rows_with_exactly_one_1_are_labels(tmp_path, how):
    for kind in (np.uint8, bool, np.float32):
        examples = opened(tmp_path, np.eye(6)[[0, 0, 0, 0, 5, 5]].astype(kind)[:, [0, 5]], how)
        assert prompts_of(examples) == ["0", "0", "0", "0", "1", "1"] and examples.prompt_kind == "labels"


ROWS = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0], [1, 1, 1], [0, 0, 1], [0, 0, 1]])


def test_rows_with_several_1s_are_captions_and_that_is_said(tmp_path, how):
    examples = opened(tmp_path, ROWS, how)
    assert prompts_of(examples) == ["0, 2", "1", "", "0, 1, 2", "2", "2"] and examples.prompt_kind == "captions"
    assert "several ones or none, so each row became a caption" in " ".join(examples.report.notes)


def test_rows_with_names(tmp_path):
    examples = opened(tmp_path, ROWS, "npz", ["cat", "dog", "red"])
    assert prompts_of(examples) == ["cat, red", "dog", "", "cat, dog, red", "red", "red"]
    one_hot = opened(tmp_path, np.eye(3)[[0, 1, 2, 0, 1, 2]], "npz", ["cat", "dog", "red"])
    assert one_hot.prompts == ["cat", "dog", "red"] and one_hot.prompt_kind == "labels"
    with pytest.raises(UserError, match="2 names for rows of 3"):
        opened(tmp_path, ROWS, "npz", ["cat", "dog"])


def test_rows_of_numbers_are_not_used_and_that_is_said(tmp_path, how):
    examples = opened(tmp_path, np.random.default_rng(0).uniform(size=[6, 3]), how)
    assert examples.prompt_kind == "none" and "rows of 3 values, not of 0 and 1: not used" in examples.report.notes[0]


def test_fractions_are_not_used_and_that_is_said(tmp_path, how):
    examples = opened(tmp_path, np.linspace(0, 1, 6), how)
    assert examples.prompt_kind == "none" and "neither whole numbers nor text: not used" in examples.report.notes[0]


@pytest.mark.parametrize(
    ("count", "different", "kind", "words"),
    [(1200, 10, "labels", None), (600, 300, "none", "a quantity"), (100, 60, "labels", "each is taken as a label"),
     (1200, 300, "labels", "each is taken as a label")],
)
def test_many_whole_numbers_are_no_labels_without_a_word(tmp_path, how, count, different, kind, words):
    images = np.random.default_rng(0).integers(0, 256, [count, 8, 8], np.uint8)
    examples = opened(tmp_path, np.arange(count) % different * 7, how, images=images)
    assert examples.prompt_kind == kind
    notes = " ".join(examples.report.notes)
    assert (words in notes and "'0 to 99'" in notes) if words else not notes


def test_names_in_memory_come_as_a_list_an_array_or_the_column_of_a_table(tmp_path):
    names = ["ant", "bee", "C++", "C", "bee", "ant"]
    for labels in (names, np.array(names), np.array(names, object), [name.encode() for name in names]):
        assert prompts_of(open_data(GREY, labels=labels)) == names
    missing = np.array(["ant", None, float("nan"), "bee", "bee", ""], object)
    assert prompts_of(open_data(GREY, labels=missing)) == ["ant", "", "", "bee", "bee", ""]
    assert prompts_of(open_data(GREY, labels=range(6))) == list("012345")


@pytest.mark.parametrize("labels", [[1, 2], 3, np.zeros([5, 2]), [["a", "b"]] * 6])
def test_labels_that_do_not_belong_to_the_pictures(labels):
    with pytest.raises(UserError, match="label"):
        open_data(GREY, labels=labels)


def test_labels_that_differ_in_signs_are_several(tmp_path, how):
    values = np.repeat(GREY, 4, axis=0)
    for labels in (np.tile([-1, 1], 12), np.tile(["A+", "A-"], 12), np.tile(["1.5", "5.1"], 12)):
        examples = opened(tmp_path, labels, how, images=values)
        first, second = examples.conditions().prompt_words
        assert first != second and examples.conditions().vocabulary_size == 2
        assert [tuple(examples.vocabulary.ids(prompt)) for prompt in examples.prompts] == [first, second]


def test_a_name_without_examples_is_said_and_not_known(tmp_path):
    examples = opened(tmp_path, [0, 0, 2, 2, 0, 2], "npz", ["cat", "dog", "bird"])
    assert "No example has the label 'dog'" in examples.report.notes[0]
    with pytest.raises(UserError, match="No example had the label 'dog'.*'cat', 'bird'"):
        examples.vocabulary.ids("dog")
