"""Samples to files, by the ending of the path: one file for each modality, and here what they share."""

from collections.abc import Sequence
from pathlib import Path

from tfgen.errors import UserError


def ending(path: Path) -> str:
    """'.png' for 'a.PNG'; '' for a folder's name without one."""
    return path.suffix.lower()


def check_path(path: Path, endings: Sequence[str], samples: str) -> None:
    """Raises UserError where `samples`, in words, can't be written to `path`; called before the work.

    A path may have one of the endings, or be a folder's, which need not exist.
    """
    advice = f"Give a folder, or a path that ends in {', '.join(endings[:-1])} or {endings[-1]}."
    if ending(path) and ending(path) not in endings and not path.is_dir():
        raise UserError(f"{samples} can't be written as '{path.suffix}'.", advice)
    if ending(path) in endings and path.is_dir():
        raise UserError(f"'{path}' is a folder.", "Give it another name, or remove the folder.")
    if ending(path) not in endings and path.is_file():
        raise UserError(f"'{path}' is a file.", advice)


def file_stem(run: str, prompt: str, label: str) -> str:
    """A file's name, without an ending, that says what is in it; a long prompt is cut."""
    words = "".join(letter if letter.isalnum() else "-" for letter in prompt)[:60].strip("-")
    return "-".join(filter(None, [run, words, label]))
