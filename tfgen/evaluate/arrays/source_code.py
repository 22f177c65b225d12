"""The code that samples and features come from, as one hash: what was kept is wrong when the code has changed.

A version that people raise by hand is forgotten sooner or later; this one can't be.
"""

import functools
import hashlib
import sys
from importlib import import_module
from pathlib import Path

from tfgen import __version__

_PACKAGES = (
    "tfgen.models", "tfgen.representations.arrays", "tfgen.evaluate.arrays", "tfgen.evaluate.extractors",
)


@functools.cache
def digest_of_code(kind: type) -> str:
    """SHA-256 over the modules that `kind` and its base classes are from, and over all of tfgen that makes arrays and
    looks at them. Where an installation has no source, tfgen's version stands in for it."""
    digest = hashlib.sha256(__version__.encode())
    for path in sorted({*_of_packages(), *_of_classes(kind)}):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


@functools.cache
def _of_packages() -> list[Path]:
    folders = [Path(import_module(name).__file__).parent for name in _PACKAGES]
    return [path for folder in folders for path in folder.rglob("*.py")]


def _of_classes(kind: type) -> list[Path]:
    files = [getattr(sys.modules.get(each.__module__), "__file__", None) for each in kind.__mro__]
    return [Path(file) for file in files if file and file.endswith(".py") and Path(file).is_file()]
