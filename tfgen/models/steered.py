"""What people's reactions made of a model's noise: an affine map of it for each prompt, the networks untouched.

It costs a multiplication and an addition a number, rides in every export, and is undone by leaving it out.
"""

import numpy as np
import tensorflow as tf

from tfgen.models import noise
from tfgen.models.mixture import matching_row


class SteeredPrior:
    """mean + scale * noise, of the row that serves a prompt. Constants, so that they are part of every graph.

    words: int [rows, words], the word ids of each row's prompt. Row 0 serves the prompts without one of their own.
    mean, scale: float [rows, latent_dim].
    """

    def __init__(self, words: np.ndarray, mean: np.ndarray, scale: np.ndarray):
        words = np.asarray(words, np.int32).copy()
        words[0] = -1  # word ids are never negative, so nothing matches
        self._words = tf.constant(words)
        self._mean, self._scale = (tf.constant(np.asarray(each, np.float32)) for each in (mean, scale))

    def move(self, deviations: tf.Tensor, prompts: tf.Tensor) -> tf.Tensor:
        """Standard normal deviations [batch, latent_dim], moved for word ids [batch, words]."""
        with tf.name_scope(noise.SCOPE):
            row = matching_row(prompts, self._words)
            return tf.gather(self._mean, row) + tf.gather(self._scale, row) * deviations
