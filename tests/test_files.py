"""Files appear whole or not at all."""

import errno
import json
import os

import pytest

from tfgen import files


@pytest.fixture
def path(tmp_path):
    """A file with an old content."""
    path = tmp_path / "folder" / "file.bin"
    files.write_bytes(path, b"old")
    return path


def only_file(path):
    return [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_replaces_the_content_and_makes_the_folder(path):
    files.write_bytes(path, b"new")
    assert path.read_bytes() == b"new" and only_file(path)


def test_the_old_content_stands_until_the_end(path):
    with files.open_atomically(path) as file:
        file.write(b"half")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"half"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
def test_a_failure_in_the_middle_leaves_the_old_content_and_nothing_else(path, error):
    with pytest.raises(error):
        with files.open_atomically(path) as file:
            file.write(b"half")
            raise error
    assert path.read_bytes() == b"old" and only_file(path)


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_fails_leaves_the_old_content_and_nothing_else(path, call, monkeypatch):
    def fails(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, fails)
    with pytest.raises(OSError, match="No space"):
        files.write_bytes(path, b"new")
    assert path.read_bytes() == b"old" and only_file(path)


def test_content_is_on_the_disk_before_it_gets_its_name(path, monkeypatch):
    calls = []
    sync, rename = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (calls.append("sync"), sync(descriptor)))
    monkeypatch.setattr(os, "replace", lambda *names: (calls.append("rename"), rename(*names)))
    files.write_bytes(path, b"new")
    assert calls == ["sync", "rename", "sync"]


def test_others_may_read_it_as_the_umask_says(path):
    before = os.umask(0o022)
    try:
        files.write_bytes(path, b"new")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644


def test_json_keeps_letters_of_all_languages(tmp_path):
    files.write_json(tmp_path / "a.json", {"prompt": "Größe 猫"})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert "Größe 猫" in text and json.loads(text) == {"prompt": "Größe 猫"}


def test_a_folder_appears_whole(isolated):
    with files.folder_atomically(isolated / "deep" / "folder") as folder:
        (folder / "a.txt").write_text("a")
        assert not (isolated / "deep" / "folder").exists()
    assert (isolated / "deep" / "folder" / "a.txt").read_text() == "a"
    assert [path.name for path in (isolated / "deep").iterdir()] == ["folder"]


def test_a_folder_that_fails_leaves_nothing(isolated):
    with pytest.raises(KeyboardInterrupt):
        with files.folder_atomically(isolated / "folder") as folder:
            (folder / "a.txt").write_text("a")
            raise KeyboardInterrupt
    assert list(isolated.iterdir()) == []


@pytest.mark.parametrize("content", ["file", "full folder"])
def test_a_folder_never_replaces_what_is_there(content, isolated):
    path = isolated / "folder"
    if content == "file":
        path.write_text("mine")
    else:
        path.mkdir()
        (path / "a.txt").write_text("mine")
    with pytest.raises(OSError):
        with files.folder_atomically(path):
            pass
    assert (path if content == "file" else path / "a.txt").read_text() == "mine"
    assert [entry.name for entry in isolated.iterdir()] == ["folder"]


def test_only_old_leftovers_of_tfgen_are_deleted(isolated):
    for name in (".tfgen-old.tmp", ".tfgen-new.tmp", ".mine.tmp"):
        (isolated / name).mkdir()
    for name in (".tfgen-old.tmp", ".mine.tmp"):
        os.utime(isolated / name, (0, 0))
    with files.folder_atomically(isolated / "folder"):
        pass
    assert {entry.name for entry in isolated.iterdir()} == {".tfgen-new.tmp", ".mine.tmp", "folder"}
