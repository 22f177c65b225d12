"""Enlarges pictures: arrays, files, or all pictures of a folder."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfgen import __version__
from tfgen.console import Preparation, say, several
from tfgen.errors import UserError
from tfgen.generate.output import check_path, ending
from tfgen.restore import open_codec, open_modality
from tfgen.run import Run
from tfgen.trust.provenance import COMPLETED, GENERATED, status
from tfgen.upscale.learning import Learned, check, enlarge, open_learned

SMALLEST = 2
LARGEST = 1024  # pixels along a side of what is enlarged: features of larger ones take gigabytes
_AT_ONCE = 2**20  # pixels that are looked at together


@dataclass(frozen=True)
class UpscaleRequest:
    """None means not said. minutes, steps: how long to learn; anew where one of them is given."""

    files: tuple[Path, ...] = ()
    by: int = 2
    minutes: float | None = None
    steps: int | None = None
    output: Path | None = None
    signed: bool = True


def upscale(run: Run, pictures: Any, by: int = 2, minutes: float | None = None, steps: int | None = None) -> np.ndarray:
    """Pictures uint8 [n, h, w, c] or one [h, w, c] of a run's channels, with sides `by` times as long.

    Raises:
        UserError: they are none, or too large; or nothing can be learned for this run.
    """
    values = np.asarray(pictures)
    channels = open_codec(run).specification.shape[-1]
    check(run, by)
    if values.dtype != np.uint8 or values.ndim not in (3, 4) or values.shape[-1] != channels or not values.size:
        raise UserError(
            f"{values.dtype} {list(values.shape)} are no pictures that this run knows.",
            f"Give uint8 [n, height, width, {channels}].",
        )
    _check_sides(values.shape[-3:-1], "A picture")
    learned = open_learned(run, by, minutes, steps)
    return _enlarged(learned, values if values.ndim == 4 else values[None]).reshape(
        *values.shape[:-3], *(by * side for side in values.shape[-3:-1]), channels
    )


def upscale_files(run: Run, request: UpscaleRequest) -> list[Path]:
    """Writes what the request's files and folders hold, enlarged and signed, and gives the paths.

    Raises:
        UserError: a file can't be read, or is too large; nothing was written. Or nothing can be learned for this run.
    """
    check(run, request.by)
    modality, codec = open_modality(run), open_codec(run)
    sources = list(_pictures_in(request.files, modality))
    output = request.output or Path(f"{run.name}-x{request.by}")
    check_path(output, (modality.ending,))
    targets = _targets(output, sources, request.by, modality.ending)
    pictures = []
    for source in sources:
        pictures.append(modality.read_as_it_is(source, codec))
        _check_sides(pictures[-1].shape[:2], f"'{source}'")
    learned = open_learned(run, request.by, request.minutes, request.steps)
    say(learned.in_words())
    news = Preparation("Enlarged {done} of {total}, {left} left", every=15.0)
    for place, (source, target, picture) in enumerate(zip(sources, targets, pictures)):
        facts = _facts(run, learned, modality, source, request.signed)
        modality.save(target, _enlarged(learned, picture[None])[0], facts)
        news.show(place + 1, len(sources))
    say(f"Wrote {several(len(targets), 'file')} in {output.parent if ending(output) == modality.ending else output}")
    return targets


def _enlarged(learned: Learned, values: np.ndarray) -> np.ndarray:
    together = max(1, _AT_ONCE // (values.shape[1] * values.shape[2] * learned.by))
    parts = [values[at:at + together] for at in range(0, len(values), together)]
    return np.concatenate([enlarge(learned.network, part, learned.by) for part in parts])


def _check_sides(sides: Sequence[int], what: str) -> None:
    if not SMALLEST <= min(sides) <= max(sides) <= LARGEST:
        raise UserError(
            f"{what} is {sides[0]}x{sides[1]}; sides of {SMALLEST} to {LARGEST} pixels can be enlarged.",
            "Give one of another size.",
        )


def _pictures_in(places: Sequence[Path], modality: Any) -> Iterator[Path]:
    """The files that are named, and those below the folders that are named."""
    for place in places:
        if not place.exists():
            raise UserError(f"There is no file or folder '{place}'.", f"Name {modality.plural} to enlarge.")
        if not place.is_dir():
            yield place
            continue
        found = [place / name for name in modality.files_in(place)]
        if not found:
            raise UserError(f"'{place}' has no {modality.plural}.", f"Name a folder of {modality.plural}.")
        yield from found


def _targets(output: Path, sources: Sequence[Path], by: int, suffix: str) -> list[Path]:
    """Where each goes: into a folder under its own name, or to the one file that is named."""
    if ending(output) == suffix:
        if len(sources) > 1:
            raise UserError(f"{len(sources)} pictures don't fit into '{output}'.", "Give -o the name of a folder.")
        return [output]
    names = [f"{source.stem}-x{by}" for source in sources]
    taken: dict[str, int] = {}
    for place, name in enumerate(names):
        taken[name] = taken.get(name, 0) + 1
        if taken[name] > 1:
            names[place] = f"{name}-{taken[name]}"
    return [output / f"{name}{suffix}" for name in names]


def _facts(run: Run, learned: Learned, modality: Any, source: Path, signed: bool) -> Mapping[str, str]:
    """What is said of an enlarged picture: that it is a model's where the smaller one says so, else a person's own."""
    try:
        said = modality.read_metadata(source)
    except UserError:  # of another format, which has no room for it
        said = {}
    made = said.get("Source") == GENERATED
    kept = {name: said[name] for name in ("prompt", "seed", "version", "weights") if made and name in said}
    return {
        "Software": f"tfgen {__version__}", "Source": GENERATED if made else COMPLETED, "run": run.name,
        "model": run.record["model"], **kept, "enlarged": f"{learned.by} times", "tfgen": __version__,
        "provenance": status(signed),
    }  # fmt: skip
