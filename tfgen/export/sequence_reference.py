"""What texts must come out, by a model's logits of whole texts: the cache of keys and values has no part in it.

Where the logits leave a token in doubt, since a hair's breadth more or less draws another one, it is masked.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen.models.language import LanguageModel
from tfgen.representations.sequences.sampling import Sampling, choose

_HAIR = 1e-5  # of the largest logit: ten times what another order of additions makes of it
_LOOKS = 3
_REAL = ("temperature", "top_p")


@dataclass(frozen=True)
class Continued:
    """Texts that go on from prompts, by the model itself."""

    fed: np.ndarray  # int32 [batch, steps], the tokens that the cached model made, padded with the end
    tokens: np.ndarray  # int32 [batch, steps + 1], what full logits draw in their place and behind them
    doubtful: np.ndarray  # bool [batch, steps + 1], where they hardly say
    logits: np.ndarray  # float32 [batch, steps + 1, vocabulary], those full logits
    start: np.ndarray  # int32 [batch], the position of the first new token


class Reference:
    """Continues prompts by the live model, and looks at all of it at once."""

    def __init__(self, model: LanguageModel):
        self._model = model
        many = tf.TensorSpec([None, None], tf.int32)
        whole, real = tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], tf.float32)
        generate = model.signatures()["generate"].function
        inputs = [many, whole, whole, real, whole, real, whole]
        self._generate = tf.function(generate, input_signature=inputs, autograph=False)
        self._logits = tf.function(lambda tokens: model.logits(tokens), input_signature=[many], autograph=False)

    def written(self, seeds: np.ndarray, length: int) -> np.ndarray:
        """Texts that the model writes from nothing, int32 [batch, length], padded with the end."""
        nothing, all_of_it = np.zeros(len(seeds), np.int32), np.ones(len(seeds), np.float32)
        how = {"temperature": all_of_it, "top_k": nothing, "top_p": all_of_it, "seed": seeds}
        return self._ids(nothing[:, None], nothing, nothing + np.int32(length), how)[0]

    def ids(self, prompt: np.ndarray, most: int, settings: dict[str, Any]) -> list[int]:
        """The new tokens of one text, by temperature, top_k, top_p and seed."""
        how = {name: np.array([value], np.float32 if name in _REAL else np.int32) for name, value in settings.items()}
        given = prompt[None].astype(np.int32), np.array([len(prompt)], np.int32), np.array([most], np.int32)
        ids, length = self._ids(*given, how)
        return ids[0, : length[0]].tolist()

    def continued(self, prompts: np.ndarray, length: np.ndarray, limit: np.ndarray, settings: Any) -> Continued:
        """New tokens up to the largest limit; prompt and new tokens together must fit into the context.

        Args:
            prompts: int32 [batch, most], of which `length` [batch] count; none of them for an empty prompt.
            limit: int32 [batch], how many new tokens at most.
            settings: temperature, top_k, top_p and seed [batch] by name.
        """
        fed, _ = self._ids(prompts, length, limit, settings)
        start = np.maximum(length, 1)
        whole = np.full([len(prompts), start.max() + fed.shape[1]], self._model.example.start, np.int32)
        for row, count in enumerate(length):
            whole[row, :count] = prompts[row, :count]
            whole[row, start[row] : start[row] + fed.shape[1]] = fed[row]
        places = start[:, None] - 1 + np.arange(fed.shape[1] + 1)
        logits = np.take_along_axis(self._logits(tf.constant(whole)).numpy(), places[:, :, None], axis=1)
        previous = np.take_along_axis(whole, places, axis=1)
        tokens, doubtful = drawn(self.marked(logits, previous), places + 1, sampling_of(settings))
        return Continued(fed, tokens, doubtful, logits, start)

    def marked(self, logits: np.ndarray, previous: np.ndarray) -> np.ndarray:
        """Logits [batch, steps, vocabulary] as tokens are chosen by them, behind the tokens [batch, steps]."""
        flat = tf.constant(logits.reshape(-1, logits.shape[-1]))
        return self._model.marked(flat, tf.constant(previous.reshape(-1), tf.int32)).numpy().reshape(logits.shape)

    def generated(self, text: Continued, limit: np.ndarray) -> dict[str, np.ma.MaskedArray]:
        """What `generate` must answer: `ids` and `length`, masked from the first doubtful token on."""
        steps = np.arange(text.fed.shape[1])[None, :]
        is_end = np.isin(text.fed, self._model.example.ends)
        ended = np.cumsum(is_end, axis=1) - is_end > 0
        counted = ~ended & (steps < limit[:, None])
        doubt = np.logical_or.accumulate(text.doubtful[:, :-1] & counted, axis=1)
        ids = np.where(counted, text.tokens[:, :-1], self._model.example.end).astype(np.int32)
        length = counted.sum(axis=1).astype(np.int32)
        any_doubt = doubt.any(axis=1) if doubt.size else np.zeros(len(doubt), bool)
        return {"ids": np.ma.masked_array(ids, doubt), "length": np.ma.masked_array(length, any_doubt)}

    def _ids(self, prompts: np.ndarray, length: np.ndarray, limit: np.ndarray, how: Any) -> tuple[np.ndarray, ...]:
        """What the model generates, with its cache: ids and lengths."""
        settings = [how[name] for name in ("temperature", "top_k", "top_p", "seed")]
        made = self._generate(*map(tf.constant, (prompts, length, limit, *settings)))
        return tuple(each.numpy() for each in made)


def sampling_of(settings: Any) -> Sampling:
    """Of temperature, top_k, top_p and seed [batch] by name."""
    return Sampling(*(tf.constant(settings[name]) for name in ("seed", "temperature", "top_k", "top_p")))


def drawn(logits: np.ndarray, position: np.ndarray, sampling: Sampling) -> tuple[np.ndarray, np.ndarray]:
    """The tokens that logits [batch, steps, vocabulary] draw at positions [batch, steps], and which are in doubt."""
    rows, steps, size = logits.shape
    repeated = Sampling(*(tf.repeat(each, steps) for each in sampling[:4]))
    places = tf.constant(position.reshape(-1).astype(np.int32))
    flat = logits.reshape(-1, size)
    tokens = choose(tf.constant(flat), places, repeated).numpy()
    doubtful = np.zeros(len(tokens), bool)
    random, hair = np.random.default_rng(0), _HAIR * max(1.0, np.abs(flat).max())
    for _ in range(_LOOKS):
        moved = flat + hair * random.standard_normal(flat.shape).astype(np.float32)
        doubtful |= choose(tf.constant(moved), places, repeated).numpy() != tokens
    return tokens.reshape(rows, steps), doubtful.reshape(rows, steps)


def perplexity(logits: np.ndarray, tokens: np.ndarray) -> float:
    """Of tokens int [...], by logits [..., vocabulary] for each of them."""
    logits = np.asarray(logits, np.float64)
    peak = logits.max(axis=-1, keepdims=True)
    normalized = peak[..., 0] + np.log(np.exp(logits - peak).sum(axis=-1))
    return float(np.exp(np.mean(normalized - np.take_along_axis(logits, tokens[..., None], axis=-1)[..., 0])))
