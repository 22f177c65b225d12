"""Runs that somebody made to harm whoever opens them: no code runs, nothing is written elsewhere, no memory blows up.

An exported SavedModel is another thing: it is a program (docs/serving.md).
"""

import hashlib
import io
import json
import os
import re
import shutil
import sys
import zipfile

import numpy as np
import pytest

from tests.conformance.test_journeys import run_of

MOST_MEMORY = 600 * 2**20  # bytes that a hostile run may take beyond those that the process has
DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
MARK = "pwned"


class Code:
    """What runs a command where it is unpickled."""

    def __reduce__(self):
        return os.system, (f"touch {MARK}",)


def pickled(names):
    content = io.BytesIO()
    np.save(content, np.array([Code()], dtype=object), allow_pickle=True)
    return zipped({name: content.getvalue() for name in names})


def bomb(names):
    """Three GB of zeros in some 3 MB."""
    header, content = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (3 * 2**28,)})
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open(f"{names[0]}.npy", "w", force_zip64=True) as file:
            file.write(header.getvalue())
            for _ in range(3 * 2**6):
                file.write(bytes(2**24))
    return content.getvalue()


def empty_giants(names):
    """Arrays that say to be large, and are not there."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**11,)})
    return zipped(dict.fromkeys(names, header.getvalue()))


def elsewhere(names):
    return zipped({"../../../" + MARK: b"x", **dict.fromkeys(names, b"")})


def zipped(members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, member in members.items():
            archive.writestr(f"{name}.npy", member)
    return content.getvalue()


def checkpoint(make):
    """Puts another checkpoint in place of a run's, with the hash of its content in its name, as it must be."""

    def change(path):
        old = sorted((path / "checkpoints").glob("*.npz"))
        with np.load(old[-1]) as stored:
            content = make(stored.files)
        for each in old:
            each.unlink()
        digest = hashlib.sha256(content).hexdigest()[:32]
        (path / "checkpoints" / f"000009-step-00000002-{digest}.npz").write_bytes(content)

    return change


def stored(name, *keys, **values):
    """Sets values in a JSON file of the run."""

    def change(path):
        content = json.loads((path / name).read_text())
        part = content
        for key in keys:
            part = part.setdefault(key, {})
        part.update(values)
        (path / name).write_text(json.dumps(content))

    return change


def raw(name, content):
    return lambda path: (path / name).write_bytes(content)


def link(name, target):
    def change(path):
        (path / name).unlink()
        (path / name).symlink_to(target)

    return change


