"""Folders: sizes, colours, what is skipped, what is named, and prepared files that are never trusted blindly."""

import errno
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.modalities.image.conftest import lopsided, noise, real_data, save
from tfgen import files
from tfgen.data import open_data
from tfgen.errors import Failure, UserError
from tfgen.modalities.image import folder as folder_module
from tfgen.modalities.image.preview import grid


def fill(folder, count=12, **options):
    for number in range(count):
        save(folder / f"{number}.png", noise(number, **options))


def test_equal_pictures_keep_their_pixels_and_their_order(photos):
    fill(photos)
    examples = open_data(str(photos))
    assert examples.values.shape == (12, 16, 16, 3) and examples.values.dtype == np.uint8
    assert all(np.array_equal(value, noise(number)) for number, value in enumerate(examples.values))
    assert (examples.modality, examples.name, examples.prompt_kind) == ("image", "photos", "none")
    assert examples.prompts == [] and set(examples.prompt_index) == {-1}
    assert examples.report.to_json() == {"found": 12, "used": 12, "broken": [], "notes": []}
    assert not examples.values.flags.writeable


def test_mixed_sizes_are_covered_and_said(photos):
    for number, (height, width) in enumerate([(24, 40), (48, 80), (240, 400), (24, 48), (48, 40)]):
        save(photos / f"{number}.png", lopsided(height, width))
    examples = open_data(str(photos))
    assert examples.values.shape[1:3] == (48, 48)
    centres = np.ix_([0, 1, 2, 3, 4], [10, 38], [10, 38])
    expected = lopsided(48, 48)[np.ix_([10, 38], [10, 38])]
    assert np.abs(examples.values[centres].astype(int) - expected).max() <= 3
    assert "differ in size" in examples.report.notes[0]


def test_large_pictures_are_limited_with_a_way_out(photos):
    fill(photos, 3, height=90, width=120)
    examples = open_data(str(photos))
    assert examples.values.shape[1:3] == (48, 64) and "--set size=90x120" in examples.report.notes[0]
    assert open_data(str(photos), size="90x120").values.shape == (3, 90, 120, 3)
    assert open_data(str(photos), size="32").values.shape == (3, 32, 32, 3)


def test_pictures_of_other_proportions_than_the_size_are_said_though_all_are_alike(photos):
    fill(photos, 3, height=20, width=60)
    said = "The pictures are 20x60 (height x width); each is scaled to cover 32x32 and its centre is kept"
    assert said in open_data(str(photos), size="32").report.notes[0]
    assert "stretched to 32x32" in open_data(str(photos), size="32", fit="stretch").report.notes[0]
    assert open_data(str(photos), size="16x48").report.notes == []


@pytest.mark.parametrize("size", ["7", "513", "64x", "big", "0x10", "-8", "8x8x8", "1e1"])
def test_a_size_that_makes_no_sense(size):
    with pytest.raises(UserError):
        open_data(None, size=size)


def test_grey_is_found_whatever_the_files_say(photos):
    for number in range(6):
        grey = noise(number)[..., :1].repeat(3, -1)
        save(photos / f"{number}.{'png' if number % 2 else 'jpg'}", grey)
    examples = open_data(str(photos))
    assert examples.values.shape[-1] == 1
    assert np.array_equal(examples.values[1, ..., 0], noise(1)[..., 0])
    assert open_data(str(photos), channels=3).values.shape[-1] == 3
    save(photos / "colour.png", lopsided(16, 16))
    assert open_data(str(photos)).values.shape[-1] == 3
    assert open_data(str(photos), channels=1).values.shape[-1] == 1


def test_other_files_are_no_broken_pictures(photos):
    fill(photos, 4)
    (photos / "README.md").write_text("hello")
    (photos / ".hidden.png").write_text("hello")
    assert open_data(str(photos)).report.notes == []
    for number in range(20):
        (photos / f"note-{number}.txt").write_text("hello")
    report = open_data(str(photos)).report
    assert report.broken == [] and report.found == 4 and "20 .txt" in report.notes[0]


