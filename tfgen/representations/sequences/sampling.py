"""From logits to the next token: temperature, top-k, top-p, min-p, a penalty on repetition; each row by its own.

Operations that TFLite has, and the chance of a token from its row's seed and its position: the same in Python, on a
server and on a phone, whatever the batch.
"""

from typing import NamedTuple

import tensorflow as tf

from tfgen.models import noise

_STREAM = 11


class Sampling(NamedTuple):
    """How rows choose their next token; every field has the shape [batch]."""

    seed: tf.Tensor  # int32
    temperature: tf.Tensor  # float32; 0 takes the likeliest
    top_k: tf.Tensor  # int32; only so many of the likeliest, 0 for all
    top_p: tf.Tensor  # float32; only the likeliest that together have this probability (Holtzman et al. 2020)
    min_p: tf.Tensor | None = None  # float32; only those with this share of the likeliest's probability
    repetition_penalty: tf.Tensor | None = None  # float32; 1 for none (Keskar et al. 2019, section 4.1)

    @classmethod
    def greedy(cls, rows: int) -> "Sampling":
        """The likeliest token, always."""
        zeros = tf.zeros([rows], tf.int32)
        return cls(zeros, tf.zeros([rows]), zeros, tf.ones([rows]))


def choose(logits: tf.Tensor, position: tf.Tensor, sampling: Sampling, seen: tf.Tensor | None = None) -> tf.Tensor:
    """The token int32 [batch] for a position int32 [batch], from logits float32 [batch, vocabulary].

    Args:
        seen: bool [batch, vocabulary], the tokens that the penalty is for.
    """
    if seen is not None and sampling.repetition_penalty is not None:
        penalty = sampling.repetition_penalty[:, None]
        logits = tf.where(seen, tf.where(logits > 0, logits / penalty, logits * penalty), logits)
    temperature = tf.maximum(sampling.temperature, 1e-3)[:, None]
    ordered, tokens = tf.math.top_k(logits, tf.shape(logits)[1])
    probabilities = tf.nn.softmax((ordered - ordered[:, :1]) / temperature)
    allowed = probabilities * tf.cast(_allowed(probabilities, sampling), tf.float32)
    reached = tf.cumsum(allowed, axis=1)
    # The grid of the noise is finer than most probabilities; the last allowed token closes the interval.
    drawn = noise.uniform_at(sampling.seed, position, _STREAM) * reached[:, -1]
    rank = tf.reduce_sum(tf.cast(reached < drawn[:, None], tf.int32), axis=1)
    rank = tf.where(sampling.temperature > 0, rank, tf.zeros_like(rank))
    return tf.gather(tokens, rank, batch_dims=1)


def _allowed(probabilities: tf.Tensor, sampling: Sampling) -> tf.Tensor:
    """Which of the tokens, likeliest first, may be drawn: bool [batch, vocabulary]; the first always may."""
    ranks = tf.range(tf.shape(probabilities)[1])[None, :]
    before = tf.cumsum(probabilities, axis=1) - probabilities
    most = tf.where(sampling.top_k > 0, sampling.top_k, tf.shape(probabilities)[1])[:, None]
    allowed = (ranks < most) & (before < sampling.top_p[:, None])
    if sampling.min_p is not None:
        allowed = allowed & (probabilities >= sampling.min_p[:, None] * probabilities[:, :1])
    return allowed | (ranks == 0)
