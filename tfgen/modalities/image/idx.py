"""The format of MNIST: `*-images-idx3-ubyte`, with `*-labels-idx1-ubyte` beside it, plain or gzip-compressed."""

import gzip
import re
import zlib
from pathlib import Path

import numpy as np

from tfgen.data.examples import Prompts, short_name
from tfgen.data.prepared import Key
from tfgen.data.request import DataRequest
from tfgen.errors import UserError
from tfgen.modalities.image.assemble import BLOCK, Stack, examples_of_stack
from tfgen.modalities.image.examples import ImageExamples
from tfgen.modalities.image.value_range import BYTES, ValueRange

_NAME = re.compile(r"[-.]idx([0-9])[-.]?(ubyte)?(\.gz)?$|-ubyte(\.gz)?$|\.idx(\.gz)?$")
_TRAIN_IMAGES = ("train-images-idx3-ubyte", "train-images.idx3-ubyte")
_UNSIGNED_BYTES = 8  # the third byte of the magic number: the type of the values


def is_idx_name(name: str) -> bool:
    """Whether a file name says idx."""
    return bool(_NAME.search(name.lower()))


def holds_training_files(folder: Path) -> bool:
    """Whether the four files of MNIST lie in this folder (the images for training at least)."""
    return _training_images(folder) is not None


def open_folder(request: DataRequest) -> ImageExamples:
    """The training part of a folder that holds the files of MNIST under their own names."""
    folder = Path(request.source).expanduser()
    images = _training_images(folder)
    if images is None:
        raise UserError(f"'{folder}' holds no idx file for training.", "Name the idx file itself.")
    others = sorted(path.name for path in folder.glob("t10k-images*"))
    notes = [f"The training pictures are used ({images.name})."]
    if others:
        notes[0] += f" For the others name their file: {others[0]}."
    return read_pair(request, short_name(folder.resolve().name), images, notes=notes)


def open_file(request: DataRequest) -> ImageExamples:
    """One file of pictures and, if it lies beside, the file of its labels."""
    path = Path(request.source).expanduser()
    return read_pair(request, short_name(_NAME.sub("", path.name)), path)


def read_pair(
    request: DataRequest, name: str, images: Path, names: list[str] | None = None, notes: list[str] | None = None
) -> ImageExamples:
    """The examples of an images file; `names` are the words for the labels 0, 1, ... when they have words."""
    values, notes = read_idx(images), list(notes or [])
    if values.ndim != 3:
        raise UserError(f"'{images.name}' holds {values.ndim}-dimensional values, not pictures.", _what_to_give(images))
    if not values.size:
        raise UserError(f"'{images.name}' holds no pictures.", "Give a file with at least one.")
    prompts = Prompts.none(len(values))
    labels_file = _labels_beside(images)
    if labels_file is None:
        notes.append(f"No labels file lies beside {images.name}: no prompts.")
    else:
        prompts = _prompts(read_idx(labels_file), len(values), names, labels_file)
    found = ValueRange(request.get("white"))
    found.add_array(values)
    scale = found.scales()[BYTES]
    blocks = (lambda: (scale.to_bytes(values[at : at + BLOCK, ..., None]) for at in range(0, len(values), BLOCK)))
    stack = Stack(len(values), *values.shape[1:], 1, blocks, [*notes, *found.notes()])
    status = images.stat()
    key = Key(name, str(images.resolve()), f"{status.st_size} {status.st_mtime_ns}")
    return examples_of_stack(request, name, stack, prompts, key)


def read_idx(path: Path) -> np.ndarray:
    """The uint8 array of an idx file. Raises UserError where it is damaged or of another kind."""
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else open(path, "rb") as file:
            content = file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"'{path}' can't be read: {error}.", "Fetch the file anew.") from error
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != _UNSIGNED_BYTES:
        raise UserError(f"'{path}' is not an idx file of bytes: its first bytes differ.", "Fetch the file anew.")
    header = 4 + 4 * content[3]
    shape = tuple(int(side) for side in np.frombuffer(content[4:header], ">u4")) if len(content) >= header else (-1,)
    expected = int(np.prod([float(side) for side in shape]))
    if len(content) - header != expected:
        raise UserError(
            f"'{path}' is damaged: it holds {len(content) - header} values where {expected} belong.",
            "Fetch the file anew.",
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _prompts(labels: np.ndarray, count: int, names: list[str] | None, path: Path) -> Prompts:
    if labels.shape != (count,):
        raise UserError(
            f"'{path.name}' holds {len(labels)} labels for {count} pictures.", "Put the labels that belong beside them."
        )
    names = names or [str(label) for label in range(int(labels.max()) + 1)]
    return Prompts.of_labels(names, labels)


def _training_images(folder: Path) -> Path | None:
    candidates = [folder / f"{name}{ending}" for name in _TRAIN_IMAGES for ending in ("", ".gz")]
    return next((path for path in candidates if path.is_file()), None)


def _labels_beside(images: Path) -> Path | None:
    plain = re.sub(r"\.gz$", "", images.name)
    name = plain.replace("images", "labels").replace("idx3", "idx1")
    if name == plain:
        return None
    return next((path for path in (images.with_name(name), images.with_name(name + ".gz")) if path.is_file()), None)


def _what_to_give(images: Path) -> str:
    pictures = images.name.replace("labels", "images").replace("idx1", "idx3")
    return f"Give the file of the pictures ({pictures})." if pictures != images.name else "Give a file of pictures."
