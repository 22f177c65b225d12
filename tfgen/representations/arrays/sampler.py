"""A model's way to sample arrays, traced once for one size of batch."""

from collections.abc import Callable
from typing import Any

import numpy as np

# Kernels may add up in another order for another batch size, so every batch has the same one.
BATCH = 16


class ArraySampler:
    """(seeds, word ids) to encoded samples. The same seed gives the same sample, alone or among others."""

    def __init__(self, sample: Callable[[Any, Any], Any], words: int):
        import tensorflow as tf

        signature = [tf.TensorSpec([BATCH], tf.int32), tf.TensorSpec([BATCH, words], tf.int32)]
        self._function = tf.function(sample, input_signature=signature, autograph=False)

    def __call__(self, seeds: np.ndarray, prompts: np.ndarray) -> np.ndarray:
        """Encoded samples [n, ...] for seeds int32 [n] and word ids int32 [n, words]."""
        import tensorflow as tf

        missing = -len(seeds) % BATCH
        padded = np.pad(seeds, [0, missing]), np.pad(prompts, [[0, missing], [0, 0]])
        rows = [tf.constant(part, tf.int32) for part in padded]
        parts = [self._function(*[row[at : at + BATCH] for row in rows]) for at in range(0, len(padded[0]), BATCH)]
        return np.concatenate([part.numpy() for part in parts])[: len(seeds)]
