"""The REST way in: /v1/models/NAME[/versions/N|/labels/L]:predict and so on, and the metrics."""

import asyncio
import contextlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from google.protobuf.json_format import MessageToJson
from grpc import StatusCode
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataResponse, SignatureDefMap
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusResponse
from tensorflow_serving.apis.model_pb2 import ModelSpec

from tfgen.serve import examples, json_answers, json_tensors, metrics
from tfgen.serve.batching import MOST_AT_ONCE
from tfgen.serve.predictor import Predictor
from tfgen.serve.status import ServingError, invalid

TIMEOUT_SECONDS = 30  # as TensorFlow Serving's --rest_api_timeout_in_ms
_HALF_READ = (413, 504)  # codes after which the rest of a body may still come, so that the connection is of no use
_LARGE = 2**15  # bytes of a body, or values of an answer, that are worth a thread
_VERSION = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_MOST_DIGITS = 19  # of a version: 2**63 has as many, and Python converts no thousands of them
_CALL = re.compile(rf"/v1/models/(?P<name>[^/:]+){_VERSION}:(?P<verb>classify|regress|predict)", re.I | re.A)
_LOOK = re.compile(rf"/v1/models(?:/(?P<name>[^/:]+))?{_VERSION}(?P<verb>/metadata)?", re.I | re.A)
_WEB_PAGE = re.compile(r"https?://")  # in the Origin of a page that asks whether it may ask
# Let pages from anywhere read an answer: AddCORSHeaders in tensorflow_serving/model_servers/http_rest_api_util.cc.
_CORS_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "Content-Type",
}


@dataclass(frozen=True)
class Ask:
    """What a method and a path ask for."""

    verb: str  # predict, classify, regress, metadata or status
    spec: ModelSpec


def application(
    predictor: Predictor, metrics_path: str | None, largest_request: int, cors: bool = False
) -> Starlette:
    """The ASGI application; `cors`: whether pages from other places may ask it, as browsers want to be told."""
    endpoint = Endpoint(predictor, largest_request, cors)
    routes = [Route("/{path:path}", _Any(endpoint))]
    if metrics_path:
        routes.insert(0, Route(metrics_path, _Any(lambda _: _metrics(predictor))))
    return Starlette(routes=routes)


class Endpoint:
    """Answers every path; what isn't TensorFlow Serving's is refused in its words."""

    def __init__(self, predictor: Predictor, largest_request: int, cors: bool = False):
        self._predictor = predictor
        self._largest_request = largest_request
        self._cors = cors
        self._in_progress = 0

    async def __call__(self, request: Request) -> Response:
        path = request.scope.get("raw_path", request.scope["path"].encode()).split(b"?")[0].decode("latin-1")
        if not path.lower().startswith("/v1/"):
            return _response(_error_text(f"Not found: {path}"), 404)
        if request.method == "OPTIONS":  # RestApiRequestDispatcher::ProcessRequest in model_servers/http_server.cc
            response = Response(status_code=200 if _WEB_PAGE.search(request.headers.get("origin", "")) else 400)
        else:
            response = await self._response_to(request, path)
        if self._cors:
            response.headers.update(_CORS_HEADERS)
        return response

    async def _response_to(self, request: Request, path: str) -> Response:
        try:
            ask = ask_of(request.method, path)
            with self._predictor.request(ask.spec.name, ask.verb.capitalize(), "REST"):
                return _response(await self._answer(ask, request))
        except ServingError as error:
            headers = {"Connection": "close"} if error.http_code in _HALF_READ else None
            return _response(_error_text(error.message), error.http_code, headers)

    async def _answer(self, ask: Ask, request: Request) -> str:
        if ask.verb == "status":
            statuses = self._predictor.manager.statuses(ask.spec)
            return _json(GetModelStatusResponse(model_version_status=statuses))
        if ask.verb == "metadata":
            return _metadata_text(self._predictor.metadata(ask.spec))
        self._predictor.runner.check_room()
        with self._place():
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    body = await self._read(request)
                    return await (self._predict if ask.verb == "predict" else self._infer)(ask, body)
            except TimeoutError:
                message = "Timed out reading the request or waiting for the model"
                raise ServingError(StatusCode.DEADLINE_EXCEEDED, message) from None

    @contextlib.contextmanager
    def _place(self) -> Iterator[None]:
        """One of a bounded number of requests in progress, each of which holds a body; status and metadata need none.

        Raises:
            ServingError: all are taken.
        """
        if self._in_progress >= MOST_AT_ONCE:
            raise ServingError(StatusCode.RESOURCE_EXHAUSTED, f"{MOST_AT_ONCE} requests are in progress")
        self._in_progress += 1
        try:
            yield
        finally:
            self._in_progress -= 1

    async def _predict(self, ask: Ask, content: bytes) -> str:
        document = await _maybe_on_thread(len(content), json_tensors.parse, content)
        name = json_tensors.signature_name(document)
        with self._predictor.acquired(ask.spec) as handle:
            signature = handle.servable.signatures.get(name or "serving_default")
            if signature is None:
                raise invalid(f'Serving signature name: "{name or "serving_default"}" not found in signature def')
            body = json_tensors.body_of(document)
            infos = signature.definition.inputs
            inputs = await _maybe_on_thread(len(content), json_tensors.inputs_of, body, infos)
        outputs = await asyncio.wrap_future(self._predictor.predict(handle, name, inputs))
        values = sum(array.size for array in outputs.values())
        return await _maybe_on_thread(values, json_answers.answer_of, outputs, body.rows)

    async def _infer(self, ask: Ask, content: bytes) -> str:
        document = await _maybe_on_thread(len(content), json_tensors.parse, content)
        ask.spec.signature_name = json_tensors.bytes_of(json_tensors.signature_name(document)).decode()
        message = examples.input_of(document)
        method = examples.CLASSIFY if ask.verb == "classify" else examples.REGRESS
        outputs, result_of = self._predictor.infer(ask.spec, message, method)
        result, _ = result_of(await asyncio.wrap_future(outputs))
        return examples.results_text(result)

    async def _read(self, request: Request) -> bytes:
        """The body, as far as it is not too large."""
        announced = request.headers.get("content-length", "")
        if announced.isascii() and announced.isdigit() and int(announced) > self._largest_request:
            raise TooLarge(self._largest_request)
        parts, size = [], 0
        try:
            async for part in request.stream():
                size += len(part)
                if size > self._largest_request:
                    raise TooLarge(self._largest_request)
                parts.append(part)
        except ClientDisconnect:
            raise ServingError(StatusCode.CANCELLED, "The client has gone") from None
        return b"".join(parts)


