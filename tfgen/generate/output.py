"""Where samples go: paths and file names."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tfgen import __version__
from tfgen.errors import UserError
from tfgen.files import check_place
from tfgen.generate import Origin
from tfgen.trust.provenance import COMPLETED, GENERATED, status


def ending(path: Path) -> str:
    """'.npy' for 'a.NPY'; '' for a folder's name without one."""
    return path.suffix.lower()


def check_path(path: Path, endings: Sequence[str]) -> None:
    """Raises UserError where samples can't be written to `path`; called before the work.

    A path may have one of the endings, or be a folder's, which need not exist and whose name may have a dot in it
    ("v1.0").
    """
    listed = " or ".join(filter(None, (", ".join(endings[:-1]), endings[-1])))
    advice = f"Give a folder, or a path that ends in {listed}."
    named = ending(path)
    if named and named not in endings and not path.is_dir() and not named[1:].isdigit():
        raise UserError(f"Samples can't be written as '{path.suffix}'.", advice)
    if named in endings and path.is_dir():
        raise UserError(f"'{path}' is a folder.", "Give it another name, or remove the folder.")
    if named not in endings and path.is_file():
        raise UserError(f"'{path}' is a file.", advice)
    check_place(path / "sample" if named not in endings else path)


def file_stem(run: str, prompt: str, label: str) -> str:
    """A file's name, without an ending, that says what is in it; a long prompt is cut."""
    words = "".join(letter if letter.isalnum() else "-" for letter in prompt)[:60].strip("-")
    return "-".join(filter(None, [run, words, label]))


def provenance_of_all(each: Sequence[Mapping[str, str]], seeds: str) -> dict[str, str]:
    """What is said of several samples in one file: of what is said of each, that in which all agree, and their seeds.
    """
    first, *others = each
    same = {name: value if all(other.get(name) == value for other in others) else "" for name, value in first.items()}
    same["seed"] = seeds
    return {name: value for name, value in same.items() if value or name == "prompt"}


def provenance(origin: Origin, prompt: str, seed: str) -> dict[str, str]:
    """What each sample says of itself, and that is signed."""
    optional = {
        "version": origin.version,
        "weights": origin.digest,
        "settings": json.dumps(dict(origin.settings)) if origin.settings else "",
        "prompt version": origin.prompt_version,
        "template": origin.template,
    }
    return {
        "Software": f"tfgen {__version__}",
        "Source": COMPLETED if origin.completed else GENERATED,
        "run": origin.name,
        "model": origin.model,
        **{name: value for name, value in optional.items() if value},
        "prompt": prompt,
        "seed": seed,
        "tfgen": __version__,
        "provenance": status(origin.signed),
    }
