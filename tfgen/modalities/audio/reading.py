"""One sound file becomes samples: mixed to one channel, trimmed, at one rate and one peak; or a BrokenSound that says
why not. Knows nothing about folders."""

import os
import stat
from math import gcd
from pathlib import Path

import numpy as np

from tfgen.data.listing import FileKind
from tfgen.errors import UserError
from tfgen.modalities.audio.wav import counted, ends_early

ENDINGS = (
    ".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64",
    ".rf64",
)
_UNREAD = (".m4a", ".aac", ".wma", ".amr", ".ape", ".mid", ".midi", ".alac")
SOUNDS = FileKind("sound", "sounds", ENDINGS, _UNREAD, "save it as WAV or FLAC")
PEAK = 0.9
QUIET = 0.01  # of the peak, -40 dB: softer beginnings and ends are cut off
CYCLE_SECONDS = 0.05  # what is shorter is a cycle of a wave, not a sound
# A sound must swing further than the noise that keeps silence from being digital, which is up to two steps of 16 bits,
# or of 8: amplified to the peak of others it would be learned as a hiss.
_SILENT = {"PCM_U8": 2.5 / 2**7, "PCM_S8": 2.5 / 2**7}
_SILENT_ELSEWHERE = 2.5 / 2**15
_LONGEST_SECONDS = 60.0  # of a file that are looked at
_RESTING, _NEVER_QUIET = 0.05, 0.01  # of the samples, that lie where a sound is silent
_LONGEST_BYTES = 2**26  # of a WAV file that doesn't count its samples: more than a minute of any usual one
_HIGHEST_RATE = 768_000  # of any recorder; a header may say 2**31, and a sound is padded to a whole second
_MARGIN_SECONDS = 0.01  # silence around a sound while it is resampled, so that its end doesn't reach its beginning
_ROLL_OFF = 0.95  # of the highest frequency, from which on a resampled sound fades


class BrokenSound(Exception):
    """A file that can't be used; the message is the reason, in words."""


def read_rate(path: Path) -> int:
    """Samples a second. Raises BrokenSound."""
    with _opened(path) as file:
        return file.samplerate


def read_seconds(path: Path, sound: np.ndarray, rate: int) -> float:
    """How long a sound is that `read_sound` gave, and of a file that is longer than what it looks at, the file. Raises
    BrokenSound."""
    with _opened(path) as file:
        whole = file.frames / file.samplerate
    return whole if whole > _LONGEST_SECONDS else len(sound) / rate


def read_sound(path: Path, rate: int, cycle: bool = False) -> np.ndarray:
    """Samples float32 [n] of one channel at `rate` a second, whose largest is PEAK, without silence before and behind.

    cycle: whether the file holds one cycle of a wave, which is repeated for half a second.

    Raises:
        BrokenSound: the file can't be used.
    """
    with _opened(path) as file:
        own, silent = file.samplerate, _SILENT.get(file.subtype, _SILENT_ELSEWHERE)
        try:
            samples = file.read(int(_LONGEST_SECONDS * own), dtype="float32", always_2d=True)
        except Exception as error:  # libsndfile's and Python's own
            raise BrokenSound(f"damaged ({_reason(error)})") from error
    if not len(samples):
        raise BrokenSound("holds no samples")
    if not np.isfinite(samples).all():
        raise BrokenSound("holds values that are no numbers")
    sound = _mixed(samples) if cycle else _without_offset(_mixed(samples))
    peak = float(np.abs(sound).max())
    if peak < silent:
        raise BrokenSound("is silent")
    if cycle:
        sound = np.tile(sound, -(-own // (2 * len(sound))))
    else:
        heard = np.flatnonzero(np.abs(sound) > QUIET * peak)
        sound = sound[heard[0]:heard[-1] + 1]
    sound = resampled(sound, own, rate)
    return sound * np.float32(PEAK / max(float(np.abs(sound).max()), 1e-9))


def resampled(sound: np.ndarray, own: int, rate: int) -> np.ndarray:
    """Samples float32 [n] of `own` a second as those of `rate`, by way of their frequencies."""
    if own == rate:
        return sound
    shared = gcd(own, rate)
    margin = int(_MARGIN_SECONDS * own)
    blocks = -(-(len(sound) + 2 * margin) // (own // shared))
    padded = np.zeros(blocks * (own // shared))
    padded[:len(sound)] = sound
    count = blocks * (rate // shared)
    frequencies = np.fft.rfft(padded)
    kept = min(len(frequencies), count // 2 + 1)
    fade = np.clip((1.0 - np.arange(kept) / (kept - 1)) / (1.0 - _ROLL_OFF), 0.0, 1.0)
    found = np.fft.irfft(frequencies[:kept] * (fade if rate < own else 1.0), count) * (count / len(padded))
    return found[:max(1, round(len(sound) * rate / own))].astype(np.float32)


def _mixed(samples: np.ndarray) -> np.ndarray:
    """One channel [n] of several [n, channels]: their mean, or the first where they cancel each other out."""
    mean = samples.mean(axis=1)
    loudest = float(np.square(samples).mean(axis=0).max())
    return samples[:, 0].copy() if np.square(mean).mean() < 0.01 * loudest else mean


def _without_offset(sound: np.ndarray) -> np.ndarray:
    """Samples [n] around 0, where they rest at their mean and never at 0: a constant offset would pass for a sound
    without an end. A small one does no harm, and stays: runs that exist learned it."""
    moved = sound - sound.mean()
    quiet = QUIET * np.abs(moved).max()
    at_mean, at_zero = (np.mean(np.abs(each) <= quiet) for each in (moved, sound))
    return moved if at_mean > _RESTING and at_zero < _NEVER_QUIET else sound


def _opened(path: Path):
    soundfile = _soundfile()
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise BrokenSound("not a regular file")
        if status.st_size == 0:
            raise BrokenSound("is empty")
        with open(path, "rb") as file:
            if ends_early(file, status.st_size):
                raise BrokenSound("ends before its own header says it does")
            file.seek(0)
            mended = counted(file, status.st_size, _LONGEST_BYTES)
        opened = soundfile.SoundFile(mended or os.fspath(path))
    except OSError as error:
        raise BrokenSound(f"can't be read ({error.strerror})") from error
    except (RuntimeError, TypeError, ValueError) as error:
        raise BrokenSound("not a sound, or damaged in its first bytes") from error
    if not 0 < opened.samplerate <= _HIGHEST_RATE:
        opened.close()
        raise BrokenSound(f"says that it has {opened.samplerate} samples a second")
    return opened


def _reason(error: Exception) -> str:
    return str(error).rpartition(": ")[2].strip().rstrip(".") or type(error).__name__


def _soundfile():
    try:
        import soundfile
    except (ImportError, OSError) as error:  # OSError: without the library that it needs
        raise UserError(
            f"Sounds are read by soundfile, which can't be loaded: {error}.",
            "Use: pip install soundfile, and where your system has no wheel of it, install libsndfile too.",
        ) from error
    return soundfile
