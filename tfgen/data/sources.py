"""Which module reads which source: the one place where that is chosen."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfgen.catalog import DATASETS
from tfgen.data.request import Request
from tfgen.errors import UserError, nearest

Opener = Callable[[Request], Any]  # what it gives is Examples or TextExamples

TABLES = (".csv", ".tsv", ".parquet", ".xlsx", ".xls", ".arff")  # rows of columns, even where they are plain text
ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".7z", ".rar")
WHAT_CAN_BE_READ = (
    "Give a folder of pictures or of texts, a text, .jsonl, .npy, .npz or idx file, tfds:NAME, "
    f"{' or '.join(DATASETS)}."
)


def opener_of(source: str) -> Opener:
    """The function that reads `source`. Raises UserError, with what was probably meant, where there is none."""
    if source.startswith("tfds:"):
        return _load("tfds", "open_tfds")
    if source in DATASETS:
        return DATASETS.load(source)
    path = Path(source).expanduser()
    try:
        if path.is_dir():
            return _opener_of_folder(path)
        if path.is_file():
            return _opener_of_file(path)
        exists = path.exists()
    except (OSError, ValueError) as error:
        raise UserError(f"'{source}' can't be looked at: {error}.", WHAT_CAN_BE_READ) from error
    if exists:
        raise UserError(f"'{source}' is neither a file nor a folder.", WHAT_CAN_BE_READ)
    raise _not_found(source)


def _opener_of_folder(path: Path) -> Opener:
    """Pictures win: texts beside them are captions, or notes."""
    from tfgen.data.idx import holds_training_files
    from tfgen.data.text.scan import list_texts

    if holds_training_files(path):
        return _load("idx", "open_folder")
    listing = list_texts(path)
    if listing.pictures or listing.from_camera:
        return _load("folder", "open_folder")
    return _load("text.prepare", "open_text")


def _opener_of_file(path: Path) -> Opener:
    from tfgen.data.decode import is_picture_name
    from tfgen.data.idx import is_idx_name
    from tfgen.data.text.scan import ROW_ENDINGS, TEXT_ENDINGS, ending_of, looks_like_text

    name = path.name.lower()
    if name.endswith((".npy", ".npz")):
        return _load("arrays", "open_arrays")
    if is_idx_name(name):
        return _load("idx", "open_file")
    if is_picture_name(name):
        raise UserError(f"'{path}' is a single picture.", "Give the folder that holds all the pictures.")
    if name.endswith(ARCHIVES):
        raise UserError(f"'{path}' is an archive.", "Unpack it and give the folder.")
    if path.stat().st_size == 0:
        raise UserError(f"'{path}' is empty.", WHAT_CAN_BE_READ)
    ending = ending_of(name)
    if ending in TEXT_ENDINGS or ending in (*ROW_ENDINGS, ".json") or (ending not in TABLES and looks_like_text(path)):
        return _load("text.prepare", "open_text")
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
    # A common ending makes any two names somewhat alike.
    by_stem = {Path(name).stem: name for name in names}
    return [path.parent / by_stem[stem] for stem in nearest(path.stem, by_stem, 1)]


def _can_be_read(path: Path) -> bool:
    try:
        return path.is_dir() or bool(_opener_of_file(path))
    except UserError:
        return False


def _load(module: str, function: str) -> Opener:
    return getattr(importlib.import_module(f"tfgen.data.{module}"), function)
