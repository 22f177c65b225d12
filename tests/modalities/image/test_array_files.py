""".npy, .npz and idx files in each of the forms that people keep them in."""

import gzip

import numpy as np
import pytest

from tests.modalities.image.conftest import lopsided, noise, real_data
from tfgen.data import open_data
from tfgen.errors import UserError
from tfgen.modalities.image import assemble

COLOURED = np.stack([noise(number, 10, 12) for number in range(5)])
GREY = COLOURED[..., 0]


@pytest.fixture
def opened(tmp_path):
    def save_and_open(array, **options):
        np.save(tmp_path / "a.npy", array)
        return open_data(str(tmp_path / "a.npy"), **options)

    return save_and_open


@pytest.mark.parametrize(
    ("array", "expected", "words"),
    [
        (GREY, GREY[..., None], None),
        (GREY[..., None], GREY[..., None], None),
        (COLOURED, COLOURED, None),
        (np.asfortranarray(COLOURED), COLOURED, None),
        (np.moveaxis(COLOURED, -1, 1), COLOURED, "channels, height"),
        (GREY[:, None], GREY[..., None], "channels, height"),
        (COLOURED.astype(np.int64), COLOURED, None),
        (GREY.astype(np.uint16), GREY[..., None], None),
        (COLOURED.astype(">u2") * 257, COLOURED, "16 bits"),
        (COLOURED / np.float32(255), COLOURED, "0..1"),
        (COLOURED / 127.5 - 1, COLOURED, "-1..1"),
        (COLOURED.astype(np.float16), COLOURED, "0..255"),
        (GREY > 128, (GREY > 128)[..., None] * np.uint8(255), "True"),
        (np.dstack([lopsided(8, 8), np.zeros((8, 8), np.uint8)])[None], np.full((1, 8, 8, 1), 255), "value is 255"),
    ],
)
def test_every_form_gives_the_same_pictures(opened, array, expected, words):
    examples = opened(array)
    assert np.array_equal(examples.values, expected) and examples.values.flags.c_contiguous
    assert examples.name == "a" and examples.prompt_kind == "none"
    assert (words or "") in " ".join(examples.report.notes) and bool(words) == bool(examples.report.notes)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((3, 3)), np.zeros((0, 8, 8)), np.zeros((2, 8, 8, 5)), np.full((2, 8, 8), np.nan), np.array(3),
        np.full((2, 8, 8), -5), np.full((2, 8, 8), 1e6), np.zeros((2, 8, 8), complex), np.full((2, 8, 8), "x"),
    ],
)
def test_what_is_no_stack_of_pictures(opened, array):
    with pytest.raises(UserError):
        opened(array)


def test_pickled_and_damaged_files_are_refused(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.array([{}, []], object), allow_pickle=True)
    with pytest.raises(UserError, match="pickled"):
        open_data(str(path))
    np.savez(tmp_path / "a.npz", images=np.array([{}], object))
    with pytest.raises(UserError, match="pickled"):
        open_data(str(tmp_path / "a.npz"))
    np.save(path, COLOURED)
    for content in (path.read_bytes()[:-10], b"", b"text", path.read_bytes()[:20]):
        path.write_bytes(content)
        with pytest.raises(UserError):
            open_data(str(path))
    (tmp_path / "b.npz").write_bytes(b"PK\3\4 no archive")
    with pytest.raises(UserError):
        open_data(str(tmp_path / "b.npz"))


@pytest.mark.parametrize(
    ("content", "prompts", "index"),
    [
        ({"images": GREY}, [], [-1] * 5),
        ({"x_train": GREY, "y_train": [3, 1, 10, 1, 3], "x_test": GREY, "y_test": [0] * 5},
         ["1", "3", "10"], [1, 0, 2, 0, 1]),
        ({"images": GREY, "labels": [[1], [0], [1], [1], [0]], "classes": ["no", "yes"]},
         ["no", "yes"], [1, 0, 1, 1, 0]),
        ({"train_images": GREY, "train_labels": np.eye(5), "val_images": GREY}, list("01234"), [0, 1, 2, 3, 4]),
        ({"anything": GREY, "labels": ["a b", "c", "c", "c", "a b"]}, ["a b", "c"], [0, 1, 1, 1, 0]),
        ({"arr_0": GREY}, [], [-1] * 5),
    ],
)
def test_npz_with_labels(tmp_path, content, prompts, index):
    np.savez_compressed(tmp_path / "a.npz", **content)
    examples = open_data(str(tmp_path / "a.npz"))
    assert np.array_equal(examples.values, GREY[..., None])
    assert examples.prompts == prompts and examples.prompt_index.tolist() == index
    assert examples.prompt_index.dtype == np.int32


