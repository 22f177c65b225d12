"""JSON -> arrays, by the rules of TensorFlow Serving's REST interface.

Rows come as {"instances": [...]}, columns as {"inputs": ...}.
A list is looked at level by level with set and chain, which run in C: 28x28 floats cost a fraction of a millisecond.
"""

import base64
import binascii
import itertools
import json
import math
import re
from typing import Any, NamedTuple

import numpy as np
from grpc import StatusCode
from tensorflow.core.framework import types_pb2

from tfgen.serve.status import ServingError, invalid
from tfgen.serve.tensors import type_name

_LONGEST_QUOTE = 200  # characters of a wrong value that an error repeats
_MOST_DIMENSIONS = 32
_WHOLE = {
    types_pb2.DT_INT8: np.int8,
    types_pb2.DT_UINT8: np.uint8,
    types_pb2.DT_INT16: np.int16,
    types_pb2.DT_INT32: np.int32,
    types_pb2.DT_UINT32: np.uint32,
    types_pb2.DT_INT64: np.int64,
    types_pb2.DT_UINT64: np.uint64,
}
_DECIMAL = {types_pb2.DT_FLOAT: np.float32, types_pb2.DT_DOUBLE: np.float64}
_NAMES = {int: "Number", float: "Number", str: "String", dict: "Object", list: "Array", type(None): "Null"}


class Body(NamedTuple):
    """A predict request before its tensors are looked at."""

    signature_name: str
    rows: bool
    values: Any


def parse(content: bytes) -> dict[str, Any]:
    """The object in a request's body.

    Raises:
        ServingError: it is no JSON, or no object.
    """
    if not content:
        raise invalid("JSON Parse error: The document is empty")
    try:
        document = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        raise invalid(f"JSON Parse error: Invalid encoding in string. at offset: {error.start}") from None
    except json.JSONDecodeError as error:
        raise invalid(f"JSON Parse error: Invalid value. {error.msg} at offset: {error.pos}") from None
    except RecursionError:
        raise invalid("JSON Parse error: The document is nested too deeply") from None
    except ValueError as error:
        raise invalid(f"JSON Parse error: {error}") from None
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {quoted(document)} Is not object")
    return document


def signature_name(document: dict[str, Any]) -> str:
    """The signature that a request names; '' where it names none."""
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        what = f"JSON Value: {quoted(document)} not formatted correctly."
        raise invalid(f"{what} 'signature_name' key must be a string value.")
    return name


def body_of(document: dict[str, Any]) -> Body:
    """Which signature a predict request is for, whether it comes by rows, and its values."""
    name = signature_name(document)
    if "instances" in document and "inputs" in document:
        what = f"JSON Value: {quoted(document)} Not formatted correctly"
        raise invalid(f"{what} expecting only one of 'inputs' or 'instances' keys to exist ")
    if "inputs" in document:
        return Body(name, False, document["inputs"])
    if "instances" not in document:
        raise invalid("Missing 'inputs' or 'instances' key")
    if not isinstance(document["instances"], list):
        raise invalid(f"JSON Value: {quoted(document)} Excepting 'instances' to be an list/array")
    if not document["instances"]:
        raise invalid(f"JSON Value: {quoted(document)} No values in 'instances' array")
    return Body(name, True, document["instances"])


def inputs_of(body: Body, infos: dict[str, Any]) -> dict[str, np.ndarray]:
    """The arrays of a request; `infos` are the signature's inputs.

    Raises:
        ServingError: a value is of the wrong type or shape, or an input is missing.
    """
    if not infos:
        raise invalid(f"Failed to get input map for signature: {body.signature_name or 'DEFAULT'}")
    types = {name: infos[name].dtype for name in sorted(infos)}
    return _from_rows(body.values, types) if body.rows else _from_columns(body.values, types)


def quoted(value: Any) -> str:
    """A wrong value for an error message, cut where it is long."""
    try:
        text = json.dumps(value, ensure_ascii=True)
    except (ValueError, RecursionError):
        text = "..."
    return text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE] + "..."


