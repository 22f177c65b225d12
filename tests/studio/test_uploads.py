"""What is dropped into the page is kept under names of the studio's own, whole or not at all."""

import asyncio
import json
import zipfile

import pytest

from tfgen.errors import UserError
from tfgen.studio.uploads import Uploads


def framed(*files, **more):
    headers = [json.dumps({"name": name, "size": len(body), **more}).encode() for name, body in files]
    return b"".join(header + b"\n" + body for header, (_, body) in zip(headers, files, strict=True))


def take(folder, content, name="things", step=7):
    async def parts():
        for start in range(0, len(content), step):
            yield content[start : start + step]

    return asyncio.run(Uploads(folder).take("ada", name, parts()))


def test_one_file_keeps_its_ending_and_nothing_else_of_its_name(tmp_path):
    upload = take(tmp_path, framed(("../../tales.JSONL.gz", b"content"), only=True), "../../tales.JSONL.gz")
    assert upload.path.name == "data.jsonl.gz" and upload.path.read_bytes() == b"content"
    assert upload.path.parent.parent == tmp_path and upload.name == "tales.JSONL.gz"


def test_several_are_an_archive_with_their_own_names(tmp_path):
    files = (("cats/a.png", b"one"), ("dogs/b.png", b""), ("dogs/ü c.png", b"two\nlines"))
    with zipfile.ZipFile(take(tmp_path, framed(*files)).path) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == dict(files)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..\\..\\x", "a/../../b", "./x", "a\0b"])
def test_no_name_leads_out_of_the_archive(tmp_path, name):
    with zipfile.ZipFile(take(tmp_path, framed((name, b"x"))).path) as archive:
        (inside,) = archive.namelist()
    assert not inside.startswith("/") and ".." not in inside.split("/") and "\\" not in inside


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense\n",
        b'{"name": "a", "size": -1}\n',
        b'{"name": "a", "size": true}\n',
        b'{"name": 5, "size": 1}\nx',
        b'{"name": "..", "size": 1}\nx',
        b'{"name": "a", "size": 10}\nshort',
        b'{"name": "a", "size": 1}',
        b"[" * 5000,
        framed(("a", b"x")) + b"more",
    ],
)
def test_what_is_broken_off_or_nonsense_leaves_nothing(tmp_path, content):
    with pytest.raises(UserError):
        take(tmp_path / "uploads", content)
    assert list((tmp_path / "uploads").iterdir()) == []


def test_too_much_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("tfgen.studio.uploads.MOST_BYTES", 100)
    with pytest.raises(UserError, match="larger"):
        take(tmp_path / "uploads", framed(("a", b"x" * 200)))
    assert list((tmp_path / "uploads").iterdir()) == []


def test_it_is_found_by_whoever_dropped_it_alone(tmp_path):
    upload = take(tmp_path, framed(("a.txt", b"x"), only=True))
    assert Uploads(tmp_path).find(upload.id, "ada") == upload
    for id, who in ((upload.id, "bob"), ("../x", "ada"), (".", "ada"), ("", "ada")):
        with pytest.raises(UserError, match="no longer there"):
            Uploads(tmp_path).find(id, who)
