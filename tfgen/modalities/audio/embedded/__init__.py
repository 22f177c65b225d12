"""Sounds that are calculated, so that they belong to nobody: seven kinds of struck, blown and plucked instruments."""

import hashlib

import numpy as np

from tfgen.data.embedded import EmbeddedSet
from tfgen.data.examples import Prompts, Report
from tfgen.data.request import DataRequest
from tfgen.modalities.audio.examples import SoundExamples
from tfgen.modalities.audio.folder import build_examples, frames_for, padded
from tfgen.modalities.audio.reading import PEAK
from tfgen.modalities.audio.spectrogram import RATES, spectrograms_of

KINDS = ("bell", "drum", "flute", "marimba", "organ", "pluck", "shaker")
_OF_EACH = 60
_RATE, _SECONDS = 8000, 0.75
_HIGHEST = 0.45  # of the rate: above, a partial would be mirrored


def chime(kind: str, generator: np.random.Generator, rate: int = _RATE) -> np.ndarray:
    """One sound of a kind, float64 [samples], with a pitch, a length and a colour of its own."""
    seconds = _SECONDS * generator.uniform(0.6, 1.0)
    time = np.arange(int(seconds * rate)) / rate
    pitch = 110.0 * 2.0 ** (generator.integers(0, 25) / 12)
    soft = generator.uniform(0.7, 1.3)

    def partials(ratios, levels, decays) -> np.ndarray:
        rows = zip(np.asarray(ratios, float) * pitch, levels, decays, strict=True)
        swings = [
            level * np.exp(-time * decay * soft) * np.sin(2 * np.pi * (hertz * time + generator.random()))
            for hertz, level, decay in rows if hertz < _HIGHEST * rate
        ]
        return np.sum(swings, axis=0)

    numbers = np.arange(1, 9)
    match kind:
        case "bell":
            sound = partials([1, 2, 2.4, 3, 4.5, 5.3], [1, 0.7, 0.6, 0.5, 0.3, 0.2], [3, 4, 5, 6, 8, 10])
        case "drum":
            falling = np.cumsum((0.5 * pitch + 40.0) * (1 + 3 * np.exp(-time * 40))) / rate
            hit = generator.standard_normal(len(time)) * np.exp(-time * 60)
            sound = np.sin(2 * np.pi * falling) * np.exp(-time * 9 * soft) + 0.3 * hit
        case "flute":
            vibrato = 1 + 0.004 * np.sin(2 * np.pi * 5 * time)
            phase = 2 * np.pi * np.cumsum(2 * pitch * vibrato) / rate
            breath = 0.03 * generator.standard_normal(len(time))
            sound = (np.sin(phase) + 0.3 * np.sin(2 * phase) + breath) * _swell(time, 0.08 * soft)
        case "marimba":
            sound = partials([1, 3.9, 9.2], [1, 0.4, 0.15], [9, 20, 40])
        case "organ":
            sound = partials([1, 2, 3, 4, 6, 8], [1, 0.8, 0.5, 0.4, 0.3, 0.2], [0.3] * 6) * _swell(time, 0.03)
        case "pluck":
            sound = partials(numbers, 1 / numbers, 3 + 2 * numbers)
        case _:  # a shaker
            hiss = np.diff(generator.standard_normal(len(time) + 1))
            sound = hiss * (np.exp(-time * 12 * soft) + 0.5 * np.exp(-np.square((time - 0.2) * 30)))
    return sound * _swell(time, 0.004) * (PEAK / np.abs(sound).max())


def chimes() -> tuple[np.ndarray, np.ndarray]:
    """All sounds float32 [n, samples], and the place of each one's kind in KINDS, [n]: the same everywhere."""
    kinds = np.tile(np.arange(len(KINDS)), _OF_EACH)
    generator = np.random.default_rng(20)
    sounds = [chime(KINDS[kind], generator).astype(np.float32) for kind in kinds]
    frames = RATES[_RATE]
    return padded(sounds, frames_for(_SECONDS, frames) * frames.hop), kinds


def _swell(time: np.ndarray, seconds: float) -> np.ndarray:
    """From silence and back to it within so many seconds."""
    return np.clip(np.minimum(time, time[-1] - time) / seconds, 0.0, 1.0)


def _open(request: DataRequest) -> SoundExamples:
    """420 sounds of seven kinds, up to 0.75 s long, with their names as prompts."""
    sounds, kinds = chimes()
    values = spectrograms_of(sounds, RATES[_RATE])
    prompts = Prompts.of_labels(KINDS, kinds)
    digest = hashlib.sha256(values.tobytes()).hexdigest()
    return build_examples(request, "chimes", values, digest, prompts, Report(len(values), len(values)))


open_chimes = EmbeddedSet("audio", _open, "MIT, as tfgen, which calculates it")
