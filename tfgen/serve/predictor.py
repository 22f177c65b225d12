"""A request -> an answer, whichever way it came: what REST and gRPC share."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future

from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataResponse, SignatureDefMap
from tensorflow_serving.apis.input_pb2 import Input
from tensorflow_serving.apis.model_pb2 import ModelSpec

from tfgen.serve import examples
from tfgen.serve.batching import Arrays, Runner
from tfgen.serve.manager import Handle, Manager
from tfgen.serve.metrics import Metrics
from tfgen.serve.servable import Servable
from tfgen.serve.status import ServingError, invalid, of_tensorflow


class Predictor:
    """Finds the version that a request is for, and runs it."""

    def __init__(self, manager: Manager, runner: Runner, metrics: Metrics):
        self.manager = manager
        self.runner = runner
        self.metrics = metrics

    @contextlib.contextmanager
    def request(self, name: str, api: str, entrypoint: str) -> Iterator[None]:
        """Counts a request and how long it took; whatever goes wrong in the block becomes a ServingError."""
        began, status = time.perf_counter(), "OK"
        try:
            yield
        except ServingError as error:
            status = error.code.name
            raise
        except Exception as error:
            status = "INTERNAL"
            raise of_tensorflow(error) from error
        finally:
            known = name if self.manager.knows(name) else ""  # a client can't make up labels
            self.metrics.observe(known, api, entrypoint, status, began)

    @contextlib.contextmanager
    def acquired(self, spec: ModelSpec) -> Iterator[Handle]:
        """A version; released if the block fails, since then nobody else will."""
        handle = self.manager.acquire(spec)
        try:
            yield handle
        except BaseException:
            handle.release()
            raise

    def predict(self, handle: Handle, name: str, inputs: Arrays, wanted: Sequence[str] = ()) -> Future:
        """The outputs of a signature, to come. Releases the handle in any case.

        Raises:
            ServingError: the signature doesn't take these inputs, has no such outputs, or there is no room.
        """
        try:
            signature = handle.servable.signature(name)
            _check_wanted(wanted, signature.definition.outputs)
            inputs = signature.complete(inputs)
        except BaseException:
            handle.release()
            raise
        return self.runner.submit(handle, signature, inputs)

    def infer(self, spec: ModelSpec, message: Input, method: str) -> tuple[Future, Callable[[Arrays], tuple]]:
        """The outputs of a classification or regression, to come, and what makes result and model_spec of them."""
        with self.acquired(spec) as handle:
            signature = examples.signature_of(handle.servable.signatures, spec.signature_name, method)
            inputs = signature.complete(examples.inputs_of(message))
            resolved = resolved_spec(handle.servable, signature.name)
        result_of = examples.classifications if method == examples.CLASSIFY else examples.regressions
        outputs = self.runner.submit(handle, signature, inputs)
        return outputs, lambda outputs: (result_of(outputs, len(inputs["inputs"])), resolved)

    def metadata(self, spec: ModelSpec) -> GetModelMetadataResponse:
        """The signatures of a version."""
        handle = self.manager.acquire(spec)
        try:
            response = GetModelMetadataResponse(model_spec=resolved_spec(handle.servable, ""))
            signatures = SignatureDefMap(signature_def=handle.servable.meta_graph.signature_def)
            response.metadata["signature_def"].Pack(signatures)
            return response
        finally:
            handle.release()


def resolved_spec(servable: Servable, signature_name: str) -> ModelSpec:
    """The model_spec that a response echoes: which version and signature it really was."""
    spec = ModelSpec(name=servable.name, signature_name=signature_name)
    spec.version.value = servable.version
    return spec


def _check_wanted(wanted: Sequence[str], outputs) -> None:
    for name in wanted:
        if name not in outputs:
            expected = ",".join(sorted(outputs))
            what = (
                f"output tensor alias not found in signature: {name} Outputs expected to be in the set {{{expected}}}."
            )
            raise invalid(what)
        if wanted.count(name) > 1:
            raise invalid(f"duplicate output tensor alias: {name}")
