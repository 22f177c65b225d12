"""Arrays and data sets in memory: read like files, and kept in a file from which the same examples come again."""

import itertools

import numpy as np
import pytest

from tests.modalities.image.conftest import lopsided, noise
from tfgen.data import open_data
from tfgen.errors import UserError
from tfgen.modalities.image import in_memory
from tfgen.modalities.image.modality import ImageModality

COLOURED = np.stack([noise(number, 10, 12) for number in range(8)])
GREY = COLOURED[..., 0]
NAMES = list("abababab")


def data_set(*parts):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(parts if len(parts) > 1 else parts[0])


def kept(examples, tmp_path, **settings):
    """The examples from the file that a run keeps of them."""
    name, content = ImageModality.keep_in_memory(examples, None)
    (tmp_path / name).write_bytes(content)
    return open_data(str(tmp_path / name), **settings)


def test_an_array_is_read_as_its_file_would_be(tmp_path):
    for array in (GREY, COLOURED, COLOURED / 255, COLOURED.astype(np.uint16) * 257, np.moveaxis(COLOURED, -1, 1)):
        np.save(tmp_path / "a.npy", array)
        file, examples = open_data(str(tmp_path / "a.npy")), open_data(array)
        assert examples.fingerprint == file.fingerprint and examples.report == file.report
    assert (examples.name, examples.source, examples.modality) == ("array", "<ndarray>", "image")


def test_a_tensor_is_an_array():
    import tensorflow as tf

    assert np.array_equal(open_data(tf.constant(COLOURED)).values, COLOURED)


@pytest.mark.parametrize("labels", [None, NAMES, np.arange(8) % 2, np.eye(2)[np.arange(8) % 2]])
@pytest.mark.parametrize("batch", [None, 3])
def test_a_data_set_alone_and_in_batches(labels, batch):
    data = data_set(COLOURED) if labels is None else data_set(COLOURED, labels)
    examples = open_data(data if batch is None else data.batch(batch))
    assert np.array_equal(examples.values, COLOURED)
    assert examples.fingerprint == open_data(COLOURED, labels=labels).fingerprint


def test_data_sets_that_can_not_be_read(monkeypatch):
    import tensorflow as tf

    different = tf.data.Dataset.from_generator(
        lambda: [lopsided(8, 8), lopsided(8, 9)], output_signature=tf.TensorSpec([None, None, 3], tf.uint8)
    )
    for data, words in (
        (data_set(COLOURED).repeat(), "never ends. Leave out repeat"),
        (data_set(COLOURED).take(0), "is empty"),
        (data_set(GREY).batch(4), r"shape \(4, 10, 12\), is not a picture.*unbatch"),
        (data_set(np.arange(5)), "is not a picture"),
        (tf.data.Dataset.from_tensor_slices({"image": COLOURED}), "is a dict. Use map"),
        (different, "differ in size. Resize them"),
    ):
        with pytest.raises(UserError, match=words):
            open_data(data)
    with pytest.raises(UserError, match="Labels are given beside a tf.data.Dataset"):
        open_data(data_set(COLOURED), labels=NAMES)
    endless = tf.data.Dataset.from_generator(
        lambda: itertools.repeat(COLOURED[0]), output_signature=tf.TensorSpec([10, 12, 3], tf.uint8)
    )
    monkeypatch.setattr(in_memory, "LARGEST", 10**5)
    with pytest.raises(UserError, match="or never ends. Take a part of it"):
        open_data(endless)


def test_pictures_without_channels_in_a_data_set():
    assert np.array_equal(open_data(data_set(GREY)).values[..., 0], GREY)


def test_what_is_in_memory_and_nothing_that_can_be_read():
    for data in ({"a": 1}, [], 5, np.zeros(3), [COLOURED], object()):
        with pytest.raises(UserError, match="can't be read as pictures, texts"):
            open_data(data)


RGBA = np.dstack([lopsided(16, 20), np.tile(np.uint8([0, 128, 255, 255]), [16, 5])])
KINDS = {
    "grey": GREY,
    "colour": COLOURED,
    "transparent": np.stack([RGBA, RGBA[::-1], RGBA[:, ::-1]]),
    "floats": COLOURED / np.float32(255),
    "signed floats": COLOURED / 127.5 - 1,
    "dark floats": COLOURED / 255.0**2,
    "16 bits": COLOURED.astype(np.uint16) * 257,
    "12 bits": GREY.astype(np.uint16) * 16,
    "mask": (GREY > 128).astype(np.uint8),
    "bool": GREY > 128,
    "nearly black": GREY // 100,
    "little colour": np.where(np.arange(8)[:, None, None, None] > 6, COLOURED, GREY[..., None]),
    "large": np.stack([noise(number, 100, 90) for number in range(3)]),
    "small": np.stack([noise(number, 5, 9) for number in range(3)]),
    "dull": np.full([3, 8, 8], 7, np.uint8),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "settings", [{}, {"size": "12x9"}, {"channels": 1}, {"channels": 3, "size": 96}, {"white": 900}]
)
def test_the_kept_file_gives_the_same_examples_under_the_same_settings(tmp_path, kind, settings):
    examples = open_data(KINDS[kind], **settings)
    again = kept(examples, tmp_path, **settings)
    assert np.array_equal(again.values, examples.values), "scaled once"
    assert again.fingerprint == examples.fingerprint and again.white == examples.white
    assert ImageModality.held_out_settings(again, settings, tmp_path) == ImageModality.held_out_settings(
        examples, settings, tmp_path
    )


@pytest.mark.parametrize(
    "labels",
    [None, NAMES, ["", *NAMES[1:]], [f"a picture of {name}" for name in NAMES], np.arange(8) % 3 - 1, [0, 9] * 4,
     [[1, 1, 0], [0, 1, 1]] * 4, ["C", "C++"] * 4, ["x", "X"] * 4],
)
def test_the_kept_file_gives_the_same_prompts(tmp_path, labels):
    examples = open_data(GREY, labels=labels)
    again = kept(examples, tmp_path)
    assert again.fingerprint == examples.fingerprint and again.prompt_kind == examples.prompt_kind
    assert again.conditions() == examples.conditions() and again.codec_json() == examples.codec_json()


def test_the_kept_file_can_be_learned_at_another_size(tmp_path):
    assert kept(open_data(COLOURED), tmp_path, size=20, channels=1).values.shape == (8, 20, 20, 1)
