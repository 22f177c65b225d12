"""Which module reads which source: the one place where that is chosen."""

import importlib
from collections.abc import Callable
from pathlib import Path

from tfgen.catalog import DATASETS
from tfgen.data.examples import Examples
from tfgen.data.request import Request
from tfgen.errors import UserError, nearest

Opener = Callable[[Request], Examples]

ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".7z", ".rar")
WHAT_CAN_BE_READ = f"Give a folder of pictures, an .npy, .npz or idx file, tfds:NAME, or {' or '.join(DATASETS)}."


def opener_of(source: str) -> Opener:
    """The function that reads `source`. Raises UserError, with what was probably meant, where there is none."""
    if source.startswith("tfds:"):
        return _load("tfds", "open_tfds")
    if source in DATASETS:
        return DATASETS.load(source)
    path = Path(source).expanduser()
    try:
        if path.is_dir():
            from tfgen.data.idx import holds_training_files

            return _load("idx", "open_folder") if holds_training_files(path) else _load("folder", "open_folder")
        if path.is_file():
            return _opener_of_file(path)
        exists = path.exists()
    except (OSError, ValueError) as error:
        raise UserError(f"'{source}' can't be looked at: {error}.", WHAT_CAN_BE_READ) from error
    if exists:
        raise UserError(f"'{source}' is neither a file nor a folder.", WHAT_CAN_BE_READ)
    raise _not_found(source)


def _opener_of_file(path: Path) -> Opener:
    from tfgen.data.decode import is_picture_name
    from tfgen.data.idx import is_idx_name

    name = path.name.lower()
    if name.endswith((".npy", ".npz")):
        return _load("arrays", "open_arrays")
    if is_idx_name(name):
        return _load("idx", "open_file")
    if is_picture_name(name):
        raise UserError(f"'{path}' is a single picture.", "Give the folder that holds all the pictures.")
    if name.endswith(ARCHIVES):
        raise UserError(f"'{path}' is an archive.", "Unpack it and give the folder.")
    raise UserError(f"'{path}' is of no kind that tfgen can read.", WHAT_CAN_BE_READ)


def _not_found(source: str) -> UserError:
    what = f"There is no file, folder or data set named '{source}'."
    matches = nearest(source, DATASETS, count=1)
    if matches:
        return UserError(what, f"Did you mean '{matches[0]}'?")
    siblings = _siblings(Path(source).expanduser())
    if siblings:
        return UserError(what, f"Did you mean '{siblings[0]}'?")
    if source.isidentifier():
        return UserError(what, f"For a TensorFlow Datasets set write tfds:{source}, else give a folder or a file.")
    return UserError(what, WHAT_CAN_BE_READ)


def _siblings(path: Path) -> list[Path]:
    try:
        names = [entry.name for entry in path.parent.iterdir() if _can_be_read(entry)]
    except OSError:
        return []
    return [path.parent / name for name in nearest(path.name, names, 1)]


def _can_be_read(path: Path) -> bool:
    try:
        return path.is_dir() or bool(_opener_of_file(path))
    except UserError:
        return False


def _load(module: str, function: str) -> Opener:
    return getattr(importlib.import_module(f"tfgen.data.{module}"), function)
