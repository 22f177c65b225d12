"""Zip and tar files are read as the folders that they hold, and nothing leaves that folder."""

import io
import os
import tarfile
import zipfile

import numpy as np
import pytest

from tests.modalities.image.conftest import noise, save
from tfgen.data import archives, open_data
from tfgen.errors import UserError


@pytest.fixture
def photos(tmp_path):
    for number in range(6):
        save(tmp_path / "photos" / ("cat" if number % 2 else "dog") / f"{number}.png", noise(number))
    return tmp_path / "photos"


def zipped(path, folder, top=""):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*.png")):
            archive.write(file, f"{top}{file.relative_to(folder)}")
    return path


def tarred(path, folder, top=""):
    packing = {".tar": "", ".tgz": "gz", ".gz": "gz", ".bz2": "bz2", ".xz": "xz"}[path.suffix]
    with tarfile.open(path, f"w:{packing}") as file:
        file.add(folder, top or ".")
    return path


@pytest.mark.parametrize(
    "name", ["set.zip", "set.tar", "set.tgz", "set.tar.gz", "set.tar.bz2", "set.tar.xz", "SET.ZIP"]
)
@pytest.mark.parametrize("top", ["", "photos/"])
def test_an_archive_is_the_folder_in_it(photos, tmp_path, name, top):
    path = (zipped if name.lower().endswith("zip") else tarred)(tmp_path / name, photos, top)
    examples, folder = open_data(str(path)), open_data(str(photos))
    np.testing.assert_array_equal(examples.values, folder.values)
    assert examples.prompts == ["cat", "dog"] and examples.fingerprint == folder.fingerprint
    assert examples.source == str(path) and examples.name == ("photos" if top else "set")


def test_texts_in_an_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "tales.zip", "w") as archive:
        for number in range(3):
            archive.writestr(f"{number}.txt", f"Once upon a time there was king {number}. " * 20)
    assert open_data(str(tmp_path / "tales.zip")).modality == "text"


def test_a_changed_archive_is_unpacked_anew_and_the_old_one_goes(photos, tmp_path, cache):
    path = zipped(tmp_path / "set.zip", photos)
    assert len(open_data(str(path))) == 6
    save(photos / "cat" / "more.png", noise(9))
    os.utime(zipped(path, photos), (1, 1))
    assert len(open_data(str(path))) == 7
    assert len(list((cache / "archives").iterdir())) == 1


@pytest.mark.parametrize("name", ["../out.png", "/tmp/out.png", "a/../../out.png", "..\\out.png", "C:/out.png"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_no_path_walks_out(photos, tmp_path, cache, name, kind):
    content = next(photos.rglob("*.png")).read_bytes()
    path = tmp_path / f"set.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, content)
            archive.writestr("in/in.png", content)
    else:
        with tarfile.open(path, "w") as archive:
            for each in (name, "in/in.png"):
                member = tarfile.TarInfo(each)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    before = {each for each in tmp_path.rglob("*") if cache not in each.parents and each != cache}
    assert len(open_data(str(path), size=8)) == 1
    assert {each for each in tmp_path.rglob("*") if cache not in each.parents and each != cache} == before
    assert not list(cache.rglob("out.png"))


def test_links_and_devices_are_left_out(photos, tmp_path, cache):
    (photos / "cat" / "link.png").symlink_to("/etc/passwd")
    os.mkfifo(photos / "cat" / "pipe.png")
    assert len(open_data(str(tarred(tmp_path / "set.tar", photos)))) == 6
    assert not [path for path in cache.rglob("*") if path.is_symlink()]


def test_a_bomb_is_refused_before_it_fills_the_disk(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(archives, "_SMALL", 10**6)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.png", bytes(50 * 10**6))
    with pytest.raises(UserError, match="200 times its own size or more"):
        open_data(str(tmp_path / "bomb.zip"))
    assert not list(cache.rglob("*.png"))
    monkeypatch.setattr(archives, "MOST_FILES", 3)
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number in range(5):
            archive.writestr(f"{number}.png", b"")
    with pytest.raises(UserError, match="holds more than 3 files"):
        open_data(str(tmp_path / "many.zip"))


@pytest.mark.parametrize("name", ["set.zip", "set.tar", "set.tar.gz", "set.tar.xz", "set.tar.bz2"])
def test_damage_is_a_sentence(photos, tmp_path, name):
    path = (zipped if name.endswith("zip") else tarred)(tmp_path / name, photos)
    whole = path.read_bytes()
    for content in (b"", b"no archive at all", whole[: len(whole) // 2]):
        path.write_bytes(content)
        if content[:1] == whole[:1] and name == "set.tar":
            continue  # its pictures up to the end are there
        with pytest.raises(UserError, match="can't be unpacked|no pictures|is empty"):
            open_data(str(path))


def test_an_archive_of_archives_is_named_as_it_was_given(photos, tmp_path):
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as archive:
        archive.write(zipped(tmp_path / "inner.zip", photos), "inner.zip")
    with pytest.raises(UserError, match="/outer.zip' holds nothing but archives: inner.zip"):
        open_data(str(tmp_path / "outer.zip"))


def test_an_encrypted_archive_and_other_kinds_are_refused(photos, tmp_path):
    path = zipped(tmp_path / "set.zip", photos)
    content = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag of encryption in every header
        start = content.find(mark)
        while start >= 0:
            content[start + place] |= 1
            start = content.find(mark, start + 1)
    path.write_bytes(content)
    with pytest.raises(UserError, match="can't be unpacked: it is encrypted. Unpack it"):
        open_data(str(path))
    (tmp_path / "set.7z").write_bytes(b"7z")
    with pytest.raises(UserError, match="archive of a kind that can't be read"):
        open_data(str(tmp_path / "set.7z"))
