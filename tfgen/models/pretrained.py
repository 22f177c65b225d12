"""GPT-2 (Radford et al. 2019) with weights that others trained, to be trained on: whole, or by LoRA (Hu et al. 2021).

The layers and settings have KerasHub's names. It is needed to read a preset only; a run, once begun, goes without it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import keras
import tensorflow as tf

from tfgen.config import of_preset, setting
from tfgen.errors import UserError
from tfgen.models.language import FORBIDDEN, Cache, Drop, LanguageModel, drop_in_block, keep
from tfgen.models.networks.layers import BuiltByCalling
from tfgen.representations.sequences.sampling import Sampling
from tfgen.representations.sequences.specification import SequenceSpecification

layers = keras.layers


@dataclass(frozen=True)
class PretrainedGPTConfig:
    """Every setting of a GPT that begins with a preset."""

    fixed: ClassVar = (
        "num_layers", "num_heads", "hidden_dim", "intermediate_dim", "max_sequence_length", "lora",
    )  # the preset's, and the rank that the user chose with it; not for --set

    num_layers: int = of_preset("blocks of attention and a dense part", 200)
    num_heads: int = of_preset("of attention; they share the width", 512)
    hidden_dim: int = of_preset("numbers that stand for a token inside", 32768)
    intermediate_dim: int = of_preset("numbers inside a block's dense part", 131072)
    max_sequence_length: int = of_preset("positions that the preset knows", 1048576)
    lora: int = setting(0, "rank of the adapters that are learned beside the preset's weights; 0: all weights learn")
    context: int = setting(256, "how many tokens it sees at once; at most what the preset knows", low=8, high=16384)
    batch_size: int = setting(4, "examples that a step learns from", low=2, high=65536)
    dropout: float = setting(0.1, "share of each block's output that is left out while it learns", low=0, high=0.9)
    learning_rate: float = setting(
        5e-5, "learning rate of the whole network; with LoRA the default is 1e-3", low=1e-09, high=10
    )
    weight_decay: float = setting(0.01, "decay of the matrices, per step and unit of the learning rate", low=0, high=10)
    warm_up: float = setting(0.05, "share of the steps in which the rate rises", low=0, high=0.9)
    cool_down: float = setting(0.8, "share of the steps at the end in which it falls to nearly nothing", low=0, high=1)


class PretrainedGPT(LanguageModel):
    """The network and its optimizer."""

    Config = PretrainedGPTConfig
    endless = False
    jit_compile = False  # a step of GPT-2's size took no less time with it
    remedy = "Lower the learning rate with --set learning_rate=..., use --lora 8, or give more text."

    def __init__(
        self, config: PretrainedGPTConfig, example: SequenceSpecification, conditions: None, seed: int = 0
    ):
        super().__init__(config, example, conditions, seed)
        if config.context > config.max_sequence_length:
            raise UserError(
                f"The preset knows {config.max_sequence_length} positions, fewer than context={config.context}.",
                f"Use --set context={config.max_sequence_length} or less.",
            )
        self.context = config.context
        self.network = Network(config, example.vocabulary_size, name="network")
        self.network(tf.zeros([1, 2], tf.int32))
        if config.lora:
            self.network.add_adapters(config.lora)
        # Clipped, since a few odd texts at the beginning would undo what was learned from millions.
        self.adam = keras.optimizers.AdamW(
            config.learning_rate, weight_decay=config.weight_decay, beta_2=0.95, global_clipnorm=1.0
        )
        self.adam.exclude_from_weight_decay(var_list=[each for each in self.trained_variables() if _is_small(each)])
        self.adam.build(self.trained_variables())

    def optimizers(self) -> Mapping[str, keras.optimizers.Optimizer]:
        return {"adam": self.adam}

    def trained_variables(self) -> list[keras.Variable]:
        """All of the network, or with LoRA the adapters alone."""
        named = self.network.named_variables()
        return list(self._adapters(named).values() if self.config.lora else named.values())

    def state(self) -> dict[str, keras.Variable]:
        frozen = self.frozen()
        learned = {name: each for name, each in self.network.named_variables().items() if name not in frozen}
        adam = {f"adam/{place:03d}": each for place, each in enumerate(self.adam.variables)}
        return {"step": self.step, "horizon": self.horizon, **learned, **adam}

    def frozen(self) -> dict[str, keras.Variable]:
        if not self.config.lora:
            return {}
        named = self.network.named_variables()
        adapters = self._adapters(named)
        return {name: variable for name, variable in named.items() if name not in adapters}

    def decode(self, token: tf.Tensor, position: tf.Tensor, cache: Cache) -> tuple[tf.Tensor, Cache]:
        """As the base's; a position past the context, of a text that is over, gives logits that mean nothing."""
        hidden, cache = self.network.step(token, tf.minimum(position, self.context - 1), cache)
        return self.network.logits(hidden), cache

    def generate(
        self, tokens: tf.Tensor, length: tf.Tensor, limit: tf.Tensor, sampling: Sampling
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As the base's, but a text ends at the context, half of which is for the prompt, more where it is free."""
        kept = tf.minimum(length, tf.maximum(self.context - limit, self.context // 2))
        width = tf.minimum(tf.shape(tokens)[1], self.context)
        places = (length - kept)[:, None] + tf.range(width)[None, :]
        tokens = tf.gather(tokens, tf.minimum(places, tf.shape(tokens)[1] - 1), batch_dims=1)
        return super().generate(tokens, kept, tf.minimum(limit, self.context - tf.maximum(kept, 1)), sampling)

    def _adapters(self, named: Mapping[str, keras.Variable]) -> dict[str, keras.Variable]:
        return {name: variable for name, variable in named.items() if "lora_kernel" in name}


class Network(BuiltByCalling):
    """Token ids to hidden values, and those to logits by the embedding of the tokens. Begins with zeros throughout."""

    def __init__(self, config: PretrainedGPTConfig, vocabulary_size: int, **kwargs):
        super().__init__(**kwargs)
        width = config.hidden_dim
        self.token_embedding = layers.Embedding(vocabulary_size, width, "zeros", name="token_embedding")
        self.position_embedding = layers.Embedding(
            config.max_sequence_length, width, "zeros", name="position_embedding"
        )
        self.blocks = [Block(config, name=f"transformer_layer_{place}") for place in range(config.num_layers)]
        self.layer_norm = _norm("layer_norm")
        self.context = config.context

    def call(self, tokens: tf.Tensor) -> tf.Tensor:
        return self.logits(self.read(tokens)[0])

    def embed(self, tokens: tf.Tensor) -> tf.Tensor:
        """What stands for tokens inside, [batch, length, width], without their places."""
        return self.token_embedding(tokens)

    def read(
        self, tokens: tf.Tensor, drop: Drop | None = None, embedded: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, Cache]:
        """Hidden values [batch, length, width] of whole texts, and their keys and values.

        embedded: what stands in place of `embed(tokens)`.
        """
        places = tf.range(tf.shape(tokens)[1])
        mask = tf.where(places[:, None] >= places[None, :], 0.0, FORBIDDEN)
        return self._through(self.embed(tokens) if embedded is None else embedded, places, mask, drop)

    def step(self, token: tf.Tensor, position: tf.Tensor, cache: Cache) -> tuple[tf.Tensor, Cache]:
        """Hidden values [batch, width] of one more token each, at a position of its own, and the cache with it."""
        slots = tf.range(self.context)[None, :]
        here = tf.equal(slots, position[:, None])[:, None, :, None]
        mask = tf.where(slots <= position[:, None], 0.0, FORBIDDEN)[:, None, None, :]
        pairs = list(zip(tf.unstack(cache.keys, axis=1), tf.unstack(cache.values, axis=1), strict=True))
        hidden, cache = self._through(self.embed(token[:, None]), position[:, None], mask, None, pairs, here)
        return hidden[:, 0], cache

    def logits(self, hidden: tf.Tensor) -> tf.Tensor:
        """float32 [..., vocabulary]."""
        return tf.matmul(hidden, self.token_embedding.embeddings, transpose_b=True)

    def add_adapters(self, rank: int) -> None:
        """Freezes what is there, and adds to each query and value matrix a product of two of this rank, zero as yet."""
        for block in self.blocks:
            block.query.enable_lora(rank)
            block.value.enable_lora(rank)

    def named_variables(self) -> dict[str, keras.Variable]:
        """Every weight, by KerasHub's path for it without the "self_attention/"; the order is always the same."""
        alone = {"": [self.token_embedding, self.position_embedding, self.layer_norm]}
        inside = {f"{block.name}/": block.parts() for block in self.blocks}
        return {
            f"{prefix}{layer.name}/{variable.name}": variable
            for prefix, parts in {**alone, **inside}.items()
            for layer in parts
            for variable in layer.weights
        }

    def _through(self, embedded, places, mask, drop, pairs=None, here=None) -> tuple[tf.Tensor, Cache]:
        hidden = (drop or keep)(embedded + self.position_embedding(places), 2 * len(self.blocks))
        kept = []
        for number, block in enumerate(self.blocks):
            hidden, *pair = block(hidden, mask, pairs and pairs[number], here, drop=drop_in_block(drop, number))
            kept.append(pair)
        return self.layer_norm(hidden), Cache(*(tf.stack(each, axis=1) for each in zip(*kept, strict=True)))


class Block(BuiltByCalling):
    """Attention to the tokens so far, and a dense part for each token; both are added to what comes in."""

    def __init__(self, config: PretrainedGPTConfig, **kwargs):
        super().__init__(**kwargs)
        width, self.heads = config.hidden_dim, config.num_heads
        self.self_attention_layer_norm = _norm("self_attention_layer_norm")
        self.query, self.key, self.value = (_dense(width, name) for name in ("query", "key", "value"))
        self.attention_output = _dense(width, "attention_output")
        self.feedforward_layer_norm = _norm("feedforward_layer_norm")
        self.feedforward_intermediate_dense = _dense(config.intermediate_dim, "feedforward_intermediate_dense")
        self.feedforward_output_dense = _dense(width, "feedforward_output_dense")

    def call(self, hidden, mask, cache=None, here=None, drop=keep):
        """Hidden values [batch, length, width], and the keys and values [batch, heads, slots, head_dim] attended to.

        Args:
            mask: what is added to the scores, [length, slots] or broadcast to [batch, heads, length, slots].
            cache: keys and values of earlier tokens, into which these are written `here` (bool, like a key).
            drop: dropout for what is added, the first and the second time.
        """
        x = self.self_attention_layer_norm(hidden)
        queries, keys, values = (self._split(layer(x)) for layer in (self.query, self.key, self.value))
        if cache is not None:
            keys, values = tf.where(here, keys, cache[0]), tf.where(here, values, cache[1])
        scores = tf.matmul(queries, keys, transpose_b=True) / math.sqrt(queries.shape[-1]) + mask
        seen = tf.transpose(tf.matmul(tf.nn.softmax(scores), values), [0, 2, 1, 3])
        hidden = hidden + drop(self.attention_output(tf.reshape(seen, tf.shape(hidden))), 0)
        raised = tf.nn.gelu(self.feedforward_intermediate_dense(self.feedforward_layer_norm(hidden)), approximate=True)
        return hidden + drop(self.feedforward_output_dense(raised), 1), keys, values

    def parts(self) -> list[layers.Layer]:
        """The layers inside, in KerasHub's order."""
        return [
            self.query, self.key, self.value, self.attention_output, self.self_attention_layer_norm,
            self.feedforward_intermediate_dense, self.feedforward_output_dense, self.feedforward_layer_norm,
        ]

    def _split(self, values: tf.Tensor) -> tf.Tensor:
        """[batch, length, width] as [batch, heads, length, head_dim]."""
        batch, length, width = tf.shape(values)[0], tf.shape(values)[1], values.shape[-1]
        return tf.transpose(tf.reshape(values, [batch, length, self.heads, width // self.heads]), [0, 2, 1, 3])


def _dense(width: int, name: str) -> layers.Dense:
    return layers.Dense(width, kernel_initializer="zeros", name=name)


def _norm(name: str) -> layers.LayerNormalization:
    return layers.LayerNormalization(epsilon=1e-5, name=name)


def _is_small(variable: keras.Variable) -> bool:
    """Whether it is a bias or a norm's scale, which no decay should pull to zero; nor what a token stands for."""
    return len(variable.shape) < 2 or variable.name == "embeddings"
