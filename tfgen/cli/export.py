"""tfgen export: a run as files that work elsewhere."""

import json
import signal
import sys
from pathlib import Path

import click

from tfgen.cli.options import run_argument
from tfgen.cli.tables import table
from tfgen.console import command_line
from tfgen.environment import load_tensorflow


@click.command("export")
@run_argument
@click.option("--saved-model", is_flag=True, help="A SavedModel for TensorFlow Serving.")
@click.option("--tflite", is_flag=True, help="TFLite files for phones and small devices.")
@click.option(
    "--quantize",
    "number_formats",
    multiple=True,
    metavar="FORMAT",
    help="A TFLite file's numbers: float32, float16, int8 (the quick one) or int8-weights (the small one); "
    "may be given several times.  [default: float32]",
)
@click.option("--onnx", is_flag=True, help="ONNX files for ONNX Runtime, of what draws nothing by chance.")
@click.option(
    "--serving", is_flag=True, help="The SavedModel, and files to deploy it: TensorFlow Serving, Compose, Kubernetes."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FOLDER", help="[default: RUN/export]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON in place of the table.")
def command(
    run: str,
    saved_model: bool,
    tflite: bool,
    number_formats: tuple[str, ...],
    onnx: bool,
    serving: bool,
    output: Path | None,
    as_json: bool,
) -> None:
    """Write RUN as files that work without tfgen, and prove that they give the same samples.

    Without --saved-model, --tflite, --onnx or --serving, a SavedModel and TFLite files are written. Each is run in a
    process of its own and compared with the model before it is published; what differs too much is not published.

    \b
    tfgen export digits-gan
    tfgen export digits-gan --tflite --quantize int8 --quantize float16
    tfgen export digits-gan --serving -o /srv/models
    """
    from tfgen.api import DEFAULT_FORMATS, load
    from tfgen.export.request import ExportRequest, check

    opened = load(run)
    wanted = {"saved-model": saved_model or serving, "tflite": tflite or bool(number_formats), "onnx": onnx}
    formats = tuple(name for name in wanted if wanted[name]) or DEFAULT_FORMATS
    request = ExportRequest(formats, number_formats or ("float32",), output, serving)
    check(request)
    # So that a polite kill leaves no half-made folder and no process behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    load_tensorflow()
    artefacts = opened.export_request(request)
    if as_json:
        click.echo(json.dumps([artefact.to_json() for artefact in artefacts], indent=2))
        return
    click.echo(_table(artefacts))
    for path in dict.fromkeys(each.path if each.path.is_dir() else each.path.parent for each in artefacts):
        click.echo(f"Published: {path}", err=True)
    if serving:
        click.echo(f"Deployment files: {(output or opened.path / 'export') / 'serving'}", err=True)
    if "saved-model" in formats:
        target = opened.reference if output is None else output
        click.echo(f"Next: {command_line('serve', target)}", err=True)


_HEADINGS = ("", "size", "largest difference", "quality", "batch 1, ms (p95)", "batch 8, ms (p95)")


def _table(artefacts: list) -> str:
    """What was measured, a row for each file, for reading."""
    return table([_HEADINGS, *[_row(artefact) for artefact in artefacts]])


def _row(artefact) -> tuple[str, ...]:
    proof = artefact.proof
    asked = proof.tolerance.text()
    difference, quality = f"{proof.worst_difference:.1e}", f"{proof.worst_decibels:.0f} dB"
    if proof.worst_perplexity is not None:
        quality = f"perplexity {100 * proof.worst_perplexity:+.2f} %"
    if proof.worst_difference == 0:
        difference, quality = "none", "exact"
    if proof.tolerance.difference is not None:
        difference += f" ({asked})"
    else:
        quality += f" ({asked})"
    latency = [_latency(proof, batch) for batch in ("1", "8")]
    return artefact.name, f"{artefact.size / 1000:.0f} kB", difference, quality, *latency


def _latency(proof, batch: str) -> str:
    """Of a call, or of the part of one that was timed."""
    if batch not in proof.latency:
        return "-"
    taken = proof.latency[batch]
    part = "" if proof.timed == "call" else f" a {proof.timed}"
    return f"{taken['p50']:.2f} ({taken['p95']:.2f}){part}"
