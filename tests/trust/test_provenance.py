"""What is written says who made it, under a signature; what was changed is told, and nobody's own is called made."""

import io
import json
import os
import subprocess
import sys
import wave

import numpy as np
import pytest
from PIL import Image

import tfgen
from tests.conftest import tfgen_environment
from tfgen.modalities.audio.wav import metadata_of, samples_of, wav_of
from tfgen.modalities.image.preview import read_metadata, save_animation, save_png
from tfgen.trust import authority, provenance, verification
from tfgen.trust.provenance import signed_folder, write_marked

FACTS = {
    "Software": "tfgen 0.1.0", "Source": provenance.GENERATED, "run": "digits-gan", "model": "gan", "prompt": "seven",
    "seed": "7", "tfgen": "0.1.0", "provenance": "signed",
}  # fmt: skip
PIXELS = np.random.default_rng(0).integers(0, 256, (28, 28, 1), dtype=np.uint8)
ROWS = b"age,smoker\n41,yes\n27,no\n"


def write(path, facts=FACTS):
    """A file of the kind that its name says, as tfgen writes it."""
    if path.suffix == ".png":
        save_png(path, PIXELS, facts)
    elif path.suffix == ".wav":
        write_marked(path, wav_of(np.sin(np.arange(800) / 5), 8000, facts), facts)
    else:
        write_marked(path, ROWS, facts)
        path.with_name(f"{path.name}.json").write_text(json.dumps(facts))
    return path


@pytest.fixture
def another_user(monkeypatch, tmp_path):
    """From here on the settings are another user's."""
    return lambda: monkeypatch.setenv("TFGEN_CONFIG", str(tmp_path / "another"))


@pytest.fixture
def opened_anew(monkeypatch):
    """A process that has not signed anything yet; none of it is left afterwards."""
    monkeypatch.setattr(provenance, "_signer", provenance._Signer())


@pytest.mark.parametrize("name", ["a.png", "a.wav", "a.csv", "a.txt", "a.npz"])
def test_a_file_says_who_made_it(name, tmp_path):
    found = tfgen.verify(write(tmp_path / name))
    assert (found.state, found.generated, found.claims, found.tool) == ("own", True, "generated", "tfgen 0.1.0")
    assert found.made_by == {"run": "digits-gan", "model": "gan", "prompt": "seven", "seed": "7"}
    assert "run digits-gan, prompt 'seven', seed 7" in found.sentences[0] and "your own key" in found.sentences[1]


def test_what_a_file_says_of_itself_is_still_read(tmp_path):
    assert read_metadata(write(tmp_path / "a.png")) == FACTS
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), PIXELS[..., 0])
    sound = write(tmp_path / "a.wav").read_bytes()
    assert metadata_of(sound) == FACTS and len(samples_of(sound)[0]) == 800
    with wave.open(str(tmp_path / "a.wav")) as opened:
        assert opened.getnframes() == 800
    assert write(tmp_path / "a.csv").read_bytes() == ROWS


