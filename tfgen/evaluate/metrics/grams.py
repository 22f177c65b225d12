"""Sequences of words, numbered: what the metrics of samples' words have in common."""

import numpy as np


def grams(words: np.ndarray, size: int) -> np.ndarray:
    """The number of each sequence of `size` words: int [n, most - size + 1] for words int [n, most].

    Equal sequences have equal numbers, also in different rows; -1 where a row has ended.
    """
    numbers = words.astype(np.int64)
    if words.shape[1] < size:
        return np.full([len(words), 0], -1, np.int64)
    base = int(words.max(initial=0)) + 1
    for place in range(1, size):
        behind = words[:, place:]
        whole = (numbers[:, :-1] >= 0) & (behind >= 0)
        codes = np.where(whole, numbers[:, :-1] * base + behind, -1)
        _, places = np.unique(codes, return_inverse=True)
        numbers = np.where(whole, places.reshape(codes.shape), -1)
    return numbers
