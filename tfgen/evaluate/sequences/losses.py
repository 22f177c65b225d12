"""What each token costs a model, and that by pieces: what perplexity and bits are made of."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tfgen.evaluate.sequences.reference_data import Tokens

_TOKENS_AT_ONCE = 2**12
LEAST_DOCUMENTS = 100  # from so many on, pieces are documents, else windows: an interval needs some hundred


@dataclass(frozen=True)
class Read:
    """Tokens, the nats float64 [n] that each costs, and its place int [n] in the window that it was predicted in."""

    tokens: Tokens
    nats: np.ndarray
    places: np.ndarray

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
    """Asks a model for the cost of every token; all batches have one size, so they are compiled once.

    apart: documents are predicted each by itself, as a model of a private fit learned them: what it says of one behind
    another means nothing, and it never writes so.
    """

    def __init__(self, model: Any, apart: bool = False):
        import tensorflow as tf

        self._model, self._apart = model, apart
        self._rows = max(1, _TOKENS_AT_ONCE // model.context)
        function = model.measurements()["token_losses"]
        self._function = tf.function(lambda tokens: function(tokens), jit_compile=model.jit_compile, autograph=False)

    def read(self, tokens: Tokens) -> Read:
        """The cost of every token, in windows as long as the context, side by side.

        The first token of a window is predicted from the one before it, the first of all, or of a document that is
        apart, from what stands for an empty prompt; those behind from ever more.
        """
        import tensorflow as tf

        context, start = self._model.context, self._model.example.start
        begins = documents(tokens, self._model.example.end) if self._apart else np.zeros(1, np.int64)
        lengths = np.diff(np.append(begins, len(tokens)))
        firsts = np.concatenate([np.arange(at, at + max(1, own), context) for at, own in zip(begins, lengths)])
        counts = np.diff(np.append(firsts, len(tokens)))
        line = np.concatenate([[start], tokens.ids, [self._model.example.end] * context]).astype(np.int32)
        rows = line[firsts[:, None] + np.arange(context + 1)]
        rows[np.isin(firsts, begins), 0] = start
        windows, parts = len(rows), []
        for at in range(0, windows, self._rows):
            batch = rows[np.minimum(np.arange(at, at + self._rows), windows - 1)]
            parts.append(self._function(tf.constant(batch)).numpy()[: windows - at])
        own = np.arange(context) < counts[:, None]
        places = np.broadcast_to(np.arange(context), own.shape)
        return Read(tokens, np.concatenate(parts)[own].astype(np.float64), places[own])


def by_position(read: Read, context: int) -> np.ndarray:
    """The mean nats of a learned token at each place of a window, float64 [context]; not a number where there is none.

    Falls along the window where the model makes use of what stands before.
    """
    learned = read.tokens.learned
    counts = np.bincount(read.places[learned], minlength=context)
    nats = np.bincount(read.places[learned], read.nats[learned], minlength=context)
    return np.where(counts > 0, nats / np.maximum(counts, 1), np.nan)