def ask_of(method: str, path: str) -> Ask:
    """What a request line asks for.

    Raises:
        ServingError: nothing that there is.
    """
    pattern = {"POST": _CALL, "GET": _LOOK}.get(method)
    match = pattern.fullmatch(path) if pattern else None
    if not match:
        raise invalid(f"Malformed request: {method} {path}")
    if not match["name"]:
        raise invalid("Missing model name in request.")
    spec = ModelSpec(name=unquote(match["name"]))
    if match["version"]:
        if len(match["version"]) > _MOST_DIGITS or int(match["version"]) >= 2**63:
            raise invalid(f"Failed to convert version: {match['version']} to numeric.")
        spec.version.value = int(match["version"])
    if match["label"]:
        spec.version_label = unquote(match["label"])
    verb = (match["verb"] or "status").lower().removeprefix("/")
    return Ask(verb, spec)


class TooLarge(ServingError):
    """The body is larger than the server takes, so it isn't read to its end."""

    http_code = 413

    def __init__(self, largest: int):
        super().__init__(StatusCode.RESOURCE_EXHAUSTED, f"The request is larger than {largest} bytes")


class _Any:
    """An ASGI endpoint for every method: starlette would answer 405, TensorFlow Serving says what it makes of it."""

    def __init__(self, answer: Callable):
        self._answer = answer

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)


async def _metrics(predictor: Predictor) -> Response:
    return Response(predictor.metrics.page(), media_type=metrics.CONTENT_TYPE)


async def _maybe_on_thread(size: int, function: Callable, *arguments: Any) -> Any:
    """Calls a function here, or on a thread where there is so much to do that others would wait."""
    return function(*arguments) if size < _LARGE else await asyncio.to_thread(function, *arguments)


def _response(text: str, code: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(text.encode(errors="replace"), code, headers, media_type="application/json")


def _error_text(message: str) -> str:
    return json.dumps({"error": message})


def _json(message: Any) -> str:
    return MessageToJson(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True, indent=1)


def _metadata_text(response: GetModelMetadataResponse) -> str:
    signatures = SignatureDefMap()
    response.metadata["signature_def"].Unpack(signatures)
    return f'{{\n"model_spec":{_json(response.model_spec)},\n"metadata": {{"signature_def": {_json(signatures)}}}\n}}\n'
