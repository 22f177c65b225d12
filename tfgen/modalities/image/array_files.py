"""`.npy` and `.npz` files: one array of pictures, and in an .npz perhaps their labels and the labels' names.

Nothing pickled is ever loaded. An .npy is read through the page cache, block by block. How the values are meant
(channels first, floats, 16 bits) is noticed, and said in a note.
"""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.data.examples import Prompts, short_name
from tfgen.data.prepared import Key
from tfgen.data.request import DataRequest
from tfgen.errors import UserError
from tfgen.modalities.image.array_labels import prompts_of_labels, text_of
from tfgen.modalities.image.assemble import BLOCK, Stack, examples_of_stack, laid_on_background
from tfgen.modalities.image.examples import ImageExamples
from tfgen.modalities.image.sizes import KEEP
from tfgen.modalities.image.value_range import BYTES, INTEGERS, Scale, ValueRange, sort_of

IMAGE_KEYS = ("images", "x", "x_train", "train_images", "data", "image", "arr_0")
LABEL_KEYS = ("labels", "y", "y_train", "train_labels", "label", "targets", "captions", "prompts", "arr_1")
NAME_KEYS = ("label_names", "classes", "names", "class_names")
PREPARED = "tfgen_prepared"  # in an .npz of pictures that tfgen prepared: the kind of their prompts
WANTED = "Save pictures as [n, height, width] or [n, height, width, 3], uint8 in 0..255."
_SAY_WHITE = "Say which value is white, as in --set white=1000, or scale them to 0..255."


def open_arrays(request: DataRequest) -> ImageExamples:
    """The examples of an .npy or .npz file."""
    path = Path(request.source).expanduser()
    try:
        return _open_npz(request, path) if path.name.lower().endswith(".npz") else _open_npy(request, path)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, KeyError, NotImplementedError) as error:
        if "allow_pickle" in str(error) or "pickled" in str(error):
            raise UserError(f"'{path}' holds pickled objects, which could run code.", WANTED) from error
        raise UserError(f"'{path}' can't be read: {' '.join(str(error).split())}.", "Save it anew.") from error


def _open_npy(request: DataRequest, path: Path) -> ImageExamples:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        if path.stat().st_size == 0 or "mmap" not in str(error):
            raise
        array = np.load(path, allow_pickle=False)
    return _open(request, path, array, None, None)


def _open_npz(request: DataRequest, path: Path) -> ImageExamples:
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
            return _open_prepared(request, path, stored, str(stored[PREPARED]))
        return _open(request, path, stored[image_key], labels, names)


def _open(
    request: DataRequest, path: Path, array: np.ndarray, labels: np.ndarray | None, names: np.ndarray | None
) -> ImageExamples:
    if not isinstance(array, np.ndarray):
        raise UserError(f"'{path}' holds no array.", WANTED)
    return examples_of_array(request, _key_of(path), f"'{path}'", array, labels, names)


def _open_prepared(request: DataRequest, path: Path, stored: Any, kind: str) -> ImageExamples:
    """What `in_memory.kept_file` wrote: nothing about it is to be found out again."""
    images = stored["images"]
    count, height, width, channels = images.shape
    prompts = Prompts.none(count)
    if kind != "none":
        prompts = Prompts([text_of(name) for name in stored["label_names"]], stored["labels"].astype(np.int32), kind)
    own = {"size": (height, width), "channels": channels, **request.settings}
    for name in ("white", "fit", "background"):
        own.pop(name, None)
    if channels == 4:
        own.update(channels=None, background=KEEP)
    blocks = (lambda: (images[start : start + BLOCK] for start in range(0, count, BLOCK)))
    white = float(stored["white"]) if "white" in stored else None
    stack = Stack(count, height, width, channels, blocks, [], white, None if white is None else (white, white))
    return examples_of_stack(replace(request, settings=own), _key_of(path).name, stack, prompts, _key_of(path))


def _key_of(path: Path) -> Key:
    status = path.stat()
    return Key(short_name(path.name[:-4]), str(path.resolve()), f"{status.st_size} {status.st_mtime_ns}")


def examples_of_array(
    request: DataRequest, key: Key, path: str, array: np.ndarray, labels: np.ndarray | None, names: np.ndarray | None
) -> ImageExamples:
    """The examples of an array and its labels; `path` is what messages call it."""
    to_last, notes = _layout(path, array)
    scale, wide, more = _scale_of(path, array, to_last, request.get("white"))
    notes += [scale.note, *more] if scale.note else more
    prompts, label_notes = prompts_of_labels(path, labels, names, len(array))

    def blocks() -> Iterator[np.ndarray]:
        for block in _blocks(array, to_last):
            block = scale.to_bytes(block)
            yield laid_on_background(block, request)

    height, width, channels = to_last(array[:1]).shape[1:]
    white = scale.white if sort_of(array.dtype) == INTEGERS else None
    stack = Stack(len(array), height, width, min(channels, 3), blocks, [*notes, *label_notes], white, wide)
    return examples_of_stack(request, key.name, stack, prompts, key)


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


def _blocks(array: np.ndarray, to_last: Callable[[np.ndarray], np.ndarray]) -> Iterator[np.ndarray]:
    """Blocks [k, height, width, channels] of an array that may be larger than the memory."""
    return (to_last(np.asarray(array[start : start + BLOCK])) for start in range(0, len(array), BLOCK))


def _scale_of(
    path: str, array: np.ndarray, to_last: Callable[[np.ndarray], np.ndarray], white: float | None
) -> tuple[Scale, tuple[float, float] | None, list[str]]:
    """How the values are meant, from their type and range, Stack's `wide`, and what else to say.

    Raises UserError where that is no range of pixels.
    """
    if array.dtype.kind not in "biuf":
        raise UserError(f"{path} holds values of type {array.dtype}, which are no pixels.", WANTED)
    if array.dtype == np.bool_ and white is None:
        return Scale(1.0, 0.0, "True was taken as white and False as black."), None, []
    sort, values = sort_of(array.dtype), ValueRange(white)
    low, high = np.inf, -np.inf
    for block in _blocks(array, to_last):
        colours = block[..., :3]
        if sort == BYTES and not values.matters(BYTES):
            break
        ends = float(colours.min()), float(colours.max())
        if not np.isfinite(ends).all():
            raise UserError(f"{path} holds values that are not numbers (NaN or infinity).", "Replace them first.")
        low, high = min(low, ends[0]), max(high, ends[1])
        values.add(sort, *ends)
        values.count_clipped(colours)
    possible = low >= 0 and high <= 65535 if sort == INTEGERS else -1 <= low and (high <= 1 or 0 <= low <= high <= 255)
    if white is None and sort != BYTES and not possible:
        raise UserError(f"The values in {path} lie in {low:g}..{high:g}, which is no range of pixels.", _SAY_WHITE)
    return values.scales()[sort], values.wide, values.notes_on_clipping()


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
