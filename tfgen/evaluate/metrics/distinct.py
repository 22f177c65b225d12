"""Distinct-n: how varied the words of samples are (Li et al. 2016)."""

import math

import numpy as np

from tfgen.evaluate.metrics import REAL, metric
from tfgen.evaluate.metrics.grams import grams


@metric(mean_of_rows=False, depends_on="tokenizer", distinct_1=REAL, distinct_2=REAL, distinct_3=REAL)
def distinct(sample_words: np.ndarray) -> dict[str, float]:
    """Different words, pairs and triples of words [n, most] as a share of all; it falls with the amount of text."""
    return {f"distinct_{size}": _share(grams(sample_words, size)) for size in (1, 2, 3)}


def _share(numbers: np.ndarray) -> float:
    there = numbers[numbers >= 0]
    return len(np.unique(there)) / len(there) if len(there) else math.nan
