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
    def outside_shape(self) -> tuple[int, ...]:
        """The shape of one example outside."""
        return self.specification.shape

    @property
    def outside_peak(self) -> float | None:
        """The range of the values outside, from 0, where it is fixed: errors of an export are measured by it."""
        return None

    outside_decibels: float | None = None  # how alike what is perceived of values outside is at least, where
    # `to_outside` enlarges rounding so that the values themselves may differ; None where they may not

    def perceived(self, values: np.ndarray) -> np.ndarray:
        """What a person perceives of values outside: by it an export in coarser numbers is judged."""
        return values

    def as_files(self) -> Mapping[str, tuple[str, Callable[[Any], Any]]]:
        """What an export for servers can give instead of numbers: the signature's name to that of its output and a
        function in the graph, from outside values to strings [batch]. TensorFlow Serving sends an output in base64
        where its name ends in "_bytes"."""
        return {}


class LevelsCodec(ArrayCodec):
    """Values are stored as whole numbers from 0, of `stored_type`, and lie in [-1, 1] inside a model and in [0, 1]
    outside."""

    stored_type: type[np.unsignedinteger] = np.uint8

    @property
    def _middle(self) -> np.float32:
        return np.float32(np.iinfo(self.stored_type).max / 2)

    def encode(self, values: Any) -> Any:
        if isinstance(values, np.ndarray):
            return values.astype(np.float32) / self._middle - np.float32(1.0)
        import tensorflow as tf

        return tf.cast(values, tf.float32) / self._middle - 1.0

    def decode(self, values: Any) -> np.ndarray:
        """Rounded; what is outside is clipped, and what is no number is in the middle."""
        scaled = (np.asarray(values, np.float32) + np.float32(1.0)) * self._middle
        return np.clip(np.rint(np.nan_to_num(scaled)), 0, np.iinfo(self.stored_type).max).astype(self.stored_type)

    def to_outside(self, examples: Any) -> Any:
        """Of bytes, 255 times that, rounded, is `decode`'s answer to the last bit: halving a float loses nothing."""
        import tensorflow as tf

        # Not tf.clip_by_value, for which TFLite's int8 takes a range of twice the width.
        return tf.minimum(tf.nn.relu((examples + 1.0) * 0.5), 1.0)

    def to_inside(self, values: Any) -> Any:
        return values * 2.0 - 1.0
