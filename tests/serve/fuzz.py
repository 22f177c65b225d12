"""Requests that nobody should send, by the thousand; shared by the tests and the bench."""

import http.client
import json
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import numpy as np
import schemathesis
import tensorflow as tf
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from tensorflow.core.framework import types_pb2
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    predict_pb2,
)

SCHEMA = Path(__file__).with_name("openapi.yaml")
SIGNATURES = "serving_default generate png decode encode double scalar fixed shout distinct total positive nope".split()
_QUIET = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}


def fuzz_rest(url: str, count: int, number: int = 0) -> Counter:
    """Sends about `count` requests, wrong by the schema or right, and bodies that are broken; counts the codes."""
    schema = schemathesis.openapi.from_path(str(SCHEMA))
    schema.config.update(base_url=url)
    operations = [operation.ok() for operation in schema.get_all_operations()]
    codes = Counter()
    each = count // 2 // len(operations)
    for operation in operations:
        strategy = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

        @seed(number)
        @settings(max_examples=each, **_QUIET)
        @given(case=strategy)
        def wrong_by_schema(case):
            codes[case.call(base_url=url).status_code] += 1

        wrong_by_schema()
    return codes + _broken_bodies(url, count // 2, number)


def fuzz_shapes(server, models: list[str], count: int, number: int = 0) -> Counter:
    """Sends `count` requests to the signatures of these models, over REST or gRPC: inputs of wrong rank, sizes, types
    or rows, missing or too many. Counts the answers; each has to name what was wrong, or what was wanted.

    Most are shifted by one thing from what is right, which is where kernels are met.
    """
    signatures = [(model, *each) for model in models for each in _signatures_of(server, model).items()]
    generator, codes = np.random.default_rng(number), Counter()
    for place in range(count):
        model, signature, inputs = signatures[place % len(signatures)]
        values = {name: _right(info, generator) for name, info in inputs.items()}
        changed, expected = _spoiled(values, inputs, generator)
        send = _send_rest if generator.random() < 0.5 else _send_rpc
        code, message = send(server, model, signature, changed)
        codes[code] += 1
        shown = f"{model}:{signature} {({name: value.shape for name, value in changed.items()})} gave {code} {message}"
        assert server.process.poll() is None, shown
        assert code in (200, 400, "OK", "INVALID_ARGUMENT"), shown
        if expected is not None and code not in (200, "OK"):
            assert expected in message or "expected type" in message, f"{expected} is not in: {shown}"
    return codes


def _signatures_of(server, model: str) -> dict[str, dict[str, Any]]:
    code, text = server.get(f"/v1/models/{model}/metadata")
    assert code == 200, text
    found = json.loads(text)["metadata"]["signature_def"]["signature_def"]
    return {
        name: {
            each: ([int(dim["size"]) for dim in info["tensor_shape"].get("dim", [])], info["dtype"])
            for each, info in definition["inputs"].items()
        }
        for name, definition in found.items()
        if not name.startswith("__")
    }


_TYPES = {"DT_FLOAT": np.float32, "DT_INT32": np.int32, "DT_STRING": np.object_}


def _right(info: tuple[list[int], str], generator: np.random.Generator, sizes: list[int] | None = None) -> np.ndarray:
    """A value of an input's type, and of its shape where no other is given: two rows, three of what else is open."""
    open_sizes = [2, *[3] * 9]
    wanted = [open_sizes[place] if size < 0 else size for place, size in enumerate(info[0])]
    shape = wanted if sizes is None else sizes
    if info[1] == "DT_STRING":
        return np.full(shape, "cat", np.object_)
    if info[1] == "DT_FLOAT":
        return generator.uniform(0, 1, shape).astype(np.float32)
    return generator.integers(1, 4, shape, np.int32)


def _spoiled(
    values: dict[str, np.ndarray], inputs: dict[str, tuple[list[int], str]], generator: np.random.Generator
) -> tuple[dict[str, np.ndarray], str | None]:
    """The inputs with one thing wrong, and a word that the answer has to hold; None where it may be right after all."""
    name = str(generator.choice(list(values)))
    shape, (wanted, kind) = list(values[name].shape), inputs[name]
    place = int(generator.integers(len(shape))) if shape else 0
    match int(generator.integers(8)):
        case 0:
            shape = shape[1:]
        case 1:
            shape.insert(place, 1)
        case 2:
            shape[place] = int(generator.choice([0, 1, shape[place] + 1, 7, 64]))
        case 3:
            shape = [int(generator.integers(0, 5)) for _ in range(int(generator.integers(0, 6)))]
        case 4:
            shape = [int(np.prod(shape))]
        case 5:
            other = str(generator.choice([each for each in _TYPES if each != kind]))
            return {**values, name: _right((wanted, other), generator, shape)}, None if other == "DT_INT32" else name
        case 6:
            return {each: value for each, value in values.items() if each != name}, name
        case 7:
            return {**values, "extra": values[name]}, "extra"
    fits = len(shape) == len(wanted) and all(size in (-1, side) for size, side in zip(wanted, shape))
    return {**values, name: _right((wanted, kind), generator, shape)}, None if fits else name


def _send_rest(server, model: str, signature: str, values: dict[str, np.ndarray]) -> tuple[int, str]:
    code, answer = server.post(
        f"/v1/models/{model}:predict",
        {"signature_name": signature, "inputs": {name: value.tolist() for name, value in values.items()}},
    )
    return code, str(answer.get("error", ""))


def _send_rpc(server, model: str, signature: str, values: dict[str, np.ndarray]) -> tuple[str, str]:
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, signature
    for name, value in values.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    try:
        server.prediction.Predict(request, timeout=60)
    except grpc.RpcError as error:
        return error.code().name, error.details()
    return "OK", ""


def _broken_bodies(url: str, count: int, number: int) -> Counter:
    """Bodies of the right form with a few bytes changed, cut or doubled, and bytes of no form at all."""
    host = urlsplit(url).netloc
    connection = http.client.HTTPConnection(host, timeout=60)
    codes = Counter()

    @seed(number)
    @settings(max_examples=count, **_QUIET)
    @given(body=_bodies(), verb=st.sampled_from(["predict", "classify", "regress"]))
    def send(body, verb):
        connection.request("POST", f"/v1/models/toy:{verb}", body)
        response = connection.getresponse()
        text = response.read().decode()
        assert isinstance(json.loads(text), dict)
        codes[response.status] += 1

    send()
    return codes


@st.composite
def _bodies(draw):
    leaves = st.one_of(st.integers(), st.floats(), st.text(), st.booleans(), st.none(), st.just({"b64": "YQ=="}))
    values = st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner), max_leaves=8
    )
    document = {
        "signature_name": draw(st.sampled_from(SIGNATURES)),
        draw(st.sampled_from(["instances", "inputs"])): draw(values),
    }
    body = bytearray(json.dumps(document).encode())
    for place in draw(st.lists(st.integers(0, len(body) - 1), max_size=3)):
        body[place] = draw(st.integers(0, 255))
    return bytes(body[: draw(st.integers(0, len(body)))]) if draw(st.booleans()) else bytes(body)


