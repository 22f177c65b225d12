"""A watermark in what a language model says, which nobody sees and the holder of a key can prove.

Kirchenbauer et al. 2023, "A watermark for large language models", algorithm 2: before each token, the token before it
and a secret key divide the vocabulary by chance into a green half and the rest, and green tokens get `strength` more
logit. A text of that model has more green tokens than half; any other text has half, since it doesn't know the key.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen.models import noise

PREFIX = "watermark/"  # in front of the names of its arrays in a version
STRONGEST = 20.0  # nats; more than that forbids what isn't green
_PREVIOUS, _NEXT = 19, 23  # streams of noise


class Watermark:
    """Which tokens are green, and what that is worth.

    key: two int32. strength: in nats of logit.
    """

    def __init__(self, key: np.ndarray, strength: float):
        self.key, self.strength = np.asarray(key, np.int32), float(strength)
        if self.key.shape != (2,) or not 0 <= self.strength <= STRONGEST:
            raise ValueError("no watermark has such a key or strength")

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Watermark | None":
        """What a version has of it; None where it has none."""
        if f"{PREFIX}key" not in arrays:
            return None
        return cls(arrays[f"{PREFIX}key"], arrays[f"{PREFIX}strength"])

    def arrays(self) -> dict[str, np.ndarray]:
        return {f"{PREFIX}key": self.key, f"{PREFIX}strength": np.float32(self.strength)}

    def is_green(self, previous: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
        """Whether tokens int32 [n or 1, m] are green behind the tokens int32 [n], bool [n, m]."""
        first = noise.bits_at(tf.fill(tf.shape(previous), int(self.key[0])), previous[:, None], _PREVIOUS)[:, 0]
        return noise.bits_at(tf.bitwise.bitwise_xor(first, int(self.key[1])), tokens, _NEXT) >= 0

    def marked(self, logits: tf.Tensor, previous: tf.Tensor) -> Any:
        """Logits float32 [n, vocabulary] of what comes behind the tokens int32 [n]."""
        every = tf.range(tf.shape(logits)[1])[None, :]
        return logits + self.strength * tf.cast(self.is_green(previous, every), logits.dtype)
