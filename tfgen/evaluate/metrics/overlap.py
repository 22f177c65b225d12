"""Overlap: how much samples say the same as others do; the question of self-BLEU (Zhu et al. 2018), asked simply."""

import math

import numpy as np

from tfgen.evaluate.metrics import REAL, metric
from tfgen.evaluate.metrics.grams import grams

WORDS = 4


@metric(mean_of_rows=False, depends_on="tokenizer", overlap=REAL)
def overlap(sample_words: np.ndarray) -> dict[str, float]:
    """The share of a sample's different sequences of four words that another sample has too; the mean over samples.

    Of words [n, most]; samples of fewer than four words don't count.
    """
    numbers = grams(sample_words, WORDS)
    rows = np.broadcast_to(np.arange(len(numbers))[:, None], numbers.shape)[numbers >= 0]
    pairs = np.unique(np.stack([rows, numbers[numbers >= 0]]), axis=1)
    if not pairs.size:
        return {"overlap": math.nan}
    shared = np.bincount(pairs[1])[pairs[1]] > 1
    each, of_all = np.bincount(pairs[0], shared), np.bincount(pairs[0])
    return {"overlap": float(np.mean(each[of_all > 0] / of_all[of_all > 0]))}
