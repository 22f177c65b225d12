"""`.npy` and `.npz` files: one array of pictures, and in an .npz perhaps their labels and the labels' names.

Nothing pickled is ever loaded. An .npy is read through the page cache, block by block. How the values are meant
(channels first, floats, 16 bits) is noticed, and said in a note.
"""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.modalities.image.assemble import BLOCK, Stack, examples_of_stack, on_white
from tfgen.data.examples import LABEL_EXAMPLES, MOST_LABELS, Prompts, clean_text, short_name
from tfgen.data.prepared import Key
from tfgen.data.request import DataRequest
from tfgen.representations.arrays.examples import ArrayExamples
from tfgen.errors import UserError

IMAGE_KEYS = ("images", "x", "x_train", "train_images", "data", "image", "arr_0")
LABEL_KEYS = ("labels", "y", "y_train", "train_labels", "label", "targets", "captions", "prompts", "arr_1")
NAME_KEYS = ("label_names", "classes", "names", "class_names")
PREPARED = "prepared"  # an array in an .npz of which tfgen itself prepared the pictures
WANTED = "Save pictures as [n, height, width] or [n, height, width, 3], uint8 in 0..255."


@dataclass(frozen=True)
class _Scale:
    """How stored values become 0..255: `offset` is added, then they are multiplied by `factor`."""

    offset: float
    factor: float
    note: str = ""


def open_arrays(request: DataRequest) -> ArrayExamples:
    """The examples of an .npy or .npz file."""
    path = Path(request.source).expanduser()
    try:
        return _open_npz(request, path) if path.name.lower().endswith(".npz") else _open_npy(request, path)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, KeyError, NotImplementedError) as error:
        if "allow_pickle" in str(error) or "pickled" in str(error):
            raise UserError(f"'{path}' holds pickled objects, which could run code.", WANTED) from error
        raise UserError(f"'{path}' can't be read: {' '.join(str(error).split())}.", "Save it anew.") from error


def _open_npy(request: DataRequest, path: Path) -> ArrayExamples:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        if path.stat().st_size == 0 or "mmap" not in str(error):
            raise
        array = np.load(path, allow_pickle=False)
    return _open(request, path, array, None, None)


def _open_npz(request: DataRequest, path: Path) -> ArrayExamples:
    with np.load(path, allow_pickle=False) as stored:
        keys = list(stored.keys())
        image_key = _first_of(IMAGE_KEYS, keys) or _only_stack(stored)
        if image_key is None:
            raise UserError(f"'{path}' holds no array of pictures, only {', '.join(keys) or 'nothing'}.", WANTED)
        label_key = _label_key(keys, image_key)
        name_key = _first_of(NAME_KEYS, keys)
        labels = None if label_key is None else stored[label_key]
        names = None if name_key is None else stored[name_key]
        if PREPARED in keys:
            left = {name: value for name, value in request.settings.items() if name != "white"}
            request = replace(request, settings=left)
        return _open(request, path, stored[image_key], labels, names)


def _open(
    request: DataRequest, path: Path, array: np.ndarray, labels: np.ndarray | None, names: np.ndarray | None
) -> ArrayExamples:
    if not isinstance(array, np.ndarray):
        raise UserError(f"'{path}' holds no array.", WANTED)
    name, status = short_name(path.name[:-4]), path.stat()
    key = Key(name, str(path.resolve()), f"{status.st_size} {status.st_mtime_ns}")
    return examples_of_array(request, name, f"'{path}'", array, labels, names, key)


def examples_of_array(
    request: DataRequest,
    name: str,
    path: str,
    array: np.ndarray,
    labels: np.ndarray | None,
    names: np.ndarray | None,
    key: Key,
) -> ArrayExamples:
    """The examples of an array and its labels; `path` is what messages call it."""
    to_last, notes = _layout(path, array)
    scale = _scale_of(path, array, request.get("white"))
    notes += [scale.note] if scale.note else []
    prompts, label_notes = _prompts(path, labels, names, len(array))

    def blocks() -> Iterator[np.ndarray]:
        for start in range(0, len(array), BLOCK):
            block = _to_bytes(to_last(np.asarray(array[start:start + BLOCK])), scale)
            yield on_white(block) if block.shape[-1] == 4 else block

    height, width, channels = to_last(array[:1]).shape[1:]
    stack = Stack(len(array), height, width, min(channels, 3), blocks, [*notes, *label_notes])
    return examples_of_stack(request, name, stack, prompts, key)


def _layout(path: str, array: np.ndarray) -> tuple[Callable[[np.ndarray], np.ndarray], list[str]]:
    """What brings a block into the order [n, height, width, channels], and what to say about that."""
    shape = array.shape
    if array.size == 0:
        raise UserError(f"{path} is empty: its shape is {shape}.", WANTED)
    if len(shape) == 3:
        return (lambda block: block[..., None]), []
    if len(shape) == 4 and shape[3] in (1, 3, 4):
        return (lambda block: block), []
    if len(shape) == 4 and shape[1] in (1, 3, 4):
        note = f"The shape {shape} was taken as [n, channels, height, width]."
        return (lambda block: np.moveaxis(block, 1, -1)), [note]
    raise UserError(f"{path} holds an array of shape {shape}, which is not a stack of pictures.", WANTED)


