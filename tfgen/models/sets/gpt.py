"""A GPT of sets whose items came one after the other: a small causal transformer over items, as SASRec (Kang & McAuley
2018).

Each place learns to foresee the next few items, not the next alone: items of one purchase have no order, and what is
asked for is what comes at all. Of order, attention knows how long ago something was.
"""

import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.models import replicas
from tfgen.models.language import FORBIDDEN
from tfgen.models.optimizer import FusedAdam
from tfgen.models.sets.base import SetModel
from tfgen.models.sets.configs import SetGPTConfig
from tfgen.models.sets.ease import directions_of
from tfgen.representations.sets.sets import NO_ITEM
from tfgen.representations.sets.specification import SetSpecification

layers = keras.layers
_EMBEDDED = 0.05  # root mean square of an item's embedding at the start


class SetGPT(SetModel):
    """The network and its optimizer."""

    Config = SetGPTConfig
    choosing_worth = 0.6  # learning takes longer: each place of a set foresees all items

    def __init__(self, config: SetGPTConfig, example: SetSpecification, conditions: None, seed: int = 0):
        super().__init__(config, example, conditions, seed)
        if config.width % config.heads:
            raise UserError(
                f"A width of {config.width} can't be shared by {config.heads} heads.",
                f"Set width to a multiple of {config.heads}, or change heads.",
            )
        self.longest_row = config.context
        self.network = Network(config, example, name="network")
        self.network(tf.zeros([1, 2], tf.int32))
        self.built = True
        self.optimizer_of_all = FusedAdam(config.learning_rate, beta_2=0.98)
        self.optimizer_of_all.build(self.trained_variables())
        self.make_means("loss")

    def networks(self) -> Mapping[str, keras.layers.Layer]:
        return {"network": self.network}

    def trained_variables(self) -> list[keras.Variable]:
        return self.network.trainable_variables

    def optimizers(self) -> Mapping[str, keras.optimizers.Optimizer]:
        return {"optimizer": self.optimizer_of_all}

    def network_logits(self, rows: tf.Tensor, multi_hot: tf.Tensor) -> tf.Tensor:
        hidden = self.network(rows[:, -self.config.context :])
        return self.network.logits(hidden[:, -1])

    def features(self, examples: tf.Tensor, lengths: None = None) -> tf.Tensor:
        return self.network(examples[:, -self.config.context :])[:, -1]

    def begin_from(self, counts: np.ndarray) -> None:
        """Items that are in the same sets begin with embeddings that point the same way, each as long."""
        directions, values = directions_of(counts, self.config.width, self.seed)
        found = directions * np.sqrt(values)
        found /= np.sqrt(np.sum(np.square(found), axis=1, keepdims=True) / self.config.width + 1e-12)
        embedding = self.network.embedding.numpy()
        embedding[:, : found.shape[1]] = _EMBEDDED * found
        self.network.embedding.assign(embedding)

    def train_step(self, rows: tf.Tensor) -> dict[str, tf.Tensor]:
        """One step on the log-likelihood of the next `ahead` items after each item of rows int32 [batch, length]; of a
        longer row, in a window that begins anywhere."""
        config, window = self.config, self._window(rows)
        variables = self.trained_variables()
        # The start mark stands in front, so place t has seen t items and foresees those from t on. What stands in front
        # of the first item has seen nothing.
        has_seen = tf.pad(window[:, :-1] >= 0, [[0, 0], [1, 0]])
        places = tf.where(has_seen & (window >= 0))
        (count,) = replicas.means([tf.cast(tf.shape(places)[0], tf.float32)])
        with tf.GradientTape() as tape:
            hidden = tf.gather_nd(self.network(window[:, :-1], seed=replicas.own_seed(self.step_seed(1))), places)
            foreseen, popularity = self._foreseen(window, places)
            # The mean log-probability of the next items: their logits' mean is that of one embedding, their mean.
            wanted = tf.reduce_sum(hidden * foreseen, axis=1) + popularity
            losses = tf.reduce_logsumexp(self.network.logits(hidden), axis=1) - wanted
            loss = tf.reduce_sum(losses) / count
        rising = tf.minimum(1.0, tf.cast(self.step.value + 1, tf.float32) / max(config.warm_up, 1))
        rate = rising * self.cosine_rate(config.learning_rate, config.end_rate)
        self.optimizer_of_all.learning_rate.assign(rate)
        self.descend(self.optimizer_of_all, tape.gradient(loss, variables), variables)
        self.step.assign_add(1)
        return self.track({"loss": loss})

    def _foreseen(self, window: tf.Tensor, places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The mean embedding of the next `ahead` items at each of some places of a window, [places, width], and the
        mean of their part of the logits that depends on nothing, [places]."""
        config, network = self.config, self.network
        ahead = min(config.ahead, config.context)
        longer = tf.pad(window, [[0, 0], [0, ahead - 1]], constant_values=NO_ITEM)
        at = tf.cast(places[:, 1:], tf.int32) + tf.range(ahead)[None]
        following = tf.gather(tf.gather(longer, tf.cast(places[:, 0], tf.int32)), at, batch_dims=1)
        weight = tf.cast(following >= 0, tf.float32)
        weight /= tf.reduce_sum(weight, axis=1, keepdims=True)
        items = tf.maximum(following, 0)
        embedding = tf.einsum("pa,paw->pw", weight, tf.gather(network.embedding.value, items))
        return embedding, tf.reduce_sum(weight * tf.gather(network.popularity.value, items), axis=1)

    def _window(self, rows: tf.Tensor) -> tf.Tensor:
        """context + 1 items of each row, int32: its last, or of a longer one some that stand anywhere in it."""
        size = self.config.context + 1
        rows = tf.pad(rows, [[0, 0], [tf.maximum(0, size - tf.shape(rows)[1]), 0]], constant_values=NO_ITEM)
        there = tf.reduce_sum(tf.cast(rows >= 0, tf.int32), axis=1)
        spare = tf.cast(tf.maximum(there - size, 0) + 1, tf.float32)
        chance = self.random_uniform([tf.shape(there)[0]], salt=2)
        first = tf.shape(rows)[1] - size - tf.cast(chance * spare, tf.int32)
        return tf.gather(rows, first[:, None] + tf.range(size)[None], batch_dims=1)


class Network(layers.Layer):
    """Items in their order to what each place foresees."""

    def __init__(self, config: SetGPTConfig, example: SetSpecification, **options: Any):
        super().__init__(**options)
        self.config, self.items = config, example.items
        small = keras.initializers.RandomNormal(0.0, 0.02)
        width, length = config.width, config.context + 1
        self.embedding = self.add_weight(shape=(example.items, width), initializer=small, name="embedding")
        self.mark = self.add_weight(shape=(width,), initializer=small, name="mark")
        self.popularity = self.add_weight(
            shape=(example.items,), initializer=keras.initializers.Constant(example.log_popularity), name="popularity"
        )
        self.blocks = [Block(width, config.heads, length, name=f"block_{place}") for place in range(config.layers)]

    def call(self, rows: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
        """float32 [batch, length + 1, width] for rows int32 [batch, length]: what each place has seen, the start mark
        first; with a seed int32 [2], dropout."""
        drop = _no_dropout if seed is None else _Dropout(self.config.dropout, seed)
        is_there = rows >= 0
        # 22 is about the root of the width's usual sizes: items begin as long as what blocks add.
        items = 22.0 * tf.gather(self.embedding.value, tf.maximum(rows, 0)) * tf.cast(is_there, tf.float32)[..., None]
        mark = tf.zeros_like(items[:, :1]) + self.mark.value
        hidden = drop(tf.concat([mark, items], axis=1))
        seen = tf.pad(is_there, [[0, 0], [1, 0]], constant_values=True)
        for block in self.blocks:
            hidden = block(hidden, seen, drop=drop)
        return _normed(hidden)

    def logits(self, hidden: tf.Tensor) -> tf.Tensor:
        """Of every item, float32 [..., items]."""
        return tf.linalg.matmul(hidden, self.embedding.value, transpose_b=True) + self.popularity.value


class Block(layers.Layer):
    """Attention to what came before, by what it is and by how long ago it was; then two dense layers."""

    def __init__(self, width: int, heads: int, length: int, **options: Any):
        super().__init__(**options)
        self.heads, self.length = heads, length
        small, zeros = keras.initializers.RandomNormal(0.0, 1.0 / math.sqrt(width)), "zeros"
        self.inward = self.add_weight(shape=(width, 3 * width), initializer=small, name="inward")
        self.outward = self.add_weight(shape=(width, width), initializer=zeros, name="outward")
        self.up = self.add_weight(shape=(width, 2 * width), initializer=small, name="up")
        self.down = self.add_weight(shape=(2 * width, width), initializer=zeros, name="down")
        self.recency = self.add_weight(shape=(heads, length), initializer=zeros, name="recency")
        ago = np.arange(length)[:, None] - np.arange(length)[None]
        self._ago, self._is_later = np.maximum(ago, 0), (ago < 0).astype(np.float32)

    def call(self, hidden: tf.Tensor, seen: tf.Tensor, drop: Any) -> tf.Tensor:
        batch, length, width = tf.shape(hidden)[0], tf.shape(hidden)[1], hidden.shape[-1]

        def by_head(values: tf.Tensor) -> tf.Tensor:
            parts = tf.reshape(values, [batch, length, self.heads, width // self.heads])
            return tf.transpose(parts, [0, 2, 1, 3])

        queries, keys, values = map(by_head, tf.split(_normed(hidden) @ self.inward.value, 3, axis=-1))
        scores = tf.linalg.matmul(queries, keys, transpose_b=True) / math.sqrt(width // self.heads)
        # How long ago counts among the items alone: the mark, in front, is as far away as it stands.
        scores += tf.gather(self.recency.value, tf.constant(self._ago)[:length, :length], axis=1)[None]
        is_nothing = 1.0 - tf.cast(seen, tf.float32)
        scores += FORBIDDEN * (tf.constant(self._is_later)[:length, :length] + is_nothing[:, None, None])
        mixed = tf.transpose(tf.linalg.matmul(tf.nn.softmax(scores), values), [0, 2, 1, 3])
        hidden += drop(tf.reshape(mixed, [batch, length, width]) @ self.outward.value)
        return hidden + drop(tf.square(tf.nn.relu(_normed(hidden) @ self.up.value)) @ self.down.value)


class _Dropout:
    """Dropout that depends on a step's seed and on how often it was called alone."""

    def __init__(self, share: float, seed: tf.Tensor):
        self.share, self.seed, self.calls = share, seed, 0

    def __call__(self, values: tf.Tensor) -> tf.Tensor:
        self.calls += 1
        chance = tf.random.stateless_uniform(tf.shape(values), self.seed + [1000 * self.calls, 0])
        return values * tf.cast(chance >= self.share, tf.float32) / (1.0 - self.share)


def _no_dropout(values: tf.Tensor) -> tf.Tensor:
    return values


def _normed(values: tf.Tensor) -> tf.Tensor:
    return values * tf.math.rsqrt(tf.reduce_mean(tf.square(values), axis=-1, keepdims=True) + 1e-6)
