"""A folder of sounds becomes examples: found, read side by side, and streamed into a prepared file as spectrograms."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.data.examples import Prompts, Report, fingerprint_of, short_name
from tfgen.data.folder import Folder
from tfgen.data.listing import refuse_broken
from tfgen.data.prepared import Key, Writer, open_or_prepare
from tfgen.data.request import DataRequest
from tfgen.modalities.audio.codec import SoundCodec
from tfgen.modalities.audio.examples import SoundExamples
from tfgen.modalities.audio.reading import CYCLE_SECONDS, SOUNDS, BrokenSound, read_rate, read_seconds, read_sound
from tfgen.modalities.audio.spectrogram import RATES, Frames, spectrograms_of

FORMAT = 3  # raise it whenever the same files would give other spectrograms
FRAMES_OF = 8  # lengths are multiples of so many frames, which suits convolutions
USUAL_RATE = 22050  # at most, where nobody names one: small enough to train on a laptop
LONGEST_SECONDS = 4.0
_LOOKED_AT = 1000  # sounds whose rate and length decide, spread evenly over the folder
_AT_ONCE = 64  # sounds in memory
_CLEARLY_LONGER = 1.01


@dataclass(frozen=True)
class _Target:
    """What sounds are made to be."""

    frames: Frames
    count: int  # of frames
    cycles: bool

    @property
    def samples(self) -> int:
        return self.count * self.frames.hop


def open_folder(request: DataRequest) -> SoundExamples:
    """The examples of every sound below a folder, from the cache when nothing has changed since."""
    folder = Folder.of(request, SOUNDS)
    name = short_name(folder.path.name)
    asked = [[each, request.get(each)] for each in sorted(request.settings)]
    key = Key.of(name, ["sounds", os.fsencode(folder.path).hex(), asked], [FORMAT, folder.content()])
    values, digest, details = open_or_prepare(key, lambda writer: _prepare(request, folder, writer))
    prompts, report = Prompts.from_json(details["prompts"]), Report.from_json(details["report"])
    return build_examples(request, name, values, digest, prompts, report, details["cycles"], folder.holds_out)


def build_examples(
    request: DataRequest,
    name: str,
    values: np.ndarray,
    digest: str,
    prompts: Prompts,
    report: Report,
    cycles: bool = False,
    split: bool = False,
) -> SoundExamples:
    """Examples with their fingerprint; the arrays can't be written to any more."""
    values.setflags(write=False)
    prompts.index.setflags(write=False)
    codec = SoundCodec.of_shape(values.shape[1:], len(values), cycles)
    fingerprint = fingerprint_of(values.shape, digest, prompts)
    examples = SoundExamples(
        "audio", request.shown_source, name, values, prompts.distinct, prompts.index, prompts.kind, codec, report,
        fingerprint, split,
    )
    report.notes.extend(examples.vocabulary.notes())
    return examples


def padded(sounds: Sequence[np.ndarray], samples: int) -> np.ndarray:
    """Sounds [k, samples], with silence behind them, or cut."""
    rows = np.zeros([len(sounds), samples], np.float32)
    for row, sound in zip(rows, sounds, strict=True):
        row[:min(samples, len(sound))] = sound[:samples]
    return rows