@pytest.mark.parametrize(
    "content",
    [
        {"a": np.zeros(3)},
        {"images": GREY, "labels": [1, 2]},
        {"images": GREY, "labels": [0, 1, 2, 0, 0], "names": ["a"]},
    ],
)
def test_npz_that_does_not_fit(tmp_path, content):
    np.savez(tmp_path / "a.npz", **content)
    with pytest.raises(UserError):
        open_data(str(tmp_path / "a.npz"))


def test_size_and_colour_can_be_chosen(opened):
    assert opened(COLOURED, size="20x24").values.shape == (5, 20, 24, 3)
    assert opened(COLOURED, channels=1).values.shape == (5, 10, 12, 1)
    three = opened(GREY, channels=3)
    assert np.array_equal(three.values, GREY[..., None].repeat(3, -1))
    assert opened(GREY[..., None].repeat(3, -1)).values.shape[-1] == 1


def test_large_arrays_go_through_a_prepared_file(opened, monkeypatch):
    in_memory = opened(COLOURED)
    monkeypatch.setattr(assemble, "LARGEST_IN_MEMORY", 10)
    prepared = opened(COLOURED)
    assert isinstance(prepared.values, np.memmap) and prepared.fingerprint == in_memory.fingerprint
    assert np.array_equal(opened(255 - COLOURED).values, 255 - COLOURED)


def idx_of(array):
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.astype(np.uint8).tobytes()


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_idx_files(tmp_path, ending):
    pack = gzip.compress if ending else bytes
    for part, pictures in (("train", GREY), ("t10k", GREY[:2])):
        (tmp_path / f"{part}-images-idx3-ubyte{ending}").write_bytes(pack(idx_of(pictures)))
        (tmp_path / f"{part}-labels-idx1-ubyte{ending}").write_bytes(pack(idx_of(np.arange(len(pictures)))))
    whole = open_data(str(tmp_path))
    assert np.array_equal(whole.values[..., 0], GREY) and "t10k-images" in whole.report.notes[0]
    assert whole.prompts == list("01234") and whole.prompt_index.tolist() == [0, 1, 2, 3, 4]
    one = open_data(str(tmp_path / f"t10k-images-idx3-ubyte{ending}"))
    assert np.array_equal(one.values[..., 0], GREY[:2]) and one.prompts == ["0", "1"] and one.name == "t10k-images"
    (tmp_path / f"t10k-labels-idx1-ubyte{ending}").unlink()
    assert open_data(one.source).prompt_kind == "none"


def test_damaged_idx_files(tmp_path):
    whole = idx_of(GREY)
    packed = gzip.compress(whole)
    for name, content in {
        "a-idx3-ubyte": whole[:-1], "b-idx3-ubyte": b"", "c-idx3-ubyte": b"\0\0\x0d\3" + whole[4:],
        "d-idx3-ubyte.gz": packed[:-20], "e-idx3-ubyte.gz": whole, "f-idx3-ubyte": whole[:6],
        "g-idx3-ubyte": b"\0\0\x08\3" + b"\xff" * 12, "labels-idx1-ubyte": idx_of(np.arange(3)),
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError):
            open_data(str(tmp_path / name))


def test_digits_come_with_the_package():
    digits = open_data(None)
    assert digits.values.shape == (10000, 28, 28, 1) and digits.source == digits.name == "digits"
    assert digits.prompts[7] == "seven" and digits.prompts[digits.prompt_index[0]] == "seven"
    assert digits.fingerprint == open_data("digits").fingerprint
    assert np.array_equal(digits.values, open_data(str(real_data("mnist") / "t10k-images-idx3-ubyte.gz")).values)


@pytest.mark.parametrize(
    ("source", "words"),
    [("digist", "digits"), ("mnist", "tfds:mnist"), ("", "empty"), ("a/b/c", "no file"), ("x\0y", "can't|no file")],
)
def test_what_is_not_there(source, words):
    with pytest.raises(UserError, match=words):
        open_data(source)


def test_files_of_other_kinds(tmp_path):
    for name in ("a.zip", "a.csv", "a.png", "a"):
        (tmp_path / name).write_text("x")
        with pytest.raises(UserError):
            open_data(str(tmp_path / name))
