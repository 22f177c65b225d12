"""Pictures that are in memory: a numpy array, or a tf.data.Dataset of pictures or of (picture, label)."""

import hashlib
import io
from typing import Any

import numpy as np

from tfgen.data.prepared import Key, sha256_of_values
from tfgen.data.request import DataRequest
from tfgen.errors import UserError
from tfgen.modalities.image.array_files import PREPARED, examples_of_array
from tfgen.representations.arrays.examples import ArrayExamples

_WHAT = "An array of pictures is [n, height, width] or [n, height, width, 1, 3 or 4]."


def is_stack(source: Any) -> bool:
    """Whether data in memory looks like pictures."""
    return _is_dataset(source) or getattr(source, "ndim", 0) in (3, 4)


def open_in_memory(request: DataRequest) -> ArrayExamples:
    """The examples of an array, with the request's labels, or of a finite data set."""
    source, labels = request.source, request.labels
    if _is_dataset(source):
        if labels is not None:
            raise UserError("Labels are given beside a tf.data.Dataset.", "Put them into it: (picture, label).")
        source, labels = _collected(source)
    values = np.asarray(source)
    labels = None if labels is None else np.asarray(labels)
    digest = hashlib.sha256(sha256_of_values(values).encode())
    digest.update(repr(None if labels is None else labels.tolist()).encode())
    key = Key("array", "memory", digest.hexdigest()[:32])
    return examples_of_array(request, "array", "The array", values, labels, None, key)


def kept_file(examples: ArrayExamples) -> tuple[str, bytes]:
    """The examples, as they were prepared, in an .npz; from it come the same again."""
    arrays = {"images": examples.values, PREPARED: np.True_}
    if examples.prompt_kind == "labels":
        arrays |= {"labels": examples.prompt_index, "label_names": np.array(examples.prompts)}
    elif examples.prompt_kind == "captions":
        arrays["captions"] = np.array([examples.prompts[place] for place in examples.prompt_index])
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return "data.npz", content.getvalue()


def _is_dataset(source: Any) -> bool:
    return type(source).__module__.startswith("tensorflow.") and hasattr(source, "as_numpy_iterator")


def _collected(dataset: Any) -> tuple[np.ndarray, np.ndarray | None]:
    if int(dataset.cardinality()) == -1:
        raise UserError("The tf.data.Dataset never ends.", "Leave out repeat(): a fit goes through it by itself.")
    pictures, labels = [], []
    for element in dataset.as_numpy_iterator():
        picture, label = element if isinstance(element, tuple) and len(element) == 2 else (element, None)
        if not isinstance(picture, np.ndarray) or picture.ndim not in (2, 3):
            hint = f"{_WHAT} Use unbatch() on batches."
            raise UserError("An element of the tf.data.Dataset is not one picture.", hint)
        pictures.append(picture)
        if label is not None:
            labels.append(label)
    if not pictures:
        raise UserError("The tf.data.Dataset is empty.", _WHAT)
    if len({picture.shape for picture in pictures}) > 1:
        raise UserError("The pictures of the tf.data.Dataset differ in size.", "Resize them with map() first.")
    return np.stack(pictures), np.array(labels) if labels else None
