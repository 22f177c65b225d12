"""Beam search: several beginnings at once, of which those stay that are likeliest (Graves 2012; Wu et al. 2016).

Without chance. Texts that end at different lengths are compared by their mean log-probability, since each token more
makes a text less likely, however good it is.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf


class Beam(NamedTuple):
    """One text: its new tokens, and the natural logarithm of each one's probability."""

    tokens: tuple[int, ...] = ()
    scores: tuple[float, ...] = ()
    total: float = 0.0

    @property
    def mean(self) -> float:
        return self.total / max(1, len(self.tokens))


def search(
    model: Any,
    tokens: tf.Tensor,
    length: tf.Tensor,
    beams: int,
    limit: int,
    is_over: Callable[[tuple[int, ...]], bool] = lambda tokens: False,
) -> list[Beam]:
    """The `beams` best texts found, of at most `limit` new tokens, best first.

    Args:
        model: a tfgen.models.language.LanguageModel.
        tokens: the prompt, int32 [1, most], of which `length` [1] count.
        is_over: whether new tokens end a text in another way than with an id that ends texts.
    """
    step = tf.function(_step(model, beams), autograph=False)
    logits, position, cache, *_ = model.begin(tf.repeat(tokens, beams, 0), tf.repeat(length, beams, 0))
    scores, choices = _best(logits, beams)
    # All rows are the same as yet, so one of them stands for all.
    live, over, rows = [Beam()], [], np.zeros(1, np.int64)
    for made in range(1, limit + 1):
        live, parents = _grow(live, scores.numpy()[rows], choices.numpy()[rows], rows)
        finished = [beam.tokens[-1] in model.example.ends or is_over(beam.tokens) for beam in live]
        # Only what would have stayed may end: else every unlikely end would be a text.
        ends = [beam for beam, done in zip(live[:beams], finished, strict=False) if done]
        over = sorted([*over, *ends], key=lambda beam: -beam.mean)[:beams]
        staying = [place for place, done in enumerate(finished) if not done][:beams]
        live, parents = [live[place] for place in staying], [parents[place] for place in staying]
        # A total only falls, so no text can end with a better mean than its total over the most tokens.
        if not live or made == limit or (len(over) == beams and live[0].total / limit <= over[-1].mean):
            break
        # Rows that no beam needs repeat the first.
        filled = (np.resize(each, beams) for each in (parents, [beam.tokens[-1] for beam in live]))
        scores, choices, position, cache = step(*(tf.constant(each, tf.int32) for each in filled), position, cache)
        rows = np.arange(len(live))
    return sorted([*over, *live], key=lambda beam: -beam.mean)[:beams]


def _grow(live: list[Beam], scores: np.ndarray, choices: np.ndarray, rows: np.ndarray) -> tuple[list[Beam], list[int]]:
    """Twice as many beams as stay, best first, each one token longer, and the row that each came from."""
    totals = np.array([beam.total for beam in live])[:, None] + scores
    order = np.argsort(-totals, axis=None, kind="stable")[: scores.shape[1]]
    grown = []
    for place, choice in zip(*np.unravel_index(order, totals.shape), strict=True):
        beam, score = live[place], float(scores[place, choice])
        token = int(choices[place, choice])
        grown.append(Beam((*beam.tokens, token), (*beam.scores, score), beam.total + score))
    return grown, [int(rows[place]) for place in np.unravel_index(order, totals.shape)[0]]


def _step(model: Any, beams: int) -> Callable:
    """The rows' parents, their new tokens and what was known, to what is known after them."""

    def step(parents: tf.Tensor, token: tf.Tensor, position: tf.Tensor, cache: Any) -> tuple[Any, ...]:
        cache = type(cache)(*(tf.gather(each, parents) for each in cache))
        position = tf.gather(position, parents)
        logits, cache = model.decode(token, position, cache)
        return *_best(logits, beams), position + 1, cache

    return step


def _best(logits: tf.Tensor, beams: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The log-probabilities and ids of the tokens that can matter: twice the beams, since half may end a text."""
    return tf.math.top_k(tf.nn.log_softmax(logits), min(2 * beams, logits.shape[-1]))
