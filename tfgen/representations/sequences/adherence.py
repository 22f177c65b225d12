"""Sequences that are as their prompts ask, where that can be counted: others are drawn anew, some times at the most."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from tfgen.representations.redraw import seeds_of_round

_UNKNOWN = 2**31 - 1  # lacking in what isn't drawn yet


class Adherence(Protocol):
    """Tells how far sequences are as their prompts ask.

    attempts: how often one is usually drawn at the most.
    """

    attempts: int

    def asks(self, prompt: Sequence[int]) -> bool:
        """Whether a prompt asks for something that can be counted."""

    def example(self) -> list[int]:
        """A short prompt that asks for something that can be counted."""

    def lacking(self, prompts: Any, prompt_lengths: Any, tokens: Any, lengths: Any) -> Any:
        """How many of the things that its prompt asks for each sequence lacks, int32 [batch]; part of a graph.

        Args:
            prompts: int32 [batch, most], of which `prompt_lengths` [batch] count.
            tokens: what was made of them, int32 [batch, most], of which `lengths` [batch] count.
        """


def draw_as_asked(
    draw: Callable[[Any, Any], tuple[Any, Any]], adherence: Adherence, attempts: Any, prompts: Any, prompt_lengths: Any,
    seeds: Any, most: Any, end: int,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """Tokens int32 [batch, most], padded with `end`, their numbers [batch] and what they lack [batch]: of each row's
    attempts, of which there are int32 [batch] at the most, the first that lacks least. Part of a graph.

    draw: the rows int64 [k] to draw, and seeds int32 [k], to tokens [k, at most `most`] and their numbers [k].
    """
    import tensorflow as tf

    def is_left(number: Any, lacking: Any) -> Any:
        return (lacking > 0) & (number < tf.cast(attempts, tf.int64))

    def goes_on(number: Any, _: Any, __: Any, lacking: Any) -> Any:
        return tf.reduce_any(is_left(number, lacking))

    # The first draw is a round too, so that the graph has it once. Only rows that lack something are drawn anew.
    def drawn(number: Any, tokens: Any, lengths: Any, lacking: Any) -> tuple:
        places = tf.where(is_left(number, lacking))
        rows = places[:, 0]
        own = tf.gather(seeds, rows)
        anew = tf.cast(seeds_of_round(tf.cast(own, tf.int64), number), tf.int32)
        new, count = draw(rows, tf.where(number > 0, anew, own))
        new = tf.pad(new, [[0, 0], [0, most - tf.shape(new)[1]]], constant_values=end)
        lack = adherence.lacking(tf.gather(prompts, rows), tf.gather(prompt_lengths, rows), new, count)
        better = lack < tf.gather(lacking, rows)

        def put(old: Any, new: Any) -> Any:
            is_better = better[:, None] if len(old.shape) == 2 else better
            return tf.tensor_scatter_nd_update(old, places, tf.where(is_better, new, tf.gather(old, rows)))

        return number + 1, put(tokens, new), put(lengths, count), put(lacking, lack)

    nothing = tf.zeros_like(seeds)
    start = (tf.constant(0, tf.int64), tf.zeros([tf.size(seeds), most], tf.int32), nothing, nothing + _UNKNOWN)
    any_size = [tf.TensorShape([None] * len(each.shape)) for each in start]
    return tf.while_loop(goes_on, drawn, start, shape_invariants=tuple(any_size))[1:]


def lacking_in(lacking: Callable[..., Any], prompt: Sequence[int], made: Sequence[Sequence[int]]) -> np.ndarray:
    """By `Adherence.lacking`, what sequences lack that were made of one prompt: int32 [n]."""
    import tensorflow as tf

    lengths = np.array([len(tokens) for tokens in made], np.int32)
    tokens = np.zeros([len(made), max(1, lengths.max(initial=0))], np.int32)
    for row, own in zip(tokens, made, strict=True):
        row[: len(own)] = own
    prompts = np.tile(np.asarray(prompt, np.int32), [len(made), 1])
    given = map(tf.constant, (prompts, np.full(len(made), len(prompt), np.int32), tokens, lengths))
    return lacking(*given).numpy()
