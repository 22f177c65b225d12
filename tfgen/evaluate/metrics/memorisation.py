"""Memorisation: what of the samples stands word for word in the training text (Carlini et al. 2021)."""

import math

import numpy as np

from tfgen.evaluate.metrics import metric

WINDOW = 50  # characters of the pieces that are counted


@metric(
    mean_of_rows=False,
    depends_on="tokenizer",
    longest_match="lower",
    longest_match_95="lower",
    copied_windows="lower",
)
def memorisation(matches: np.ndarray, windows: np.ndarray) -> dict[str, float]:
    """The longest piece of each sample that stands in the training text: characters [n]; the mean, and the 95th of 100.

    And the share of all pieces of 50 characters, [n, 2] all and those found, that do.
    """
    every, found = windows.sum(axis=0)
    return {
        "longest_match": float(np.mean(matches)),
        "longest_match_95": float(np.quantile(matches, 0.95)),
        "copied_windows": float(found / every) if every else math.nan,
    }
