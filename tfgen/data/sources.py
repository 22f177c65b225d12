"""Which modality reads which source: the one place where that is chosen."""

from pathlib import Path
from typing import Any

from tfgen.catalog import DATASETS, MODALITIES
from tfgen.errors import UserError, nearest

ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".7z", ".rar")
TFDS = "tfds:"


def what_can_be_read() -> str:
    """Advice for whoever named something else."""
    kinds = " or ".join(MODALITIES.load(name).plural for name in MODALITIES)
    return f"Give a folder or a file of {kinds}, tfds:NAME, {' or '.join(DATASETS)}."


def modality_of(source: Any, representation: str | None = None) -> type:
    """The modality that reads a source, which is not from TFDS: the surest of those that have the representation.

    Where none of them recognises it, the surest of the others, so that a caller can say what it is.

    Raises:
        UserError: there is no such thing, or nobody can read it; says what was probably meant.
    """
    if isinstance(source, str) and source in DATASETS:
        return MODALITIES.load(DATASETS.load(source).modality)
    modalities = [MODALITIES.load(name) for name in MODALITIES]
    able = [each for each in modalities if representation in (None, *each.representations)]
    place = _existing(source) if isinstance(source, str) else source
    for candidates in (able, [each for each in modalities if each not in able]):
        sureness = {each: each.recognises(place) for each in candidates}
        if any(sureness.values()):
            return max(sureness, key=sureness.__getitem__)  # of equally sure ones, the first of the catalog
    raise _unreadable(source, place)


def check_source(source: str) -> None:
    """Raises UserError where a source isn't there or nobody can read it; quick, and needs no TensorFlow."""
    if not source.startswith(TFDS):
        modality_of(source)


def _existing(source: str) -> Path:
    path = Path(source).expanduser()
    try:
        if path.is_dir() or path.is_file():
            return path
        exists = path.exists()
    except (OSError, ValueError) as error:
        raise UserError(f"'{source}' can't be looked at: {error}.", what_can_be_read()) from error
    if exists:
        raise UserError(f"'{source}' is neither a file nor a folder.", what_can_be_read())
    raise _not_found(source)


def _unreadable(source: Any, place: Any) -> UserError:
    """The error for what is there, and no modality's."""
    if not isinstance(place, Path):
        kinds = " or ".join(MODALITIES.load(name).plural for name in MODALITIES)
        return UserError(f"Data of type {type(source).__name__} can't be read as {kinds}.", what_can_be_read())
    if place.is_dir():
        return UserError(f"There is nothing in '{place}' that tfgen can read.", what_can_be_read())
    if place.name.lower().endswith(ARCHIVES):
        return UserError(f"'{place}' is an archive.", "Unpack it and give the folder.")
    if place.stat().st_size == 0:
        return UserError(f"'{place}' is empty.", what_can_be_read())
    return UserError(f"'{place}' is of no kind that tfgen can read.", what_can_be_read())


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
    return UserError(what, what_can_be_read())


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
        return path.is_dir() or bool(modality_of(str(path)))
    except UserError:
        return False
