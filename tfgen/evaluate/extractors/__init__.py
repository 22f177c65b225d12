"""What looks at arrays and gives features: one module each, one line in catalog.EXTRACTORS.

Scores by different extractors can't be compared, nor by different weights of one, so each says who it is.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Extractor:
    """A function from values to features, and what a record must say of it."""

    name: str
    digest: str  # of its weights
    resizer: str  # what happens to examples before it looks
    look: Callable[[np.ndarray], np.ndarray]  # stored values [n, ...] to float32 [n, size + labels]
    labels: tuple[str, ...] = ()  # of a classifier, whose logits stand behind the features
    accuracy: float | None = None  # of a classifier, on examples that it was not fitted to
    judged_by: int = 0  # how many those were

    def features(self, rows: np.ndarray) -> np.ndarray:
        """The features [n, size] in what `look` gave."""
        return rows[:, : rows.shape[1] - len(self.labels)]

    def recognised(self, rows: np.ndarray) -> np.ndarray:
        """The places [n] of the likeliest labels in what `look` gave."""
        return np.argmax(rows[:, rows.shape[1] - len(self.labels):], axis=1)


def digest_of(arrays: Iterable[np.ndarray]) -> str:
    """SHA-256 over weights, the first 32 digits."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(str(array.shape).encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:32]
