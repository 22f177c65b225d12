"""Sounds as log-mel spectrograms: how loud bands of frequencies are, as wide as an ear tells apart, about 60 times a
second.

A band's loudness is from -80 dB (0) to 0 dB (65535), where a sine of full scale has 0 dB; silence is at most SILENT.
The number of bands says the rate of a sound's samples, so a spectrogram says all of itself.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

FLOOR = 1e-4  # amplitude, of a sine of full scale 1; what is softer is silence
OVERLAP = 4  # windows over every sample
LEVELS = 65535
SILENT = 128  # of LEVELS, a sixth of a decibel above FLOOR: nothing is heard
_AT_ONCE = 2**24  # samples in windows that are transformed together
_MEL_FROM, _MEL_SLOPE = 700.0, 2595.0  # O'Shaughnessy's formula


@dataclass(frozen=True)
class Frames:
    """How sounds of one rate are cut into windows and bands."""

    rate: int  # samples a second
    window: int  # samples
    bands: int

    @property
    def hop(self) -> int:
        """Samples from one window to the next."""
        return self.window // OVERLAP

    @property
    def bins(self) -> int:
        """Frequencies of a window's transform."""
        return self.window // 2 + 1

    def seconds(self, frames: int) -> float:
        """How long so many windows sound."""
        return frames * self.hop / self.rate

    @cached_property
    def hann(self) -> np.ndarray:
        """The window, float64 [window]."""
        return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.window) / self.window)

    @cached_property
    def filters(self) -> np.ndarray:
        """How much of each frequency a band hears, float64 [bins, bands]: triangles side by side on the mel scale, each
        of sum 1."""
        edges = _hertz(np.linspace(0.0, _mel(self.rate / 2), self.bands + 2))
        # A triangle between two frequencies of the transform would hear nothing.
        low, middle, high = edges[:-2], edges[1:-1], edges[2:]
        step = self.rate / self.window
        low, high = np.minimum(low, middle - step), np.maximum(high, middle + step)
        at = np.arange(self.bins)[:, None] * step
        triangles = np.maximum(0.0, np.minimum((at - low) / (middle - low), (high - at) / (high - middle)))
        return triangles / triangles.sum(axis=0)

    @property
    def band_frequencies(self) -> np.ndarray:
        """The middle of each band in hertz, [bands]."""
        return _hertz(np.linspace(0.0, _mel(self.rate / 2), self.bands + 2))[1:-1]


# 64 ms in which a voice's harmonics can be told apart, or 46 ms where bands are many.
RATES = {frames.rate: frames for frames in (
    Frames(8000, 512, 80), Frames(16000, 1024, 96), Frames(22050, 1024, 112), Frames(44100, 2048, 128),
)}
_BY_BANDS = {frames.bands: frames for frames in RATES.values()}


def frames_of(shape: tuple[int, ...]) -> Frames:
    """What spectrograms of shape [..., frames, bands, 1] are made with."""
    return _BY_BANDS[shape[-2]]


def spectrograms_of(samples: np.ndarray, frames: Frames) -> np.ndarray:
    """Sounds float [n, samples], of a whole number of hops, as uint16 [n, frames, bands, 1]."""
    return np.rint(loudness_of(samples, frames) * LEVELS).astype(np.uint16)[..., None]


def loudness_of(samples: np.ndarray, frames: Frames) -> np.ndarray:
    """How loud each band of sounds float [n, samples] is, from 0 to 1: float32 [n, frames, bands]."""
    at_once = max(1, _AT_ONCE // (OVERLAP * samples.shape[1]))
    filters = frames.filters.astype(np.float32)
    blocks = []
    for start in range(0, len(samples), at_once):
        bands = np.maximum(magnitudes(samples[start:start + at_once], frames) @ filters, FLOOR)
        blocks.append(np.clip(1.0 - np.log(bands) / np.log(FLOOR), 0.0, 1.0).astype(np.float32))
    return np.concatenate(blocks)


def magnitudes(samples: np.ndarray, frames: Frames) -> np.ndarray:
    """Amplitudes by frequency float32 [n, frames, bins]; a sine of full scale has 1."""
    hop, edge = frames.hop, (frames.window - frames.hop) // 2
    padded = np.pad(np.asarray(samples, np.float32), [[0, 0], [edge, edge]])
    windows = np.lib.stride_tricks.sliding_window_view(padded, frames.window, axis=1)[:, ::hop]
    return np.abs(np.fft.rfft(windows * frames.hann.astype(np.float32))).astype(np.float32) * (4.0 / frames.window)


def _mel(hertz):
    return _MEL_SLOPE * np.log10(1.0 + hertz / _MEL_FROM)


def _hertz(mel):
    return _MEL_FROM * (10.0 ** (mel / _MEL_SLOPE) - 1.0)
