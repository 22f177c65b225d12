"""What enlarges, as files that work without tfgen; proved and published as a run's own exports are."""

import contextlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen import files
from tfgen.export import apart, parity, saved_model, tflite
from tfgen.export.app import safe_name
from tfgen.export.formats import SAVED_MODEL, Tolerance
from tfgen.export.job import Artefact, Job, size_of
from tfgen.export.signatures import PHONE, SERVER, Entry, ExportedModel
from tfgen.export.stage import check_name, check_proofs, exclusive
from tfgen.feedback.events import run_digest
from tfgen.representations.signatures import Kind
from tfgen.restore import open_codec
from tfgen.run import Run
from tfgen.trust import provenance
from tfgen.upscale.learning import Learned, check, open_learned

CALL = "upscale"
_SERVED_SIDE = 24  # pixels of what a server's proof and warm-up enlarge: it takes any size


def export(
    run: Run, by: int, output: Path | None = None, minutes: float | None = None, steps: int | None = None
) -> list[Artefact]:
    """OUTPUT/RUN-x2/VERSION, a SavedModel for pictures of any size, and OUTPUT/tflite/RUN-x2/VERSION, a TFLite file for
    those of the run's size. By default beside what enlarges, in the run's folder.

    Raises:
        UserError: nothing can be learned for this run.
        Failure: an export can't be made, or is too far from the network; nothing was published.
    """
    check(run, by, minutes, steps)
    check_name(run)
    with exclusive(output or run.path / "upscalers" / "export") as place:
        apart.prepare()
        learned = open_learned(run, by, minutes, steps)
        with contextlib.ExitStack() as publishing:
            job = UpscaleJob(run, open_codec(run), learned.network, "", place, ("float32",), publishing, learned)
            artefacts = [*saved_model.export(job), *_export_tflite(job)]
            check_proofs(artefacts)
    return artefacts


@dataclass(frozen=True)
class UpscaleJob(Job):
    """See Job; the model is the network."""

    learned: Learned

    @property
    def name(self) -> str:
        return f"{self.run.name}-x{self.learned.by}"

    def exported(self, audience: str) -> ExportedModel:
        return UpscaleExport(self.run, self.codec, self.model, audience, self.learned)

    def describe(self, exported: ExportedModel, artefacts: list[Artefact]) -> dict[str, Any]:
        about = {"model": "upscaler", "of": self.run.name, **self.learned.to_json()}
        return {**super().describe(exported, artefacts), "run": about}

    def _facts(self, number: str) -> dict[str, Any]:
        facts = {"Source": provenance.EXPORTED, "run": self.run.name, "model": "upscaler", "export": number}
        return {**facts, "modality": self.run.record["modality"], "weights": run_digest(self.run)}


def _export_tflite(job: UpscaleJob) -> list[Artefact]:
    path, staged = job.new_version(f"tflite/{job.name}")
    exported = job.exported(PHONE)
    file = staged / f"{safe_name(job.name)}-float32.tflite"
    with tempfile.TemporaryDirectory() as scratch:
        tflite.Source.write(exported, Path(scratch), calibrated=False).convert({"float32": file})
    proof = parity.prove(tflite.SCRIPT, file, parity.expect(exported), exported.tolerances["float32"])
    artefact = Artefact("TFLite float32", path / file.name, size_of(file), tflite.fingerprint(file), proof)
    files.write_json(staged / "tfgen.json", job.describe(exported, [artefact]))
    return [artefact]


class UpscaleExport(ExportedModel):
    """See ExportedModel: pictures float32 [n, h, w, c] in 0 to 1 in, larger ones out."""

    tolerances = {SAVED_MODEL: Tolerance(difference=1e-5), "float32": Tolerance(difference=1e-4)}
    timed = CALL
    batches = (1, 3)

    def __init__(self, run: Run, codec: Any, model: Any, audience: str, learned: Learned):
        self.learned = learned
        super().__init__(run, codec, model, audience)

    def make_entries(self) -> dict[str, Entry]:
        height, width, channels = self.codec.specification.shape
        sides = (None, None) if self.audience == SERVER else (height, width)
        pictures = tf.TensorSpec([None, *sides, channels], tf.float32, "pictures")

        def function(pictures: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"enlarged": tf.identity(self.model.enlarge(pictures, self.learned.by), name="enlarged")}

        return {CALL: Entry({"pictures": pictures}, {"pictures": Kind.EXAMPLES}, function)}

    def specification(self, name: str, kind: Kind) -> tf.TensorSpec:
        return self.entries[CALL].inputs[name]

    def inputs_of(self, call: str, seeds: np.ndarray) -> dict[str, np.ndarray]:
        height, width, channels = self.codec.specification.shape
        sides = (_SERVED_SIDE, _SERVED_SIDE) if self.audience == SERVER else (height, width)
        drawn = [np.random.default_rng([1, abs(int(seed))]).random([*sides, channels]) for seed in seeds]
        return {"pictures": np.asarray(drawn, np.float32)}

    def sample(self) -> dict[str, Any]:
        """As small as can be: a phone's takes pictures of the run's size alone."""
        picture = np.linspace(0.0, 1.0, 4 * self.codec.specification.shape[-1]).reshape(2, 2, -1)
        return {"signature": CALL, "instances": [{"pictures": np.round(picture, 3).tolist()}]}

    def companions(self) -> dict[str, bytes]:
        return {}

    def words(self) -> Mapping[str, Any]:
        return {}

    def contains(self) -> list[str]:
        return ["The weights of a network that enlarges, which learned from the run's pictures."]

    def shared_codec(self) -> dict[str, Any]:
        return {"enlarges_by": self.learned.by}

    def variables(self) -> list[tf.Variable]:
        return [variable.value for variable in self.model.variables]
