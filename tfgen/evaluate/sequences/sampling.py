"""The sequences that are looked at: the model's samples, and in their place pieces of real ones as long as those."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfgen.representations.sequences.codec import SequenceCodec
from tfgen.trust.energy import SampleEnergy

LENGTH = 200  # tokens of a sample at the most
TEMPERATURE = 1.0  # the model as it is: less would hide what it doesn't know
BATCH = 50  # rows that are made together; all batches have one size


def length_for(model: Any, codec: SequenceCodec) -> int:
    """How many tokens a sample may have: as many as suit what is made, where the codec says; a model that can't go on
    beyond its context ends there."""
    length = codec.usual_sampling.get("length", LENGTH)
    return length if model.endless else min(length, model.context - 1)


def sample_ids(
    model: Any, codec: SequenceCodec, openings: Sequence[np.ndarray], seed: int, length: int, energy: SampleEnergy
) -> list[np.ndarray]:
    """Samples `seed`, `seed + 1`, ... that go on from openings: ids int32 [tokens] of each, with its end if it has one.

    An opening is ids int32 [n], and the empty one is the model's own start; what is given is not in the sample, which
    has at most `length` tokens. What lacks something that its opening asks for is drawn anew as often as is usual.
    `energy` counts what drawing them costs.
    """
    import tensorflow as tf

    from tfgen.representations.sequences.adherence import draw_as_asked
    from tfgen.representations.sequences.examples import side_by_side
    from tfgen.representations.sequences.sampling import Sampling

    count, adherence = len(openings), codec.adherence
    ids, lengths = side_by_side(list(openings) + [openings[-1]] * (-count % BATCH))

    @tf.function(reduce_retracing=True, autograph=False)
    def make(seeds: tf.Tensor, ids: tf.Tensor, lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        def draw(rows: tf.Tensor, seeds: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            nothing = tf.zeros_like(seeds)
            how = Sampling(seeds, tf.fill(tf.shape(seeds), TEMPERATURE), nothing, tf.ones_like(seeds, tf.float32))
            return model.generate(tf.gather(ids, rows), tf.gather(lengths, rows), nothing + length, how)

        if adherence is None:
            return draw(tf.range(BATCH), seeds)
        limits = tf.fill([BATCH], adherence.attempts)
        return draw_as_asked(draw, adherence, limits, ids, lengths, seeds, length, model.example.end)[:2]

    def batch(start: int) -> list[np.ndarray]:
        part = slice(start, start + BATCH)
        made = make(tf.range(seed + start, seed + start + BATCH), tf.constant(ids[part]), tf.constant(lengths[part]))
        rows, counts = (each.numpy() for each in made)
        return [row[:stop] for row, stop in zip(rows, counts, strict=True)]

    found = batch(0)  # its graph is traced in it, so the others' energy counts; of one alone, that of the same again
    for start in range(BATCH, count, BATCH) or [0]:
        with energy.of(BATCH):
            made = batch(start)
        found += made
    return found[:count]


def pieces_of(values: np.ndarray, lengths: np.ndarray, generator: np.random.Generator) -> list[np.ndarray]:
    """A piece of `values` for each length, from places all over them in a random order; they overlap only if they must.

    What is longer than the values is as long as they are.
    """
    lengths = np.minimum(lengths, len(values))
    room = len(values) - int(lengths.max(initial=0))
    starts = generator.permutation(np.linspace(0, room, len(lengths)).astype(np.int64))
    return [values[start : start + length] for start, length in zip(starts, lengths, strict=True)]
