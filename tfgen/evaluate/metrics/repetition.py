"""Repetition within a sample: seq-rep-4 (Welleck et al. 2020), of words."""

import math

import numpy as np

from tfgen.evaluate.metrics import metric
from tfgen.evaluate.metrics.grams import grams

WORDS = 4


@metric(depends_on="tokenizer", repetition="lower")
def repetition(sample_words: np.ndarray) -> dict[str, float]:
    """1 - different / all sequences of four words within a sample, the mean over samples of words [n, most].

    0 where no four words come twice; near 1 where a sample goes round in a circle. Samples of fewer than four words
    don't count.
    """
    numbers = np.sort(grams(sample_words, WORDS), axis=1)
    there = numbers >= 0
    new = there & (np.diff(numbers, axis=1, prepend=-1) != 0)
    counts = there.sum(axis=1)
    shares = 1.0 - new.sum(axis=1)[counts > 0] / counts[counts > 0]
    return {"repetition": float(shares.mean()) if len(shares) else math.nan}
