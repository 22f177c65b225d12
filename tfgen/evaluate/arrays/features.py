"""What an extractor sees of a group of arrays: looked at once, then read from the cache by what the content is."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tfgen.catalog import EXTRACTORS
from tfgen.data.prepared import Key, Writer, open_or_prepare
from tfgen.errors import UserError
from tfgen.evaluate.arrays.groups import Group
from tfgen.evaluate.extractors import Extractor
from tfgen.representations.arrays.examples import ArrayExamples


class Seen(NamedTuple):
    """Features float32 [n, size], and the places of the labels that a classifier recognised, [n]."""

    features: np.ndarray
    recognised: np.ndarray | None


def open_extractor(name: str | None, examples: ArrayExamples) -> Extractor:
    """The extractor of this name; without one, a classifier where the data has labels enough, else random weights.

    Raises:
        UserError: there is no such extractor, or it doesn't suit the data.
    """
    if name is not None:
        return EXTRACTORS.load(name)(examples)
    try:
        return EXTRACTORS.load("classifier")(examples)
    except UserError:
        return EXTRACTORS.load("random")(examples)


def look(extractor: Extractor, group: Group, place: str, progress: Callable[[int, int], None]) -> Seen:
    """What the extractor sees of the group. `place` names what replaces what in the cache, such as the run.

    What is kept is found again while all that it was made of is the same: weights, settings, data, code and libraries.
    """

    def prepare(writer: Writer) -> dict:
        for block in group.blocks():
            writer.append(np.asarray(extractor.look(block), np.float32))
            progress(writer.count, len(group))
        return {}

    content = [libraries(), extractor.digest, extractor.resizer, group.identity, len(group)]
    key = Key.of("features", [place, group.name, extractor.name, len(group)], content)
    rows, _, _ = open_or_prepare(key, prepare)
    return Seen(extractor.features(rows), extractor.recognised(rows) if extractor.labels else None)


def libraries() -> list[str]:
    """What rounds a sample and a feature: other versions of these may give other ones."""
    import keras
    import tensorflow as tf

    return [np.__version__, tf.__version__, keras.__version__]
