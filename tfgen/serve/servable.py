"""One loaded version of a model: its signatures, and how to run them.

It is loaded into a session as TensorFlow Serving's binary does it, so what a SavedModel accepts and how it fails are
the same, up to shapes: those are checked before it runs. A session's callable may be run by many threads.
"""

from pathlib import Path

import numpy as np
import tensorflow as tf
from grpc import StatusCode
from tensorflow.core.protobuf.config_pb2 import CallableOptions

from tfgen.serve import examples, tensors
from tfgen.serve.signature import DEFAULT_SIGNATURE, Signature, is_batchable
from tfgen.serve.status import ServingError, invalid, of_tensorflow, unmet

_WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
_MOST_WARMUP_REQUESTS = 1000


class Servable:
    """A SavedModel in memory."""

    def __init__(self, name: str, version: int, path: Path):
        self.name = name
        self.version = version
        self.path = path
        self._session, self.meta_graph = _load(path)
        self.signatures = {
            name: Signature(name, definition, is_batchable(definition))
            for name, definition in self.meta_graph.signature_def.items()
        }
        self._callables = {name: self._callable(signature) for name, signature in self.signatures.items()}

    def signature(self, name: str) -> Signature:
        """The signature with this name; the default one for ''."""
        name = name or DEFAULT_SIGNATURE
        if name not in self.signatures:
            raise unmet(f'Serving signature key "{name}" not found.')
        return self.signatures[name]

    def run(self, signature: Signature, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """All outputs of a signature.

        Raises:
            ServingError: the graph refused the inputs.
        """
        run = self._callables[signature.name]
        if run is None:
            raise unmet(f'Signature "{signature.name}" can\'t be called: its inputs or outputs are no plain tensors.')
        try:
            values = run(*[inputs[name] for name in sorted(signature.definition.inputs)])
        except (tf.errors.OpError, ValueError, TypeError, RuntimeError) as error:
            raise of_tensorflow(error) from None
        return {name: np.asarray(value) for name, value in zip(sorted(signature.definition.outputs), values)}

    def warm_up(self) -> int:
        """Runs the requests that lie beside the model, so that the first real one is as quick as any; how many.

        Raises:
            ServingError: one of them failed; such a version must not be served.
        """
        from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

        path = self.path / _WARMUP_FILE
        if not path.is_file():
            return 0
        count = 0
        for record in _records(path):
            count += 1
            if count > _MOST_WARMUP_REQUESTS:
                raise invalid(f"Number of warmup records exceeds the maximum ({_MOST_WARMUP_REQUESTS}) at {path}")
            self._replay(PredictionLog.FromString(record))
        return count

    def close(self) -> None:
        """Frees the memory. Nothing may be running."""
        self._callables.clear()
        self._session.close()

    def _callable(self, signature: Signature):
        options = CallableOptions()
        options.run_options.inter_op_thread_pool = -1  # the calling thread: a fifth less time than TensorFlow's own
        inputs, outputs = signature.definition.inputs, signature.definition.outputs
        options.feed.extend(inputs[name].name for name in sorted(inputs))
        options.fetch.extend(outputs[name].name for name in sorted(outputs))
        if not outputs or not all(":" in name for name in (*options.feed, *options.fetch)):
            return None
        return self._session._make_callable_from_options(options)  # the public one checks shapes in Python

    def _replay(self, log) -> None:
        kind = log.WhichOneof("log_type")
        if kind == "predict_log":
            request = log.predict_log.request
            signature = self.signature(request.model_spec.signature_name)
            inputs = {name: tensors.to_array(name, proto) for name, proto in request.inputs.items()}
            self.run(signature, signature.complete(inputs))
        elif kind in ("classify_log", "regress_log"):
            method = examples.CLASSIFY if kind == "classify_log" else examples.REGRESS
            request = getattr(log, kind).request
            signature = examples.signature_of(self.signatures, request.model_spec.signature_name, method)
            self.run(signature, signature.complete(examples.inputs_of(request.input)))
        else:
            raise ServingError(StatusCode.UNIMPLEMENTED, f"Unsupported log_type for warmup: {kind}")


def _load(path: Path):
    tf.get_logger().setLevel("ERROR")
    session = tf.compat.v1.Session(graph=tf.Graph())
    try:
        with session.graph.as_default():
            return session, tf.compat.v1.saved_model.load(session, ["serve"], str(path))
    except Exception as error:
        session.close()
        raise of_tensorflow(error) from None


def _records(path: Path):
    try:
        yield from tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    except tf.errors.DataLossError as error:
        message = f"{error.message}. Please verify your warmup data is in TFRecord format."
        raise ServingError(StatusCode.DATA_LOSS, message) from None
