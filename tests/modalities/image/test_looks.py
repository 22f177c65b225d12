"""How pictures are made to fit: transparency, other proportions, mirrors, large sides, and formats of phones."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.modalities.image.conftest import noise, save
from tfgen.data import open_data
from tfgen.errors import UserError
from tfgen.modalities.image.preview import grid, read_png, save_png


def icon(colour, number=0):
    """A disc of a colour on transparency, uint8 [24, 24, 4]."""
    rows, columns = np.mgrid[:24, :24]
    inside = (rows - 12) ** 2 + (columns - 8 - number % 8) ** 2 < 40
    return np.where(inside[..., None], [*colour, 255], [0, 0, 0, 0]).astype(np.uint8)


@pytest.fixture
def white_icons(photos):
    for number in range(8):
        save(photos / f"{number}.png", icon((255, 255, 255), number))
    return photos


def test_white_drawings_do_not_vanish(white_icons):
    examples = open_data(str(white_icons))
    assert examples.values.min() == 0 and examples.values.max() == 255
    assert "laid on black" in examples.report.notes[0]
    assert "background=black" in open_data(str(white_icons), background="white").report.notes[0]


def test_dark_and_coloured_drawings_stay_on_white(photos):
    for number in range(8):
        save(photos / f"{number}.png", icon((200, 30, 30), number))
    examples = open_data(str(photos))
    assert examples.values[0, 0, 0].tolist() == [255, 255, 255] and examples.report.notes == []


@pytest.mark.parametrize("background, corner", [("white", [255] * 3), ("#ff8800", [255, 136, 0]), ("BLACK", [0] * 3)])
@pytest.mark.parametrize("way", ["folder", "array"])
def test_a_background_of_ones_own(photos, background, corner, way):
    pictures = np.stack([icon((200, 30, 30), number) for number in range(4)])
    for number, picture in enumerate(pictures):
        save(photos / f"{number}.png", picture)
    examples = open_data(str(photos) if way == "folder" else pictures, background=background)
    assert examples.values[0, 0, 0].tolist() == corner and examples.values[0, 12, 8].tolist() == [200, 30, 30]


@pytest.mark.parametrize("way", ["folder", "array"])
def test_transparency_can_be_kept(photos, way, tmp_path):
    pictures = np.stack([icon((200, 30, 30), number) for number in range(4)])
    for number, picture in enumerate(pictures):
        save(photos / f"{number}.png", picture)
    examples = open_data(str(photos) if way == "folder" else pictures, background="keep")
    np.testing.assert_array_equal(examples.values[..., 3], pictures[..., 3])
    assert examples.values.shape == (4, 24, 24, 4) and examples.codec.specification.shape == (24, 24, 4)
    save_png(tmp_path / "a.png", examples.values[1])
    assert Image.open(tmp_path / "a.png").mode == "RGBA"
    np.testing.assert_array_equal(read_png((tmp_path / "a.png").read_bytes()), examples.values[1])
    assert grid(examples.values).shape[-1] == 4
    assert open_data(noise(0)[None].repeat(3, 0), background="keep").values[..., 3].min() == 255


def test_kept_transparency_and_another_number_of_channels_contradict(white_icons):
    with pytest.raises(UserError, match="background=keep needs 4 channels, and channels=1 is given"):
        open_data(str(white_icons), background="keep", channels=1)


@pytest.mark.parametrize("background", ["", "#12", "blue-ish", "12345"])
def test_no_colour(white_icons, background):
    with pytest.raises(UserError, match="background must be white, black"):
        open_data(str(white_icons), background=background)


def tall():
    """Red above, green in the middle, blue below, on grey: uint8 [60, 20, 3]."""
    picture = np.full((60, 20, 3), 128, np.uint8)
    for place, colour in enumerate(([255, 0, 0], [0, 255, 0], [0, 0, 255])):
        picture[2 + 20 * place : 18 + 20 * place, 4:16] = colour
    return picture


@pytest.mark.parametrize("way", ["folder", "array"])
def test_other_proportions(photos, way):
    for number in range(3):
        save(photos / f"{number}.png", tall())
    source = str(photos) if way == "folder" else np.stack([tall()] * 3)
    cropped, padded, stretched = (open_data(source, size=24, fit=fit).values[0] for fit in ("crop", "pad", "stretch"))
    assert cropped[12, 12].tolist() == [0, 255, 0] and not (cropped[..., 0] > 200).any()
    for picture in (padded, stretched):
        assert picture[4, 12, 0] > 200 and picture[12, 12, 1] > 200 and picture[19, 12, 2] > 200
    assert abs(padded[:, 0].astype(int) - 128).max() <= 4 and stretched[4, 7, 0] > 240


def test_sides_up_to_512(photos):
    for number in range(2):
        save(photos / f"{number}.png", noise(number, 512, 520))
    assert open_data(str(photos), size=512).values.shape == (2, 512, 512, 3)


def batches(examples, seed=0, start=0):
    class Settings:
        batch_size = 8

    return [(values.numpy(), index.numpy()) for values, index in examples.batches(Settings, seed, start, start + 12)]


def test_mirrored_pictures():
    pictures = np.stack([noise(number, 8, 8) for number in range(8)])
    plain, mirrored = open_data(pictures), open_data(pictures, mirror="true")
    assert mirrored.fingerprint == plain.fingerprint
    encoded, seen = plain.codec.encode(plain.values), []
    for values, _ in batches(mirrored):
        for value in values:
            as_is = (encoded == value).all(axis=(1, 2, 3))
            turned = (encoded[:, :, ::-1] == value).all(axis=(1, 2, 3))
            assert as_is.any() != turned.any()
            seen.append(turned.any())
    assert 0.3 < np.mean(seen) < 0.7
    np.testing.assert_array_equal(batches(mirrored, start=5)[0][0], batches(mirrored)[5][0])
    assert all((encoded == value).all(axis=(1, 2, 3)).any() for value in batches(plain)[0][0])


HEIC = b"\0\0\0\x24ftypheic\0\0\0\0mif1MiHEmiafheic" + bytes(200)


def test_an_iphones_picture_under_any_name_is_recognised(photos):
    for number in range(30):
        save(photos / f"{number}.jpg", noise(number))
    for name in ("30.jpg", "31.HEIC", "32.png"):
        (photos / name).write_bytes(HEIC)
    reasons = dict(open_data(str(photos)).report.broken)
    assert reasons.keys() == {"30.jpg", "31.HEIC", "32.png"}
    try:
        import pillow_heif  # noqa: F401
    except ImportError:
        assert set(reasons.values()) == {"an iPhone picture (HEIC); convert it, or: pip install pillow-heif"}


def test_avif_under_any_name_is_read(photos):
    content = io.BytesIO()
    Image.fromarray(noise(0, 32, 32)).save(content, format="AVIF")
    for number in range(3):
        (photos / f"{number}.jpg").write_bytes(content.getvalue())
    assert len(open_data(str(photos))) == 3


def test_cameras_own_files_count_among_the_broken_but_not_beside_their_jpeg(photos):
    for number in range(12):
        save(photos / f"{number}.jpg", noise(number))
        (photos / f"{number}.CR2").write_bytes(b"raw")
    (photos / "12.nef").write_bytes(b"raw")
    report = open_data(str(photos)).report
    assert dict(report.broken) == {"12.nef": "a kind of picture that can't be read; save it as PNG or JPEG"}
    assert report.used == 12


def test_choices_have_a_number_each_and_are_large_enough_to_see():
    from tfgen.modalities.image.preview import numbered

    values = np.zeros([11, 28, 20, 3], np.uint8)
    made = numbered(values)
    assert made.shape[0] == 11 and made.shape[1] > 4 * 28 and made.shape[2:] == (80, 3)
    strips = made[:, : made.shape[1] - 4 * 28]
    assert len({strip.tobytes() for strip in strips}) == 11, "each has another number"
    assert not made[:, -4 * 28 :].any()
