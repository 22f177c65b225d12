"""What a model must know of sets: how many have each item, how large they are, and whether items have an order."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

MOST_ITEMS = 10_000  # EASE has a number for each pair of items: 400 MB


@dataclass(frozen=True)
class SetSpecification:
    """The items that there are, and the sets to learn.

    counts: how many of the learned sets have each item, [items].
    sizes: how many of the learned sets have so many items, from 0 on.
    ordered: whether a set's items came one after the other, by their times.
    """

    counts: tuple[int, ...]
    sizes: tuple[int, ...]
    count: int  # sets to learn
    ordered: bool = False
    plural: str = "sets"

    @property
    def items(self) -> int:
        return len(self.counts)

    @cached_property
    def log_popularity(self) -> np.ndarray:
        """The logarithm of each item's share of all that is in the sets, float32 [items]; one that is in none is as if
        it were in half a set."""
        counts = np.maximum(np.array(self.counts, np.float64), 0.5)
        return np.log(counts / counts.sum()).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists; `from_json` takes it back."""
        return {
            "counts": list(self.counts), "sizes": list(self.sizes), "count": self.count, "ordered": self.ordered,
            "plural": self.plural,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "SetSpecification":
        counts, sizes = tuple(value["counts"]), tuple(value["sizes"])
        return cls(counts, sizes, value["count"], value["ordered"], value["plural"])
