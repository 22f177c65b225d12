"""A small text encoder: what the order of a caption's words adds to the bag of them."""

import keras
import tensorflow as tf

from tfgen.models import noise
from tfgen.models.networks.layers import Conv1D, Dense
from tfgen.models.private import listening

layers = keras.layers

SIZE = 64  # of what a caption becomes
_WIDTH = 64  # numbers that stand for a word inside
_LAYERS = 2  # of convolutions over 3 words: a word is seen with two others on each side


class CaptionEncoder(layers.Layer):
    """Word ids [batch, words], in order (0 pads), to [batch, SIZE] of unit length; zeros for the empty prompt.

    Word embeddings, residual convolutions over neighbours, and their mean (Kim 2014 has the convolutions; it takes the
    maximum). Self-attention with learned positions in place of the convolutions did worse (docs/log.md).
    """

    def __init__(self, words: int, longest: int, **kwargs):
        super().__init__(**kwargs)
        self.known = words
        self.longest = longest
        self.mixes = [Conv1D(_WIDTH, 3, padding="same", name=f"mix_{place}") for place in range(_LAYERS)]
        self.last = Dense(SIZE, use_bias=False, name="last")

    def build(self, ids_shape: tuple) -> None:
        # Id 0 pads, so the words are the last rows: a fit that goes on with more words finds them there.
        self.table = self.add_weight(
            shape=(self.known + 1, _WIDTH), initializer=keras.initializers.RandomNormal(0.0, 1.0), name="table"
        )
        for mix in self.mixes:
            mix.build((None, self.longest, _WIDTH))
        self.last.build((None, _WIDTH))

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        with tf.name_scope(noise.SCOPE):  # in 8 bits it would move a VAE's latents, for a few kilobytes
            return self._encoded(ids)

    def _encoded(self, ids: tf.Tensor) -> tf.Tensor:
        there = tf.cast(ids > 0, tf.float32)[:, :, None]
        features = tf.gather(self.table.value, ids)
        products = listening()
        if products is not None:
            features = products.note_lookup(features, ids, self.table)
        features *= there
        for mix in self.mixes:
            features = (features + tf.nn.relu(mix(features))) * there
        mean = tf.reduce_sum(features, axis=1) / tf.maximum(tf.reduce_sum(there, axis=1), 1.0)
        made = self.last(mean)
        return made * tf.math.rsqrt(tf.reduce_sum(tf.square(made), axis=1, keepdims=True) + 1e-6)
