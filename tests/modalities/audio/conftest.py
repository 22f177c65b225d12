"""Small sounds, and files of them."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

RATE = 8000


def tone(hertz=200.0, seconds=0.3, rate=RATE, level=0.5):
    """A tone with four harmonics, which fades."""
    time = np.arange(int(seconds * rate)) / rate
    swings = sum(np.sin(2 * np.pi * hertz * number * time) / number for number in range(1, 5))
    return (level * swings / np.abs(swings).max() * np.linspace(1, 0.5, len(time))).astype(np.float32)


def save(path: Path, sound, rate=RATE, **options) -> Path:
    """Writes a sound by what its name ends in, the folder too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound, rate, **options)
    return path


@pytest.fixture
def folder(tmp_path):
    """Two labels with six sounds each."""
    for label, low in (("high", 400), ("low", 100)):
        for number in range(6):
            save(tmp_path / "sounds" / label / f"{number}.wav", tone(low + 10 * number))
    return tmp_path / "sounds"
