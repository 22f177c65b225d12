"""Pickles of Python, such as CIFAR comes as: recognised, so that it can be said what they are, and never opened, since
a pickle may run any code."""

import re
from itertools import islice
from pathlib import Path

from tfgen.data.examples import clean_text
from tfgen.data.walk import walk
from tfgen.errors import UserError

_ENDINGS = ("", ".pkl", ".pickle", ".p", ".meta")
_LOOKED_AT = 1000  # files of a folder
_CIFAR_10 = re.compile(r"data_batch_\d")
_CIFAR_100 = {"train", "test", "meta"}
_BEGINS = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))


def refuse_pickles(place: Path, shown: str) -> None:
    """Raises UserError for a pickle, or a folder that holds little else."""
    if place.is_file():
        names = [place.name] if _is_pickle(place) else []
        count = 1
    else:
        entries = [(name, Path(entry.path)) for name, entry in islice(walk(place, []), _LOOKED_AT)]
        names, count = [name for name, path in entries if _is_pickle(path)], len(entries)
    if 2 * len(names) <= count:
        return
    files = {Path(name).name for name in names}
    known = "cifar10" if any(map(_CIFAR_10.match, files)) else "cifar100" if files == _CIFAR_100 else None
    which = f"'{shown}' is a pickle" if place.is_file() else f"'{shown}' holds pickles ({_first(names)})"
    saved = "ave the arrays with numpy.savez as images [n, height, width, 3] and labels, and give the .npz."
    raise UserError(
        f"{which} of Python{', as CIFAR comes' if known else ''}: they may run any code, so tfgen opens none.",
        f"Give tfds:{known}, which fetches the same pictures, or s{saved}" if known else f"S{saved}",
    )


def _is_pickle(path: Path) -> bool:
    """By its first bytes, and the stop that ends every pickle."""
    if path.suffix.lower() not in _ENDINGS:
        return False
    try:
        with open(path, "rb") as file:
            if file.read(2) not in _BEGINS:
                return False
            file.seek(-1, 2)
            return file.read(1) == b"."
    except OSError:
        return False


def _first(names: list[str]) -> str:
    return ", ".join(map(clean_text, names[:3])) + (" and more" if len(names) > 3 else "")