def _scale_of(path: str, array: np.ndarray, white: float | None) -> _Scale:
    """How the values are meant: from the value that means white, else from their type and range."""
    if white is not None and array.dtype.kind in "biuf":
        _range(path, array)
        return _Scale(0, 255 / white)
    if array.dtype == np.bool_:
        return _Scale(0, 255, "True was taken as white and False as black.")
    if array.dtype == np.uint8:
        return _Scale(0, 1)
    if array.dtype.kind not in "iuf":
        raise UserError(f"{path} holds values of type {array.dtype}, which are no pixels.", WANTED)
    low, high = _range(path, array)
    if array.dtype.kind == "f":
        if low >= 0 and high <= 1:
            return _Scale(0, 255, "The values are floats in 0..1 and were scaled to 0..255.")
        if low >= -1 and high <= 1:
            return _Scale(1, 127.5, "The values are floats in -1..1 and were scaled to 0..255.")
    if low >= 0 and high <= 255:
        return _Scale(0, 1, "The values are floats in 0..255 and were rounded." if array.dtype.kind == "f" else "")
    if array.dtype.kind in "iu" and low >= 0 and high <= 65535:
        return _Scale(0, 255 / 65535, "The values have 16 bits and were scaled to 0..255.")
    raise UserError(f"The values in {path} lie in {low:g}..{high:g}, which is no range of pixels.", WANTED)


def _range(path: str, array: np.ndarray) -> tuple[float, float]:
    low, high = np.inf, -np.inf
    for start in range(0, len(array), BLOCK):
        block = np.asarray(array[start:start + BLOCK])
        low, high = min(low, float(block.min())), max(high, float(block.max()))
        if not (np.isfinite(block.min()) and np.isfinite(block.max())):
            raise UserError(f"{path} holds values that are not numbers (NaN or infinity).", "Replace them first.")
    return low, high


def _to_bytes(block: np.ndarray, scale: _Scale) -> np.ndarray:
    if block.dtype == np.uint8 and scale.factor == 1:
        return np.ascontiguousarray(block)
    return np.clip(np.rint((block.astype(np.float64) + scale.offset) * scale.factor), 0, 255).astype(np.uint8)


def _prompts(
    path: str, labels: np.ndarray | None, names: np.ndarray | None, count: int
) -> tuple[Prompts, list[str]]:
    if labels is None:
        return Prompts.none(count), []
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2 and labels.shape[0] == count and labels.dtype.kind in "biuf":
        if not np.isin(labels, (0, 1)).all():
            return Prompts.none(count), [f"The labels are rows of {labels.shape[1]} values, not of 0 and 1: not used."]
        if (labels.sum(axis=1) != 1).any():
            return _captions_of_rows(labels, names)
        labels = labels.argmax(axis=1)  # one-hot
    if labels.shape != (count,):
        raise UserError(
            f"{path} holds labels of shape {labels.shape} for {count} pictures.", "Save one label for each picture."
        )
    if labels.dtype.kind in "US":
        return Prompts.of_texts(_text(label) for label in labels), []
    if labels.dtype.kind not in "biuf" or not np.array_equal(labels, np.rint(labels)):
        return Prompts.none(count), [f"The labels are {labels.dtype}, neither whole numbers nor text: not used."]
    labels = labels.astype(np.int64)
    if names is None:
        prompts = Prompts.of_texts((str(label) for label in labels), kind="labels")
        if len(prompts.distinct) <= MOST_LABELS and count >= LABEL_EXAMPLES * len(prompts.distinct):
            return prompts, []
        note = f"The labels are {len(prompts.distinct)} different numbers; each is taken as a label, not as a quantity."
        return prompts, [note]
    if labels.min() < 0 or labels.max() >= len(names):
        raise UserError(
            f"{path} names {len(names)} labels, but its labels run from {labels.min()} to {labels.max()}.",
            "Save a name for each label.",
        )
    return Prompts.of_labels([_text(name) for name in names], labels), []


def _captions_of_rows(labels: np.ndarray, names: np.ndarray | None) -> tuple[Prompts, list[str]]:
    """Rows of 0 and 1 with any number of ones: captions of what they stand for."""
    words = [str(place) for place in range(labels.shape[1])] if names is None else [_text(name) for name in names]
    if len(words) != labels.shape[1]:
        raise UserError(f"There are {len(words)} names for {labels.shape[1]} labels.", "Save a name for each label.")
    texts = (", ".join(words[place] for place in np.flatnonzero(row)) for row in labels)
    note = "Some rows of the labels have no 1 or several, so each became a caption that lists its labels."
    return Prompts.of_texts(texts, kind="captions"), [note]


def _text(value: Any) -> str:
    return clean_text(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))


def _first_of(known: tuple[str, ...], keys: list[str]) -> str | None:
    lower = {key.lower(): key for key in keys}
    return next((lower[name] for name in known if name in lower), None)


def _only_stack(stored: Any) -> str | None:
    """The one array of three or four dimensions, whatever it is called."""
    stacks = [key for key in stored if stored[key].ndim in (3, 4)]
    return stacks[0] if len(stacks) == 1 else None


def _label_key(keys: list[str], image_key: str) -> str | None:
    """The labels that belong to these images: `y_train` to `x_train`, `train_labels` to `train_images`."""
    partner = image_key.replace("images", "labels").replace("image", "label")
    partner = "y" + partner[1:] if partner.lower().startswith("x") else partner
    if partner in keys and partner != image_key:
        return partner
    return _first_of(LABEL_KEYS, [key for key in keys if key != image_key])
