"""The export, top to bottom: write beside the published versions, prove in a fresh process, publish by a rename."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tfgen import files
from tfgen.catalog import ENGINES, EXPORTS
from tfgen.errors import Failure, UserError
from tfgen.export import apart
from tfgen.export.agreement import Agreement
from tfgen.export.job import Artefact, Job
from tfgen.export.request import ExportRequest, check
from tfgen.export.serving import write_serving_files
from tfgen.restore import load_model_and_checkpoint, open_codec
from tfgen.run import Run

_RESERVED = ("tflite", "onnx", "serving")  # folders beside the models' own


def export(run: Run, request: ExportRequest) -> list[Artefact]:
    """Publishes what was asked for, as new versions, once every part of it has been proved; else nothing.

    Raises:
        UserError: the run has no weights, or a format is unknown or unsuitable; nothing was written.
        Failure: an export can't be made, can't be run, or is too far from its model; nothing was published.
    """
    check(request)
    check_name(run)
    codec = open_codec(run)
    ENGINES.load(f"export/{codec.representation}").check(request.number_formats)
    exporters = [EXPORTS.load(name) for name in request.formats]
    model, checkpoint = load_model_and_checkpoint(run)
    number_formats = tuple(dict.fromkeys(request.number_formats))
    with exclusive(request.output or run.results / "export") as output:
        if {"saved-model", "tflite"} & set(request.formats):
            apart.prepare()
        with contextlib.ExitStack() as publishing:
            job = Job(run, codec, model, checkpoint, output, number_formats, publishing)
            artefacts = [artefact for exporter in exporters for artefact in exporter(job)]
            check_proofs(artefacts)
        if request.serving:
            write_serving_files(output, run.name)
    return artefacts


def check_name(run: Run) -> None:
    """Raises UserError where a folder of exports can't be called as the run is."""
    if run.name in _RESERVED or run.name.startswith(".") or not run.name.isprintable():
        raise UserError(f"A run named '{run.name}' can't be exported.", "Rename its folder.")


@contextlib.contextmanager
def exclusive(output: Path) -> Iterator[Path]:
    """The folder of exports, to which nobody else writes meanwhile; a full or broken disk in words."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        with files.locked(output), apart.sharing():
            yield output
    except OSError as error:
        raise Failure(
            f"The export can't be written: {error.strerror or error}.",
            "Make room or mend the folder, then export again.",
        ) from error


def check_proofs(artefacts: list[Artefact]) -> None:
    """Raises Failure where an answer is too far from the model's."""
    wrong = [
        f"{artefact.name}: '{each.output}' of '{each.signature}' differs by up to {each.difference:.2g} "
        f"({_quality(each)}; {artefact.proof.tolerance.text()} is asked)"
        for artefact in artefacts
        for each in artefact.proof.failures()
    ]
    if wrong:
        raise Failure(
            f"The export does not answer as the model does. {'; '.join(wrong)}.",
            "Nothing was published. Leave this format out, or train longer: what has hardly learned quantises badly.",
        )


def _quality(agreement: Agreement) -> str:
    if agreement.perplexity is None:
        return f"{agreement.decibels:.0f} dB"
    return f"a text's perplexity by {100 * agreement.perplexity:.1f} %"
