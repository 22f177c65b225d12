"""What each token costs a model, and that by pieces: what perplexity and bits are made of."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tfgen.evaluate.sequences.reference_data import Tokens

_TOKENS_AT_ONCE = 2**12
LEAST_DOCUMENTS = 100  # from so many on, pieces are documents, else windows: an interval needs some hundred


@dataclass(frozen=True)
class Read:
    """Tokens and the nats float64 [n] that each costs."""

    tokens: Tokens
    nats: np.ndarray

    def pieces(self, starts: np.ndarray) -> np.ndarray:
        """float64 [m, 3]: nats, tokens and units of the learned tokens in the pieces that begin at `starts`."""
        learned = self.tokens.learned.astype(np.float64)
        columns = [self.nats * learned, learned, self.tokens.units * learned]
        rows = np.add.reduceat(np.stack(columns, axis=1), starts, axis=0)
        return rows[rows[:, 1] > 0]


def documents(tokens: Tokens, end: int) -> np.ndarray:
    """Where each document begins."""
    ends = np.flatnonzero(tokens.ids == end) + 1
    return np.concatenate([[0], ends[ends < len(tokens)]])


class LossReader:
    """Asks a model for the cost of every token; all batches have one size, so they are compiled once."""

    def __init__(self, model: Any):
        import tensorflow as tf

        self._model = model
        self._rows = max(1, _TOKENS_AT_ONCE // model.context)
        function = model.measurements()["token_losses"]
        self._function = tf.function(lambda tokens: function(tokens), jit_compile=model.jit_compile, autograph=False)

    def read(self, tokens: Tokens) -> Read:
        """The cost of every token, in windows as long as the context, side by side.

        The first token of a window is predicted from the one before it, the first of all from what stands for an empty
        prompt; those behind from ever more.
        """
        import tensorflow as tf

        context = self._model.context
        windows = max(1, -(-len(tokens) // context))
        padding = [self._model.example.end] * (windows * context - len(tokens))
        line = np.concatenate([[self._model.example.start], tokens.ids, padding]).astype(np.int32)
        rows = line[np.arange(windows)[:, None] * context + np.arange(context + 1)]
        parts = []
        for start in range(0, windows, self._rows):
            batch = rows[np.minimum(np.arange(start, start + self._rows), windows - 1)]
            parts.append(self._function(tf.constant(batch)).numpy()[: windows - start])
        return Read(tokens, np.concatenate(parts).ravel()[: len(tokens)].astype(np.float64))


def by_position(read: Read, context: int) -> np.ndarray:
    """The mean nats of a learned token at each place of a window, float64 [context]; not a number where there is none.

    Falls along the window where the model makes use of what stands before.
    """
    whole = len(read.tokens) // context * context
    nats, learned = (values[:whole].reshape(-1, context) for values in (read.nats, read.tokens.learned))
    counts = learned.sum(axis=0)
    return np.where(counts > 0, (nats * learned).sum(axis=0) / np.maximum(counts, 1), np.nan)
