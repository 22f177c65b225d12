"""GPT: a transformer that predicts the next token (Radford et al. 2019), with what has been learned about it since.

Root-mean-square norms without weights (Zhang & Sennrich 2019), rotary positions (Su et al. 2021), norms on queries and
keys (Henry et al. 2020), squared ReLU (So et al. 2021), no biases, an output layer of its own that begins at zero, and
matrices trained by Muon (Jordan et al. 2024), the rest by Adam. What was measured of it: docs/log.md.
"""

import math
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from tfgen.errors import UserError, unknown
from tfgen.models.configs import GPTConfig
from tfgen.models.language import FORBIDDEN, Cache, Drop, LanguageModel, drop_in_block, keep
from tfgen.models.networks.layers import BuiltByCalling, Dense, Embedding
from tfgen.representations.sequences.specification import SequenceSpecification


class GPT(LanguageModel):
    """The network and its optimizer."""

    Config = GPTConfig
    can_be_private = True
    can_have_canaries = True

    def __init__(self, config: GPTConfig, example: SequenceSpecification, conditions: None, seed: int = 0):
        super().__init__(config, example, conditions, seed)
        if config.width % (2 * config.heads):
            raise UserError(
                f"A width of {config.width} can't be shared by {config.heads} heads.",
                f"Set width to a multiple of {2 * config.heads}, or change heads.",
            )
        self.context = config.context
        self.network = Network(config, example.vocabulary_size, name="network")
        self.network(tf.zeros([1, 2], tf.int32))
        self.freeze([[block] for block in self.network.blocks], config.freeze)
        self.optimizer_of_all = _optimizer(config)
        self.optimizer_of_all.build(self.network.trainable_variables)

    def optimizers(self) -> Mapping[str, keras.optimizers.Optimizer]:
        return {"optimizer": self.optimizer_of_all}

    def trained_variables(self) -> list[keras.Variable]:
        return self.network.trainable_variables

    def decode(self, token: tf.Tensor, position: tf.Tensor, cache: Cache) -> tuple[tf.Tensor, Cache]:
        hidden, cache = self.network.step(token, position, cache, self.context)
        return self.network.logits(hidden), cache


