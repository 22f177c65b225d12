"""From a spectrogram back to a sound, inside a graph: built-in operations of TFLite only.

A band tells how loud its frequencies are together; how loud each is, is found by multiplicative least squares (Lee &
Seung, 2001). Where in its swing each stands is found by the fast Griffin-Lim algorithm (Perraudin et al., 2013), from
phases that are always the same, so a spectrogram has one sound. TFLite has no transform back from frequencies, so both
ways are products with a matrix.
"""

from typing import Any

import numpy as np

from tfgen.modalities.audio.spectrogram import FLOOR, LEVELS, OVERLAP, SILENT, Frames

LEAST_SQUARES_STEPS = 20
ROUNDS = 32
_MOMENTUM = 0.99
_SOFTNESS = 0.3  # of a magnitude: what is much softer than it should be has hardly a phase, and rounding would turn it
_TINY = 1e-6  # large enough for numbers of 16 bits


class Vocoder:
    """For spectrograms of so many frames; its constants become part of the graph."""

    def __init__(self, frames: Frames, count: int):
        self.frames = frames
        self.count = count
        angles = 2 * np.pi * np.outer(np.arange(frames.window), np.arange(frames.bins)) / frames.window
        waves = np.concatenate([np.cos(angles), -np.sin(angles)], axis=1)  # [window, 2 bins]
        hann = frames.hann
        self._analysis = (hann[:, None] * waves).astype(np.float32)
        # Each frequency but the lowest and the highest stands for its mirror image too.
        weights = np.full(frames.bins, 2.0)
        weights[[0, -1]] = 1.0
        self._synthesis = (np.tile(weights, 2)[:, None] * waves.T * hann / frames.window).astype(np.float32)
        squares = (hann**2).reshape(OVERLAP, frames.hop)
        overlap = sum(np.pad(np.tile(squares[part], [count, 1]), [[part, OVERLAP - 1 - part], [0, 0]])
                      for part in range(OVERLAP))
        self._overlap = np.maximum(overlap, 1e-3).astype(np.float32)  # [count + 3, hop]

    @property
    def samples(self) -> int:
        """How many samples a sound has."""
        return self.count * self.frames.hop

    def __call__(self, spectrograms: Any) -> Any:
        """Loudness from 0 to 1, [batch, frames, bands], as samples from -1 to 1, float32 [batch, samples]."""
        import tensorflow as tf

        # What lies on the floor is silence, not something soft.
        amplitudes = tf.exp((1.0 - spectrograms) * float(np.log(FLOOR)))
        heard = tf.nn.relu(amplitudes - float(FLOOR ** (1.0 - SILENT / LEVELS)))
        magnitudes = self._unmixed(heard) * (self.frames.window / 4.0)
        return self._griffin_lim(magnitudes)

    def _unmixed(self, bands: Any) -> Any:
        """Amplitudes by frequency [batch, frames, bins] that these bands hear."""
        import tensorflow as tf

        filters = self.frames.filters.astype(np.float32)
        both = (filters @ filters.T).astype(np.float32)
        wanted = tf.linalg.matmul(bands, filters, transpose_b=True)

        def step(round_: Any, found: Any) -> tuple[Any, Any]:
            return round_ + 1, found * wanted / (tf.linalg.matmul(found, both) + _TINY)

        _, found = tf.while_loop(
            lambda round_, found: round_ < LEAST_SQUARES_STEPS, step, [tf.constant(0), wanted / (np.diag(both) + 1e-6)],
            shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, self.count, self.frames.bins])],
        )
        return found

    def _griffin_lim(self, magnitudes: Any) -> Any:
        import tensorflow as tf

        real, imaginary = _starting_phases(self.frames, self.count)
        first = tf.concat([magnitudes * real, magnitudes * imaginary], axis=2)
        both = tf.concat([magnitudes, magnitudes], axis=2)
        bins = self.frames.bins

        def step(round_: Any, leading: Any, before: Any) -> tuple[Any, Any, Any]:
            projected = self.transform(self.sound(leading))
            ahead = projected + _MOMENTUM * (projected - before)
            x, y = ahead[:, :, :bins], ahead[:, :, bins:]
            length = tf.sqrt(x * x + y * y + (_SOFTNESS * magnitudes) ** 2 + _TINY)
            return round_ + 1, both * ahead / tf.concat([length, length], axis=2), projected

        shape = tf.TensorShape([None, self.count, 2 * bins])
        _, found, _ = tf.while_loop(
            lambda round_, leading, before: round_ < ROUNDS, step, [tf.constant(0), first, first],
            shape_invariants=[tf.TensorShape([]), shape, shape],
        )
        sound = self.sound(found)
        return tf.maximum(tf.minimum(sound, 1.0), -1.0)

    def transform(self, sound: Any) -> Any:
        """Samples [batch, samples] as frequencies [batch, frames, 2 bins]: real parts, then imaginary ones."""
        import tensorflow as tf

        edge, hop = (self.frames.window - self.frames.hop) // 2, self.frames.hop
        padded = tf.pad(sound, [[0, 0], [edge, edge]])
        pieces = tf.reshape(padded, [-1, self.count + OVERLAP - 1, hop])
        windows = tf.concat([pieces[:, part:part + self.count] for part in range(OVERLAP)], axis=2)
        return tf.linalg.matmul(windows, self._analysis)

    def sound(self, frequencies: Any) -> Any:
        """The samples whose frequencies are nearest to these, [batch, samples]."""
        import tensorflow as tf

        windows = tf.linalg.matmul(frequencies, self._synthesis)
        hop, edge = self.frames.hop, (self.frames.window - self.frames.hop) // 2
        pieces = tf.add_n([
            tf.pad(windows[:, :, part * hop:(part + 1) * hop], [[0, 0], [part, OVERLAP - 1 - part], [0, 0]])
            for part in range(OVERLAP)
        ])
        flat = tf.reshape(pieces / self._overlap, [-1, (self.count + OVERLAP - 1) * hop])
        return flat[:, edge:edge + self.samples]


def _starting_phases(frames: Frames, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and sines of the phases of a chirp, each frequency of which swings on: float32 [frames, bins].

    It is as good as noise, and no click, where all phases would meet (Schroeder, 1970).
    """
    places, bins = np.arange(count)[:, None], np.arange(frames.bins)[None]
    phases = 2 * np.pi * (bins * places / OVERLAP % 1.0) + np.pi * bins**2 / frames.bins
    return np.cos(phases).astype(np.float32), np.sin(phases).astype(np.float32)
