"""Prompts with their completions as windows of tokens of one shape: what they cost, and what a model sees in them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

MOST_WINDOWS = 4  # of a completion; what comes behind isn't looked at
ROWS = 64  # windows that are read at once
_SHORTEST = 32


class Written(NamedTuple):
    """A completion and what it goes on from: ids int32 [n] each, without an end of the text."""

    prompt: np.ndarray
    completion: np.ndarray


class Windows(NamedTuple):
    """tokens int32 [n, windows, width + 1], and which of the last `width` belong to the completion, bool."""

    tokens: np.ndarray
    counted: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """How many tokens of each completion are looked at, int [n]."""
        return self.counted.sum(axis=(1, 2))


class WindowCutter:
    """Cuts rows into windows of one shape, which is that of the longest of the rows that it is made for.

    The first window of a row begins with the prompt, of which at most half a context is kept; each further one begins
    half a context later, so that every token is predicted from at least so many.
    """

    def __init__(self, rows: Sequence[Written], context: int, start: int):
        self.context, self.start = context, start
        longest = max((len(self._line(row)[0]) for row in rows), default=2) - 1
        self.width = _SHORTEST
        while self.width < min(longest, context):
            self.width *= 2
        self.width = min(self.width, context)
        step = max(1, context // 2)
        self.windows = min(1 + -(-max(longest - self.width, 0) // step), MOST_WINDOWS)

    def __call__(self, rows: Sequence[Written]) -> Windows:
        step = max(1, self.context // 2)
        tokens = np.full([len(rows), self.windows, self.width + 1], self.start, np.int32)
        counted = np.zeros([len(rows), self.windows, self.width], bool)
        for place, row in enumerate(rows):
            line, given = self._line(row)
            for window in range(self.windows):
                first = window * step
                part = line[first : first + self.width + 1]
                if len(part) < 2:
                    break
                tokens[place, window, : len(part)] = part
                begin = given if window == 0 else first + self.width + 1 - step  # the ones before had the others
                counted[place, window, max(begin - first - 1, 0) : len(part) - 1] = True
        return Windows(tokens, counted)

    def _line(self, row: Written) -> tuple[np.ndarray, int]:
        """The ids of a row, and how many of them are given."""
        prompt = row.prompt[-max(1, self.context // 2) :] if len(row.prompt) else np.array([self.start], np.int32)
        return np.concatenate([prompt, row.completion]).astype(np.int32), len(prompt)


class WindowReader:
    """Asks a model about windows, in batches of one size, so that it is compiled once."""

    def __init__(self, model: Any):
        import tensorflow as tf

        def read(tokens: tf.Tensor, counted: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            inside = tf.cast(counted, tf.float32)
            hidden, _ = model.network.read(tokens[:, :-1])
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tokens[:, 1:], model.network.logits(hidden))
            return -tf.reduce_sum(losses * inside, axis=1), tf.reduce_sum(hidden * inside[:, :, None], axis=1)

        self._read = tf.function(read, jit_compile=model.jit_compile, autograph=False)

    def __call__(self, windows: Windows) -> tuple[np.ndarray, np.ndarray]:
        """Log-probabilities float64 [n] of whole completions, in nats, and their mean hidden states [n, width]."""
        import tensorflow as tf

        count, each, _ = windows.tokens.shape
        tokens, counted = (values.reshape(count * each, -1) for values in windows)
        parts = []
        for start in range(0, len(tokens), ROWS):
            rows = np.minimum(np.arange(start, start + ROWS), len(tokens) - 1)
            found = self._read(tf.constant(tokens[rows]), tf.constant(counted[rows]))
            parts.append([values.numpy()[: len(tokens) - start] for values in found])
        scores, hidden = (np.concatenate(values) for values in zip(*parts, strict=True))
        lengths = np.maximum(windows.lengths, 1)[:, None]
        hidden = hidden.reshape(count, each, -1).sum(axis=1) / lengths
        return scores.reshape(count, each).sum(axis=1, dtype=np.float64), hidden
