"""Every format and mode, seen as a person would see it."""

import numpy as np
import pytest
from PIL import Image

from tests.modalities.image.conftest import lopsided, save
from tfgen.modalities.image.decode import BrokenPicture, Target, cover, read_picture, read_size

LOSSY = 14


@pytest.mark.parametrize(
    ("ending", "options", "tolerance"),
    [
        ("png", {}, 0), ("bmp", {}, 0), ("tiff", {}, 0), ("ppm", {}, 0), ("webp", {"lossless": True}, 0),
        ("jpg", {"quality": 98, "subsampling": 0}, LOSSY), ("webp", {"quality": 98}, 45), ("gif", {}, LOSSY),
    ],
)
def test_each_format_keeps_its_pixels_in_place(tmp_path, ending, options, tolerance):
    path = save(tmp_path / f"a.{ending}", lopsided(), **options)
    assert read_size(path) == (24, 40)
    pixels = read_picture(path, Target(24, 40, 3)).astype(int)
    centres = np.ix_([6, 18], [10, 30])
    assert np.abs(pixels[centres] - lopsided()[centres]).max() <= tolerance


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tiff"])
def test_exif_rotation_is_undone(tmp_path, orientation, ending):
    upright = lopsided()
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.swapaxes(0, 1), 6: np.rot90(upright, 1), 7: upright[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"exif": exif} | ({"quality": 98, "subsampling": 0} if ending == "jpg" else {})
    options |= {"lossless": True} if ending == "webp" else {}
    path = save(tmp_path / f"a.{ending}", np.ascontiguousarray(stored), **options)
    assert read_size(path) == (24, 40)
    pixels = read_picture(path, Target(24, 40, 3)).astype(int)
    centres = np.ix_([6, 18], [10, 30])
    assert np.abs(pixels[centres] - upright[centres]).max() <= LOSSY


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path):
    values = np.zeros((16, 20), np.uint16)
    values[:, :10], values[:8, 10:], values[8:, 10:] = 300, 32768, 65535
    for ending in ("png", "tiff"):
        pixels = read_picture(save(tmp_path / f"a.{ending}", values), Target(16, 20, 1))[..., 0]
        assert (pixels[0, 0], pixels[0, 19], pixels[15, 19]) == (1, 128, 255)


def test_deep_tiffs_are_scaled(tmp_path):
    ramp = np.linspace(0, 1, 16 * 16).reshape(16, 16)
    for values in ((ramp * 65535).astype(np.int32), ramp.astype(np.float32), (ramp * 255).astype(np.float32)):
        pixels = read_picture(save(tmp_path / "a.tiff", values), Target(16, 16, 1))[..., 0]
        assert np.abs(pixels.astype(int) - np.rint(ramp * 255)).max() <= 1


def test_sixteen_bit_colour(tmp_path):
    import struct
    import zlib

    values = (lopsided(16, 16).astype(">u2") * 257)
    rows = b"".join(b"\0" + row.tobytes() for row in values)

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 16, 16, 16, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + parts)
    assert np.abs(read_picture(tmp_path / "a.png", Target(16, 16, 3)).astype(int) - lopsided(16, 16)).max() <= 1


def test_transparency_is_shown_on_white(tmp_path):
    rgba = np.dstack([lopsided(16, 16), np.full((16, 16), 255, np.uint8)])
    rgba[:8, :8, 3], rgba[:8, 8:, 3] = 0, 128
    Image.fromarray(rgba).save(tmp_path / "rgba.png")
    pixels = read_picture(tmp_path / "rgba.png", Target(16, 16, 3))
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert np.abs(pixels[0, 15].astype(int) - [137, 247, 147]).max() <= 1
    assert pixels[15, 0].tolist() == [10, 30, 230]