def break_in_every_way(photos, count):
    """Puts `count` files among the pictures that aren't whole; the names of those that can't possibly be read."""
    pixels, hopeless = noise(0, 64, 64), []
    wholes = {}
    for ending in ("png", "jpg", "webp", "gif", "bmp", "tiff"):
        wholes[ending] = save(photos / f"whole.{ending}", pixels).read_bytes()
    generator = np.random.default_rng(0)
    for number in range(count):
        ending = list(wholes)[number % 6]
        content, kind = bytearray(wholes[ending]), number // 6 % 6
        name = f"broken-{number}.{ending}"
        if kind == 0:
            content = content[: number % 12]
        elif kind == 1:
            content = content[: int(len(content) * generator.uniform(0.05, 0.9))]
        elif kind == 2:
            for place in generator.integers(0, 40, 3):
                content[place] ^= 1 << int(generator.integers(0, 8))
        elif kind == 3:
            content = b""
        elif kind == 4:
            content = f"no picture {number}".encode()
        else:
            name, content = f"renamed-{number}.{'png' if ending != 'png' else 'jpg'}", content
        (photos / name).write_bytes(content)
        if kind in (0, 3, 4):
            hopeless.append(name)
    return hopeless


@pytest.mark.parametrize("broken", [50, pytest.param(200, marks=pytest.mark.slow)])
def test_broken_pictures_are_survived_and_named(broken, photos):
    hopeless = break_in_every_way(photos, broken)
    fill(photos, 10 * broken, height=8, width=8)
    bomb = Image.new("1", (30000, 30000))
    bomb.save(photos / "bomb.png")
    (photos / "folder.png").mkdir()
    (photos / "nothing.png").symlink_to(photos / "gone.png")
    (photos / "round").symlink_to(photos)
    os.mkfifo(photos / "pipe.png")
    report = open_data(str(photos), size="8").report
    named = dict(report.broken)
    assert set(hopeless) <= set(named)
    assert "million" in named["bomb.png"] and "folder" in named["folder.png"]
    assert "link to nothing" in named["nothing.png"] and "regular" in named["pipe.png"]
    assert not [name for name in named if name.startswith(("whole", "renamed"))]
    assert report.used + len(report.broken) == report.found and all(named.values())
    assert not any(name.startswith("round/") for name in named)


def test_more_than_a_tenth_broken_is_an_error_that_names_some(photos, cache):
    fill(photos, 8)
    (photos / "bad.png").write_text("bad")
    with pytest.raises(UserError, match=r"1 of 9 .*more than a tenth: bad\.png"):
        open_data(str(photos))
    assert not list(cache.glob("*.npy")) and not list(cache.glob(".*"))
    fill(photos, 9)
    assert open_data(str(photos)).report.used == 9


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_files_without_permission_are_named(photos):
    fill(photos, 20)
    (photos / "0.png").chmod(0)
    assert dict(open_data(str(photos)).report.broken) == {"0.png": "no permission to read it"}


def test_no_pictures_at_all(photos):
    with pytest.raises(UserError, match="no pictures"):
        open_data(str(photos))
    (photos / "a.cr2").write_text("camera")
    with pytest.raises(UserError, match=r"no pictures .* a.cr2 \(a kind of picture that can't be read"):
        open_data(str(photos))
    (photos / "a.cr2").unlink()
    (photos / "b.png").symlink_to(photos / "gone.png")
    with pytest.raises(UserError, match=r"no pictures .* that can be read: b.png \(a link to nothing\)"):
        open_data(str(photos))
    (photos / "b.png").unlink()
    (photos / "a.png").write_text("text")
    with pytest.raises(UserError, match="broken"):
        open_data(str(photos))


def test_a_prepared_file_is_used_again_until_something_changes(photos, monkeypatch):
    fill(photos)
    first = open_data(str(photos))
    decode = folder_module.read_picture
    monkeypatch.setattr(folder_module, "read_picture", lambda *arguments: pytest.fail("decoded again"))
    again = open_data(str(photos))
    assert again.fingerprint == first.fingerprint and np.array_equal(again.values, first.values)
    monkeypatch.setattr(folder_module, "read_picture", decode)
    save(photos / "3.png", noise(99))
    changed = open_data(str(photos))
    assert np.array_equal(changed.values[3], noise(99)) and changed.fingerprint != first.fingerprint
    (photos / "0.png").unlink()
    assert len(open_data(str(photos)).values) == 11


