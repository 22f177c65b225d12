"""Pictures that are in memory: a numpy array, or a tf.data.Dataset of pictures or of (picture, label)."""

import hashlib
import io
from typing import Any

import numpy as np

from tfgen.data.prepared import Key, sha256_of_values
from tfgen.data.request import DataRequest
from tfgen.errors import UserError
from tfgen.modalities.image.array_files import PREPARED, examples_of_array
from tfgen.modalities.image.examples import ImageExamples

_WHAT = "An array of pictures is [n, height, width] or [n, height, width, 1, 3 or 4]."
_CHANNELS = (1, 3, 4)
LARGEST = 2**33  # bytes of a tf.data.Dataset, which may have no end that it knows of


def is_stack(source: Any) -> bool:
    """Whether data in memory looks like pictures."""
    return _is_dataset(source) or getattr(source, "ndim", 0) in (3, 4)


def open_in_memory(request: DataRequest) -> ImageExamples:
    """The examples of an array, with the request's labels, or of a finite data set."""
    source, labels = request.source, request.labels
    if _is_dataset(source):
        if labels is not None:
            raise UserError("Labels are given beside a tf.data.Dataset.", "Put them into it: (picture, label).")
        source, labels = _collected(source)
    values = np.asarray(source)
    labels = None if labels is None else np.asarray(labels)
    if labels is not None and labels.ndim and len(labels) != len(values):
        raise UserError(f"There are {len(labels)} labels for {len(values)} pictures.", "Give one for each picture.")
    digest = hashlib.sha256(sha256_of_values(values).encode())
    digest.update(repr((values.dtype.str, values.shape, None if labels is None else labels.tolist())).encode())
    key = Key("array", "memory", digest.hexdigest()[:32])
    return examples_of_array(request, key, "The array", values, labels, None)


def kept_file(examples: ImageExamples) -> tuple[str, bytes]:
    """The examples, as they were prepared, in an .npz; from it come the same again, under any settings for white."""
    arrays = {"images": examples.values, PREPARED: np.array(examples.prompt_kind)}
    if examples.prompt_kind != "none":
        arrays |= {"labels": examples.prompt_index, "label_names": np.array(examples.prompts)}
    if examples.white is not None:
        arrays["white"] = np.array(examples.white)
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return "data.npz", content.getvalue()


def _is_dataset(source: Any) -> bool:
    return type(source).__module__.startswith("tensorflow.") and hasattr(source, "as_numpy_iterator")


def _collected(dataset: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """The pictures [n, ...] of a data set of pictures or of (picture, label), alone or in batches; and the labels."""
    if int(dataset.cardinality()) == -1:
        raise UserError("The tf.data.Dataset never ends.", "Leave out repeat(): a fit goes through it by itself.")
    pictures, labels, size = [], [], 0
    for element in dataset.as_numpy_iterator():
        picture, label = element if isinstance(element, tuple) and len(element) == 2 else (element, None)
        batch = _batch_of(picture)
        if pictures and batch.shape[1:] != pictures[0].shape[1:]:
            raise UserError("The pictures of the tf.data.Dataset differ in size.", "Resize them with map() first.")
        size += batch.nbytes
        if size > LARGEST:
            what = f"The tf.data.Dataset has more than {LARGEST / 2**30:g} GB, or never ends."
            raise UserError(what, "Take a part of it with take(), or save its pictures in a folder.")
        pictures.append(batch)
        if label is not None:
            labels.append(label if picture.ndim == 4 else np.asarray(label)[None])
    if not pictures:
        raise UserError("The tf.data.Dataset is empty.", _WHAT)
    return np.concatenate(pictures), np.concatenate(labels) if labels else None


def _batch_of(picture: Any) -> np.ndarray:
    """One element as pictures [k, ...]. Raises UserError where it is neither a picture nor a batch of them."""
    if isinstance(picture, (dict, tuple, list)):
        raise UserError(
            f"An element of the tf.data.Dataset is a {type(picture).__name__}.",
            "Use map() to make it a picture, or (picture, label).",
        )
    if isinstance(picture, np.ndarray) and picture.ndim == 4 and len(picture):
        return picture
    if isinstance(picture, np.ndarray) and (picture.ndim == 2 or picture.ndim == 3 and picture.shape[-1] in _CHANNELS):
        return picture[None]
    shape = getattr(picture, "shape", ())
    hint = f"{_WHAT} Batches of pictures without channels: use unbatch()."
    raise UserError(f"An element of the tf.data.Dataset, of shape {shape}, is not a picture.", hint)
