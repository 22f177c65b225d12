"""Numbers become pixels by the range that the whole set uses, whatever files it lies in; what looks odd is said."""

import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tests.modalities.image.conftest import noise, save
from tests.modalities.tfds_cache import define
from tfgen.data import open_data
from tfgen.modalities.image import folder as folder_module
from tfgen.modalities.image.modality import ImageModality

GREY = np.stack([noise(number, 12, 10)[..., 0] for number in range(6)])
GREY[0, 0, 0], GREY[1, 0, 0] = 0, 255
MASKS = (GREY > 128).astype(np.uint8)
TEN_BITS = (GREY.astype(np.uint32) * 1023 // 255).astype(np.uint16)


def files(ending):
    def write(folder, stack):
        for place, picture in enumerate(stack):
            save(folder / "files" / f"{place}.{ending}", picture)
        return str(folder / "files")

    return write


def npy(folder, stack):
    np.save(folder / "a.npy", stack)
    return str(folder / "a.npy")


def npz(folder, stack):
    np.savez(folder / "a.npz", images=stack)
    return str(folder / "a.npz")


def memory(folder, stack):
    return stack


def tfds(folder, stack):
    import tensorflow_datasets

    shape, dtype = (*stack.shape[1:], 1), stack.dtype
    image = tensorflow_datasets.features.Image(shape=shape, dtype=dtype, encoding_format="png")
    name = f"Range{dtype.name.title()}Of{stack.max()}"
    define(name, {"image": image}, [{"image": picture[..., None]} for picture in stack])
    return f"tfds:{re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', name).lower()}"


WAYS = {"png": files("png"), "tiff": files("tiff"), "npy": npy, "npz": npz, "memory": memory, "tfds": tfds}


def test_floats_that_are_nearly_black_are_told_their_own_white(tmp_path):
    for number in range(4):
        heights = np.linspace(0, 1324, 256, dtype=np.float32).reshape(16, 16) - number
        (tmp_path / "files").mkdir(exist_ok=True)
        Image.fromarray(heights).save(tmp_path / "files" / f"{number}.tiff")
    folder = str(tmp_path / "files")
    assert "such as --set white=1324." in " ".join(open_data(folder).report.notes)
    assert not any("white" in note for note in open_data(folder, white=1324).report.notes)
    said = "white=5 is less than 99% of the values, which go up to 1324: they are white."
    assert said in open_data(folder, white=5).report.notes


@pytest.fixture(autouse=True)
def data_dir(tmp_path, monkeypatch):
    """A TFDS folder of the test's own."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("stack", "white", "note"),
    [
        (MASKS, 1, "All values are 0 or 1, as in a mask, so 1 was taken as white"),
        (MASKS.astype(np.uint16), 1, "All values are 0 or 1"),
        (GREY, 255, None),
        (GREY.astype(np.uint16), 255, None),
        (TEN_BITS, 1023, r"go up to 1023, so 1023 \(10 bits\) was taken as white"),
        (GREY.astype(np.uint16) * 16, 4095, r"go up to 4080, so 4095 \(12 bits\) was taken as white"),
        (GREY.astype(np.uint16) * 40, 16383, r"go up to 10200, so 16383 \(14 bits\) was taken as white"),
        (GREY.astype(np.uint16) * 65, 65535, "16 bits"),
    ],
    ids=["mask", "16-bit mask", "8", "8 in 16", "10 in 16", "12 in 16", "14 in 16", "16"],
)
def test_the_same_numbers_give_the_same_pixels_from_every_source(tmp_path, way, stack, white, note):
    examples = open_data(WAYS[way](tmp_path, stack))
    expected = np.rint(stack * (255 / white))
    order = np.arange(len(stack)) if way != "tfds" else _order(examples.values[..., 0], expected)
    assert np.abs(examples.values[..., 0][order].astype(int) - expected).max() <= 1
    notes = " ".join(examples.report.notes)
    assert re.search(note, notes) if note else not notes


def test_masks_in_an_idx_file(tmp_path):
    for stack, white in ((MASKS, 1), (GREY, 255)):
        head = bytes([0, 0, 8, 3]) + np.array(stack.shape, ">u4").tobytes()
        (tmp_path / "a-images-idx3-ubyte").write_bytes(head + stack.tobytes())
        examples = open_data(str(tmp_path / "a-images-idx3-ubyte"))
        assert np.array_equal(examples.values[..., 0], stack * (255 // white))
        assert ("as in a mask" in " ".join(examples.report.notes)) == (white == 1)


def _order(values, expected):
    """TFDS shuffles: where each of the expected pictures is."""
    apart = np.abs(values[None].astype(int) - expected[:, None]).sum(axis=(2, 3))
    return apart.argmin(axis=1)


@pytest.mark.parametrize("way", ["png", "npy", "memory"])
@pytest.mark.parametrize(("bits", "white"), [(1, 1), (10, 1023), (12, 4095), (14, 16383), (16, 40000)])
def test_the_value_that_is_white_can_be_said(tmp_path, way, bits, white):
    stack = GREY.astype(np.uint32) * white // 255
    examples = open_data(WAYS[way](tmp_path, stack.astype(np.uint8 if bits == 1 else np.uint16)), white=str(white))
    assert np.abs(examples.values[..., 0].astype(int) - np.rint(stack * (255 / white))).max() <= 1
    assert examples.values.max() == 255 and not examples.report.notes


def test_one_bright_picture_decides_for_all_of_a_folder_even_where_it_comes_late(tmp_path, monkeypatch):
    stack = GREY.astype(np.uint16) * 16
    stack[3] //= 10
    source = files("png")(tmp_path, stack)
    assert np.abs(open_data(source).values[..., 0].astype(int) - stack * (255 / 4095)).max() <= 1
    stack[4] *= 4
    save(tmp_path / "files" / "4.png", stack[4])
    read, times = folder_module.read_picture, []
    monkeypatch.setattr(folder_module, "LOOKED_AT", 2)
    monkeypatch.setattr(folder_module, "read_picture", lambda path, *rest: times.append(path) or read(path, *rest))
    examples = open_data(source)
    assert np.abs(examples.values[..., 0].astype(int) - stack * (255 / 16383)).max() <= 1
    assert len(times) == 2 + 2 * 6 and len(examples.values) == 6, "gone through once more"


def test_ordinary_pictures_are_gone_through_once(tmp_path, monkeypatch):
    source = files("png")(tmp_path, GREY)
    read, times = folder_module.read_picture, []
    monkeypatch.setattr(folder_module, "read_picture", lambda path, *rest: times.append(path) or read(path, *rest))
    open_data(source, channels=1)
    assert times.count(tmp_path / "files" / "0.png") == 2 and len(times) <= 2 * 6, "a sample, and all"


def test_files_of_8_and_of_12_bits_side_by_side(tmp_path):
    files("png")(tmp_path, GREY[:3])
    for place in (3, 4, 5):
        save(tmp_path / "files" / f"{place}.tiff", GREY[place].astype(np.uint16) * 16)
    examples = open_data(str(tmp_path / "files"))
    assert np.abs(examples.values[..., 0].astype(int) - GREY).max() <= 1
    assert examples.white == 4095 and "12 bits" in " ".join(examples.report.notes)
    said = open_data(str(tmp_path / "files"), white=4095)
    assert np.array_equal(said.values, examples.values)
    assert "white=4095 is more than a file of 8 bits can hold" in said.report.notes[0]


def test_12_bits_in_16_of_colour(tmp_path):
    colour = np.stack([noise(number, 12, 10) for number in range(3)])
    (tmp_path / "files").mkdir()

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    for place, picture in enumerate((colour.astype(np.uint16) * 16).astype(">u2")):
        rows = b"".join(b"\0" + row.tobytes() for row in picture)
        header = struct.pack(">IIBBBBB", 10, 12, 16, 2, 0, 0, 0)
        parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
        (tmp_path / "files" / f"{place}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + parts)
    examples = open_data(str(tmp_path / "files"))
    assert np.abs(examples.values.astype(int) - colour).max() <= 16, "Pillow reads the upper of the two bytes"
    assert "12 bits" in examples.report.notes[0]


def test_masks_keep_their_transparency(tmp_path):
    mask = np.dstack([MASKS[0], MASKS[0], MASKS[0], np.full_like(MASKS[0], 255)])
    mask[:6, :, 3] = 0
    save(tmp_path / "files" / "a.png", mask)
    save(tmp_path / "files" / "b.png", MASKS[1])
    values = open_data(str(tmp_path / "files")).values[..., 0]
    assert (values[0, :6] == 255).all() and np.array_equal(values[0, 6:], MASKS[0, 6:] * 255)
    assert np.array_equal(values[1], MASKS[1] * 255)


def test_floats_of_files_go_by_the_whole_set_too(tmp_path):
    bright, dark = np.float32(GREY[0]), np.float32(GREY[1] / 255)
    for place, picture in enumerate((bright, dark)):
        save(tmp_path / "files" / f"{place}.tiff", picture)
    values = open_data(str(tmp_path / "files")).values[..., 0]
    assert np.array_equal(values[0], GREY[0]) and values[1].max() <= 1
    for path in (tmp_path / "files").iterdir():
        save(path, np.float32(GREY[int(path.stem)] / 127.5 - 1))
    assert np.abs(open_data(str(tmp_path / "files")).values[..., 0].astype(int) - GREY[:2]).max() <= 1


def test_values_below_0_are_black_and_that_is_said(tmp_path):
    save(tmp_path / "files" / "a.tiff", GREY[0].astype(np.int32) * 12 - 1000)
    examples = open_data(str(tmp_path / "files"))
    expected = np.clip(np.rint((GREY[0].astype(int) * 12 - 1000) * (255 / 4095)), 0, 255)
    assert np.abs(examples.values[0, ..., 0].astype(int) - expected).max() <= 1
    assert "Values below 0, down to -1000, were taken as black." in examples.report.notes[0]


def test_other_files_of_the_same_origin_are_read_as_bright_as_those_that_were_learned(tmp_path):
    learned = open_data(GREY.astype(np.uint16) * 16)
    settings = ImageModality.held_out_settings(learned, {}, tmp_path)
    assert settings == {"size": "12x10", "channels": 1, "white": 4095}
    dark = open_data(GREY.astype(np.uint16) * 3, **settings)
    assert np.array_equal(dark.values[..., 0], np.rint(GREY * (3 * 255 / 4095)))
    assert ImageModality.held_out_settings(open_data(GREY), {}, tmp_path) == {"size": "12x10", "channels": 1}
    own = ImageModality.held_out_settings(open_data(MASKS, white=1), {"white": 1}, tmp_path)
    assert own == {"size": "12x10", "channels": 1, "white": 1}


def test_the_cache_does_not_mix_up_ranges(tmp_path):
    source = files("png")(tmp_path, GREY.astype(np.uint16) * 16)
    found, said = open_data(source), open_data(source, white=65535)
    assert said.values.max() == 16 and np.array_equal(open_data(source).values, found.values)
    assert open_data(source).white == 4095 and open_data(source).report == found.report


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.full((4, 8, 8), 90, np.uint8), "All pictures are empty: every value is 90 of 0..255. Check"),
        (np.full((4, 8, 8), 255, np.uint8), "every value is 255 of 0..255. Where they are drawn on transparency"),
        (np.repeat(GREY[:1], 4, axis=0), "The 4 pictures that were looked at are all the same"),
        (np.repeat(np.arange(4, dtype=np.uint8), 64).reshape(4, 8, 8) * 60, "Every picture is all one colour"),
        (GREY // 16 + np.uint8(120), "lie in 120..135 of 0..255: the pictures have hardly any contrast"),
        (GREY // 13, "lie in 0..19 of 0..255, so the pictures are nearly black.*--set white=19"),
        (GREY.astype(np.float32) / 5, "nearly black.*--set white=51"),
    ],
)
@pytest.mark.parametrize("way", ["png", "npy"])
def test_what_a_person_would_frown_at_is_said(tmp_path, way, array, words):
    if way == "png" and array.dtype != np.uint8:
        way = "tiff"
    assert re.search(words, " ".join(open_data(WAYS[way](tmp_path, array)).report.notes))


def test_a_few_bright_specks_make_no_picture_bright(tmp_path):
    stack = (np.arange(4000).reshape(-1, 1, 1) % 20 + np.zeros([1, 8, 8])).astype(np.uint8)
    stack[:, 3] += np.arange(8, dtype=np.uint8)
    stack[7, 0, 0] = 255
    notes = open_data(stack).report.notes
    assert "nearly black" in notes[0] and "white=2" in notes[0]


def test_ordinary_pictures_need_no_word(tmp_path):
    assert open_data("digits").report.notes == []
    assert open_data(files("jpg")(tmp_path, GREY)).report.notes == []


def test_masks_are_scaled_before_they_are_resized(tmp_path):
    picture = np.kron(MASKS[0], np.ones([10, 10], np.uint8))
    save(tmp_path / "masks" / "a.png", picture)
    save(tmp_path / "shades" / "a.png", picture * 255)
    masks, shades = (open_data(str(tmp_path / name), size="12x10").values for name in ("masks", "shades"))
    assert np.array_equal(masks, shades) and len(np.unique(masks)) > 50