@pytest.mark.parametrize("damage", ["cut", "flip", "manifest", "no manifest", "empty"])
def test_a_damaged_prepared_file_is_made_anew(photos, cache, damage):
    fill(photos)
    first = open_data(str(photos)).fingerprint
    values, manifest = next(cache.glob("*.npy")), next(cache.glob("*.json"))
    content = values.read_bytes()
    if damage == "cut":
        values.write_bytes(content[:-1])
    elif damage == "flip":
        values.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "manifest":
        manifest.write_bytes(manifest.read_bytes().replace(b"12", b"13"))
    elif damage == "no manifest":
        manifest.unlink()
    else:
        values.write_bytes(b"")
    again = open_data(str(photos))
    assert again.fingerprint == first
    assert all(np.array_equal(value, noise(number)) for number, value in enumerate(again.values))


def test_a_killed_preparation_leaves_nothing_that_counts(photos, cache, monkeypatch):
    fill(photos)

    def killed(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(folder_module.Writer, "finish", killed)
        with pytest.raises(KeyboardInterrupt):
            open_data(str(photos))
    assert not list(cache.glob("*.npy"))
    assert len(open_data(str(photos)).values) == 12


def test_a_full_disk_is_said(photos, monkeypatch):
    fill(photos, 2)

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(Failure, match="full"):
        open_data(str(photos))


def test_the_cache_can_not_be_written(photos, tmp_path, monkeypatch):
    fill(photos, 2)
    (tmp_path / "file").touch()
    monkeypatch.setenv("TFGEN_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(Failure, match="TFGEN_CACHE"):
        open_data(str(photos))


def test_the_same_content_has_the_same_fingerprint_anywhere(photos, tmp_path):
    for number in range(6):
        save(photos / ("ab"[number % 2]) / f"{number}.png", noise(number))
    shutil.copytree(photos, tmp_path / "elsewhere")
    first = open_data(str(photos))
    assert open_data(str(tmp_path / "elsewhere")).fingerprint == first.fingerprint
    (tmp_path / "elsewhere" / "a").rename(tmp_path / "elsewhere" / "c")
    assert open_data(str(tmp_path / "elsewhere")).fingerprint != first.fingerprint


def test_progress_ends_at_the_total(photos):
    fill(photos, 70)
    told = []
    open_data(str(photos), progress=lambda done, total: told.append((done, total)))
    assert told == [(64, 70), (70, 70)]


def test_neither_a_folder_nor_digits_import_tensorflow(photos):
    fill(photos, 2)
    code = f"import sys; from tfgen.data import open_data; open_data(None); open_data({str(photos)!r}); " \
           "sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_emoji():
    examples = open_data(str(real_data("twemoji")), size="72")
    assert examples.values.shape == (3395, 72, 72, 3) and examples.prompt_kind == "captions"
    assert examples.report.broken == [] and examples.report.notes == []
    assert (examples.values[:, 0, 0] == 255).all(-1).mean() > 0.8, "transparent corners are white"
    assert "joker" in examples.prompts and len(set(examples.prompt_index)) == len(examples.prompts)
    assert grid(examples.values[:9]).shape == (3 * 74 + 2, 3 * 74 + 2, 3)


def test_files_of_several_pictures_are_counted_and_their_first_is_used(photos):
    pictures = [Image.fromarray(noise(seed)) for seed in range(4)]
    for number in range(3):
        pictures[number].save(photos / f"single{number}.tif")
    for name in ("a.gif", "b.tif", "c.webp", "d.png"):
        pictures[0].save(photos / name, save_all=True, append_images=pictures[1:])
    examples = open_data(str(photos))
    (note,) = [note for note in examples.report.notes if "such as frames" in note]
    assert note.startswith("4 files hold 16 pictures") and "a.gif, b.tif, c.webp and more" in note
    assert len(examples) == 7 and not examples.report.broken


def test_a_file_whose_later_pages_are_damaged_is_used(photos):
    pictures = [Image.fromarray(noise(seed, 64, 64)) for seed in range(3)]
    for number in range(9):
        pictures[0].save(photos / f"single{number}.png")
    pictures[0].save(photos / "stack.gif", save_all=True, append_images=pictures[1:])
    content = (photos / "stack.gif").read_bytes()
    (photos / "stack.gif").write_bytes(content[: len(content) // 2])
    assert len(open_data(str(photos))) == 10


def test_smaller_copies_in_a_tiff_are_no_further_pictures(photos):
    from PIL import TiffImagePlugin

    for number in range(2):
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[254] = 1
        small = Image.fromarray(noise(number, 8, 8))
        small.encoderinfo = {"tiffinfo": tags}
        Image.fromarray(noise(number)).save(photos / f"{number}.tif", save_all=True, append_images=[small])
    assert not [note for note in open_data(str(photos)).report.notes if "such as frames" in note]
