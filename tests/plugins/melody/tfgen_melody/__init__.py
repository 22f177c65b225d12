"""Melodies of sixteen notes, as another package would bring them: arrays for a GAN and a VAE, sequences for a GPT.

A `.melodies` file has a melody in each line: the mood that is its prompt, a colon, and sixteen notes ("-" is a rest).

    happy: C D E F G A H - C D E F G A H -
"""

import hashlib
from pathlib import Path

import numpy as np

from tfgen.data.examples import Prompts, Report, fingerprint_of, short_name
from tfgen.data.settings import DataSetting
from tfgen.errors import UserError
from tfgen.modalities.base import Modality
from tfgen.representations import ARRAYS, SEQUENCES
from tfgen.representations.arrays.codec import ArrayCodec
from tfgen.representations.arrays.examples import ArrayExamples
from tfgen.representations.arrays.specification import CATEGORICAL, ArraySpecification, Part
from tfgen.representations.sequences.codec import SequenceCodec
from tfgen.representations.sequences.examples import SequenceExamples
from tfgen.representations.sequences.specification import SequenceSpecification

LENGTH = 16
NOTES = ("-", "C", "D", "E", "F", "G", "A", "H")
END = len(NOTES)
HOLDOUT = 0.1


class MelodyArrayCodec(ArrayCodec):
    """Stored: note numbers int8 [n, 16]. Inside and outside: one-hot [n, 16, 8]."""

    @classmethod
    def of_count(cls, count: int) -> "MelodyArrayCodec":
        part = Part(len(NOTES), CATEGORICAL)
        return cls(ArraySpecification((LENGTH, len(NOTES)), (part,), count, plural="melodies"))

    outside_peak = 1.0

    def encode(self, values):
        if isinstance(values, np.ndarray):
            return np.eye(len(NOTES), dtype=np.float32)[values]
        import tensorflow as tf

        return tf.one_hot(tf.cast(values, tf.int32), len(NOTES))

    def decode(self, values):
        return np.argmax(values, axis=-1).astype(np.int8)


class MelodySequenceCodec(SequenceCodec):
    """A token for each note, and one for the end."""

    unit = "note"

    def __init__(self, count: int):
        self._specification = SequenceSpecification(len(NOTES) + 1, END, END, count, plural="melodies")

    @property
    def specification(self) -> SequenceSpecification:
        return self._specification

    def encode(self, text: str) -> np.ndarray:
        return np.array([_number(note) for note in text.split()], np.int32)

    def token_bytes(self) -> list[bytes]:
        return [*(f"{note} ".encode() for note in NOTES), b""]


class MelodyModality(Modality):
    """See tfgen.modalities.base.Modality."""

    name = "melody"
    singular, plural = "melody", "melodies"
    representations = (ARRAYS, SEQUENCES)
    settings = {"transpose": DataSetting(int, "how many notes up every melody is moved, 0 to 6", "0")}

    @classmethod
    def recognises(cls, source) -> int:
        return 2 * (isinstance(source, Path) and source.suffix == ".melodies")

    @classmethod
    def open(cls, request):
        path = Path(request.source).expanduser()
        moods, notes, broken = [], [], []
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            mood, _, written = line.partition(":")
            try:
                row = [_number(note) for note in written.split()]
                if len(row) != LENGTH:
                    raise UserError(f"There are {len(row)} notes.", f"Write {LENGTH}.")
                notes.append(row)
                moods.append(mood.strip())
            except UserError as error:
                broken.append((f"line {number}", error.what_is_wrong))
        if not notes:
            raise UserError(f"'{path}' holds no melodies.", "Write one in each line: happy: C D E ...")
        values = np.array(notes, np.int8)
        values = np.where(values, (values - 1 + request.get("transpose", 0)) % 7 + 1, 0).astype(np.int8)
        report = Report(len(notes) + len(broken), len(notes), broken)
        prompts = Prompts.of_texts(moods, kind="labels")
        fingerprint = fingerprint_of(values.shape, hashlib.sha256(values.tobytes()).hexdigest(), prompts)
        about = ("melody", request.shown_source, short_name(path.stem))
        if request.representation == SEQUENCES:
            return _sequences(about, values, report, fingerprint)
        codec = MelodyArrayCodec.of_count(len(values))
        return ArrayExamples(
            *about, values, prompts.distinct, prompts.index, prompts.kind, codec, report, fingerprint
        )

    @classmethod
    def describe(cls, examples) -> list[str]:
        return [f"{examples.report.used} melodies of {LENGTH} notes."]

    @classmethod
    def restore_codec(cls, state, read):
        if "vocabulary_size" in state["example"]:
            return MelodySequenceCodec(state["example"]["count"])
        return MelodyArrayCodec(ArraySpecification.from_json(state["example"]))

    @classmethod
    def as_text(cls, value) -> str:
        return " ".join(NOTES[number] for number in value)


def _sequences(about, values, report, fingerprint) -> SequenceExamples:
    rows = np.pad(values, [[0, 0], [0, 1]], constant_values=END).astype(np.uint16)
    learned = max(1, round((1 - HOLDOUT) * len(rows)))
    tokens, training = rows.ravel(), learned * (LENGTH + 1)
    counts = (learned, len(rows) - learned)
    codec = MelodySequenceCodec(training)
    units = (training, len(tokens) - training)
    return SequenceExamples(*about, tokens, training, *units, counts, codec, report, fingerprint)


def _number(note: str) -> int:
    if note not in NOTES:
        raise UserError(f"'{note}' is not a note.", f"Use one of: {' '.join(NOTES)}.")
    return NOTES.index(note)