def frames_for(seconds: float, frames: Frames) -> int:
    """How many frames hold a sound of so many seconds: a multiple of FRAMES_OF, within what is possible."""
    # A little less, so that what is as long as a number of frames gets no more.
    wanted = -(-(seconds - 1e-6) * frames.rate // (frames.hop * FRAMES_OF))
    most = int(LONGEST_SECONDS * frames.rate / frames.hop) // FRAMES_OF
    return FRAMES_OF * int(min(max(1, wanted), most))


def _prepare(request: DataRequest, folder: Folder, writer: Writer) -> dict[str, Any]:
    """Streams every sound into the prepared file; gives the report, the prompts, and whether they were cycles."""
    with ThreadPoolExecutor(max_workers=min(16, (os.cpu_count() or 1) + 1)) as pool:
        # A mistake in a table should not cost the time of reading everything.
        folder.words.check(folder.found)
        target, notes = _look(request, folder, pool)
        used, broken, lengths = [], list(folder.listing.broken), []
        for start in range(0, len(folder.names), _AT_ONCE):
            names = folder.names[start:start + _AT_ONCE]
            sounds = _read(pool, folder, names, target)
            good = [sound for sound in sounds if not isinstance(sound, str)]
            if good:
                writer.append(spectrograms_of(padded([sound for sound, _ in good], target.samples), target.frames))
            used += [name for name, sound in zip(names, sounds, strict=True) if not isinstance(sound, str)]
            broken += [(name, sound) for name, sound in zip(names, sounds, strict=True) if isinstance(sound, str)]
            lengths += [seconds for _, seconds in good]
            request.report_progress(start + len(names), len(folder.names))
    folder.check_broken(broken)
    if not target.cycles:
        notes.extend(_notes_on_cuts(np.array(lengths), target.frames.seconds(target.count)))
    prompts, report = folder.prompts_and_report(used, broken, notes)
    return {"report": report.to_json(), "prompts": prompts.to_json(), "cycles": target.cycles}


def _notes_on_cuts(lengths: np.ndarray, seconds: float) -> list[str]:
    """What is left out of sounds of so many seconds each."""
    cut = int(np.sum(lengths > _CLEARLY_LONGER * seconds))
    if not cut:
        return []
    which = "1 sound is" if cut == 1 else f"{cut} sounds are"
    share = np.maximum(0.0, lengths - seconds).sum() / lengths.sum()
    lost = f", which leaves out {int(100 * share)} % of all sound" if share > 0.5 else ""
    notes = [f"{which} longer than {seconds:.2f} s, and cut{lost}."]
    if seconds < 0.9 * LONGEST_SECONDS:
        notes.append(f"To learn up to {LONGEST_SECONDS:g} s of each: --set seconds={LONGEST_SECONDS:g}")
    if lost:
        notes.append("To learn all of it, cut it into pieces first, a file for each.")
    return [" ".join(notes)]


def _look(request: DataRequest, folder: Folder, pool: ThreadPoolExecutor) -> tuple[_Target, list[str]]:
    """What the sounds are to be, by a sample of them, and what the user should know about it."""
    places = np.linspace(0, len(folder.names) - 1, min(_LOOKED_AT, len(folder.names))).astype(int)
    sample = [folder.names[place] for place in places]
    rates = list(pool.map(_attempted(read_rate), [folder.path / name for name in sample]))
    known = [each for each in rates if not isinstance(each, str)]
    if not known:
        reasons = [(name, rate) for name, rate in zip(sample, rates, strict=True) if isinstance(rate, str)]
        refuse_broken(request.shown_source, SOUNDS, reasons, len(sample))
    own, notes = sorted(known)[len(known) // 2], []
    rate = request.get("rate")
    if rate is None:
        rate = max([each for each in RATES if each <= min(own, USUAL_RATE)], default=min(RATES))
        if rate != own:
            finer = min([each for each in RATES if each >= own], default=max(RATES))
            keep = f" For more of the treble: --set rate={finer}" if finer > rate else ""
            notes.append(f"The sounds have {own} samples a second; they are learned at {rate}.{keep}")
    # Lengths alone are kept: a thousand sounds of a minute would be gigabytes.
    found = pool.map(_attempted(lambda path: len(read_sound(path, rate))), [folder.path / name for name in sample])
    lengths = np.array([each for each in found if not isinstance(each, str)] or [1]) / rate
    cycles = request.get("cycles")
    if cycles is None:
        cycles = bool(np.median(lengths) < CYCLE_SECONDS)
        if cycles:
            notes.append(
                "Most sounds are shorter than 0.05 s, so each is taken as one cycle of a wave, and repeated for half a "
                "second. Where they are not: --set cycles=false"
            )
    seconds = request.get("seconds") or (0.5 if cycles else float(np.quantile(lengths, 0.99)))
    frames = RATES[rate]
    return _Target(frames, frames_for(seconds, frames), cycles), notes


def _read(
    pool: ThreadPoolExecutor, folder: Folder, names: Sequence[str], target: _Target
) -> list[tuple[np.ndarray, float] | str]:
    """The samples of each file, no more than are used, and how many seconds it has, or the reason in words why it can't
    be used."""

    def read(path: Path) -> tuple[np.ndarray, float]:
        rate = target.frames.rate
        sound = read_sound(path, rate, target.cycles)
        is_cut = len(sound) > target.samples
        return sound[:target.samples].copy(), read_seconds(path, sound, rate) if is_cut else len(sound) / rate

    return list(pool.map(_attempted(read), [folder.path / name for name in names]))


def _attempted(function: Callable[[Path], Any]) -> Callable[[Path], Any]:
    def attempt(path: Path) -> Any:
        try:
            return function(path)
        except BrokenSound as error:
            return str(error)

    return attempt
