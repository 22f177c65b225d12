"""One export under way: what every format needs, and the folder that appears only when all is proved."""

import contextlib
import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfgen import __version__, files
from tfgen.catalog import ENGINES
from tfgen.export.parity import Proof
from tfgen.export.published import version_number
from tfgen.export.signatures import ExportedModel
from tfgen.feedback.events import run_digest
from tfgen.representations.base import Codec
from tfgen.run import Run, now
from tfgen.trust import provenance

FORMAT = 1  # of tfgen.json


@dataclass(frozen=True)
class Artefact:
    """One exported file or folder, and what was measured of it."""

    name: str
    path: Path  # where it is once it is published
    size: int  # bytes
    fingerprint: dict[str, str]
    proof: Proof

    def to_json(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "path": str(self.path)}


@dataclass(frozen=True)
class Job:
    """A run with its weights, and where its exports go."""

    run: Run
    codec: Codec
    model: Any
    checkpoint: str  # the name of the one that the weights are from
    output: Path
    number_formats: tuple[str, ...]
    publishing: contextlib.ExitStack  # when it ends well, every folder that was filled gets its name

    @property
    def name(self) -> str:
        """What the exports are called."""
        return self.run.name

    def new_version(self, name: str) -> tuple[Path, Path]:
        """Where the next version of `name` will be, and the folder to fill."""
        folder = self.output / name
        folder.mkdir(parents=True, exist_ok=True)
        files.sync_folder(folder.parent)
        files.remove_leftovers(folder)
        path = folder / str(next_version(folder))
        staged = self.publishing.enter_context(files.folder_atomically(path))
        # Signed before it gets its name, which happens in the reverse order.
        self.publishing.enter_context(provenance.signed_folder(staged, self._facts(path.name)))
        return path, staged

    def _facts(self, number: str) -> dict[str, Any]:
        """What is signed of an export, beside its files' hashes."""
        record = self.run.record
        facts = {"Source": provenance.EXPORTED, "run": self.run.name, "model": record["model"], "export": number}
        facts |= {"modality": record["modality"], "version": self.run.version, "checkpoint": self.checkpoint}
        return {**facts, "weights": run_digest(self.run)}

    def exported(self, audience: str) -> ExportedModel:
        """What the export offers to a server or a phone."""
        return ENGINES.load(f"export/{self.codec.representation}")(self.run, self.codec, self.model, audience)

    def describe(
        self, exported: ExportedModel, artefacts: list[Artefact], with_sample: bool = True
    ) -> dict[str, Any]:
        """The content of tfgen.json: what this is, where it comes from, how to call it, and what was measured.

        with_sample: with a request for one and its answer, for exports that can make one.
        """
        import keras
        import tensorflow as tf

        record = self.run.record
        # Where the data lay, and with which settings it was read, is nobody else's business.
        data = {key: record["data"][key] for key in ("fingerprint", "count")}
        if "privacy" in record:  # by a fingerprint, guesses at the last unknown example could be proved
            del data["fingerprint"]
        return {
            "format": FORMAT,
            "created": now(),
            "versions": {"tfgen": __version__, "tensorflow": tf.__version__, "keras": keras.__version__},
            "name": self.name,
            "run": {key: record[key] for key in ("model", "modality", "config", "seed", "steps", "created")},
            "data": data,
            **({"privacy": record["privacy"]} if "privacy" in record else {}),
            "checkpoint": self.checkpoint,
            "provenance": provenance.status(),
            "run_version": self.run.version,
            "contains": exported.contains(),
            "codec": exported.shared_codec(),
            "signatures": exported.describe(),
            "sample": exported.sample() if with_sample else None,
            "exports": [{**artefact.to_json(), "path": artefact.path.name} for artefact in artefacts],
        }


def next_version(folder: Path) -> int:
    """One more than the highest version in a folder; versions count up from 1."""
    return 1 + max([version_number(child.name) or 0 for child in folder.iterdir()], default=0)


def size_of(path: Path) -> int:
    """Bytes of a file, or of everything in a folder."""
    return sum(each.stat().st_size for each in ([path] if path.is_file() else path.rglob("*")) if each.is_file())
