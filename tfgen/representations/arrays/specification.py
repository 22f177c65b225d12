"""What a model must know of one array: its shape, and the likelihood of each of its parts."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

GAUSSIAN, BERNOULLI, CATEGORICAL = "gaussian", "bernoulli", "categorical"
_LARGEST = 2**26  # numbers in an example
LIKELIHOODS = (GAUSSIAN, BERNOULLI, CATEGORICAL)


@dataclass(frozen=True)
class Part:
    """Some neighbouring places along the last axis, and how their values are distributed.

    gaussian: values in [-1, 1]. bernoulli: values in [-1, 1] that stand for shares from 0 to 1. categorical: one of
    `size` categories, as a one-hot vector.
    """

    size: int
    likelihood: str

    def __post_init__(self):
        if self.likelihood not in LIKELIHOODS:
            raise ValueError(f"a part's likelihood is one of {LIKELIHOODS}, not {self.likelihood!r}")


@dataclass(frozen=True)
class ArraySpecification:
    """One encoded example, float32 of `shape`; the sizes of its parts add up to the last axis."""

    shape: tuple[int, ...]
    parts: tuple[Part, ...]
    count: int  # how many examples there are
    augment: str = "none"  # the augmentations that suit it when there are few examples, joined by commas
    plural: str = "examples"  # what outsiders call them, in signatures
    may_tile: bool = False  # whether examples may wrap around at their edges, as patterns do

    def __post_init__(self):
        if sum(part.size for part in self.parts) != self.shape[-1]:
            raise ValueError(f"parts of {[part.size for part in self.parts]} don't fill the last axis of {self.shape}")

    @property
    def is_grid(self) -> bool:
        """Whether it has a height and a width, so that convolutions suit it."""
        return len(self.shape) == 3 and min(self.shape[:2]) >= 8

    def drawn_evenly(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Encoded examples that have nothing of the data, float32 [count, ...]: each value lies at one of the two ends
        of its range, and of a categorical part's scores any may be the highest."""
        values = generator.integers(0, 2, [count, *self.shape]).astype(np.float32) * 2 - 1
        start = 0
        for part in self.parts:
            if part.likelihood == CATEGORICAL:
                own = values[..., start : start + part.size]
                own[...] = generator.random(own.shape, np.float32)
            start += part.size
        return values

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists; `from_json` takes it back."""
        return {**asdict(self), "shape": list(self.shape), "parts": [asdict(part) for part in self.parts]}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "ArraySpecification":
        """What `to_json` gave; of version 0.1 too, which had one likelihood for the whole array."""
        shape = tuple(int(side) for side in value["shape"])
        if min(shape) < 1 or math.prod(shape) > _LARGEST:
            raise ValueError(f"no example has the shape {shape}")
        parts = value.get("parts") or [{"size": shape[-1], "likelihood": value["likelihood"]}]
        own = {key: value[key] for key in ("count", "augment", "plural", "may_tile") if key in value}
        return cls(shape, tuple(Part(**part) for part in parts), **own)
