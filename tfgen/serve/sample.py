"""A request to paste: the smallest that a model answers."""

import json
import shlex
from typing import Any
from urllib.parse import quote

from tensorflow.core.framework import types_pb2

from tfgen.catalog import MODALITIES
from tfgen.serve.servable import Servable
from tfgen.serve.signature import DEFAULT_SIGNATURE
from tfgen.serve.target import DESCRIPTION

_MOST_VALUES = 32  # a request to paste has to fit into a line or two
_VALUES = {types_pb2.DT_STRING: "", types_pb2.DT_BOOL: True, types_pb2.DT_FLOAT: 0.5, types_pb2.DT_DOUBLE: 0.5}


def curl_of(servable: Servable, address: str) -> str | None:
    """A curl command for the signature with the smallest answer; None if none takes few enough values."""
    sampled, known = _sample_of(servable)
    of_files = [modality.file_signature for modality in MODALITIES.all()]
    wanted = (*filter(None, of_files), sampled, DEFAULT_SIGNATURE, *sorted(servable.signatures))
    for name in [name for name in wanted if name in servable.signatures]:
        inputs = servable.signatures[name].definition.inputs
        given = {key: [known[key]] if key in known else _made_up(info) for key, info in inputs.items()}
        if inputs and sum(map(_count, given.values())) <= _MOST_VALUES:
            body: dict[str, Any] = {} if name == DEFAULT_SIGNATURE else {"signature_name": name}
            body["inputs"] = dict(sorted(given.items()))
            url = f"{url_of(servable.name, address)}:predict"
            return f"curl -d {shlex.quote(json.dumps(body))} {shlex.quote(url)}"
    return None


def url_of(name: str, address: str) -> str:
    """Where REST answers for a model, whatever its name is like."""
    return f"http://{address}/v1/models/{quote(name, safe='')}"


def _sample_of(servable: Servable) -> tuple[str, dict[str, Any]]:
    """The signature and the inputs of the request that an export of tfgen's carries; nothing for others."""
    try:
        described = json.loads((servable.path / DESCRIPTION).read_text(encoding="utf-8"))
        return described["sample"]["signature"], dict(described["sample"]["instances"][0])
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return "", {}


def _shape(info: Any) -> list[int]:
    return [max(1, dim.size) for dim in info.tensor_shape.dim]


def _count(value: Any) -> int:
    return sum(map(_count, value)) if isinstance(value, list) else 1


def _value(info: Any) -> Any:
    return _VALUES.get(info.dtype, 7)


def _made_up(info: Any) -> Any:
    return _nested(_shape(info), _value(info))


def _nested(shape: list[int], value: Any) -> Any:
    return [_nested(shape[1:], value)] * shape[0] if shape else value
