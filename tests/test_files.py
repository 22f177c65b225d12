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
