"""Texts as numbered words: what metrics of words are fed with, whatever the model's tokens are."""

import re

import numpy as np

# Words, of which a very long one is several; letters of writing without spaces by themselves; signs; ends of lines.
_WORD = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|\w{1,20}|[^\w\s]|\n")


class Lexicon:
    """Gives each word a number when it is first met."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def rows(self, texts: list[str]) -> np.ndarray:
        """int32 [n, most]: the words of each text; -1 behind its end."""
        numbers = self._numbers
        found = [[numbers.setdefault(word, len(numbers)) for word in words_of(text)] for text in texts]
        rows = np.full([len(texts), max([1, *map(len, found)])], -1, np.int32)
        for row, words in zip(rows, found, strict=True):
            row[: len(words)] = words
        return rows


def words_of(text: str) -> list[str]:
    """The words and signs of a text in order; capitals don't count."""
    return _WORD.findall(text.lower())
