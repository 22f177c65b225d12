"""Classify, Regress and MultiInference: signatures that take serialized `tf.train.Example`s.

tfgen's own models have none; they are here so that another SavedModel is answered as TensorFlow Serving answers it.
"""

import json
from typing import Any

import numpy as np
from tensorflow.core.example.example_pb2 import Example
from tensorflow.core.example.feature_pb2 import Feature
from tensorflow_serving.apis.classification_pb2 import ClassificationResult
from tensorflow_serving.apis.input_pb2 import Input
from tensorflow_serving.apis.regression_pb2 import RegressionResult

from tfgen.serve import json_answers, json_tensors
from tfgen.serve.signature import DEFAULT_SIGNATURE, Signature
from tfgen.serve.status import invalid, unmet

CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"
_LIST_NAMES = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}


def signature_of(signatures: dict[str, Signature], name: str, method: str) -> Signature:
    """The signature with this name, if it is for this method.

    Raises:
        ServingError: there is none, or it is for another.
    """
    name = name or DEFAULT_SIGNATURE
    if name not in signatures:
        raise invalid(f"No signature was found with the name: {name}")
    signature = signatures[name]
    actual = signature.definition.method_name
    if actual != method:
        kind = "classification" if method == CLASSIFY else "regression"
        raise invalid(f"Expected {kind} signature method_name to be {method}. Was: {actual}")
    if list(signature.definition.inputs) != ["inputs"]:
        raise unmet(f'Expected one input named "inputs" in the signature "{name}"')
    return signature


def inputs_of(message: Input) -> dict[str, np.ndarray]:
    """The input of such a signature: each example, with the common context, in serialized form."""
    kind = message.WhichOneof("kind")
    examples = list(getattr(message, kind).examples) if kind else []
    if not examples:
        raise invalid("Input is empty.")
    if kind == "example_list_with_context":
        examples = [_with_context(example, message.example_list_with_context.context) for example in examples]
    array = np.empty(len(examples), object)
    array[:] = [example.SerializeToString() for example in examples]
    return {"inputs": array}


def classifications(outputs: dict[str, np.ndarray], count: int) -> ClassificationResult:
    """Labels and scores of each example."""
    classes, scores = outputs.get("classes"), outputs.get("scores")
    for name, array in (("classes", classes), ("scores", scores)):
        if array is not None and (array.ndim != 2 or len(array) != count):
            raise invalid(f"Expected {name} of shape [{count} num_classes] but got {list(array.shape)}")
    if classes is None and scores is None:
        raise unmet('Expected classification signature outputs to contain at least one of "classes" or "scores".')
    result = ClassificationResult()
    for row in range(count):
        listed = result.classifications.add()
        labels = classes[row] if classes is not None else [b""] * scores.shape[1]
        values = scores[row] if scores is not None else [0.0] * len(labels)
        for label, score in zip(labels, values):
            listed.classes.add(label=label.decode(errors="replace"), score=float(score))
    return result


def regressions(outputs: dict[str, np.ndarray], count: int) -> RegressionResult:
    """The value of each example."""
    if "outputs" not in outputs:
        raise unmet('No regression outputs named "outputs" found in SignatureDef')
    values = outputs["outputs"]
    if values.size != count:
        raise invalid(f"Expected output batch size to be {count}. Got: {values.size}")
    result = RegressionResult()
    for value in values.ravel().tolist():
        result.regressions.add(value=value)
    return result


def input_of(document: dict[str, Any]) -> Input:
    """The examples of a REST request for classify or regress."""
    message = Input()
    listed = message.example_list
    if "context" in document:
        listed = message.example_list_with_context
        listed.context.CopyFrom(_example(document["context"]))
    if "examples" not in document:
        what = f"JSON Value: {json_tensors.quoted(document)} When method is classify, key 'examples' is expected"
        raise invalid(f"{what} and was not found")
    examples = document["examples"]
    if not isinstance(examples, list):
        raise invalid(f"JSON Value: {json_tensors.quoted(document)} Expecting 'examples' value to be an list/array")
    if not examples:
        raise invalid(f"JSON Value: {json_tensors.quoted(document)} 'examples' value is an empty array")
    listed.examples.extend(_example(example) for example in examples)
    return message


def results_text(result: ClassificationResult | RegressionResult) -> str:
    """The body of a REST response for classify or regress."""
    if isinstance(result, RegressionResult):
        return '{\n    "results": [' + ", ".join(_decimals([item.value for item in result.regressions])) + "]\n}"
    rows = []
    for row in result.classifications:
        labels = [json.dumps(item.label) for item in row.classes]
        scores = _decimals([item.score for item in row.classes])
        rows.append("[" + ", ".join(f"[{label}, {score}]" for label, score in zip(labels, scores)) + "]")
    return '{\n    "results": [' + ", ".join(rows) + "]\n}"


def _with_context(example: Example, context: Example) -> Example:
    merged = Example()
    merged.CopyFrom(context)
    for name, feature in example.features.feature.items():
        merged.features.feature[name].CopyFrom(feature)
    return merged


def _decimals(values: list[float]) -> list[str]:
    return json_answers.decimal_texts(np.array(values, np.float32))


def _example(value: Any) -> Example:
    if not isinstance(value, dict):
        raise invalid(f"Example must be JSON object but got JSON {json_tensors.kind_name(value)}")
    example = Example()
    for name, content in value.items():
        feature = example.features.feature[json_tensors.bytes_of(name).decode()]
        for item in content if isinstance(content, list) else [content]:
            _add(item, name, feature)
    return example


def _add(value: Any, name: str, feature: Feature) -> None:
    """Adds one JSON value to a feature; all of one feature must be of the same kind."""
    if isinstance(value, bool):
        _values(feature, "int64_list", name).append(int(value))
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise invalid(f"Feature: {name} has uint64 element. Only int64 is supported.")
        _values(feature, "int64_list", name).append(value)
    elif isinstance(value, float):
        if np.isfinite(value) and abs(value) > np.finfo(np.float32).max:
            raise invalid(f"Cannot convert JSON value: {value} to float without loss of precision.")
        _values(feature, "float_list", name).append(value)
    elif isinstance(value, str) or json_tensors.is_base64(value):
        _values(feature, "bytes_list", name).append(json_tensors.bytes_of(value))
    else:
        kind = json_tensors.kind_name(value)
        raise invalid(f"Feature: {name} has element with unexpected JSON type: {kind}")


def _values(feature: Feature, kind: str, name: str):
    present = feature.WhichOneof("kind")
    if present not in (None, kind):
        raise invalid(f"Unexpected element type in feature: {name} expecting type: {_LIST_NAMES[present]}")
    return getattr(feature, kind).value