def fuzz_rpc(address: str, count: int, number: int = 0) -> Counter:
    """Sends `count` messages, odd or no messages at all; counts the status codes."""
    codes = Counter()
    with grpc.insecure_channel(address) as channel:
        calls = {
            name: channel.unary_unary(f"/tensorflow.serving.{name}")
            for name in (
                "PredictionService/Predict",
                "PredictionService/GetModelMetadata",
                "PredictionService/Classify",
                "PredictionService/MultiInference",
                "ModelService/GetModelStatus",
            )
        }

        @seed(number)
        @settings(max_examples=count, **_QUIET)
        @given(_messages())
        def send(case):
            name, body = case
            try:
                calls[name](body, timeout=60)
                codes["OK"] += 1
            except grpc.RpcError as error:
                codes[error.code().name] += 1

        send()
    return codes


@st.composite
def _messages(draw):
    """A method and the bytes for it."""
    kinds = {
        "PredictionService/Predict": (predict_pb2.PredictRequest, _fill_predict),
        "PredictionService/GetModelMetadata": (get_model_metadata_pb2.GetModelMetadataRequest, _fill_metadata),
        "PredictionService/Classify": (classification_pb2.ClassificationRequest, _fill_classify),
        "PredictionService/MultiInference": (inference_pb2.MultiInferenceRequest, _fill_inference),
        "ModelService/GetModelStatus": (get_model_status_pb2.GetModelStatusRequest, _fill_status),
    }
    name = draw(st.sampled_from(["PredictionService/Predict"] * 3 + list(kinds)))
    message = kinds[name][0]()
    kinds[name][1](draw, message)
    body = bytearray(message.SerializeToString())
    if body and draw(st.booleans()):
        for place in draw(st.lists(st.integers(0, len(body) - 1), max_size=4)):
            body[place] = draw(st.integers(0, 255))
    if draw(st.integers(0, 9)) == 0:
        body = bytearray(draw(st.binary(max_size=100)))
    return name, bytes(body)


