"""What people's reactions made of where a model's samples start, the networks untouched: an affine map of the noise for
each prompt and, of a model whose latents start in a mixture, a tilt of that mixture.

It costs a multiplication and an addition or two a number, rides in every export, and is undone by leaving it out.
"""

import numpy as np
import tensorflow as tf

from tfgen.models import noise
from tfgen.models.mixture import MixturePrior, Tilt, matching_row


class SteeredPrior:
    """mean + scale * noise, of the row that serves a prompt. Constants, so that they are part of every graph.

    words: int [rows, words], the word ids of each row's prompt. Row 0 serves the prompts without one of their own.
    mean, scale: float [rows, latent_dim].
    pull: float [rows, latent_dim], by which `mixture` is tilted (see Tilt); None where the map is all.
    """

    def __init__(
        self,
        words: np.ndarray,
        mean: np.ndarray,
        scale: np.ndarray,
        pull: np.ndarray | None = None,
        mixture: MixturePrior | None = None,
    ):
        words = np.asarray(words, np.int32).copy()
        words[0] = -1  # word ids are never negative, so nothing matches
        self._words = tf.constant(words)
        self._mean, self._scale = (tf.constant(np.asarray(each, np.float32)) for each in (mean, scale))
        self.tilt = None if pull is None else Tilt(mixture, words, np.asarray(pull, np.float32))

    def move(self, deviations: tf.Tensor, prompts: tf.Tensor) -> tf.Tensor:
        """Standard normal deviations [batch, latent_dim], moved for word ids [batch, words]."""
        with tf.name_scope(noise.SCOPE):
            row = matching_row(prompts, self._words)
            return tf.gather(self._mean, row) + tf.gather(self._scale, row) * deviations
