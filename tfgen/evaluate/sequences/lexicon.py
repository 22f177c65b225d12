"""Texts as numbered words: what metrics of words are fed with, whatever the model's tokens are."""

from collections.abc import Callable

import numpy as np


class Lexicon:
    """Gives each word a number when it is first met."""

    def __init__(self, words_of: Callable[[str], list[str]]) -> None:
        self._words_of = words_of
        self._numbers: dict[str, int] = {}

    def rows(self, texts: list[str]) -> np.ndarray:
        """int32 [n, most]: the words of each text; -1 behind its end."""
        numbers = self._numbers
        found = [[numbers.setdefault(word, len(numbers)) for word in self._words_of(text)] for text in texts]
        rows = np.full([len(texts), max([1, *map(len, found)])], -1, np.int32)
        for row, words in zip(rows, found, strict=True):
            row[: len(words)] = words
        return rows
