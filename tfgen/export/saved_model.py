"""A model as a SavedModel with named, batched signatures, as TensorFlow Serving loads it."""

from pathlib import Path
from typing import Any

import tensorflow as tf

from tfgen import files
from tfgen.export import parity
from tfgen.export.formats import SAVED_MODEL
from tfgen.export.job import Artefact, Job, size_of
from tfgen.export.signatures import SERVER, ExportedModel
from tfgen.console import say

SCRIPT = Path(__file__).with_name("run_saved_model.py")


def export(job: Job) -> list[Artefact]:
    """OUTPUT/NAME/VERSION, as TensorFlow Serving loads it; warm-up requests, tfgen.json and more in assets.extra."""
    say("SavedModel: writing, and running it in a process of its own ...")
    path, staged = job.new_version(job.name)
    exported = job.exported(SERVER)
    save(exported, staged)
    expected = parity.expect(exported)
    single = {key.split("/")[0]: inputs for key, inputs in expected.cases.items() if key.endswith("/1")}
    write_warmup(staged, job.name, single)
    proof = parity.prove(SCRIPT, staged, expected, exported.tolerances[SAVED_MODEL])
    artefact = Artefact("SavedModel", path, size_of(staged), fingerprint(staged), proof)
    extra = staged / "assets.extra"
    for name, content in exported.companions().items():
        files.write_bytes(extra / name, content)
    files.write_json(extra / "tfgen.json", job.describe(exported, [artefact]))
    return [artefact]


def save(exported: ExportedModel, path: Path) -> None:
    """Writes a SavedModel; the first signature is also the one that answers where a caller names none.

    Pure functions of their inputs: no seed generator, which would change its state with every call, and no
    optimiser or discriminator, which nobody calls.
    """
    signatures = {name: exported.traced(name) for name in exported.entries}
    module = tf.Module()
    module.tables = exported.tables()
    # In the model's own order, so that the same run gives the same fingerprint.
    called = {variable.ref() for function in signatures.values() for variable in function.graph.variables}
    module.weights = [variable for variable in exported.variables() if variable.ref() in called]
    default = {tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY: next(iter(signatures.values()))}
    tf.saved_model.save(module, str(path), signatures={**default, **signatures})


def fingerprint(path: Path) -> dict[str, str]:
    """What tells one SavedModel from another, whatever order its bytes were written in."""
    read = tf.saved_model.experimental.read_fingerprint(str(path))
    return {
        "graph": f"{read.graph_def_program_hash:016x}",
        "signatures": f"{read.signature_def_hash:016x}",
        "objects": f"{read.saved_object_graph_hash:016x}",
        "weights": f"{read.checkpoint_hash:016x}",
    }


def write_warmup(path: Path, name: str, requests: dict[str, dict[str, Any]]) -> None:
    """Requests, by signature, that a server answers to itself before it takes others: nobody waits for the first."""
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    folder = path / "assets.extra"
    folder.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / "tf_serving_warmup_requests")) as file:
        for signature, inputs in requests.items():
            request = predict_pb2.PredictRequest()
            request.model_spec.name = name
            request.model_spec.signature_name = signature
            for key, value in inputs.items():
                request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
            log = prediction_log_pb2.PredictLog(request=request)
            file.write(prediction_log_pb2.PredictionLog(predict_log=log).SerializeToString())