def kind_name(value: Any) -> str:
    """'Number', 'Array', ...: as TensorFlow Serving's messages call the kind of a JSON value."""
    return str(value) if isinstance(value, bool) else _NAMES[type(value)]


def is_base64(value: Any) -> bool:
    """Whether a value is {"b64": "..."}."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


def bytes_of(value: str | dict[str, str]) -> bytes:
    """The bytes of a string, or of {"b64": "..."}."""
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError:
            raise invalid("JSON Parse error: The surrogate pair in string is invalid.") from None
    if not is_base64(value):
        raise invalid(f"JSON Value: {quoted(value)} not formatted correctly for base64 data")
    # As absl::Base64Unescape: the standard alphabet, space anywhere, and the padding whole or left out.
    text = re.sub(r"[ \t\n\v\f\r]+", "", value["b64"])
    bare = text.rstrip("=")
    padding = "=" * (-len(bare) % 4)
    try:
        if text != bare and text[len(bare) :] != padding:
            raise ValueError
        return base64.b64decode(bare + padding, validate=True)
    except (binascii.Error, ValueError):
        raise invalid("Unable to base64 decode") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("An object has the same key twice")
    return made


def _from_columns(values: Any, types: dict[str, int]) -> dict[str, np.ndarray]:
    if not isinstance(values, dict) or is_base64(values):
        if len(types) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            )
        return {name: _array(values, dtype) for name, dtype in types.items()}
    for name in types:
        if name not in values:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: _array(values[name], dtype) for name, dtype in types.items()}


def _from_rows(rows: list[Any], types: dict[str, int]) -> dict[str, np.ndarray]:
    if len(types) > 1 and not isinstance(rows[0], dict):
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    named = _is_named(rows[0])
    for place, row in enumerate(rows):
        if named and not _is_named(row):
            raise invalid(f"Expecting object but got list at item {place} of input list")
        if not named and _is_named(row):
            raise invalid(f"Expecting value/list but got object at item {place} of input list")
        if named and row.keys() != types.keys():
            raise _wrong_keys(place, row, types)
    if not named and len(types) > 1:
        raise _wrong_keys(0, rows[0], types)
    columns = {name: [row[name] for row in rows] if named else rows for name in types}
    return {name: _column(column, types[name], name if named else "") for name, column in columns.items()}


def _is_named(row: Any) -> bool:
    return isinstance(row, dict) and not is_base64(row)


def _wrong_keys(place: int, row: Any, types: dict[str, int]) -> ServingError:
    what = f"Failed to process element: {place} of 'instances' list. JSON object: {quoted(row)}"
    return invalid(f"{what} keys must be equal to: {','.join(types)}")


def _column(values: list[Any], dtype: int, name: str) -> np.ndarray:
    """One input of all rows; what is wrong is looked for only once something is."""
    try:
        return _array(values, dtype)
    except ServingError as error:
        shape = None
        for place, value in enumerate(values):
            try:
                array = _array(value, dtype)
                shape = array.shape if shape is None else shape
                _check_same_shape(shape, array.shape)
            except ServingError as reason:
                key = f" key: {name}" if name else ""
                raise invalid(
                    f"Failed to process element: {place}{key} of 'instances' list. Error: INVALID_ARGUMENT: {reason}"
                ) from None
        raise error


def _check_same_shape(expected: tuple[int, ...], shape: tuple[int, ...]) -> None:
    if math.prod(shape) != math.prod(expected):
        raise invalid(f"Expecting tensor size: {math.prod(expected)} but got: {math.prod(shape)}")
    if shape != expected:
        texts = ["[" + ",".join(map(str, sizes)) + "]" for sizes in (expected, shape)]
        raise invalid(f"Expecting shape {texts[0]} but got: {texts[1]}")


def _array(value: Any, dtype: int) -> np.ndarray:
    leaves, shape = _flat(value)
    kinds = set(map(type, leaves))
    if dtype == types_pb2.DT_STRING:
        array = _strings(leaves, kinds)
    elif dtype in _WHOLE:
        array = _whole_numbers(leaves, kinds, dtype)
    elif dtype in _DECIMAL:
        array = _decimals(leaves, kinds, dtype)
    elif dtype == types_pb2.DT_BOOL:
        _check_kinds(leaves, kinds, {bool}, dtype)
        array = np.array(leaves, np.bool_)
    else:
        what = f"Conversion of JSON Value: {quoted(leaves[:1])} to type: {type_name(dtype)}"
        raise ServingError(StatusCode.UNIMPLEMENTED, what)
    return array.reshape(shape)


def _flat(value: Any) -> tuple[list[Any], tuple[int, ...]]:
    """The leaves of a nested list in order, and its shape."""
    level, shape = [value], []
    while level and isinstance(level[0], list):
        if set(map(type, level)) != {list}:
            wrong = next(item for item in level if not isinstance(item, list))
            what = f"JSON Value: {quoted(wrong)} found at incorrect level: {len(shape) + 1}"
            raise invalid(f"{what} in the JSON DOM. Expected at level: {len(shape) + 1}")
        size = len(level[0])
        if set(map(len, level)) != {size}:
            wrong = next(len(item) for item in level if len(item) != size)
            raise invalid(f"Encountered list at unexpected size: {wrong} at level: {len(shape)} expected size: {size}")
        shape.append(size)
        if len(shape) > _MOST_DIMENSIONS:
            raise invalid(f"A tensor has at most {_MOST_DIMENSIONS} dimensions")
        level = list(itertools.chain.from_iterable(level))
    if any(kind is list for kind in set(map(type, level))):
        raise invalid(f"Encountered list at unexpected level: {len(shape)} expected < {len(shape)}")
    return level, tuple(shape)


def _strings(leaves: list[Any], kinds: set[type]) -> np.ndarray:
    _check_kinds(leaves, kinds, {str, dict}, types_pb2.DT_STRING)
    array = np.empty(len(leaves), object)
    array[:] = [bytes_of(leaf) for leaf in leaves]
    return array


def _whole_numbers(leaves: list[Any], kinds: set[type], dtype: int) -> np.ndarray:
    _check_kinds(leaves, kinds, {int}, dtype)
    bounds = np.iinfo(_WHOLE[dtype])
    if leaves and (min(leaves) < bounds.min or max(leaves) > bounds.max):
        raise _wrong_type(next(leaf for leaf in leaves if not bounds.min <= leaf <= bounds.max), dtype)
    return np.array(leaves, _WHOLE[dtype])


def _decimals(leaves: list[Any], kinds: set[type], dtype: int) -> np.ndarray:
    _check_kinds(leaves, kinds, {int, float}, dtype)
    kind = _DECIMAL[dtype]
    most = 2 ** (np.finfo(kind).nmant + 1) - 1
    if int in kinds:
        for leaf in leaves:
            if type(leaf) is int and abs(leaf) > most:
                raise _lossy(leaf, dtype)
    array = np.array(leaves, np.float64)
    large = np.isfinite(array) & (np.abs(array) > np.finfo(kind).max)
    if large.any():
        raise _lossy(leaves[int(large.argmax())], dtype)
    return array.astype(kind)


def _check_kinds(leaves: list[Any], kinds: set[type], allowed: set[type], dtype: int) -> None:
    if not kinds <= allowed:
        raise _wrong_type(next(leaf for leaf in leaves if type(leaf) not in allowed), dtype)


def _wrong_type(value: Any, dtype: int) -> ServingError:
    return invalid(f"JSON Value: {quoted(value)} Type: {kind_name(value)} is not of expected type: {type_name(dtype)}")


def _lossy(value: Any, dtype: int) -> ServingError:
    return invalid(f"Cannot convert JSON value: {quoted(value)} to {type_name(dtype)} without loss of precision.")
