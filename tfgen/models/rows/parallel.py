"""Fields that are drawn side by side from the logits of all tokens: what a VAE and a GAN of rows share."""

from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from tfgen.models import noise
from tfgen.models.networks.layers import Dense
from tfgen.models.rows.pairs import Pairs
from tfgen.representations.rows.conditions import FREE
from tfgen.representations.rows.specification import RowSpecification

if TYPE_CHECKING:
    from tfgen.models.rows.base import RowModel

layers = keras.layers
_LATENT_STREAM = 95


class ParallelFields:
    """The fields of a model's rows, given the logits [batch, tokens] of all tokens, one field's after another's."""

    def __init__(self, model: "RowModel"):
        self._model = model
        self._sizes = [int(size) for size in model.example.sizes]

    def log_likelihood(self, logits: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
        """Nats of rows int32 [batch, fields], [batch]."""
        parts = tf.split(logits, self._sizes, axis=1)
        return tf.add_n([log_probability(part, tokens[:, field]) for field, part in enumerate(parts)])

    def draw(
        self, logits: tf.Tensor, seeds: tf.Tensor, draws: tf.Tensor, given: tf.Tensor, allowed: tf.Tensor | None,
        pairs: Pairs | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As RowModel's `candidate`: what is asked of a field weighs by how probable these logits make it."""
        model, weight, chances = self._model, tf.zeros(tf.shape(seeds)), self._model.chances(seeds, draws)
        pairs, columns = pairs or Pairs(None, 1), tf.unstack(given, axis=1)
        parts, drawable, allowed_of = tf.split(logits, self._sizes, axis=1), [], []
        for field, part in enumerate(parts):
            may_be_drawn = model.of_field(model.drawable, field)
            drawable.append(tf.nn.softmax(part + (may_be_drawn - 1.0) * 1e9))
            allowed_of.append(1.0 if allowed is None else model.of_field(allowed, field))
        probabilities = [own * may for own, may in zip(drawable, allowed_of)]
        for field, part in enumerate(parts):
            may_be_drawn, may = model.of_field(model.drawable, field), allowed_of[field]
            together, ahead = pairs.may(field, columns, probabilities) if field in pairs.fields else (1.0, None)
            within = drawable[field] * may * together
            total = tf.reduce_sum(within, axis=1)
            asked = given[:, field]
            own = is_token(tf.maximum(asked, 0), part.shape[1])
            # What is given may be what is never drawn, such as a value that few rows have.
            is_drawn = tf.reduce_sum(own * may_be_drawn, axis=1) > 0.0
            by_token = tf.reduce_sum(own * tf.where(is_drawn[:, None], drawable[field], tf.nn.softmax(part)), axis=1)
            is_given = asked > FREE
            weight += tf.math.log(tf.maximum(tf.where(is_given, by_token, total), 1e-30))
            fallback = tf.ones_like(within) * may * may_be_drawn
            within = tf.where(total[:, None] > 1e-12, within, fallback)
            columns[field] = tf.where(is_given, asked, model.sample_token(chances[field], within))
            if ahead is not None:
                # What it was drawn by, as fields behind it will count it again.
                counted = tf.reduce_sum(is_token(columns[field], part.shape[1]) * ahead, axis=1)
                weight -= tf.where(is_given, 0.0, tf.math.log(tf.maximum(counted, 1e-30)))
        return tf.stack(columns, axis=1), weight


class Columns(layers.Layer):
    """Latents [batch, latent_dim] to the logits of all tokens, [batch, tokens]; at first each column's own shares."""

    def __init__(self, width: int, example: RowSpecification, **kwargs):
        super().__init__(**kwargs)
        self.first = Dense(width, "relu")
        self.hidden = [Dense(width, "relu") for _ in range(2)]
        counts = np.concatenate([np.log(np.add(f.counts, 0.5) / np.add(f.counts, 0.5).sum()) for f in example.fields])
        self.last = Dense(len(counts), bias_initializer=keras.initializers.Constant(counts))

    def call(self, latents: tf.Tensor) -> tf.Tensor:
        values = self.first(latents)
        for layer in self.hidden:
            values = values + layer(values)
        return self.last(values)


def latent_seeds(seeds: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """int32 [batch] that the latents of candidates are drawn by: the first is the seed's own."""
    others = noise.bits_at(seeds, draws[:, None], _LATENT_STREAM)[:, 0]
    return tf.where(tf.equal(draws, 0), seeds, others)


def is_token(tokens: tf.Tensor, size: int) -> tf.Tensor:
    """1 at each token int32 [...] of [..., size], else 0."""
    return tf.cast(tf.equal(tokens[..., None], tf.range(size)), tf.float32)


def log_probability(logits: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
    """Nats of tokens int32 [...] by logits [..., size]; TensorFlow's own cross entropy is nothing that TFLite has."""
    return tf.reduce_sum(tf.nn.log_softmax(logits) * is_token(tokens, logits.shape[-1]), axis=-1)
