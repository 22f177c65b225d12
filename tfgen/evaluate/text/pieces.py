"""The texts that are looked at: the model's samples, and in their place pieces of real text as long as those."""

from typing import Any

import numpy as np

LENGTH = 200  # tokens of a sample at the most
TEMPERATURE = 1.0  # the model as it is: less would hide what it doesn't know
BATCH = 50  # rows that are made together; all batches have one size


def length_for(model: Any) -> int:
    """How many tokens a sample may have; a model that can't go on beyond its context ends there."""
    return LENGTH if model.endless else min(LENGTH, model.context - 1)


def sample_ids(model: Any, count: int, seed: int) -> list[np.ndarray]:
    """Samples `seed`, `seed + 1`, ... of the empty prompt: ids int32 [tokens] of each, with its end if it has one."""
    import tensorflow as tf

    from tfgen.models.sampling import Sampling

    length = length_for(model)
    empty = tf.zeros([BATCH, 1], tf.int32), tf.zeros([BATCH], tf.int32)

    @tf.function(input_signature=[tf.TensorSpec([BATCH], tf.int32)])
    def make(seeds: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        how = Sampling(seeds, tf.fill([BATCH], TEMPERATURE), tf.zeros([BATCH], tf.int32), tf.ones([BATCH]))
        return model.generate(*empty, tf.fill([BATCH], length), how)

    found: list[np.ndarray] = []
    for start in range(0, count, BATCH):
        rows, counts = (each.numpy() for each in make(tf.range(seed + start, seed + start + BATCH)))
        found += [row[:stop] for row, stop in zip(rows, counts, strict=True)]
    return found[:count]


def pieces_of(values: np.ndarray, lengths: np.ndarray, generator: np.random.Generator) -> list[np.ndarray]:
    """A piece of `values` for each length, from places all over them in a random order; they overlap only if they must.

    What is longer than the values is as long as they are.
    """
    lengths = np.minimum(lengths, len(values))
    room = len(values) - int(lengths.max(initial=0))
    starts = generator.permutation(np.linspace(0, room, len(lengths)).astype(np.int64))
    return [values[start : start + length] for start, length in zip(starts, lengths, strict=True)]
