"""Keras's layers, which report their products where a private fit needs the norms of examples' gradients.

A network of such layers can learn privately as long as no example's way through it depends on others: without
normalisation over the batch.
"""

import keras
import tensorflow as tf

from tfgen.models.private import listening, not_private, squared


class BuiltByCalling(keras.layers.Layer):
    """A layer whose parts are built as its call reaches them. Keras would trace the whole call for that first, and the
    calls inside of it: two thirds of the time in which a tiny GPT comes into being."""

    def build(self, *shapes: tuple) -> None:
        pass


class Dense(keras.layers.Dense):
    """Its input is [batch, inputs], or [batch, places, inputs]."""

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        products = listening()
        if products is None:
            return super().call(inputs, training=training)
        if len(inputs.shape) == 3:
            made = tf.tensordot(inputs, tf.convert_to_tensor(self.kernel), 1)
            if self.use_bias:
                made += tf.convert_to_tensor(self.bias)
            made = products.note_places(made, inputs, lambda inputs: inputs, self.kernel, self.bias)
            return made if self.activation is None else self.activation(made)
        if len(inputs.shape) != 2:
            raise not_private()
        made, variables, weight = tf.matmul(inputs, self.kernel), [self.kernel], squared(inputs)
        if self.use_bias:
            made, variables, weight = made + self.bias, [*variables, self.bias], weight + 1.0
        made = products.note(made, weight, *variables)
        return made if self.activation is None else self.activation(made)


class _Convolution:
    """What the convolutions share: each place of the output is a product by the same kernel."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        products = listening()
        if products is None:
            return super().call(inputs)
        if self.groups != 1 or set(self.dilation_rate) != {1} or self.data_format != "channels_last":
            raise not_private()
        made = self.convolution_op(inputs, self.kernel)
        if self.use_bias:
            made += tf.convert_to_tensor(self.bias)
        made = products.note_places(made, inputs, self._entering, self.kernel, self.bias)
        return made if self.activation is None else self.activation(made)

    def _entering(self, inputs: tf.Tensor) -> tf.Tensor:
        """What each place of the output is made of, [batch, places, inputs]."""
        if len(inputs.shape) == 3:
            inputs = inputs[:, None]
        (height, width), (down, right) = ((1,) * (2 - len(each)) + each for each in (self.kernel_size, self.strides))
        patches = tf.image.extract_patches(
            inputs, [1, height, width, 1], [1, down, right, 1], [1, 1, 1, 1], self.padding.upper()
        )
        return tf.reshape(patches, [-1, patches.shape[1] * patches.shape[2], patches.shape[3]])


class Conv1D(_Convolution, keras.layers.Conv1D):
    """See keras.layers.Conv1D."""


class Conv2D(_Convolution, keras.layers.Conv2D):
    """See keras.layers.Conv2D."""


class Embedding(keras.layers.Embedding):
    """Its input is [batch, places]."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        made, products = super().call(inputs), listening()
        if products is None:
            return made
        if len(inputs.shape) != 2:
            raise not_private()
        return products.note_lookup(made, inputs, self._embeddings)
