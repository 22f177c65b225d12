"""The pages of the docs that show code: it runs as it stands."""

import re
import shlex

import numpy as np
import pytest
from PIL import Image

from tests.conftest import BARE_GAN, ROOT
from tests.serve.running import tfgen_serve
from tfgen.config import parse_pairs


def blocks(page):
    """The Python of a page, in order."""
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.S)


@pytest.fixture
def photos(isolated):
    """Pictures in a sub-folder for each label."""
    chance = np.random.default_rng(0)
    for label, brightness in (("cat", 60), ("dog", 190)):
        (isolated / "photos" / label).mkdir(parents=True)
        for number in range(40):
            pixels = np.clip(chance.normal(brightness, 40, (16, 16, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(isolated / "photos" / label / f"{number}.png")
    return isolated


# With these a GAN is traced quickly: by its fit, its export and a server.
BARE = ("network=dense", *BARE_GAN)
BARE_OPTIONS = [word for each in BARE for word in ("--set", each)]


@pytest.mark.slow
def test_the_page_on_python_runs(photos, capsys, monkeypatch, quick_judges, plain_steps):
    """Its networks of pictures are dense and its GANs bare, so that three times their steps are traced quickly."""
    import tfgen
    from tfgen.console import talking

    def fit(model, *data, **options):
        return real(model, *data, **quick.get(model, {}), **options)

    real, names = tfgen.fit, {}
    quick = {"gan": parse_pairs(BARE), "vae": {"network": "dense"}}
    monkeypatch.setattr(tfgen, "fit", fit)
    with talking(False):
        for number, block in enumerate(blocks("python.md")):
            exec(compile(block, f"docs/python.md, block {number}", "exec"), names)
    printed = capsys.readouterr()
    assert "80 (80, 16, 16, 3) ['cat', 'dog']" in printed.out
    assert "Did you mean 'learning_rate'?" in printed.out
    assert names["images"].shape == (16, 16, 16, 3) and (photos / "cats.png").exists()
    assert names["reconstructed"].shape == (4, 16, 16, 3)
    assert [each.name for each in names["artefacts"]] == ["TFLite float16"]
    assert names["rows"][0]["ward"] == "A" and len(names["columns"]["age"]) == 5 and (photos / "rows.parquet").exists()
    assert "step" not in printed.err, "nothing is said that was not asked for"


@pytest.mark.slow
def test_the_tutorial_runs(isolated, command, quick_judges, kept_models):
    """Its Python, then its commands in order, with few steps; what does not depend on them is printed as shown."""
    exec(blocks("tutorial.md")[0], {})
    shown = console("tutorial.md")
    asked = {"fit": ["--steps", 20, "--size", "tiny", *BARE_OPTIONS], "evaluate": ["-n", 100]}
    serving, *after = [line for line in shown if line.split()[1] == "serve" or "--server" in line]
    for line in [each for each in shown if each not in (serving, *after)]:
        words = shlex.split(line.replace("--minutes 4", ""))[1:]
        done = command(*words, *asked.get(words[0], []))
        assert done.exit_code == 0, done.stderr
        said = (done.stdout + done.stderr).splitlines()
        for wanted in shown[line] if words[0] in ("data", "generate") else []:
            assert wanted in said
    with tfgen_serve("first") as server:
        for wanted in shown[serving]:
            assert without_ports(wanted) in without_ports(server.said)
        for line in after:
            done = command(*shlex.split(line.replace("http://127.0.0.1:8501", server.url))[1:])
            assert done.exit_code == 0 and shown[line][-1] in done.stderr
    assert Image.open("seven.png").size[0] >= 28 and Image.open("look.png").size[0] > 200


@pytest.mark.slow
def test_the_tutorial_on_tables_runs(isolated, command, kept_models):
    """Its Python, then its commands in order, with few steps; what does not depend on them is printed as shown."""
    exec(blocks("tables-tutorial.md")[0], {})
    asked = {"fit": ["--steps", 40], "evaluate": ["-n", 200]}
    for line, printed in console("tables-tutorial.md").items():
        words = shlex.split(line)[1:]
        done = command(*words, *asked.get(words[0], []))
        assert done.exit_code == 0, done.stderr
        said = (done.stdout + done.stderr).splitlines()
        for wanted in {"data": printed, "generate": printed[-1:]}.get(words[0], []):
            assert not wanted or wanted in said


@pytest.mark.slow
def test_the_tutorial_on_sounds_runs(isolated, command, kept_models):
    """Its Python, then its commands in order, with few steps; what does not depend on them is printed as shown."""
    exec(blocks("sounds-tutorial.md")[0], {})
    for line, printed in console("sounds-tutorial.md").items():
        words = shlex.split(line.replace("--steps 300", "--steps 20"))[1:]
        done = command(*words, *(BARE_OPTIONS if words[0] == "fit" else []))
        assert done.exit_code == 0, done.stderr
        said = (done.stdout + done.stderr).splitlines()
        assert words[0] == "fit" or set(printed) - {""} <= set(said)
    assert len(list((isolated / "bells").glob("*.wav"))) == 4 and Image.open("look.png").size[0] > 200


@pytest.mark.slow
def test_the_tutorial_on_baskets_runs(isolated, command, kept_models):
    """Its Python, then its commands in order, with few steps; what does not depend on them is printed as shown."""
    exec(blocks("baskets-tutorial.md")[0], {})
    for line, printed in console("baskets-tutorial.md").items():
        words = shlex.split(line)[1:]
        done = command(*words, *(["--steps", 20, "--size", "tiny"] if words[0] == "fit" else []))
        assert done.exit_code == (2 if words[-1] == "norri" else 0), done.stderr
        said = (done.stdout + done.stderr).splitlines()
        for wanted in {"data": printed, "generate": printed[-1:] if "-o" in words else []}.get(words[0], []):
            assert not wanted or wanted in said


@pytest.mark.slow
def test_the_tutorial_on_levels_runs(isolated, command, quick_judges, kept_models, plain_steps):
    """Its Python, then its commands in order, with few steps; what does not depend on them is printed as shown."""
    exec(blocks("levels-tutorial.md")[0], {})
    asked = {"fit": ["--size", "tiny", "--steps", 20, "--set", "layers=1"], "evaluate": ["-n", 20]}
    for line, printed in console("levels-tutorial.md").items():
        words = shlex.split(line)[1:]
        given = words if words[0] in ("data", "generate") else words[: 3 if words[0] == "fit" else 2]
        done = command(*given, *asked.get(words[0], []))
        assert done.exit_code == 0, done.stderr
        said = (done.stdout + done.stderr).splitlines()
        for wanted in {"data": printed, "fit": printed[:1], "generate": printed[-1:]}.get(words[0], []):
            assert wanted in said or wanted.startswith(("-", "X"))
    assert len(list((isolated / "new").glob("*.txt"))) == 3 and Image.open("look.png").size[0] > 200


def without_ports(text):
    return re.sub(r":\d+", "", text)


def console(page):
    """The commands of a page, and the lines that each printed."""
    printed = {}
    for block in re.findall(r"```console\n(.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.S):
        for part in block.split("$ ")[1:]:
            first, *lines = part.splitlines()
            printed[first] = lines
    return printed


def test_links_between_pages_lead_somewhere():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
