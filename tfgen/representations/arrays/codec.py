"""A modality's arrays in three forms: as they are stored, as a model takes them, as callers of an export get them."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tfgen.representations import ARRAYS
from tfgen.representations.arrays.specification import ArraySpecification
from tfgen.representations.base import Codec


class ArrayCodec(Codec):
    """A subclass defines `encode` and `decode`; and `to_outside` and `to_inside` where callers should not get encoded
    values. All of them take whole batches."""

    representation = ARRAYS

    def __init__(self, specification: ArraySpecification):
        self._specification = specification

    @property
    def specification(self) -> ArraySpecification:
        return self._specification

    def to_json(self) -> dict[str, Any]:
        return {"example": self.specification.to_json()}

    def encode(self, values: Any) -> Any:
        """Stored values as float32 of the specification's shape; numpy for numpy, a tensor for a tensor, also in a
        tf.data pipeline."""
        raise NotImplementedError

    def decode(self, values: Any) -> np.ndarray:
        """What a model made as stored values: the inverse of `encode`, with what is out of range brought into it."""
        raise NotImplementedError

    def to_outside(self, examples: Any) -> Any:
        """Inside a graph: what a model made, as callers of an export get it. Built-in operations of TFLite only."""
        return examples

    def to_inside(self, values: Any) -> Any:
        """Inside a graph: the inverse of `to_outside`."""
        return values

    @property
    def outside_peak(self) -> float | None:
        """The range of the values outside, from 0, where it is fixed: errors of an export are measured by it."""
        return None

    def as_files(self) -> Mapping[str, tuple[str, Callable[[Any], Any]]]:
        """What an export for servers can give instead of numbers: the signature's name to that of its output and a
        function in the graph, from outside values to strings [batch]. TensorFlow Serving sends an output in base64
        where its name ends in "_bytes"."""
        return {}
