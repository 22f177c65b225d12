"""Sounds as a person hears and sees them: WAV files with their settings inside, spectrograms, and players in a page."""

import base64
from collections.abc import Mapping
from functools import lru_cache
from html import escape
from pathlib import Path

import numpy as np

from tfgen.modalities.audio.spectrogram import LEVELS, SILENT, Frames, frames_of
from tfgen.modalities.audio.vocoder import Vocoder
from tfgen.modalities.audio.wav import wav_of
from tfgen.trust.provenance import write_marked

_ENLARGED = 2  # pixels for a band and for a frame, in a page
PAUSE_SECONDS = 0.25  # between sounds in one file
_RINGING = 0.02  # seconds that a sound may ring on behind its last frame that is heard
# From silent to loud, as in matplotlib's magma: red, green, blue at equal distances.
_COLOURS = np.array([
    (0, 0, 4), (28, 16, 68), (79, 18, 123), (129, 37, 129), (181, 54, 122), (229, 80, 100), (251, 135, 97),
    (254, 194, 135), (252, 253, 191),
], np.float32)


def waveforms_of(values: np.ndarray) -> np.ndarray:
    """Spectrograms uint16 [n, frames, bands, 1] as samples float32 [n, samples], each alone, so that a sound doesn't
    depend on its neighbours."""
    sound = _vocoder(frames_of(values.shape), values.shape[1])
    return np.concatenate([sound(value[None, ..., 0].astype(np.float32) / np.float32(LEVELS)) for value in values])


def sounding(value: np.ndarray) -> np.ndarray:
    """One sound's samples without the silence behind it."""
    frames = frames_of(value.shape)
    heard = np.flatnonzero((value > SILENT).any(axis=(1, 2)))
    end = (heard[-1] + 1) * frames.hop + int(_RINGING * frames.rate) if len(heard) else frames.hop
    return waveforms_of(value[None])[0, :end]


def save_wav(path: Path, values: np.ndarray, metadata: Mapping[str, str]) -> None:
    """Writes sounds [n, ...] one after the other, with a pause between, signed and atomically."""
    write_marked(Path(path), as_wav(values, metadata), metadata)


def as_wav(values: np.ndarray, metadata: Mapping[str, str]) -> bytes:
    """Sounds [n, ...] one after the other, with a pause between, as a WAV file that carries `metadata`."""
    rate = frames_of(values.shape).rate
    pause = np.zeros(int(PAUSE_SECONDS * rate), np.float32)
    pieces = [piece for value in values for piece in (pause, sounding(value))][1:]
    return wav_of(np.concatenate(pieces), rate, metadata)


def as_pictures(values: np.ndarray) -> np.ndarray:
    """Spectrograms as pictures uint8 [n, bands, frames, 3]: time to the right, high frequencies above."""
    shades = np.linspace(0.0, 255.0, len(_COLOURS))
    table = np.stack([np.interp(np.arange(256), shades, channel) for channel in _COLOURS.T], axis=1)
    return np.rint(table).astype(np.uint8)[np.flip(values[..., 0] >> 8, axis=2).swapaxes(1, 2)]


def as_html(value: np.ndarray, what: str) -> str:
    """A spectrogram with a player of its sound, which both lie in the page itself."""
    from tfgen.modalities.image.preview import as_html as picture

    samples, rate = sounding(value), frames_of(value.shape).rate
    source = base64.b64encode(wav_of(samples, rate, {})).decode("ascii")
    shown = as_pictures(value[None])[0].repeat(_ENLARGED, axis=0).repeat(_ENLARGED, axis=1)
    player = f'<audio controls preload="none" aria-label="{escape(what)}" src="data:audio/wav;base64,{source}"></audio>'
    return f'{picture(shown, f"spectrogram: {what}")}{player}'


@lru_cache(maxsize=8)
def _vocoder(frames: Frames, count: int):
    """A function from loudness [1, frames, bands] to samples [1, samples], both in numpy."""
    import tensorflow as tf

    shape = tf.TensorSpec([1, count, frames.bands], tf.float32)
    graph = tf.function(Vocoder(frames, count), input_signature=[shape], autograph=False)
    return lambda loudness: graph(tf.constant(loudness)).numpy()
