"""Enlarges pictures: arrays, files, or all pictures of a folder."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfgen import __version__
from tfgen.console import Preparation, say, several, warn
from tfgen.errors import UserError
from tfgen.generate.output import check_path, ending
from tfgen.restore import open_codec, open_modality
from tfgen.run import Run
from tfgen.trust.provenance import COMPLETED, GENERATED, OFF, status
from tfgen.trust.verification import OWN, TRUSTED, Verifier
from tfgen.upscale.learning import Learned, check, enlarge, open_learned

SMALLEST = 2
LARGEST = 1024  # pixels along a side of what is enlarged: features of larger ones take gigabytes
_AT_ONCE = 2**20  # pixels that are looked at together
_ENLARGED = "enlarged"  # of what is signed: by how much, in all


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
    check(run, by, minutes, steps)
    values = np.asarray(pictures)
    channels = open_codec(run).specification.shape[-1]
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
        UserError: a file isn't there or is too large, or nothing can be learned for this run; nothing was written. Or
            the rest of a file can't be read; those before it were written.
    """
    check(run, request.by, request.minutes, request.steps)
    modality, codec = open_modality(run), open_codec(run)
    output = request.output or Path(f"{run.name}-x{request.by}")
    check_path(output, (modality.ending,))
    sources = _pictures_in(request.files, modality, output)
    targets = _targets(output, list(sources.values()), request.by, modality.ending)
    for source, target in zip(sources, targets):
        _check_sides(modality.sides_of_file(source), f"'{source}'")
        if target.resolve() == source.resolve():
            raise UserError(f"'{source}' would be replaced.", "Give -o another name.")
    learned = open_learned(run, request.by, request.minutes, request.steps)
    preparation = Preparation("Enlarged {done} of {total}, {left} left", every=15.0)
    origins = _Origins(run, learned, request.signed)
    for place, (source, target) in enumerate(zip(sources, targets)):
        picture = modality.read_as_it_is(source, codec)
        modality.save(target, _enlarged(learned, picture[None])[0], origins.of(source))
        preparation.show(place + 1, len(sources))
    if origins.unvouched:
        warn(
            f"{several(origins.unvouched, 'file')} said that a model made them, and no signature that counts says so: "
            "what was made of them isn't signed."
        )
    say(f"Wrote {several(len(targets), 'file')} in {output.parent if ending(output) == modality.ending else output}")
    return targets


def _enlarged(learned: Learned, values: np.ndarray) -> np.ndarray:
    together = max(1, _AT_ONCE // (values.shape[1] * values.shape[2] * learned.by))
    parts = [values[start:start + together] for start in range(0, len(values), together)]
    return np.concatenate([enlarge(learned.network, part, learned.by) for part in parts])


def _check_sides(sides: Sequence[int], what: str) -> None:
    if not SMALLEST <= min(sides) <= max(sides) <= LARGEST:
        raise UserError(
            f"{what} is {sides[0]}x{sides[1]}; sides of {SMALLEST} to {LARGEST} pixels can be enlarged.",
            "Give one of another size.",
        )


def _pictures_in(places: Sequence[Path], modality: Any, output: Path) -> dict[Path, Path]:
    """The files that are named and those below the folders that are named, and what each is called there."""
    found: dict[Path, Path] = {}
    for place in places:
        if not place.exists():
            raise UserError(f"There is no file or folder '{place}'.", f"Name {modality.plural} to enlarge.")
        if not place.is_dir():
            found[place] = Path(place.name)
            continue
        inside = {place / name: Path(name) for name in modality.files_in(place)}
        made = output.resolve()
        inside = {path: name for path, name in inside.items() if made not in path.resolve().parents}
        if not inside:
            raise UserError(f"'{place}' has no {modality.plural}.", f"Name a folder of {modality.plural}.")
        found |= inside
    return found


def _targets(output: Path, names: Sequence[Path], by: int, suffix: str) -> list[Path]:
    """Where each goes: into a folder under its own name, or to the one file that is named."""
    if ending(output) == suffix:
        if len(names) > 1:
            raise UserError(f"{len(names)} pictures don't fit into '{output}'.", "Give -o the name of a folder.")
        return [output]
    targets: list[Path] = []
    taken: dict[Path, int] = {}
    for name in names:
        target = output / name.with_name(f"{name.stem}-x{by}")
        taken[target] = taken.get(target, 0) + 1
        number = f"-{taken[target]}" if taken[target] > 1 else ""
        targets.append(target.with_name(f"{target.name}{number}{suffix}"))
    return targets


class _Origins:
    """What is said of enlarged pictures.

    Of one whose signature counts, what was signed, and that it was enlarged; of any other, that it is a person's own,
    completed by a model. But where it says itself that a model made it, and nothing vouches for that, neither is known.
    """

    def __init__(self, run: Run, learned: Learned, signed: bool):
        self._run, self._by, self._signed = run, learned.by, signed
        self._verifier: Verifier | None = None
        with contextlib.suppress(UserError):  # the library that reads marks isn't there: all is as unsigned
            self._verifier = Verifier(watermarks=False)
        self.unvouched = 0

    def of(self, source: Path) -> Mapping[str, str]:
        own = {"run": self._run.name, "model": self._run.record["model"]}
        common = {"Software": f"tfgen {__version__}", "tfgen": __version__, "provenance": status(self._signed)}
        found = None if self._verifier is None else self._verifier.verify(source)
        if found is None or found.state not in (OWN, TRUSTED) or not found.generated:
            if found is not None and (found.claims or "run" in found.made_by):
                self.unvouched += 1
                common["provenance"] = OFF
            return {**common, "Source": COMPLETED, **own, _ENLARGED: f"to {self._by} times its sides"}
        said = {name: value for name, value in found.made_by.items() if name not in common}
        before = said.get(_ENLARGED, "to 1 times").split()
        by = self._by * int(before[1]) if len(before) > 1 and before[1].isdigit() else self._by
        if said.get("run") != self._run.name:
            said["runs"] = ", ".join(filter(None, (said.get("runs") or said.get("run"), self._run.name)))
        made = GENERATED if found.claims == "generated" else COMPLETED
        return {**common, "Source": made, **said, _ENLARGED: f"to {by} times its sides"}