class Network(BuiltByCalling):
    """Token ids to what the output layer turns into logits."""

    def __init__(self, config: GPTConfig, vocabulary_size: int, **kwargs):
        super().__init__(**kwargs)
        self.embedding = Embedding(vocabulary_size, config.width, keras.initializers.RandomNormal(0.0, 1.0))
        self.blocks = [Block(config.width, config.heads, name=f"block_{place}") for place in range(config.layers)]
        self.output_layer = Dense(vocabulary_size, use_bias=False, kernel_initializer="zeros", name="output")
        self.rotation = Rotation(config.width // config.heads)

    def call(self, tokens: tf.Tensor) -> tf.Tensor:
        return self.logits(self.read(tokens)[0])

    def logits(self, hidden: tf.Tensor) -> tf.Tensor:
        """float32 [..., vocabulary]."""
        return self.output_layer(hidden)

    def embed(self, tokens: tf.Tensor) -> tf.Tensor:
        """What stands for tokens inside, [batch, length, width]."""
        return self.embedding(tokens)

    def read(
        self, tokens: tf.Tensor, drop: Drop | None = None, embedded: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, Cache]:
        """Hidden values [batch, length, width] of whole texts, and their keys and values.

        embedded: what stands in place of `embed(tokens)`.
        """
        places = tf.range(tf.shape(tokens)[1])
        turn = self.rotation(places)
        mask = tf.where(places[:, None] >= places[None, :], 0.0, FORBIDDEN)
        hidden, kept = normalize(self.embed(tokens) if embedded is None else embedded), []
        for place, block in enumerate(self.blocks):
            hidden, *pair = block(hidden, turn, mask, drop=drop_in_block(drop, place))
            kept.append(pair)
        return normalize(hidden), Cache(*(tf.stack(each, axis=1) for each in zip(*kept, strict=True)))

    def step(self, token: tf.Tensor, position: tf.Tensor, cache: Cache, context: int) -> tuple[tf.Tensor, Cache]:
        """Hidden values [batch, width] of one more token each; its keys and values go where the oldest were."""
        slots = tf.range(context)[None, :]
        here = tf.equal(slots, (position % context)[:, None])[:, None, :, None]
        mask = tf.where(slots <= position[:, None], 0.0, FORBIDDEN)[:, None, None, :]
        turn = self.rotation(position[:, None])
        hidden, kept = normalize(self.embedding(token[:, None])), []
        pairs = zip(tf.unstack(cache.keys, axis=1), tf.unstack(cache.values, axis=1), strict=True)
        for block, pair in zip(self.blocks, pairs, strict=True):
            hidden, *pair = block(hidden, turn, mask, pair, here)
            kept.append(pair)
        return normalize(hidden)[:, 0], Cache(*(tf.stack(each, axis=1) for each in zip(*kept, strict=True)))


class Block(BuiltByCalling):
    """Attention to the tokens so far, and a dense part for each token; both are added to what comes in."""

    def __init__(self, width: int, heads: int, **kwargs):
        super().__init__(**kwargs)
        self.heads, self.head_dim = heads, width // heads
        self.query, self.key, self.value = (_matrix(width, name) for name in ("query", "key", "value"))
        self.join = _matrix(width, "join", "zeros")
        self.expand = _matrix(4 * width, "expand")
        self.contract = _matrix(width, "contract", "zeros")

    def call(self, hidden, turn, mask, cache=None, here=None, drop=keep):
        """Hidden values [batch, length, width], and the keys and values [batch, heads, slots, head_dim] attended to.

        Args:
            turn: the cosines and sines of the positions.
            mask: what is added to the scores, [length, slots] or broadcast to [batch, heads, length, slots].
            cache: keys and values of earlier tokens, into which these are written `here` (bool, like a key).
            drop: dropout for what is added, the first and the second time.
        """
        x = normalize(hidden)
        queries = rotate(normalize(self._split(self.query(x))), turn)
        keys = rotate(normalize(self._split(self.key(x))), turn)
        values = self._split(self.value(x))
        if cache is not None:
            keys, values = tf.where(here, keys, cache[0]), tf.where(here, values, cache[1])
        scores = tf.matmul(queries, keys, transpose_b=True) / math.sqrt(self.head_dim) + mask
        seen = tf.transpose(tf.matmul(tf.nn.softmax(scores), values), [0, 2, 1, 3])
        hidden = hidden + drop(self.join(tf.reshape(seen, tf.shape(hidden))), 0)
        raised = tf.square(tf.nn.relu(self.expand(normalize(hidden))))
        return hidden + drop(self.contract(raised), 1), keys, values

    def _split(self, values: tf.Tensor) -> tf.Tensor:
        """[batch, length, width] as [batch, heads, length, head_dim]."""
        batch, length = tf.shape(values)[0], tf.shape(values)[1]
        return tf.transpose(tf.reshape(values, [batch, length, self.heads, self.head_dim]), [0, 2, 1, 3])


class Rotation:
    """Cosines and sines that turn a head's pairs of numbers by an angle for the position (Su et al. 2021, eq. 15)."""

    def __init__(self, head_dim: int):
        self.speeds = (10_000.0 ** (-np.arange(0, head_dim, 2) / head_dim)).astype(np.float32)

    def __call__(self, positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """For positions [length] or [batch, length]; each [..., length, head_dim / 2], with an axis for the heads."""
        angles = tf.cast(positions, tf.float32)[..., None] * self.speeds
        angles = angles[..., None, :, :]
        return tf.cos(angles), tf.sin(angles)


def rotate(values: tf.Tensor, turn: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
    """Turns [batch, heads, length, head_dim]: number k of the first half is a pair with number k of the second."""
    cosines, sines = turn
    first, second = tf.split(values, 2, axis=-1)
    return tf.concat([first * cosines - second * sines, first * sines + second * cosines], axis=-1)


def normalize(values: tf.Tensor) -> tf.Tensor:
    """Divides by the root of the mean square along the last axis."""
    return values * tf.math.rsqrt(tf.reduce_mean(tf.square(values), axis=-1, keepdims=True) + 1e-6)


def _optimizer(config: GPTConfig) -> keras.optimizers.Optimizer:
    if config.optimizer not in ("muon", "adam"):
        raise unknown("optimizer", config.optimizer, ("muon", "adam"))
    if config.optimizer == "adam":
        return keras.optimizers.AdamW(config.learning_rate, beta_2=0.95, weight_decay=config.weight_decay)
    # Muon is for the matrices inside; what meets the tokens goes by Adam.
    return keras.optimizers.Muon(
        config.learning_rate,
        adam_beta_2=0.95,
        adam_lr_ratio=config.other_rate,
        weight_decay=config.weight_decay,
        exclude_layers=["output"],
        momentum=config.momentum,
        ns_steps=4,  # a fifth less work than the usual 5, and the same loss (docs/log.md)
    )


def _matrix(width: int, name: str, initializer: str = "lecun_normal") -> Dense:
    return Dense(width, use_bias=False, kernel_initializer=initializer, name=name)