def test_palette_grey_alpha_and_keyed_transparency(tmp_path):
    picture = Image.fromarray(np.repeat([[0, 1, 2, 3]], 8, 0).repeat(2, 1).astype(np.uint8))
    palette = picture.convert("P")
    palette.putdata(list(picture.get_flattened_data() if hasattr(picture, "get_flattened_data") else picture.getdata()))
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    palette.save(tmp_path / "p.png", transparency=bytes([255, 0, 255, 255]))
    assert read_picture(tmp_path / "p.png", Target(8, 8, 3))[0, ::2].tolist() == [
        [255, 0, 0], [255, 255, 255], [0, 0, 255], [9, 9, 9]
    ]
    grey = np.dstack([np.full((8, 8), 40, np.uint8), np.full((8, 8), 255, np.uint8)])
    grey[:4, :, 1] = 0
    Image.fromarray(grey).save(tmp_path / "la.png")
    assert read_picture(tmp_path / "la.png", Target(8, 8, 1))[::4, 0, 0].tolist() == [255, 40]
    Image.fromarray(lopsided(16, 16)).save(tmp_path / "keyed.png", transparency=(250, 20, 30))
    keyed = read_picture(tmp_path / "keyed.png", Target(16, 16, 3))
    assert keyed[[0, 15], 0].tolist() == [[255, 255, 255], [10, 30, 230]]


def test_cmyk_and_black_and_white(tmp_path):
    Image.fromarray(lopsided()).convert("CMYK").save(tmp_path / "a.tiff")
    assert np.abs(read_picture(tmp_path / "a.tiff", Target(24, 40, 3)).astype(int) - lopsided()).max() <= 1
    Image.fromarray(lopsided()).convert("CMYK").save(tmp_path / "a.jpg", quality=98, subsampling=0)
    pixels = read_picture(tmp_path / "a.jpg", Target(24, 40, 3)).astype(int)
    assert np.abs(pixels[6, 10] - (250, 20, 30)).max() <= 3 * LOSSY
    Image.fromarray(lopsided()).convert("1", dither=Image.Dither.NONE).save(tmp_path / "one.png")
    assert set(np.unique(read_picture(tmp_path / "one.png", Target(24, 40, 1)))) == {0, 255}


def test_the_first_frame_of_an_animation(tmp_path):
    frames = [Image.fromarray(np.full((16, 16, 3), shade, np.uint8)) for shade in (200, 10)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read_picture(tmp_path / "a.gif", Target(16, 16, 1)).min() > 190


@pytest.mark.parametrize(("height", "width"), [(24, 10), (10, 40), (8, 8), (48, 80), (1, 300), (300, 1)])
def test_the_centre_is_kept_without_distortion(height, width):
    picture = np.zeros((24, 40, 3), np.uint8)
    picture[11:13, 19:21] = 255
    resized = np.asarray(cover(Image.fromarray(picture), height, width)).astype(float)
    assert resized.shape == (height, width, 3)
    weight = resized.sum(-1)
    assert abs((weight.sum(1) * np.arange(height)).sum() / weight.sum() - (height - 1) / 2) < 0.5
    assert abs((weight.sum(0) * np.arange(width)).sum() / weight.sum() - (width - 1) / 2) < 0.5


def test_a_large_jpeg_and_a_large_png_shrink_to_the_same_picture(tmp_path):
    large = lopsided(24, 40).repeat(40, 0).repeat(40, 1)
    for name, options in (("a.png", {}), ("a.jpg", {"quality": 95})):
        pixels = read_picture(save(tmp_path / name, large, **options), Target(24, 40, 3)).astype(int)
        assert np.abs(pixels[np.ix_([6, 18], [10, 30])] - lopsided()[np.ix_([6, 18], [10, 30])]).max() <= LOSSY


def test_reasons_are_words(tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("not a picture")
    pixels = lopsided(200, 200) ^ np.arange(200, dtype=np.uint8)[:, None, None]
    whole = save(tmp_path / "whole.png", pixels).read_bytes()
    (tmp_path / "short.png").write_bytes(whole[: len(whole) // 2])
    for name, words in {"empty": "empty", "text": "not a picture", "short": "cut short"}.items():
        with pytest.raises(BrokenPicture, match=words):
            read_picture(tmp_path / f"{name}.png", Target(16, 16, 3))


def test_a_photograph_is_not_held_up_by_the_lock_for_large_pictures(tmp_path, monkeypatch):
    from tfgen.modalities.image import decode

    path = save(tmp_path / "a.jpg", lopsided(480, 640))
    monkeypatch.setattr(decode, "LARGE_PIXELS", 400 * 500)
    monkeypatch.setattr(decode, "_one_large_at_a_time", None)
    assert read_picture(path, Target(24, 32, 3)).shape == (24, 32, 3)
