"""A model as ONNX files, one for each signature that draws nothing: ONNX Runtime answers as the model does.

What draws by a seed stays out: its noise is made of operations on integers that ONNX lacks (an arithmetic shift), and
another noise would give another sample for the same seed. A caller draws the latents, or the next token, itself.
"""

import importlib.util
import tempfile
from pathlib import Path

from tfgen import files
from tfgen.errors import Failure, UserError
from tfgen.console import say
from tfgen.export import apart, parity, saved_model
from tfgen.export.app import safe_name
from tfgen.export.job import Artefact, Job, size_of
from tfgen.export.signatures import PHONE, ExportedModel
from tfgen.export.tflite import fingerprint
from tfgen.representations.signatures import Kind

SCRIPT = Path(__file__).with_name("run_onnx.py")
_CONVERTER = Path(__file__).with_name("convert_onnx.py")
_NEEDED = ("tf2onnx", "onnxruntime")


def export(job: Job) -> list[Artefact]:
    """OUTPUT/onnx/NAME/VERSION: a file for each signature without a seed, what a caller needs beside them, tfgen.json.

    Raises:
        UserError: what converts and runs them isn't installed.
        Failure: a signature can't be converted.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f"ONNX needs {' and '.join(missing)}.", "Use: pip install 'tfgen[onnx]'")
    path, staged = job.new_version(f"onnx/{job.name}")
    exported = _without_seeds(job)
    expected = parity.expect(exported)
    named = {name: staged / f"{safe_name(job.name)}-{name}.onnx" for name in exported.entries}
    say(f"ONNX: converting {', '.join(named)}, and running them in a process of its own ...")
    with tempfile.TemporaryDirectory() as scratch:
        saved_model.save(exported, Path(scratch) / "saved_model")
        wanted = [f"{name}={file}" for name, file in named.items()]
        reason = apart.run(_CONVERTER, Path(scratch) / "saved_model", *wanted)
    if reason:
        raise Failure(f"The model can't be converted to ONNX: {reason}.", "Nothing was published.")
    proof = parity.prove(SCRIPT, staged, expected, exported.tolerances["float32"])
    artefacts = [
        Artefact(f"ONNX {name}", path / file.name, size_of(file), fingerprint(file), proof)
        for name, file in named.items()
    ]
    for name, content in exported.companions().items():
        files.write_bytes(staged / name, content)
    files.write_json(staged / "tfgen.json", job.describe(exported, artefacts, with_sample=False))
    return artefacts


def _without_seeds(job: Job) -> ExportedModel:
    """Of what a phone is offered, the signatures that draw nothing."""
    exported = job.exported(PHONE)
    chosen = {name: each for name, each in exported.entries.items() if Kind.SEED not in each.kinds.values()}
    if not chosen:
        what = f"All that '{job.name}' can do draws by a seed, which ONNX has no operations for."
        raise UserError(what, "Leave --onnx out; --saved-model and --tflite have it.")
    exported.entries, exported.timed = chosen, next(iter(chosen))
    return exported
