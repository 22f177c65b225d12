"""The pages of the docs that show code: it runs as it stands."""

import re

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT


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


@pytest.mark.slow
def test_the_page_on_python_runs(photos, capsys):
    from tfgen.console import talking

    names = {}
    with talking(False):
        for number, block in enumerate(blocks("python.md")):
            exec(compile(block, f"docs/python.md, block {number}", "exec"), names)
    printed = capsys.readouterr()
    assert "80 (80, 16, 16, 3) ['cat', 'dog']" in printed.out
    assert "Did you mean 'learning_rate'?" in printed.out
    assert names["images"].shape == (16, 16, 16, 3) and (photos / "cats.png").exists()
    assert names["reconstructed"].shape == (4, 16, 16, 3)
    assert [each.name for each in names["artefacts"]] == ["TFLite float16"]
    assert "step" not in printed.err, "nothing is said that was not asked for"


def test_links_between_pages_lead_somewhere():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
