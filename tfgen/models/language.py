"""What models of text share: the loss, and text made token by token with a cache of keys and values.

A row's tokens stand to the left, from position 0, and its chance comes from its seed and the position alone, so a text
does not depend on the batch that it is made in. A text may grow past the context: the cache is a ring, and the model
sees the last `context` tokens.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfgen.models import replicas
from tfgen.models.base import GenerativeModel
from tfgen.models.private import norm_of
from tfgen.models.watermark import PREFIX, Watermark
from tfgen.representations.sequences.sampling import Sampling, choose
from tfgen.representations import SEQUENCES
from tfgen.representations.sequences.specification import SequenceSpecification
from tfgen.representations.signatures import Kind, Signature


class Cache(NamedTuple):
    """What attention keeps of the tokens so far, in slots: each float32 [batch, layers, heads, context, head_dim]."""

    keys: tf.Tensor
    values: tf.Tensor


Drop = Callable[[tf.Tensor, int], tf.Tensor]
FORBIDDEN = -1e9  # what is added to the score of a token that may not be attended to


def keep(values: tf.Tensor, place: int) -> tf.Tensor:
    """No dropout."""
    return values


def drop_in_block(drop: Drop | None, number: int) -> Drop:
    """The dropout of one block, which has two places, the first and the second."""
    return functools.partial(_at_two_places, drop, number) if drop else keep


def _at_two_places(drop: Drop, number: int, values: tf.Tensor, place: int) -> tf.Tensor:
    return drop(values, 2 * number + place)


class State(NamedTuple):
    """All that is known of texts under way; each row has its own position."""

    logits: tf.Tensor  # [batch, vocabulary], of what comes next
    position: tf.Tensor  # int32 [batch], of what comes next
    cache: Cache
    seen: tf.Tensor  # bool [batch, vocabulary], the tokens so far
    last: tf.Tensor  # int32 [batch], the newest of them


class LanguageModel(GenerativeModel):
    """Base of models of text.

    A subclass sets `context` and `network`, and defines `decode`; a token's logits are those of the token that comes
    next. Its config has `dropout`, `learning_rate`, `warm_up` and `cool_down`.

    network: `read(tokens, drop, embedded)` gives hidden values [batch, length, width] and the Cache of whole texts, by
    what `embed(tokens)` gives or by `embedded` in its place; `step` those of one more token each, and `logits(hidden)`
    what they say of the next. `drop(values, place)` is dropout.
    """

    representations = (SEQUENCES,)
    default_data = "shakespeare"
    jit_compile = True
    context: int  # how many tokens it sees at once
    network: Any
    endless = True  # whether a text may grow past the context
    watermark: Watermark | None = None  # in what it says, unless it is searched for

    def __init__(self, config: Any, example: SequenceSpecification, conditions: None, seed: int):
        super().__init__(config, example, conditions, seed)
        self.make_means("loss")

    def parts(self) -> Mapping[str, keras.layers.Layer]:
        return {"network": self.network}

    def decode(self, token: tf.Tensor, position: tf.Tensor, cache: Cache) -> tuple[tf.Tensor, Cache]:
        """Logits [batch, vocabulary] of one more token [batch] at `position` [batch], and the cache with it."""
        raise NotImplementedError

    def logits(self, tokens: tf.Tensor, training: bool = False) -> tf.Tensor:
        """float32 [batch, length, vocabulary] for tokens int32 [batch, length], at most `context` long."""
        drop = self._drop if training and self.config.dropout else None
        hidden, _ = self.network.read(tokens, drop)
        return self.network.logits(hidden)

    def logits_of_embedded(self, tokens: tf.Tensor, embedded: tf.Tensor) -> tf.Tensor:
        """As `logits`, with others in place of what `embed` gives for the tokens; gradients pass to these."""
        hidden, _ = self.network.read(tokens, embedded=embedded)
        return self.network.logits(hidden)

    def embed(self, tokens: tf.Tensor) -> tf.Tensor:
        """What stands for tokens int32 [batch, length] inside the network, [batch, length, width]."""
        return self.network.embed(tokens)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Logits float32 [batch, length, vocabulary] of tokens int32 [batch, length]."""
        return self.logits(inputs, training)

    def prefill(self, tokens: tf.Tensor, length: tf.Tensor) -> tuple[tf.Tensor, Cache]:
        """Logits [batch, vocabulary] of each row's last token, of `length` [batch], and the cache of all of them."""
        hidden, cache = self.network.read(tokens)
        room = [[0, 0], [0, 0], [0, 0], [0, self.context - tf.shape(tokens)[1]], [0, 0]]
        last = tf.gather(hidden, length - 1, batch_dims=1)
        return self.network.logits(last), Cache(*(tf.pad(each, room) for each in cache))

    # Training.

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One step on tokens int32 [batch, length + 1] and which of the last `length` are learned, [batch, length].

        Of a private fit, (those of one window of each document, mask float32 [batch]).
        """
        if self.privacy is None:
            tokens, learned = data
            weights = tf.cast(learned, tf.float32)
            (count,) = replicas.means([tf.reduce_sum(weights)])
            derive = self._loss_and_gradients
            if self.jit_compile and replicas.count() > 1:  # one replica's step is compiled as a whole
                derive = tf.function(derive, jit_compile=True, autograph=False)
            loss, *gradients = derive(tokens, weights, count)
            tracked = {"loss": loss}
        else:
            (tokens, learned), mask = data
            losses_of = functools.partial(self.window_losses, tokens, learned)
            gradients = self.private_gradients(losses_of, mask, self.trained_variables())
            tracked = {"gradient_norm": norm_of(gradients)}
        (optimizer,) = self.optimizers().values()
        optimizer.learning_rate.assign(self._rate())
        self.descend(optimizer, gradients, self.trained_variables())
        self.step.assign_add(1)
        return self.track(tracked)

    def window_losses(self, tokens: tf.Tensor, learned: tf.Tensor) -> tf.Tensor:
        """The mean loss of each row's learned tokens, [batch], of what `train_step` takes."""
        weights = tf.cast(learned, tf.float32)
        total = tf.reduce_sum(self.losses(tokens, training=True) * weights, axis=1)
        return total / tf.maximum(tf.reduce_sum(weights, axis=1), 1.0)

    def _loss_and_gradients(self, tokens: tf.Tensor, weights: tf.Tensor, count: tf.Tensor) -> list[tf.Tensor]:
        """The sum of each token's loss times its weight [batch, length], divided by `count`, and its gradients."""
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(self.losses(tokens, training=True) * weights) / tf.maximum(count, 1.0)
        # An embedding's gradient comes as slices, which XLA and the optimizers would each treat in a way of their own.
        return [loss, *map(tf.convert_to_tensor, tape.gradient(loss, self.trained_variables()))]

    def losses(self, tokens: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Cross entropy in nats of each token after the first, [batch, length], for tokens [batch, length + 1]."""
        logits = self.logits(tokens[:, :-1], training)
        return tf.nn.sparse_softmax_cross_entropy_with_logits(tokens[:, 1:], logits)

    def _rate(self) -> tf.Tensor:
        """The learning rate of this step: it warms up, stays, and cools down to nearly nothing."""
        done, config = self.progress(), self.config
        rising = tf.minimum(1.0, (done + 0.01 * config.warm_up) / max(config.warm_up, 1e-6))
        falling = tf.minimum(1.0, (1.0 - done) / max(config.cool_down, 1e-6) + 0.01)
        return config.learning_rate * rising * falling

    def _drop(self, values: tf.Tensor, place: int) -> tf.Tensor:
        """Dropout that depends on (seed, place, step) alone, so a resumed run drops what the first would have."""
        seed = replicas.own_seed(self.step_seed(100 + place))
        return tf.nn.experimental.stateless_dropout(values, self.config.dropout, seed=seed)

    def features(self, examples: tf.Tensor, lengths: tf.Tensor | None = None) -> tf.Tensor:
        """The mean hidden state of each row, [batch, width]."""
        hidden, _ = self.network.read(examples)
        if lengths is None:
            return tf.reduce_mean(hidden, axis=1)
        inside = tf.sequence_mask(lengths, tf.shape(hidden)[1], dtype=hidden.dtype)[:, :, None]
        return tf.reduce_sum(hidden * inside, axis=1) / tf.maximum(tf.reduce_sum(inside, axis=1), 1.0)

    def adopt(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Weights of the network, by their place in it, as in `state`, and a watermark."""
        self.watermark = Watermark.from_arrays(arrays)
        variables = self.state()
        for name, value in arrays.items():
            if not name.startswith(PREFIX):
                variables[name].assign(value)

    def measurements(self) -> dict[str, Callable[[tf.Tensor], tf.Tensor]]:
        """See the base: functions of tokens [batch, length + 1] to [batch, length]."""
        return {"token_losses": self.losses}

    # Text.

    def begin(self, tokens: tf.Tensor, length: tf.Tensor) -> State:
        """What is known after a prompt: tokens int32 [batch, most], of which `length` [batch] count.

        A prompt longer than the context is cut at its front; an empty one is the specification's `start`.
        """
        tokens, length = self._fit(tokens, length)
        logits, cache = self.prefill(tokens, length)
        hits = tf.one_hot(tokens, self.example.vocabulary_size, True, False, dtype=tf.bool)
        seen = tf.reduce_any(hits & tf.sequence_mask(length, tf.shape(tokens)[1])[:, :, None], axis=1)
        return State(logits, length, cache, seen, tf.gather(tokens, length - 1, batch_dims=1))

    def marked(self, logits: tf.Tensor, previous: tf.Tensor) -> tf.Tensor:
        """Logits [batch, vocabulary] as tokens are chosen by them, of what comes behind the tokens int32 [batch]."""
        return logits if self.watermark is None else self.watermark.marked(logits, previous)

    def generate(
        self, tokens: tf.Tensor, length: tf.Tensor, limit: tf.Tensor, sampling: Sampling
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """New tokens int32 [batch, most], padded with the end's id, and how many each row has, [batch].

        A row ends with an id that ends a text, which counts, or with its `limit`.
        """
        logits, position, cache, _, last = self.begin(tokens, length)
        most = tf.maximum(tf.reduce_max(limit), 0)
        end = self.example.end
        made = tf.TensorArray(tf.int32, size=tf.maximum(most, 1), element_shape=[None])
        token = choose(self.marked(logits, last), position, sampling)
        count = tf.zeros_like(length)

        def going(place: tf.Tensor, count: tf.Tensor, done: tf.Tensor, *_: Any) -> tf.Tensor:
            # Once in any case, since an array that nothing was written to can't be read.
            return (place < 1) | (place < most) & ~tf.reduce_all(done)

        def body(place, count, done, token, position, cache, made):
            made = made.write(place, tf.where(done, end, token))
            count = count + tf.cast(~done, tf.int32)
            ended = tf.reduce_any(tf.equal(token[:, None], self.example.ends), axis=1)
            done = done | ended | (place + 1 >= limit)
            logits, cache = self.decode(token, position, cache)
            following = choose(self.marked(logits, token), position + 1, sampling)
            return place + 1, count, done, following, position + 1, cache, made

        state = (tf.constant(0), count, limit < 1, token, position, cache, made)
        place, count, *_, made = tf.while_loop(going, body, state)
        # What was never written is read as zeros.
        after = tf.range(most)[None, :] >= count[:, None]
        return tf.where(after, end, tf.transpose(made.stack())[:, :most]), count

    def extend(
        self, steps: int, state: State, sampling: Sampling
    ) -> tuple[tf.Tensor, tf.Tensor, State]:
        """The next tokens and the logarithms of their probabilities, [batch, steps], and the state after them."""
        logits, position, cache, seen, last = state
        tokens, scores = [], []
        for _ in range(steps):
            last = token = choose(self.marked(logits, last), position, sampling, seen)
            tokens.append(token)
            scores.append(tf.gather(tf.nn.log_softmax(logits), token, batch_dims=1))
            seen = seen | tf.one_hot(token, self.example.vocabulary_size, True, False, dtype=tf.bool)
            logits, cache = self.decode(token, position, cache)
            position = position + 1
        return tf.stack(tokens, 1), tf.stack(scores, 1), State(logits, position, cache, seen, last)

    def _fit(self, tokens: tf.Tensor, length: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Tokens and lengths with the front cut off where they are too long, and with `start` where there are none."""
        tokens = tf.pad(tokens, [[0, 0], [0, 1]])
        tokens = tf.where(length[:, None] > 0, tokens, self.example.start)
        length = tf.maximum(length, 1)
        width = tf.minimum(tf.shape(tokens)[1], self.context)
        first = tf.maximum(length - self.context, 0)
        return tf.gather(tokens, first[:, None] + tf.range(width)[None, :], batch_dims=1), length - first

    # From outside.

    def signatures(self) -> dict[str, Signature]:
        """`generate` and `logits` are for servers; `prefill` and `decode` for phones, which keep the cache."""
        how = {"temperature": Kind.TEMPERATURE, "top_k": Kind.TOP_K, "top_p": Kind.TOP_P, "seed": Kind.SEED}
        prompt = {"prompt_ids": Kind.TOKENS, "prompt_length": Kind.LENGTH}
        cache = {"keys": Kind.CACHE, "values": Kind.CACHE}
        drawn = {"token": Kind.TOKEN, "logits": Kind.LOGITS, **cache}
        return {
            "generate": Signature(
                self._generate,
                {**prompt, "max_new_tokens": Kind.LIMIT, **how},
                {"ids": Kind.TOKENS, "length": Kind.LENGTH},
                "server",
            ),
            "logits": Signature(self.logits, {"ids": Kind.TOKENS}, {"logits": Kind.LOGITS}, "server"),
            "prefill": Signature(self._prefill, {**prompt, **how}, drawn, "phone"),
            "decode": Signature(
                self._decode, {"token": Kind.TOKEN, "position": Kind.POSITION, **cache, **how}, drawn, "phone"
            ),
        }

    def _generate(self, tokens, length, limit, temperature, top_k, top_p, seed) -> tuple[tf.Tensor, tf.Tensor]:
        return self.generate(tokens, length, limit, Sampling(seed, temperature, top_k, top_p))

    def _prefill(self, tokens, length, temperature, top_k, top_p, seed) -> tuple[tf.Tensor, ...]:
        logits, position, cache, _, last = self.begin(tokens, length)
        sampling = Sampling(seed, temperature, top_k, top_p)
        return choose(self.marked(logits, last), position, sampling), logits, *cache

    def _decode(self, token, position, keys, values, temperature, top_k, top_p, seed) -> tuple[tf.Tensor, ...]:
        logits, cache = self.decode(token, position, Cache(keys, values))
        sampling = Sampling(seed, temperature, top_k, top_p)
        return choose(self.marked(logits, token), position + 1, sampling), logits, *cache
