"""Which modality reads which source: the one place where that is chosen."""

import os
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from tfgen.catalog import DATASETS, MODALITIES
from tfgen.data import archives
from tfgen.data.examples import clean_text
from tfgen.data.pickles import refuse_pickles
from tfgen.data.walk import DOCUMENTS, MANY, kinds, walk, why_unread
from tfgen.errors import UserError, nearest

TFDS = "tfds:"
_NAMED_AT_MOST = 3
_SHARE_WORTH_A_WORD = 0.1


def what_can_be_read() -> str:
    """Advice for whoever named something else."""
    kinds = [kind for modality in reversed(MODALITIES.all()) for kind in modality.file_kinds]
    kinds = list(dict.fromkeys(kinds))
    files = f"a {', '.join(kinds[:-1])} or {kinds[-1]} file"
    *others, last = DATASETS
    return f"Give a folder of {_plurals()}, {files}, tfds:NAME, {', '.join(others)} or {last}."


def note_on_others(modality: type, folder: Path, used: int) -> list[str]:
    """What to say of a folder's files that another modality would read; nothing about a README or two.

    used: how many files or examples were read.
    """
    own, notes = frozenset(modality.files_beside(folder)), []
    for other in MODALITIES.all():
        count = 0 if other is modality else sum(name not in own for name in other.files_in(folder))
        many = count >= min(MANY, max(_NAMED_AT_MOST, _SHARE_WORTH_A_WORD * used))
        if count and (many or count >= used):
            which, those = f"{other.plural} lie there too and are", "those"
            if count == 1:
                which, those = f"{other.singular} lies there too and is", "that"
            notes.append(f"{count} {which} not read. To learn {those}: {other.command(str(folder))}")
        if other is not modality:
            notes.extend(other.nearly_in(folder))
    return notes


def representation_for(source: Any, representations: tuple[str, ...], settings: Collection[str] = ()) -> str:
    """In which of some representations a source is read: the first that its modality has; else the first."""
    if len(representations) == 1 or isinstance(source, str) and source.startswith(TFDS):
        return representations[0]
    theirs = modality_of(source, representations, settings).representations
    return next((each for each in representations if each in theirs), representations[0])


def modality_of(
    source: Any, representation: str | Sequence[str] | None = None, settings: Collection[str] = ()
) -> type:
    """The modality that reads a source, which is not from TFDS: the surest of those that have the representation, or
    one of several.

    Where several recognise the same files, one that has all of the settings goes before others: who names the column
    of the texts wants texts. Where none of them recognises it, the surest of the others, so that a caller can say what
    it is.

    Raises:
        UserError: there is no such thing, or nobody can read it; says what was probably meant.
    """
    if isinstance(source, str) and source in DATASETS:
        return MODALITIES.load(DATASETS.load(source).modality)
    modalities = MODALITIES.all()
    wanted = {representation} if isinstance(representation, str) else set(representation or ())
    able = [each for each in modalities if not wanted or wanted & set(each.representations)]
    place = as_folder(_existing(source)) if isinstance(source, str) else source
    if isinstance(place, Path):
        refuse_pickles(place, source)
    others = [each for each in modalities if each not in able]
    for candidates in (able, others):
        sureness = {each: each.recognises(place) for each in candidates}
        is_doubtful = candidates is able and len(wanted) > 1 and max(sureness.values(), default=0) == 1
        if is_doubtful and isinstance(place, Path) and place.is_file():
            # What is surely something else is not read as what it might be.
            if any(each.recognises(place) == 2 for each in others):
                continue
        if any(sureness.values()):
            surest = max(candidates, key=sureness.__getitem__)  # of equally sure ones, the first of the catalog
            if not settings or set(settings) <= set(surest.settings):
                return surest
            meant = [each for each in candidates if sureness[each] and set(settings) <= set(each.settings)]
            meant = [each for each in meant if _reads_the_same(each, surest, place)]
            return max(meant or [surest], key=sureness.__getitem__)
    raise _unreadable(source, place)


def _reads_the_same(modality: type, other: type, place: Any) -> bool:
    """Whether a modality would read what another one would, in its own way; of a mixed folder, each reads its own."""
    if not isinstance(place, Path) or place.is_file():
        return True
    names = list(other.files_in(place))[:_NAMED_AT_MOST]
    return bool(names) and all(modality.recognises(place / name) for name in names)


def as_folder(path: Path) -> Path:
    """A path, of an archive that of the folder with its content. Raises UserError as `archives.unpacked` does."""
    if path.is_file() and path.name.lower().endswith(archives.UNREADABLE):
        raise UserError(f"'{path}' is an archive of a kind that can't be read.", "Unpack it and give the folder.")
    return archives.unpacked(path) if path.is_file() and archives.is_archive(path) else path


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
        what = f"Data of type {type(source).__name__} can't be read as {_plurals()}."
        kinds = "a numpy array of pictures, a tf.data.Dataset, a list of strings, a dict of columns"
        return UserError(what, f"Give {kinds}, or a path.")
    if place.is_dir():
        return _nothing_in(place, source)
    if place.stat().st_size == 0:
        return UserError(f"'{place}' is empty.", what_can_be_read())
    if place.suffix.lower() in DOCUMENTS:
        what = f"'{place}' is a document with a layout, not plain text."
        return UserError(what, "Save it as plain text first, a .txt, and give that.")
    return UserError(f"'{place}' is of no kind that tfgen can read.", what_can_be_read())


def _nothing_in(folder: Path, shown: str) -> UserError:
    """The error for a folder in which nobody can read anything: names what lies there instead."""
    broken: list[tuple[str, str]] = []
    others: Counter[str] = Counter()
    packed = []
    for name, entry in walk(folder, broken):
        try:
            entry.stat()
            others[os.path.splitext(name)[1].lower()] += 1
            packed += [clean_text(name)] if name.lower().endswith((*archives.ENDINGS, *archives.UNREADABLE)) else []
        except OSError as error:
            broken.append((name, why_unread(error)))
    if packed and len(packed) == others.total():
        names = ", ".join(packed[:_NAMED_AT_MOST]) + (" and more" if len(packed) > _NAMED_AT_MOST else "")
        what = f"'{shown}' holds nothing but archives: {names}."
        return UserError(what, "Unpack them and give the folder.")
    what = f"There are no {_plurals()} in '{shown}'"
    if broken:
        first = "; ".join(f"{clean_text(name)} ({reason})" for name, reason in broken[:_NAMED_AT_MOST])
        first += f"; other files: {kinds(others)}" if others else ""
        return UserError(f"{what} that can be read: {first}.", "Check the links and permissions.")
    return UserError(f"{what}{f', only other files ({kinds(others)})' if others else ''}.", what_can_be_read())


def _plurals() -> str:
    """"pictures, texts or tables"."""
    *others, last = [modality.plural for modality in MODALITIES.all()]
    return f"{', '.join(others)} or {last}"


def _not_found(source: str) -> UserError:
    what = f"There is no file, folder or data set named '{source}'."
    # What lies there comes first: whoever agrees shouldn't learn something else.
    matches = _siblings(Path(source).expanduser()) or nearest(source, DATASETS, count=1)
    if matches:
        return UserError(what, f"Did you mean '{matches[0]}'?")
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