GAN, GPT, ROWS = ("image", "gan"), ("text", "gpt"), ("table", "vae")
FIELD = {"scores": [0], "never": []}
NO_RULES = b'{"version":"1.0","model":{"type":"BPE","vocab":{},"merges":[]}}'
SPOKEN = "\x1b]0;pwned\x07<script>alert(1)</script>"
REFUSED = {
    "a pickle": (GAN, checkpoint(pickled)),
    "a bomb": (GAN, checkpoint(bomb)),
    "empty giants": (GAN, checkpoint(empty_giants)),
    "members elsewhere": (GAN, checkpoint(elsewhere)),
    "no archive": (GAN, checkpoint(lambda _: b"PK\x03\x04" + b"\xff" * 99)),
    "a pickle of rows": (ROWS, checkpoint(pickled)),
    "a bomb of a text's": (GPT, checkpoint(bomb)),
    "deep record": (GAN, raw("run.json", DEEP)),
    "deep codec": (GAN, raw("codec.json", DEEP)),
    "deep tokenizer": (GPT, raw("tokenizer.json", DEEP)),
    "deep codec of rows": (ROWS, raw("codec.json", DEEP)),
    "a list": (GAN, raw("run.json", b"[]")),
    "no settings": (GAN, stored("run.json", config=None)),
    "a width of nothing": (GAN, stored("run.json", "config", width=float("nan"))),
    "a huge width": (GAN, stored("run.json", "config", width=10**7)),
    "a width below": (GAN, stored("run.json", "config", width=-3)),
    "a width of letters": (GAN, stored("run.json", "config", width="wide")),
    "huge latents": (GAN, stored("run.json", "config", latent_dim=10**10)),
    "a huge context": (GPT, stored("run.json", "config", context=10**9)),
    "many layers": (GPT, stored("run.json", "config", layers=10**6)),
    "many heads": (GPT, stored("run.json", "config", heads=10**6)),
    "code as a network": (GAN, stored("run.json", "config", network=f"__import__('os').system('touch {MARK}')")),
    "a model elsewhere": (GAN, stored("run.json", model="os:system")),
    "a model of Keras": (GAN, stored("run.json", model={"class_name": "Lambda"})),
    "a modality elsewhere": (GAN, stored("run.json", modality="../x")),
    "a version elsewhere": (GAN, stored("run.json", version="../../../etc")),
    "a preset elsewhere": (GPT, stored("run.json", start={"preset": "/etc"})),
    "a number as its time": (GAN, stored("run.json", created=5)),
    "a list of versions": (GAN, stored("run.json", version=["x"])),
    "no data": (GAN, stored("run.json", data={})),
    "a huge seed": (GAN, stored("run.json", seed=10**30)),
    "a huge shape": (GAN, stored("codec.json", "example", shape=[10**5, 10**5, 1])),
    "a shape below": (GAN, stored("codec.json", "example", shape=[-1, 28, 1])),
    "many words": (GAN, stored("codec.json", "vocabulary", words=["x"] * 3_000_000)),
    "many prompts": (GAN, stored("codec.json", "vocabulary", prompts=["x"] * 3_000_000)),
    "many columns": (ROWS, stored("codec.json", "example", fields=[{**FIELD, "counts": [1]}] * 10**5)),
    "many values": (ROWS, stored("codec.json", "example", fields=[{**FIELD, "counts": [1] * 10**7}])),
    "no tokens": (GPT, raw("tokenizer.json", NO_RULES)),
    "a device": (GAN, link("codec.json", "/dev/null")),
}
HARMLESS = {
    "files elsewhere": (GPT, stored("run.json", start={"files": {"tokenizer": "../../../../etc/passwd"}})),
    "data elsewhere": (GAN, stored("run.json", "data", file="../../../../etc/passwd", path=None)),
    "signs for a terminal": (GAN, stored("run.json", "data", source=SPOKEN)),
    "steps of letters": (GAN, stored("run.json", steps="x")),
}


@pytest.fixture
def opened(fit_once, isolated, command):
    """A function that makes a run hostile and generates from it; gives what the command said."""

    def open_hostile(learner, change):
        path = isolated / "hostile"
        shutil.copytree(run_of(fit_once, *learner).path, path)
        change(path)
        before, memory = files_in(isolated.parent), peak_memory(anew=True)
        said = command("generate", path, "-n", 1, "-o", isolated / "made")
        grown = peak_memory() - memory
        new = {name for name in files_in(isolated.parent) - before if not name.startswith(("work/made", "cache/"))}
        assert new == set() and not (isolated / MARK).exists()
        assert grown < MOST_MEMORY, f"{grown / 2**20:.0f} MB more than before"
        return said

    return open_hostile


def peak_memory(anew=False):
    """Bytes that this process has had at once, counted from now on where `anew`; 0 where the system doesn't tell."""
    if not sys.platform.startswith("linux"):
        return 0
    if anew:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    with open("/proc/self/status") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith("VmHWM"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone counts the peak anew")
def test_the_memory_of_a_bomb_would_be_seen():
    first = np.ones(2**27)  # a GB, given back before anybody looks
    del first
    before = peak_memory(anew=True)
    assert before < peak_memory() + 2**20
    second = np.ones(2**27)
    assert peak_memory() - before > MOST_MEMORY and len(second)


def files_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


# That of rows needs a fit that no other quick test looks at; a bomb takes long to make, so one is enough.
SLOWLY_REFUSED = {"a bomb of a text's"} | {name for name, (run, _) in REFUSED.items() if run == ROWS}
QUICKLY_REFUSED = [pytest.param(name, marks=pytest.mark.slow if name in SLOWLY_REFUSED else []) for name in REFUSED]


@pytest.mark.parametrize("name", QUICKLY_REFUSED)
def test_a_hostile_run_is_refused_in_two_sentences(name, opened):
    said = opened(*REFUSED[name])
    assert said.exit_code == 2 and "--debug" not in said.stderr, said.stderr
    assert re.search(r"Error: .+[.] .+", said.stderr.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("name", HARMLESS)
def test_what_a_run_says_of_itself_leads_nowhere(name, opened, isolated, command):
    said = opened(*HARMLESS[name])
    assert said.exit_code in (0, 2), said.stderr
    assert "root:" not in said.output
    shown = command("runs", "show", isolated / "hostile")
    assert "root:" not in shown.output and "\x1b" not in shown.output
