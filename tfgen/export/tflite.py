"""A model as TFLite files: built-in operations only, run by the standalone interpreter before success is reported."""

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tfgen import files
from tfgen.errors import Failure
from tfgen.export import apart, parity, saved_model
from tfgen.export.app import safe_name, write_companions
from tfgen.export.job import Artefact, Job, size_of
from tfgen.export.signatures import PHONE, ExportedModel
from tfgen.console import say

SCRIPT = Path(__file__).with_name("run_tflite.py")

CALIBRATION_ROWS = 200


def export(job: Job) -> list[Artefact]:
    """OUTPUT/tflite/NAME/VERSION: a file for each number format, companions, worked examples and tfgen.json."""
    path, staged = job.new_version(f"tflite/{job.name}")
    exported = job.exported(PHONE)
    expected = parity.expect(exported)
    artefacts = []
    with tempfile.TemporaryDirectory() as scratch:
        source = Source.write(exported, Path(scratch), calibrated="int8" in job.number_formats)
        named = {each: staged / f"{safe_name(job.name)}-{each}.tflite" for each in job.number_formats}
        say(f"TFLite: converting to {', '.join(named)} ...")
        source.convert(named)
        for number_format, file in named.items():
            say(f"TFLite {number_format}: running it in a process of its own ...")
            proof = parity.prove(SCRIPT, file, expected, exported.tolerances[number_format])
            name = f"TFLite {number_format}"
            artefacts.append(Artefact(name, path / file.name, size_of(file), fingerprint(file), proof))
    files.write_json(staged / "tfgen.json", job.describe(exported, artefacts))
    write_companions(exported, artefacts[0].path.name, staged)
    return artefacts


@dataclass(frozen=True)
class Source:
    """What the converter reads: a SavedModel for phones, and rows to calibrate int8 with."""

    saved_model: Path
    signatures: tuple[str, ...]
    calibration: Path

    @classmethod
    def write(cls, exported: ExportedModel, folder: Path, calibrated: bool) -> "Source":
        """Into an empty folder; the rows only where int8 needs them."""
        source = cls(folder / "saved_model", tuple(exported.entries), folder / "calibration.npz")
        saved_model.save(exported, source.saved_model)
        if calibrated:
            parity.save_cases(source.calibration, parity.calibration_cases(exported, CALIBRATION_ROWS))
        return source

    def convert(self, named: Mapping[str, Path]) -> None:
        """Writes a TFLite file for each number format.

        Raises:
            Failure: the converter refused, or a file would need the Flex delegate.
        """
        script = Path(__file__).with_name("convert_tflite.py")
        wanted = [f"{number_format}={file}" for number_format, file in named.items()]
        if reason := apart.run(script, self.saved_model, ",".join(self.signatures), self.calibration, *wanted):
            raise Failure(f"TensorFlow can't convert the model to TFLite: {reason}.", "Nothing was published.")
        if any(b"Flex" in file.read_bytes() for file in named.values()):
            raise Failure("The TFLite file would need operations that a phone doesn't have.", "Nothing was published.")


def fingerprint(path: Path) -> dict[str, str]:
    """What tells one file from another."""
    return {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
