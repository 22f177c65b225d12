"""Sounds of any sort, up to some seconds long, as spectrograms."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.config import parse_value
from tfgen.data.labels import SOURCES, prompts_sentence
from tfgen.data.listing import holds, list_examples
from tfgen.data.request import DataRequest
from tfgen.data.settings import DataSetting, between
from tfgen.data.splits import CHOICES, check_split
from tfgen.errors import UserError
from tfgen.modalities.audio.codec import FILE_SIGNATURE, SoundCodec
from tfgen.modalities.audio.examples import SoundExamples
from tfgen.modalities.audio.folder import LONGEST_SECONDS
from tfgen.modalities.audio.reading import CYCLE_SECONDS, SOUNDS
from tfgen.modalities.audio.spectrogram import RATES, frames_of
from tfgen.modalities.base import Concern, Modality
from tfgen.representations import ARRAYS
from tfgen.representations.arrays.specification import ArraySpecification

_HISS = 0.3  # harmonicity; white noise has .10 to .15
_LEAST_HARMONICITY = 0.75  # of that of real sounds; a whisper has a third of a voice's


def check_rate(rate: Any) -> int:
    if str(rate) not in map(str, RATES):
        raise UserError(f"rate must be {', '.join(map(str, RATES))}, not {rate}.", "It is the samples a second.")
    return int(rate)


class AudioModality(Modality):
    """See Modality."""

    name = "audio"
    singular, plural = "sound", "sounds"
    representations = (ARRAYS,)
    settings = {
        "rate": DataSetting(
            check_rate,
            f"{', '.join(map(str, RATES))}: samples a second; up to half as high a frequency can be heard",
            "the common rate, and at most 22050",
        ),
        "seconds": DataSetting(
            between(
                "seconds", CYCLE_SECONDS, LONGEST_SECONDS,
                "It is how long sounds are; longer ones are cut, and shorter ones have silence behind them.",
            ),
            f"how long sounds are, {CYCLE_SECONDS:g} to {LONGEST_SECONDS:g}; longer ones are cut",
            "what 99 of 100 sounds fit into",
        ),
        "cycles": DataSetting(
            lambda value: parse_value("cycles", value, bool),
            "true where each file holds one cycle of a wave, which is repeated",
            "true where most files are shorter than 0.05 s",
        ),
        "prompts": DataSetting(
            str,
            f"{', '.join(SOURCES)}, or a table's column: where the words of a folder's sounds come from; a text is "
            "NAME.txt beside NAME.wav",
            "the first of tables, texts, folders that there is",
        ),
        "split": DataSetting(
            check_split,
            f"{', '.join(CHOICES)}: which part of a folder that has train/ and test/ (or val/) is read",
            "train; the other part is held out for evaluate",
        ),
    }

    # Reading.

    @classmethod
    def recognises(cls, source: Any) -> int:
        if not isinstance(source, Path):
            return 0
        if source.is_dir():
            return holds(source, SOUNDS)
        if SOUNDS.is_name(source.name):
            raise UserError(f"'{source}' is a single sound.", "Give the folder that holds all the sounds.")
        return 0

    @classmethod
    def files_in(cls, folder: Path) -> list[str]:
        return [name for name, _, _ in list_examples(folder, SOUNDS).examples]

    @classmethod
    def files_beside(cls, folder: Path) -> list[str]:
        return list_examples(folder, SOUNDS).words()

    @classmethod
    def open(cls, request: DataRequest) -> SoundExamples:
        from tfgen.modalities.audio.folder import open_folder

        return open_folder(request)

    @classmethod
    def restore_codec(cls, state: Mapping[str, Any], read: Callable[[str], bytes]) -> SoundCodec:
        specification = ArraySpecification.from_json(state["example"])
        frames_of(specification.shape)
        return SoundCodec(specification, bool(state.get("cycles", False)))

    @classmethod
    def codec_settings(cls, codec: SoundCodec, run_folder: Path) -> dict[str, Any]:
        frames = codec.frames
        return {"rate": frames.rate, "seconds": frames.seconds(codec.specification.shape[0])}

    @classmethod
    def held_out_settings(
        cls, examples: SoundExamples, settings: Mapping[str, Any], run_folder: Path
    ) -> dict[str, Any]:
        same = {name: settings[name] for name in ("prompts",) if name in settings}
        return {**same, **cls.codec_settings(examples.codec, run_folder), "cycles": examples.cycles}

    # In words.

    @classmethod
    def describe(cls, examples: SoundExamples) -> list[str]:
        frames, count = examples.codec.frames, examples.values.shape[1]
        noun = cls.singular if len(examples) == 1 else cls.plural
        first = f"{len(examples)} {noun} of up to {frames.seconds(count):.2f} s, at {frames.rate} samples a second."
        return [first, prompts_sentence(examples.prompt_counts(), cls.plural)]

    @classmethod
    def summary(cls, examples: SoundExamples) -> str:
        frames, count = examples.codec.frames, examples.values.shape[1]
        return f"{len(examples)} sounds of {frames.seconds(count):.2f} s, as {count} frames of {frames.bands} bands"

    @classmethod
    def facts(cls, examples: SoundExamples) -> dict[str, Any]:
        frames = examples.codec.frames
        return {
            "count": len(examples),
            "shape": [int(side) for side in examples.values.shape[1:]],
            "rate": frames.rate,
            "seconds": round(frames.seconds(examples.values.shape[1]), 4),
            "prompt_kind": examples.prompt_kind,
            "prompts": examples.prompt_counts(),
        }

    # Outside.

    ending = ".wav"
    sheet_ending = ".png"
    joined_ending = ".wav"
    array_name = "sounds"
    default_count = 16

    @classmethod
    def as_file(cls, value: np.ndarray, metadata: Mapping[str, str]) -> bytes:
        from tfgen.modalities.audio.preview import as_wav

        return as_wav(value[None], metadata)

    @classmethod
    def read_metadata(cls, path: Path) -> dict[str, str]:
        from tfgen.modalities.audio.wav import metadata_of

        if path.suffix.lower() == cls.sheet_ending:
            from tfgen.modalities.image.preview import read_metadata

            return read_metadata(path)
        try:
            return metadata_of(path.read_bytes())
        except (OSError, ValueError) as error:
            raise UserError(f"'{path}' can't be read: {error}.", "Give a sound that tfgen wrote.") from error

    @classmethod
    def save_sheet(
        cls, path: Path, values: np.ndarray, metadata: Mapping[str, str], columns: int | None = None
    ) -> None:
        from tfgen.modalities.audio.preview import as_pictures
        from tfgen.modalities.image.preview import grid, save_png

        save_png(path, grid(as_pictures(values), columns), metadata)

    @classmethod
    def save_choices(
        cls, path: Path, values: np.ndarray, metadata: Mapping[str, str], columns: int | None = None
    ) -> None:
        """The spectrograms with their numbers, and the sounds one after the other in a .wav beside."""
        from tfgen.modalities.audio.preview import as_pictures
        from tfgen.modalities.image.preview import grid, numbered, save_png

        save_png(path, grid(numbered(as_pictures(values)), columns), metadata)
        cls.save_joined(path.with_suffix(cls.ending), values, metadata)

    @classmethod
    def save_joined(cls, path: Path, values: np.ndarray, metadata: Mapping[str, str]) -> None:
        from tfgen.modalities.audio.preview import save_wav

        save_wav(path, values, metadata)

    animation_endings = (".wav",)

    @classmethod
    def save_animation(cls, path: Path, values: np.ndarray, metadata: Mapping[str, str], loop: bool) -> None:
        cls.save_joined(path, values, metadata)

    @classmethod
    def arrays(cls, values: np.ndarray) -> dict[str, np.ndarray]:
        from tfgen.modalities.audio.preview import waveforms_of

        return {cls.array_name: waveforms_of(values), "rate": np.array(frames_of(values.shape).rate)}

    @classmethod
    def read_example(cls, path: Path, codec: SoundCodec) -> np.ndarray:
        from tfgen.modalities.audio.folder import padded
        from tfgen.modalities.audio.reading import BrokenSound, read_sound
        from tfgen.modalities.audio.spectrogram import spectrograms_of

        try:
            sound = read_sound(path, codec.frames.rate, codec.cycles)
        except BrokenSound as error:
            raise UserError(f"'{path}' can't be used: {error}.", "Give a sound that can be read.") from error
        return spectrograms_of(padded([sound], codec.outside_shape[0]), codec.frames)[0]

    @classmethod
    def attributes(cls, codec: SoundCodec) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
        from tfgen.modalities.audio.attributes import attributes_of

        return attributes_of(codec.frames)

    metric_samples = 200  # a vocoder is slow

    @classmethod
    def metric_inputs(
        cls, examples: SoundExamples, samples: Callable[[], np.ndarray], openings: Callable[[], Sequence[str]]
    ) -> Mapping[str, Callable[[], np.ndarray]]:
        from tfgen.modalities.audio import attributes
        from tfgen.modalities.audio.preview import waveforms_of

        sounds = functools.cache(lambda: waveforms_of(samples()))
        return {
            "generated_harmonicity": lambda: attributes.harmonicity(sounds(), examples.codec.frames.rate),
            "generated_silence": lambda: attributes.silence(samples()),
            "generated_clipping": lambda: attributes.clipping(sounds()),
        }

    @classmethod
    def concerns(
        cls, scores: Mapping[str, float], others: Mapping[str, Mapping[str, float]], margins: Mapping[str, float]
    ) -> list[Concern]:
        name, question = "whispering", "Do the samples whisper where real sounds hum or sing?"
        made, real = scores.get("harmonicity", math.nan), others.get("real", {}).get("harmonicity", math.nan)
        if math.isnan(made) or math.isnan(real):
            return [Concern(name, question, None, "There is no harmonicity to compare.")]
        if real < _HISS:
            return [Concern(name, question, None, f"Real sounds hiss themselves: their harmonicity is {real:.2f}.")]
        # That of real sounds is of as many, so it is as far off by chance as that of the samples.
        chance = math.sqrt(2) * margins.get("harmonicity", 0.0)
        return [
            Concern(
                name,
                question,
                made < _LEAST_HARMONICITY * real - chance,
                f"The harmonicity of the samples is {made:.2f}, that of real sounds {real:.2f}.",
                "Train for longer; in place of a VAE try a GAN, which doesn't blur harmonics into their mean.",
            )
        ]

    @classmethod
    def as_terminal(cls, values: np.ndarray, columns: int) -> str | None:
        from tfgen.modalities.audio.preview import as_pictures
        from tfgen.modalities.image.terminal import as_terminal

        return as_terminal(as_pictures(values), columns)

    @classmethod
    def join_sheets(cls, sheets: Sequence[Path], names: Sequence[str], path: Path) -> None:
        from tfgen.modalities.image.preview import join

        join(sheets, path, {"runs": ", ".join(names)})

    @classmethod
    def as_text(cls, value: np.ndarray) -> str:
        from tfgen.modalities.audio.attributes import brightness, length, pitch

        frames = frames_of(value.shape)
        high, bright, long = (measure(value[None], frames)[0] for measure in (pitch, brightness, length))
        return f"{long:.2f} s, pitch {high:.0f} Hz, brightness {bright:.0f} Hz"

    @classmethod
    def as_html(cls, value: np.ndarray, what: str) -> str:
        from tfgen.modalities.audio.preview import as_html

        return as_html(value, what)

    file_signature = FILE_SIGNATURE

    @classmethod
    def read_file(cls, content: bytes) -> np.ndarray:
        from tfgen.modalities.audio.spectrogram import spectrograms_of
        from tfgen.modalities.audio.wav import samples_of

        samples, rate = samples_of(content)
        return spectrograms_of(samples[None], RATES[rate])[0]

    @classmethod
    def hub_task(cls, codec: Mapping[str, Any]) -> str | None:
        return "text-to-audio" if codec["vocabulary"]["kind"] == "captions" else None

    @classmethod
    def app_templates(cls) -> Path:
        return Path(__file__).with_name("app")

    @classmethod
    def app_words(cls, codec: SoundCodec) -> dict[str, Any]:
        return {"rate": codec.frames.rate, "samples": codec.outside_shape[0]}