@pytest.mark.parametrize("ending", [".gif", ".webp", ".mp4"])
def test_films_are_signed_and_play(ending, tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    save_animation(tmp_path / f"walk{ending}", frames, FACTS, loop=True)
    assert tfgen.verify(tmp_path / f"walk{ending}").state == "own"
    if ending != ".mp4":
        assert Image.open(tmp_path / f"walk{ending}").n_frames == 5
    else:
        import av

        with av.open(str(tmp_path / "walk.mp4")) as film:
            assert len(list(film.decode(video=0))) == 5


def test_the_library_of_c2pa_finds_the_source_type_that_the_law_asks_for(tmp_path):
    import c2pa

    with open(write(tmp_path / "a.png"), "rb") as file, c2pa.Reader("image/png", file) as reader:
        assert reader.get_validation_state() == "Valid"
        (actions,) = (each for each in reader.get_active_manifest()["assertions"] if "actions" in each["label"])
    (action,) = actions["data"]["actions"]
    assert action["action"] == "c2pa.created"
    assert action["digitalSourceType"].endswith("/digitalsourcetype/trainedAlgorithmicMedia")


# Changed.


def manifest_of(png):
    """The chunk of a PNG that has the manifest: where it begins, and where it ends."""
    start = png.index(b"caBX") - 4
    return start, start + 12 + int.from_bytes(png[start : start + 4], "big")


def flipped(content, place):
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def with_other_pixels(content):
    """As a careful forger does it: the manifest and all that the file says are put into a new file."""
    start, end = manifest_of(content)
    file = io.BytesIO()
    Image.fromarray(PIXELS[::-1, :, 0]).save(file, format="PNG")
    other = file.getvalue()
    return other[:33] + content[start:end] + other[33:]


def without_manifest(content):
    start, end = manifest_of(content)
    return content[:start] + content[end:]


PICTURES = {
    "pixels": lambda content: flipped(content, len(content) - 40),
    "metadata": lambda content: flipped(content, content.rindex(b"seven")),
    "signed facts": lambda content: flipped(content, content.index(b"digits-gan")),
    "certificate": lambda content: flipped(content, content.index(b"home-made by tfgen")),
    "appended": lambda content: content + b"more",
    "cut off": lambda content: content[:-20],
    "cut in the manifest": lambda content: content[:2000],
    "manifest of another": with_other_pixels,
}


@pytest.mark.parametrize("change", PICTURES)
def test_a_picture_that_was_changed_is_told(change, tmp_path, command):
    path = write(tmp_path / "a.png")
    path.write_bytes(PICTURES[change](path.read_bytes()))
    found = tfgen.verify(path)
    assert found.changed and found.generated is None and found.sentences[0].startswith("CHANGED: ")
    assert command("verify", path).exit_code == 1


@pytest.mark.parametrize("what", [b"data", b"LIST", b"digits-gan"])
def test_a_sound_that_was_changed_is_told(what, tmp_path):
    path = write(tmp_path / "a.wav")
    content = path.read_bytes()
    path.write_bytes(flipped(content, content.index(what) + 8))
    assert tfgen.verify(path).changed
    path.write_bytes(content[: len(content) // 2])
    assert tfgen.verify(path).changed


def test_a_table_that_was_changed_is_told(tmp_path):
    path, other = write(tmp_path / "a.csv"), tmp_path / "b.csv"
    manifest = path.with_name("a.csv.c2pa").read_bytes()
    path.write_bytes(ROWS.replace(b"41", b"14"))
    assert tfgen.verify(path).changed
    write_marked(other, ROWS + b"33,no\n", {**FACTS, "seed": "8"})
    other.with_name("b.csv.c2pa").write_bytes(manifest)
    assert tfgen.verify(other).changed
    write(path)
    path.with_name("a.csv.json").write_text(json.dumps({**FACTS, "run": "somebody-else"}))
    assert "run" in tfgen.verify(path).reason
    path.with_name("a.csv.json").write_text(json.dumps(FACTS))
    assert tfgen.verify(path).state == "own"
    for content in (b"", b"nonsense" * 100, manifest[:500], b"\0" * 2**25):
        path.with_name("a.csv.c2pa").write_bytes(content)
        assert tfgen.verify(path).changed


@pytest.mark.parametrize("name", ["a.png", "a.csv"])
def test_a_mark_that_is_gone_is_told_and_is_no_forgery(name, tmp_path, command):
    path = write(tmp_path / name)
    if path.suffix == ".png":
        path.write_bytes(without_manifest(path.read_bytes()))
    else:
        path.with_name(f"{name}.c2pa").unlink()
    found = tfgen.verify(path)
    assert (found.state, found.generated) == ("unmarked", None) and "removed, or never written" in found.reason
    assert "anybody can write that" in found.sentences[1] and command("verify", path).exit_code == 0


@pytest.mark.parametrize("name", ["a.png", "a.csv"])
def test_a_file_that_could_not_be_signed_is_no_forgery(name, tmp_path, monkeypatch, opened_anew, capsys):
    assert provenance.status() == "signed"

    def refuse(*_):
        raise RuntimeError("nothing is signed today")

    monkeypatch.setattr(provenance, "_sign", refuse)
    found = tfgen.verify(write(tmp_path / name))
    assert found.state == "unmarked" and "never written" in found.reason
    assert "nothing is signed today" in capsys.readouterr().err


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("signed", [True, False])
def test_a_write_that_ends_at_any_instant_leaves_a_file_with_its_own_mark(signed, before, tmp_path, monkeypatch):
    new, wanted = ROWS * 2, "own" if signed else "unmarked"
    facts = FACTS if signed else {**FACTS, "provenance": "off"}
    left = 0

    def failing(function):
        def call(*arguments, **options):
            nonlocal left
            left -= 1
            if left == -1:
                raise OSError(28, "No space left on device")
            return function(*arguments, **options)

        return call

    for name in ("fsync", "replace", "unlink", "chmod"):
        monkeypatch.setattr(os, name, failing(getattr(os, name)))
    seen = set()
    for instant in range(100):
        folder, left = tmp_path / str(instant), 10**6
        folder.mkdir()
        path = folder / "a.csv"
        if before:
            write_marked(path, ROWS, FACTS)
        left = instant
        try:
            write_marked(path, new, facts)
        except OSError:
            pass
        ended, left = left >= 0, 10**6
        if path.exists():
            content = path.read_bytes()
            assert tfgen.verify(path).state == (wanted if content == new else "own"), f"at {instant}"
            seen.add(content)
        if ended:
            break
        write_marked(path, ROWS, FACTS)
        assert tfgen.verify(path).state == "own" and not list(folder.glob(".*.c2pa")), "it goes on from there"
    assert instant > 3 and seen == ({ROWS, new} if before else {new})
    assert sorted(each.name for each in folder.iterdir()) == (["a.csv", "a.csv.c2pa"] if signed else ["a.csv"])


def test_a_mark_that_waits_says_nothing_of_another_file(tmp_path):
    path = write(tmp_path / "a.csv")
    path.with_name("a.csv.c2pa").rename(provenance.waiting_beside(path))
    assert tfgen.verify(path).state == "own"
    path.write_bytes(ROWS * 2)
    assert tfgen.verify(path).state == "unmarked"
    write_marked(path, ROWS, FACTS)
    path.write_bytes(ROWS * 2)
    provenance.waiting_beside(path).write_bytes(b"nonsense")
    assert tfgen.verify(path).state == "changed"


def test_what_lies_beside_a_file_stands_for_it(tmp_path, command):
    path = write(tmp_path / "a.csv")
    done = command("verify", "--json", *sorted(tmp_path.glob("a.csv*")))
    assert [each["path"] for each in json.loads(done.stdout)] == [str(path)] and done.exit_code == 0
    assert tfgen.verify(tmp_path / "a.csv.json") == tfgen.verify(path)


def test_a_file_that_is_written_again_has_its_own_mark_or_none(tmp_path):
    path = write(tmp_path / "a.csv")
    write_marked(path, ROWS * 2, FACTS)
    assert tfgen.verify(path).state == "own"
    write_marked(path, ROWS, {**FACTS, "provenance": "off"})
    path.with_name("a.csv.json").unlink()
    assert tfgen.verify(path).state == "unmarked" and not path.with_name("a.csv.c2pa").exists()


def test_the_files_of_a_folder_are_looked_at_one_by_one(tmp_path):
    for name in ("a.txt", "b.txt"):
        write_marked(tmp_path / "made" / name, b"words", FACTS)
    (tmp_path / "made" / "b.txt").write_bytes(b"other words")
    found = verification.verify_each([tmp_path / "made"])
    assert [(each.path.rpartition("/")[2], each.state) for each in found] == [("a.txt", "own"), ("b.txt", "changed")]


def test_a_folder_is_signed_as_a_whole(tmp_path):
    folder = tmp_path / "export"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "data").write_bytes(b"weights")
    with signed_folder(folder, {**FACTS, "Source": provenance.EXPORTED, "export": "1"}):
        pass
    found = tfgen.verify(folder)
    assert (found.state, found.claims, found.generated) == ("own", "exported", None), "a model is not a sample"
    (folder / "variables" / "data").write_bytes(b"others")
    (folder / "saved_model.pb").unlink()
    (folder / "more.pb").write_bytes(b"")
    assert tfgen.verify(folder).reason == (
        "its files differ (changed: variables/data; missing: saved_model.pb; new: more.pb)"
    )
    said = json.loads((folder / "provenance.json").read_text())
    (folder / "provenance.json").write_text(json.dumps({**said, "files": {}}))
    assert tfgen.verify(folder).reason == "its content is not what was signed"
    assert tfgen.verify(folder / "provenance.json").reason == "its content is not what was signed"
    assert tfgen.verify(tmp_path).state == "unmarked"


def exported(folder):
    (folder / "variables").mkdir(parents=True)
    (folder / "model.bin").write_bytes(b"weights")
    (folder / "variables" / "data").write_bytes(b"more")
    with signed_folder(folder, {**FACTS, "Source": provenance.EXPORTED, "export": "1"}):
        pass
    return folder


def test_the_list_of_a_folder_vouches_for_the_folder_not_for_itself(tmp_path, command):
    folder = exported(tmp_path / "1")
    assert tfgen.verify(folder / "provenance.json").state == "own"
    (folder / "model.bin").write_bytes(b"others")
    for name in ("provenance.json", "provenance.json.c2pa"):
        found = tfgen.verify(folder / name)
        assert (found.path, found.reason) == (str(folder), "its files differ (changed: model.bin)")
    assert command("verify", *sorted(folder.glob("provenance*"))).exit_code == 1


def test_links_in_a_folder_are_seen(tmp_path):
    folder = exported(tmp_path / "1")
    (tmp_path / "elsewhere").mkdir()
    (folder / "extra").symlink_to(tmp_path / "elsewhere")
    (folder / "nowhere").symlink_to("nothing")
    os.mkfifo(folder / "pipe")
    assert tfgen.verify(folder).reason == "its files differ (new: extra, nowhere, pipe)"
    for name in ("extra", "nowhere", "pipe"):
        (folder / name).unlink()
    assert tfgen.verify(folder).state == "own"
    (folder / "model.bin").rename(tmp_path / "model.bin")
    (folder / "model.bin").symlink_to(tmp_path / "model.bin")
    assert tfgen.verify(folder).reason == "its files differ (changed: model.bin)", "though it is the same as yet"


# Not made by a model, as far as anybody can tell.


def test_nothing_of_a_person_is_called_made_by_a_model(tmp_path, another_user):
    photograph = tmp_path / "photograph.png"
    Image.fromarray(PIXELS[..., 0]).save(photograph)
    assert (tfgen.verify(photograph).state, tfgen.verify(photograph).generated) == ("unmarked", None)
    save_png(photograph, PIXELS, {**FACTS, "provenance": "off"})  # anybody can write what the text says
    found = tfgen.verify(photograph)
    assert (found.state, found.generated) == ("unmarked", None) and "anybody can write that" in found.sentences[1]
    stolen = with_other_pixels(write(tmp_path / "a.png").read_bytes())
    photograph.write_bytes(stolen)
    assert (tfgen.verify(photograph).state, tfgen.verify(photograph).generated) == ("changed", None)
    another_user()  # who says of a photograph what they like, under their own name
    assert (tfgen.verify(tmp_path / "a.png").state, tfgen.verify(tmp_path / "a.png").generated) == ("unknown", None)


def test_a_photograph_that_a_camera_signed_is_said_to_be_one(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "_SOURCE_TYPE", f"{provenance._IPTC}digitalCapture")
    found = tfgen.verify(write(tmp_path / "a.png"))
    assert found.generated is None and found.claims == "digitalCapture"
    assert "Generated" not in found.sentences[0] and "said to be digitalCapture" in found.sentences[0]


def test_what_a_model_completed_is_told_from_what_it_made(tmp_path):
    found = tfgen.verify(write(tmp_path / "a.png", {**FACTS, "Source": provenance.COMPLETED}))
    assert found.claims == "completed" and found.generated and "completed by tfgen" in found.sentences[0]


def test_data_that_nobody_says_anything_of_gets_no_mark(tmp_path):
    save_png(tmp_path / "a.png", PIXELS)
    write_marked(tmp_path / "a.csv", ROWS, {})
    assert tfgen.verify(tmp_path / "a.png").state == tfgen.verify(tmp_path / "a.csv").state == "unmarked"
    assert not (tmp_path / "a.csv.c2pa").exists()


# Who signs.


def test_the_key_is_its_owners_alone_and_others_can_trust_the_authority(tmp_path, another_user, command):
    path = write(tmp_path / "a.png")
    signing = authority.settings_folder() / "signing"
    assert (signing / "key.pem").stat().st_mode & 0o777 == 0o600
    assert sorted(each.name for each in signing.iterdir()) == ["authority.pem", "certificate.pem", "key.pem"]
    mine = tmp_path / "mine.pem"
    mine.write_text(command("verify", "--authority").stdout)
    another_user()
    assert command("verify", "--authority").exit_code == 2
    assert tfgen.verify(path).state == "unknown" and "--trust" in tfgen.verify(path).sentences[1]
    assert tfgen.verify(path, trust=mine).state == "trusted" and tfgen.verify(path, trust=mine).generated
    assert tfgen.verify(path, trust=tmp_path).state == "trusted", "a folder of certificates"
    assert "Unchanged since" in command("verify", "--trust", mine, path).stdout
    nothing = command("verify", "--trust", path, path)
    assert nothing.exit_code == 2 and "holds no certificate" in nothing.stderr


def test_processes_that_begin_at_once_agree_on_one_key(tmp_path):
    code = "from tfgen.trust.authority import credentials; print(hash(credentials()))"
    environment = tfgen_environment(TFGEN_CONFIG=str(tmp_path / "new"), PYTHONHASHSEED="0")
    started = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert len({process.communicate()[0] for process in started}) == 1
    assert [each.name for each in (tmp_path / "new").iterdir()] == ["signing"], "nothing half-made is left"


def test_a_certificate_of_ones_own_signs(tmp_path, monkeypatch, another_user, opened_anew):
    write(tmp_path / "first.png")
    signing = authority.settings_folder() / "signing"
    for name, file in (("TFGEN_CERTIFICATE", "certificate.pem"), ("TFGEN_KEY", "key.pem")):
        (tmp_path / file).write_bytes((signing / file).read_bytes())
        monkeypatch.setenv(name, str(tmp_path / file))
    another_user()
    monkeypatch.setattr(provenance, "_signer", provenance._Signer())
    assert tfgen.verify(write(tmp_path / "a.png")).state == "own"
    assert not authority.settings_folder().exists(), "nothing is made that nobody needs"


@pytest.mark.parametrize("fault", ["no key", "another key", "no certificate", "self-signed", "no folder", "no library"])
def test_where_nothing_can_be_signed_files_are_written_and_that_is_said_once(
    fault, tmp_path, monkeypatch, opened_anew, capsys
):
    signing = tmp_path / "config" / "signing"
    monkeypatch.setenv("TFGEN_CONFIG", str(signing.parent))
    if fault == "no folder":
        signing.parent.write_text("a file in its place")
    elif fault == "no library":
        monkeypatch.setitem(sys.modules, "c2pa", None)
    else:
        authority.credentials()
        if fault == "another key":
            (signing / "key.pem").rename(tmp_path / "key.pem")
            (signing / "certificate.pem").rename(tmp_path / "certificate.pem")
            monkeypatch.setenv("TFGEN_CONFIG", str(tmp_path / "other"))
            authority.credentials()
            signing = tmp_path / "other" / "signing"
            (signing / "key.pem").write_bytes((tmp_path / "key.pem").read_bytes())
        elif fault == "self-signed":
            certificate, key = self_signed()
            (signing / "certificate.pem").write_bytes(certificate)
            (signing / "key.pem").write_bytes(key)
        else:
            (signing / {"no key": "key.pem", "no certificate": "certificate.pem"}[fault]).write_text("nonsense")
    write(tmp_path / "a.png")
    write(tmp_path / "b.csv")
    said = capsys.readouterr().err
    assert said.count("What is made now carries no signature") == 1, said
    assert provenance.status() == "unavailable" and not (tmp_path / "b.csv.c2pa").exists()
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), PIXELS[..., 0])