def _fill_spec(draw, spec):
    spec.name = draw(st.sampled_from(["toy", "toy", "toy", "", "foo", "\N{SNOWMAN}"]))
    spec.signature_name = draw(st.sampled_from(SIGNATURES))
    choice = draw(st.integers(0, 3))
    if choice == 1:
        spec.version.value = draw(st.sampled_from([1, 2, -1, 2**63 - 1]))
    elif choice == 2:
        spec.version_label = draw(st.text(max_size=5))


def _fill_predict(draw, request):
    _fill_spec(draw, request.model_spec)
    for name in draw(st.lists(st.sampled_from(["x", "n", "seed", "prompt", "z", "images", "text", ""]), max_size=3)):
        request.inputs[name].CopyFrom(draw(_tensors()))
    request.output_filter.extend(draw(st.lists(st.sampled_from(["y", "images", "mean", "nope"]), max_size=2)))


@st.composite
def _tensors(draw):
    proto = TensorProto(dtype=draw(st.sampled_from([1, 1, 3, 7, 9, 2, 10, 19, 20, 101, *types_pb2.DataType.values()])))
    sizes = st.sampled_from([0, 1, 1, 2, 3, 4, 4, -1, 2**31, 2**62, 1000])
    for size in draw(st.lists(sizes, max_size=5)):
        proto.tensor_shape.dim.add(size=size)
    proto.tensor_shape.unknown_rank = draw(st.integers(0, 9)) == 0
    kind = draw(st.integers(0, 5))
    if kind == 0:
        proto.tensor_content = draw(st.binary(max_size=64))
    elif kind == 1:
        proto.float_val.extend(draw(st.lists(st.floats(width=32), max_size=5)))
    elif kind == 2:
        proto.int_val.extend(draw(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=5)))
    elif kind == 3:
        proto.string_val.extend(draw(st.lists(st.binary(max_size=5), max_size=3)))
    elif kind == 4:
        proto.int64_val.extend(draw(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5)))
    return proto


def _fill_metadata(draw, request):
    _fill_spec(draw, request.model_spec)
    request.metadata_field.extend(draw(st.lists(st.sampled_from(["signature_def", "", "x"]), max_size=2)))


def _fill_status(draw, request):
    _fill_spec(draw, request.model_spec)


def _fill_classify(draw, request):
    _fill_spec(draw, request.model_spec)
    request.model_spec.signature_name = draw(st.sampled_from(["classify_x", "regress_x", ""]))
    _fill_input(draw, request.input)


def _fill_inference(draw, request):
    for _ in range(draw(st.integers(0, 2))):
        task = request.tasks.add()
        _fill_spec(draw, task.model_spec)
        task.method_name = draw(st.sampled_from(["tensorflow/serving/classify", "tensorflow/serving/regress", "", "x"]))
    _fill_input(draw, request.input)


def _fill_input(draw, message):
    for value in draw(st.lists(st.floats(width=32), max_size=3)):
        feature = message.example_list.examples.add().features.feature[draw(st.sampled_from(["x", "y"]))]
        feature.float_list.value.extend([value] * draw(st.integers(0, 2)))
