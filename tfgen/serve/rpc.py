"""The gRPC way in: PredictionService, ModelService and the standard health service.

The methods are registered by the descriptors of tensorflow-serving-api, with messages parsed here: so a message that is
no message is the client's mistake (INVALID_ARGUMENT) and not, as grpc has it by itself, a failure of the server.
The server is grpc's threaded one, which takes half the time of its asyncio one for a request.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf import message_factory
from google.protobuf.message import DecodeError, Message
from grpc import ServicerContext as Context
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_pb2,
    model_service_pb2,
    predict_pb2,
    prediction_service_pb2,
    regression_pb2,
)

from tfgen.serve import examples, tensors
from tfgen.serve.batching import MOST_AT_ONCE
from tfgen.serve.predictor import Predictor, resolved_spec
from tfgen.serve.status import ServingError, invalid

_LONGEST_MESSAGE = 2000  # bytes of an error: it travels in a header, and clients take 8 kB of those
# Requests of one connection that are on their way in; the client keeps the others until those are answered or refused.
_MOST_OF_A_CONNECTION = 2 * MOST_AT_ONCE
# Of all connections. Beyond this grpc itself drops requests, and its client says CANCELLED.
_MOST_RECEIVED = 8192


class Rpc:
    """A started gRPC server."""

    def __init__(self, server: grpc.Server, servicer: health.HealthServicer, port: int):
        self._server = server
        self._health = servicer
        self.port = port

    def stop(self, grace: float) -> None:
        """Takes no new requests, and waits for those in flight."""
        self._health.enter_graceful_shutdown()
        self._server.stop(grace).wait()


def start(predictor: Predictor, address: str, largest_request: int) -> Rpc:
    """A started server.

    Raises:
        RuntimeError: the port is taken.
    """
    options = [
        ("grpc.max_receive_message_length", largest_request),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_concurrent_streams", _MOST_OF_A_CONNECTION),
        # Else what was answered counts until its memory is freed, and clients that keep to the limit hear UNAVAILABLE.
        ("grpc.http.overload_protection", 0),
        ("grpc.server.max_pending_requests", _MOST_RECEIVED),
        ("grpc.server.max_pending_requests_hard_limit", 2 * _MOST_RECEIVED),
        ("grpc.so_reuseport", 0),  # a second server on the same port is a mistake, not a helper
    ]
    # More threads than may wait: health and status are answered even where every place in the queue is taken.
    pool = ThreadPoolExecutor(MOST_AT_ONCE, "grpc")
    server = grpc.server(pool, options=options, maximum_concurrent_rpcs=MOST_AT_ONCE)
    services = {
        prediction_service_pb2.DESCRIPTOR.services_by_name["PredictionService"]: PredictionService(predictor),
        model_service_pb2.DESCRIPTOR.services_by_name["ModelService"]: ModelService(predictor),
    }
    for descriptor, service in services.items():
        server.add_generic_rpc_handlers([_handlers(descriptor, service, predictor)])
    servicer = _health(services)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port(address)
    server.start()
    return Rpc(server, servicer, port)


class PredictionService:
    """One method per RPC, named as in prediction_service.proto."""

    def __init__(self, predictor: Predictor):
        self._predictor = predictor

    def Predict(self, request: predict_pb2.PredictRequest, context: Context) -> predict_pb2.PredictResponse:
        _check_spec(request)
        self._predictor.runner.check_room()
        with self._predictor.acquired(request.model_spec) as handle:
            name = handle.servable.signature(request.model_spec.signature_name).name
            inputs = {name: tensors.to_array(name, proto) for name, proto in request.inputs.items()}
            response = predict_pb2.PredictResponse(model_spec=resolved_spec(handle.servable, name))
        wanted = list(request.output_filter)
        outputs = _result(self._predictor.predict(handle, name, inputs, wanted), context)
        for name in wanted or outputs:
            response.outputs[name].CopyFrom(tensors.to_proto(outputs[name]))
        return response

    def GetModelMetadata(self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: Context) -> Message:
        _check_spec(request)
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != "signature_def":
                raise invalid(f"Metadata field {field} is not supported")
        return self._predictor.metadata(request.model_spec)

    def Classify(self, request: classification_pb2.ClassificationRequest, context: Context) -> Message:
        _check_spec(request)
        result, spec = self._infer(request.model_spec, request.input, examples.CLASSIFY, context)
        return classification_pb2.ClassificationResponse(model_spec=spec, result=result)

    def Regress(self, request: regression_pb2.RegressionRequest, context: Context) -> Message:
        _check_spec(request)
        result, spec = self._infer(request.model_spec, request.input, examples.REGRESS, context)
        return regression_pb2.RegressionResponse(model_spec=spec, result=result)

    def MultiInference(self, request: inference_pb2.MultiInferenceRequest, context: Context) -> Message:
        _check_tasks(request.tasks)
        response = inference_pb2.MultiInferenceResponse()
        for task in request.tasks:
            if task.method_name not in (examples.CLASSIFY, examples.REGRESS):
                message = f"Unsupported signature method_name: {task.method_name}"
                raise ServingError(grpc.StatusCode.UNIMPLEMENTED, message)
            result, spec = self._infer(task.model_spec, request.input, task.method_name, context)
            field = "classification_result" if task.method_name == examples.CLASSIFY else "regression_result"
            response.results.add(model_spec=spec, **{field: result})
        return response

    def _infer(self, spec: model_pb2.ModelSpec, message: Message, method: str, context: Context) -> tuple:
        outputs, result_of = self._predictor.infer(spec, message, method)
        return result_of(_result(outputs, context))


class ModelService:
    """One method per RPC, named as in model_service.proto."""

    def __init__(self, predictor: Predictor):
        self._manager = predictor.manager

    def GetModelStatus(self, request: get_model_status_pb2.GetModelStatusRequest, context: Context) -> Message:
        _check_spec(request)
        statuses = self._manager.statuses(request.model_spec)
        return get_model_status_pb2.GetModelStatusResponse(model_version_status=statuses)

    def HandleReloadConfigRequest(self, request: model_management_pb2.ReloadConfigRequest, context: Context) -> Message:
        self._manager.configure(request.config)
        response = model_management_pb2.ReloadConfigResponse()
        response.status.SetInParent()
        return response


def _handlers(descriptor: Any, service: Any, predictor: Predictor) -> grpc.GenericRpcHandler:
    """The methods of a service for grpc, each of which takes bytes."""
    methods = {
        method.name: grpc.unary_unary_rpc_method_handler(
            _endpoint(message_factory.GetMessageClass(method.input_type), getattr(service, method.name), predictor),
            response_serializer=lambda message: message.SerializeToString(),
        )
        for method in descriptor.methods
    }
    return grpc.method_handlers_generic_handler(descriptor.full_name, methods)


def _endpoint(message_class: type, answer: Callable[[Any, Context], Message], predictor: Predictor) -> Callable:
    def endpoint(body: bytes, context: Context) -> Message:
        try:
            request = _parsed(message_class, body)
            with predictor.request(_model_name(request), answer.__name__, "GRPC"):
                return answer(request, context)
        except ServingError as error:
            code, message = error.code, error.message.encode(errors="replace")
        context.abort(code, message[:_LONGEST_MESSAGE].decode(errors="ignore"))

    return endpoint


def _parsed(message_class: type, body: bytes) -> Message:
    try:
        return message_class.FromString(body)
    except (DecodeError, RecursionError):
        raise invalid(f"The message is no {message_class.DESCRIPTOR.full_name}") from None


def _model_name(request: Any) -> str:
    if hasattr(request, "tasks"):
        return request.tasks[0].model_spec.name if request.tasks else ""
    return request.model_spec.name if hasattr(request, "model_spec") else ""


def _check_spec(request: Any) -> None:
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")


def _check_tasks(tasks: Iterable[Any]) -> None:
    names = [task.model_spec.name for task in tasks]
    if not names or not all(names):
        raise invalid("Found ModelSpec with an empty model name")
    if len(set(names)) > 1:
        raise invalid("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
    signatures = [task.model_spec.signature_name for task in tasks]
    for name in signatures:
        if signatures.count(name) > 1:
            raise invalid(f"Duplicate evaluation of signature: {name}")


def _result(outputs: Future, context: Context) -> dict:
    """Waits for outputs; they are taken off the queue if the client doesn't wait as long."""
    context.add_callback(outputs.cancel)
    try:
        return outputs.result()
    except CancelledError:
        raise ServingError(grpc.StatusCode.CANCELLED, "The client has gone") from None


def _health(services: Iterable[Any]) -> health.HealthServicer:
    servicer = health.HealthServicer()
    for descriptor in services:
        servicer.set(descriptor.full_name, health_pb2.HealthCheckResponse.SERVING)
    return servicer