def self_signed():
    """A certificate that C2PA refuses, and its key, in PEM."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP384R1()), authority._name("me")
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(datetime.now(UTC) - timedelta(days=1))
    certificate = builder.not_valid_after(datetime.now(UTC) + timedelta(days=1)).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(pem), secret


# Files of all sorts.


def test_a_stranger_s_file_gets_a_sentence(tmp_path, command):
    files = {
        "empty.png": b"", "words.txt": "Grüße".encode(), "noise.png": os.urandom(5000), "page.pdf": b"%PDF-1.7\n",
        "deep.json": b"[" * 100_000, "bomb.tmx": b'<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><map>&b;</map>',
        "chunk.wav": b"RIFF\xff\xff\xff\xffWAVEC2PA\xff\xff\xff\x7f", "head.png": b"\x89PNG\r\n\x1a\n" + b"\xff" * 40,
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    os.mkfifo(tmp_path / "pipe")
    done = command("verify", *(tmp_path / name for name in files), tmp_path / "pipe", tmp_path / "nothing")
    assert done.exit_code == 2 and done.stdout.count("unmarked") == len(files) and done.stdout.count("unread") == 2
    alone = command("verify", tmp_path / "empty.png")
    assert alone.exit_code == 0 and "the file is empty" in alone.stdout
    assert command("verify").exit_code == 2


def test_what_a_stranger_wrote_can_t_do_anything_to_a_terminal(tmp_path, command):
    write(tmp_path / "a.png", {**FACTS, "prompt": "\x1b[2Jboo\n\r\x07" + "x" * 5000})
    shown = command("verify", tmp_path / "a.png").stdout
    assert "boo" in shown and "\x1b" not in shown and "\x07" not in shown and len(shown) < 1500


def test_nor_can_the_names_of_a_stranger_s_files(tmp_path, command):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a\x1b[2K\x9b.txt").write_text("words")
    (folder / "gone\x1b[2K.txt").symlink_to("nothing")
    few = command("verify", folder, folder / "gone\x1b[2K.txt", folder / "b\x1b[2K" / "c")
    for name in "bcde":
        (folder / f"{name}\x1b[2K\n.txt").write_text("words")
    many, alone = command("verify", folder), command("verify", "--json", folder)
    for done in (few, many, alone):
        assert "[2K" in done.stdout and not {"\x1b", "\x9b"} & set(done.output)
    assert "There is no" in few.stdout and few.exit_code == 2
    assert str(folder / "a\x1b[2K\x9b.txt") in [each["path"] for each in json.loads(alone.stdout)], "to a program, all"
    with pytest.raises(tfgen.UserError) as caught:
        tfgen.verify(folder / "gone\x1b[2K.txt")
    assert "\x1b" not in str(caught.value)


def test_whatever_becomes_of_its_bytes_a_file_is_never_taken_for_whole(tmp_path):
    """A signature is filled up with bytes that mean nothing, and its chunk has a checksum; beside these, none can be
    changed."""
    chance = np.random.default_rng(1)
    whole = write(tmp_path / "a.png").read_bytes()
    for _ in range(150):
        content = bytearray(whole)
        for place in chance.integers(0, len(whole), chance.integers(1, 4)):
            content[place] = chance.integers(0, 256)
        if chance.random() < 0.2:
            del content[chance.integers(0, len(content)) :]
        (tmp_path / "b.png").write_bytes(content)
        found = tfgen.verify(tmp_path / "b.png")
        assert found.state in ("changed", "unmarked", "own")
        if found.state == "own" and can_be_opened(tmp_path / "b.png"):
            np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "b.png")), PIXELS[..., 0])
            assert read_metadata(tmp_path / "b.png") == FACTS and found.made_by["seed"] == "7"


def can_be_opened(path):
    try:
        return bool(read_metadata(path))
    except tfgen.UserError:
        return False


# Through the doors.


def test_generate_signs_unless_told_not_to(gan_run, tmp_path, command, monkeypatch):
    for options, folder in (((), "signed"), (("--unsigned",), "unsigned")):
        made = command("generate", gan_run.path, "seven", "-n", 2, "-o", tmp_path / folder, *options)
        assert made.exit_code == 0, made.stderr
    (first, second), (third, _) = (sorted((tmp_path / folder).iterdir()) for folder in ("signed", "unsigned"))
    found = tfgen.verify(first)
    assert found.state == "own" and found.made_by["run"] == gan_run.name and found.made_by["weights"]
    assert tfgen.verify(second).made_by["seed"] == "1"
    assert tfgen.verify(third).state == "unmarked" and read_metadata(third)["provenance"] == "off"
    np.testing.assert_array_equal(np.asarray(Image.open(first)), np.asarray(Image.open(third)))
    gan_run.generate("seven", n=2, signed=False).save(tmp_path / "some.npz")
    assert not (tmp_path / "some.npz.c2pa").exists()
    monkeypatch.setenv("TFGEN_PROVENANCE", "off")
    gan_run.generate("seven", n=2).save(tmp_path / "sheet.png")
    assert read_metadata(tmp_path / "sheet.png")["provenance"] == "off"


def test_texts_on_standard_output_stay_as_they_are(gpt_run, tmp_path, command):
    printed = command("generate", gpt_run.path, "ROMEO:", "--length", 20)
    assert printed.exit_code == 0
    made = command("generate", gpt_run.path, "ROMEO:", "--length", 20, "-o", tmp_path / "a.txt")
    assert made.exit_code == 0 and (tmp_path / "a.txt").read_text().strip() == printed.stdout.strip()
    assert tfgen.verify(tmp_path / "a.txt").made_by["prompt"] == "ROMEO:"
