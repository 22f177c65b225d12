"""What can be measured in a sound without knowing what it is: how loud, bright, high and long it is, and how it sounds
through the vocoder."""

from collections.abc import Callable

import numpy as np

from tfgen.modalities.audio.spectrogram import FLOOR, LEVELS, SILENT, Frames

Measure = Callable[[np.ndarray], np.ndarray]

VOICE = (80.0, 400.0)  # hertz: where a voice's pitch lies
_DECIBELS = -20.0 * np.log10(FLOOR)
_LOUD = 0.1  # of the loudest moment's energy: moments in which it is asked whether there is a pitch
_MOMENT_SECONDS = 0.04  # in which the lowest pitch swings three times
_NEARLY_AS_LOUD = 12.0  # decibels: so much below the loudest band the lowest one counts as the pitch
_CLIPPED = 0.999


def attributes_of(frames: Frames) -> dict[str, Measure]:
    """Functions of spectrograms uint16 [n, frames, bands, 1] to [n], by what they measure; quick, for many sounds."""
    return {
        "loudness": loudness,
        "brightness": lambda values: brightness(values, frames),
        "pitch": lambda values: pitch(values, frames),
        "length": lambda values: length(values, frames),
    }


def loudness(values: np.ndarray) -> np.ndarray:
    """The mean energy of a sound's audible frames in decibels; 0 is a sine of full scale in every band."""
    energy = _energies(values).mean(axis=2)
    heard = _heard(values)
    mean = (energy * heard).sum(axis=1) / np.maximum(heard.sum(axis=1), 1)
    return 10.0 * np.log10(np.maximum(mean, FLOOR**2))


def brightness(values: np.ndarray, frames: Frames) -> np.ndarray:
    """The spectral centroid in hertz: the mean frequency, each weighted by its energy."""
    energy = _energies(values).sum(axis=1)
    return energy @ frames.band_frequencies / np.maximum(energy.sum(axis=1), FLOOR**2)


def pitch(values: np.ndarray, frames: Frames) -> np.ndarray:
    """About the fundamental in hertz: the lowest of the bands that stand out and are nearly as loud as the loudest,
    over the whole sound."""
    level = 10.0 * np.log10(np.maximum(_energies(values).mean(axis=1), FLOOR**2))
    around = np.pad(level, [[0, 0], [1, 1]], constant_values=-np.inf)
    stands_out = (level >= around[:, :-2]) & (level >= around[:, 2:])
    found = stands_out & (level >= level.max(axis=1, keepdims=True) - _NEARLY_AS_LOUD)
    return frames.band_frequencies[np.argmax(found, axis=1)]


def length(values: np.ndarray, frames: Frames) -> np.ndarray:
    """Seconds until a sound's last audible frame."""
    heard = _heard(values)
    last = heard.shape[1] - np.argmax(heard[:, ::-1], axis=1)
    return np.where(heard.any(axis=1), last, 0) * frames.hop / frames.rate


def silence(values: np.ndarray) -> np.ndarray:
    """The share of frames before the last audible one that are silent; 1 for a sound that is silent throughout."""
    heard = _heard(values)
    before = np.cumsum(heard[:, ::-1], axis=1)[:, ::-1] > 0
    return np.where(heard.any(axis=1), 1.0 - heard.sum(axis=1) / np.maximum(before.sum(axis=1), 1), 1.0)


def clipping(sounds: np.ndarray) -> np.ndarray:
    """The share of samples [n, samples] that are at the limit of what a file can hold."""
    return np.mean(np.abs(sounds) >= _CLIPPED, axis=1)


def harmonicity(sounds: np.ndarray, rate: int) -> np.ndarray:
    """How much of a sound [n, samples] is a tone rather than a hiss, from 0 to 1: in its loud moments, the mean of the
    largest autocorrelation at the pitches of a voice (Boersma, 1993). A whisper has a third of a voice's."""
    size = int(_MOMENT_SECONDS * rate)
    moments = np.lib.stride_tricks.sliding_window_view(sounds, size, axis=1)[:, ::size // 2]
    low, high = int(rate / VOICE[1]), int(rate / VOICE[0])
    lags = size / (size - np.arange(low, high + 1))  # fewer samples overlap at longer ones
    found = np.zeros(len(sounds))
    for place, rows in enumerate(moments):
        rows = rows - rows.mean(axis=1, keepdims=True)
        energy = np.square(rows).sum(axis=1)
        loud = rows[(energy > _LOUD * energy.max()) & (energy > 0)]
        if len(loud):
            alike = np.fft.irfft(np.square(np.abs(np.fft.rfft(loud, 2 * size))))[:, :high + 1]
            found[place] = np.mean(np.max(alike[:, low:] * lags, axis=1) / alike[:, 0])
    return np.clip(found, 0.0, 1.0)


def _heard(values: np.ndarray) -> np.ndarray:
    """In which frames there is anything to hear, bool [n, frames]."""
    return (values > SILENT).any(axis=(2, 3))


def _energies(values: np.ndarray) -> np.ndarray:
    """Energies [n, frames, bands]."""
    decibels = (np.asarray(values[..., 0], np.float32) / LEVELS - 1.0) * _DECIBELS
    return np.where(values[..., 0] > SILENT, 10.0 ** (decibels / 10.0), 0.0)
