"""Sounds in their three forms: spectrograms uint16 as they are stored, [-1, 1] inside a model, samples for callers of
an export."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from tfgen.modalities.audio.spectrogram import FLOOR, Frames, frames_of, loudness_of
from tfgen.modalities.audio.vocoder import Vocoder
from tfgen.representations.arrays.codec import LevelsCodec
from tfgen.representations.arrays.specification import GAUSSIAN, ArraySpecification, Part

FILE_SIGNATURE = "wav"
AUGMENT = "color,translation,cutout"  # what a discriminator may be shown, where there are few examples
_TINY = 1e-12


class SoundCodec(LevelsCodec):
    """See LevelsCodec; values are spectrograms uint16 [n, frames, bands, 1] (spectrogram.py), and outside are samples
    float32 [n, samples] from -1 to 1."""

    stored_type = np.uint16  # steps of 256 levels turn the phases that are found, so an export would sound otherwise
    outside_decibels = 60.0  # 32 rounds of a search for phases enlarge rounding, of noise the most

    def __init__(self, specification: ArraySpecification, cycles: bool = False):
        """cycles: whether each file held one cycle of a wave."""
        super().__init__(specification)
        self.cycles = cycles

    @classmethod
    def of_shape(cls, shape: tuple[int, ...], count: int, cycles: bool = False) -> "SoundCodec":
        """The codec of so many sounds of [frames, bands, 1]."""
        return cls(ArraySpecification(tuple(map(int, shape)), (Part(1, GAUSSIAN),), count, AUGMENT, "sounds"), cycles)

    def to_json(self) -> dict[str, Any]:
        return {**super().to_json(), **({"cycles": True} if self.cycles else {})}

    @property
    def frames(self) -> Frames:
        """How sounds are cut into windows and bands."""
        return frames_of(self.specification.shape)

    @cached_property
    def vocoder(self) -> Vocoder:
        return Vocoder(self.frames, self.specification.shape[0])

    @property
    def outside_shape(self) -> tuple[int, ...]:
        return (self.vocoder.samples,)

    def to_outside(self, examples: Any) -> Any:
        return self.vocoder(super().to_outside(examples)[..., 0])

    def to_inside(self, values: Any) -> Any:
        import tensorflow as tf

        frequencies, bins = self.vocoder.transform(values), self.frames.bins
        real, imaginary = frequencies[:, :, :bins], frequencies[:, :, bins:]
        amplitudes = tf.sqrt(real * real + imaginary * imaginary + _TINY) * (4.0 / self.frames.window)
        bands = tf.maximum(tf.linalg.matmul(amplitudes, self.frames.filters.astype(np.float32)), FLOOR)
        loudness = tf.minimum(1.0 - tf.math.log(bands) / float(np.log(FLOOR)), 1.0)
        return loudness[..., None] * 2.0 - 1.0

    def perceived(self, values: np.ndarray) -> np.ndarray:
        """How loud each band is, from 0 to 1: nobody hears a phase."""
        return loudness_of(values, self.frames)

    def as_files(self) -> Mapping[str, tuple[str, Callable[[Any], Any]]]:
        """WAV of 16 bits: a fifth of the same sound in JSON."""
        return {FILE_SIGNATURE: ("sound_bytes", self._to_wav)}

    def _to_wav(self, sounds: Any) -> Any:
        """Inside a graph: samples [batch, samples] as WAV files, strings [batch]."""
        import tensorflow as tf

        rate = self.frames.rate
        return tf.map_fn(lambda sound: tf.audio.encode_wav(sound[:, None], rate), sounds, fn_output_signature=tf.string)
