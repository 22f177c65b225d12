"""What the tests of the data share: a cache of their own, pictures that can't be mistaken, real data if it is there."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photos(tmp_path):
    """An empty folder to put pictures in."""
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


def lopsided(height: int = 24, width: int = 40) -> np.ndarray:
    """A colour picture in which each quarter differs, so that a turn, flip or swap of channels is seen."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2] = (250, 20, 30)
    picture[: height // 2, width // 2:] = (20, 240, 40)
    picture[height // 2:, : width // 2] = (10, 30, 230)
    picture[height // 2:, width // 2:] = (240, 230, 20)
    return picture


def noise(seed: int, height: int = 16, width: int = 16) -> np.ndarray:
    """A colour picture unlike any other."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def save(path: Path, pixels: np.ndarray, **options) -> Path:
    """Writes pixels as a picture, the folder too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def real_data(name: str) -> Path:
    """A file or folder of real data; skips the test where it isn't there."""
    base = os.environ.get("TFGEN_TEST_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data"
    path = Path(base) / name
    if not path.exists():
        pytest.skip(f"no {name} in {base}")
    return path


def texts_of(examples, part="training"):
    """The documents of text examples, as text."""
    return [examples.codec.tokenizer.decode(examples.ids(stored)) for stored in examples.documents_of(part)]
