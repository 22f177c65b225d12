"""A steered prior: where in a model's noise those samples lie that people like, the networks untouched.

It maximises E[r(G(m + s * z))] - tau * KL(N(m, s^2) || N(0, 1)) by an m and an s for each prompt: the closed form of
learning from preferences under a bound to the old distribution, on latents in place of weights. Weights that are
tuned cheat the reward (Gao et al. 2022); a map of the latents can only choose among what the model makes anyway.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfgen.representations.arrays.conditions import Conditions

MOST_ROWS = 64  # prompts that have a map of their own; the others share one
TAU = 0.8  # weight of the KL divergence at strength 1
STEPS = 150  # 400 at a third of the rate end at the same value, within a hundredth
_BATCH = 128
_RATE = 0.01
_FIRST_SEED = -(2**30)  # of the samples that it learns from: far from what a person asks for


@dataclass(frozen=True)
class Rows:
    """Which prompts have a map of their own.

    words: int [rows, words], of row 0 zeros: it serves all other prompts.
    others: int [n, words] and chances [n], of the prompts that the data had and row 0 serves; none where all have rows.
    """

    words: np.ndarray
    others: np.ndarray
    chances: np.ndarray

    @classmethod
    def of(cls, conditions: Conditions) -> "Rows":
        """The commonest prompts. A model without prompts has row 0 alone."""
        words = np.asarray(conditions.prompt_words, np.int32).reshape(-1, conditions.longest)
        nothing = np.zeros([1, conditions.longest], np.int32)
        if not len(words):
            return cls(nothing, nothing, np.ones(1))
        counts = np.asarray(conditions.prompt_counts, np.float64)
        order = np.argsort(-counts, kind="stable")
        own, rest = order[:MOST_ROWS], order[MOST_ROWS:]
        rest = rest[counts[rest] > 0]
        return cls(np.concatenate([nothing, words[own]]), words[rest], counts[rest] / max(counts[rest].sum(), 1.0))

    @property
    def row_0_is_used(self) -> bool:
        """Whether the data had prompts, or none at all, that row 0 serves. Where not, it stays as it is."""
        return bool(len(self.others)) or len(self.words) == 1

    def serving(self, prompts: np.ndarray) -> np.ndarray:
        """The row that serves each of word ids [n, words], [n]."""
        own = {tuple(words): place for place, words in enumerate(self.words.tolist()) if place}
        return np.array([own.get(tuple(each), 0) for each in np.asarray(prompts).tolist()], np.int32)

    def drawn(self, count: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """`count` rows, each as often as another, and the word ids of a prompt of each, [count, words]."""
        first = 0 if len(self.others) else 1
        rows = first + np.arange(count) % (len(self.words) - first)
        prompts = self.words[rows]
        if len(self.others):
            shared = np.flatnonzero(rows == 0)
            prompts[shared] = self.others[generator.choice(len(self.others), len(shared), p=self.chances)]
        return rows.astype(np.int32), prompts


def tune_prior(
    model: Any, utility: Callable[[Any, Any], Any], tau: float, seed: int = 0, steps: int = STEPS
) -> dict[str, np.ndarray]:
    """What `model.adopt` takes. The model's own steering, if it has any, plays no part.

    Args:
        utility: of encoded samples [n, ...] and word ids [n, words], as tensors, to [n].
        tau: weight of the KL divergence; the smaller, the farther it goes.
    """
    import keras
    import tensorflow as tf

    from tfgen.models import noise

    rows = Rows.of(model.conditions)
    # What is liked of one prompt is mostly liked of the others: what all rows share is learned from all samples.
    shapes = [len(rows.words), model.latent_dim], [1, model.latent_dim]
    variables = [tf.Variable(tf.zeros(shape)) for shape in shapes for _ in ("mean", "logarithm of scale")]
    adam = keras.optimizers.Adam(_RATE)
    adam.build(variables)

    def maps() -> tuple[Any, Any]:
        mean, log_scale, shared_mean, shared_log_scale = variables
        return mean + shared_mean, log_scale + shared_log_scale

    row, prompts = rows.drawn(steps * _BATCH, np.random.default_rng([seed, 6]))
    row, prompts = tf.constant(row.reshape(steps, _BATCH)), tf.constant(prompts.reshape(steps, _BATCH, -1))
    first = tf.constant(_FIRST_SEED + (seed % 1000) * steps * _BATCH, tf.int32)

    @tf.function
    def learn() -> None:
        for step in tf.range(steps):
            seeds = first + step * _BATCH + tf.range(_BATCH)
            deviations = noise.normal(seeds, model.latent_dim)
            with tf.GradientTape() as tape:
                own_mean, own_log = (tf.gather(each, row[step]) for each in maps())
                moved = own_mean + tf.exp(own_log) * deviations
                latents = model.latents_from(moved, seeds, prompts[step])
                utilities = utility(model.decode(latents, prompts[step]), prompts[step])
                kl = 0.5 * (tf.square(own_mean) + tf.exp(2.0 * own_log) - 1.0 - 2.0 * own_log)
                loss = tf.reduce_mean(tau * tf.reduce_sum(kl, axis=1) - utilities)
            adam.apply(tape.gradient(loss, variables), variables)

    learn()
    mean, log_scale = (each.numpy() for each in maps())
    if not rows.row_0_is_used:
        mean[0], log_scale[0] = 0.0, 0.0
    return {"words": rows.words, "mean": mean, "scale": np.exp(log_scale)}
