"""Tilting a mixture of latents towards what people like: in closed form, from a bank of samples, without gradients.

The mixture p becomes p(z) exp(pull . z) / Z (tfgen.models.mixture.Tilt), an exponential family in the pull. There the
gradient of E[u(z)] is Cov(z, u), and that of KL to p is Cov(z) pull, so where E[u] - tau * KL is at its greatest,
tau * pull = Cov(z)^-1 Cov(z, u): the slope of the least squares fit of u to z. The covariances are taken over p, which
is exact where u is linear in z. A map of the noise reaches less: most of how samples of a prompt differ is which
component they are from.

The KL is bounded too. Where u is linear nothing else stops a strong wish, and far out few components are left, each of
which is near to the few examples that it was fitted to.
"""

import math
from typing import Any

import numpy as np

from tfgen.tuning.prior import Rows

MOST_NATS = 1.2  # at strength 1; about what the map of a GAN's noise costs then
_RIDGE = 30.0  # in samples' worth
_BISECTIONS = 10


def tilt_prior(
    model: Any, latents: np.ndarray, prompts: np.ndarray, utilities: np.ndarray, tau: float, most_nats: float = math.inf
) -> dict[str, np.ndarray]:
    """What `model.adopt` takes, from samples of the model without steering.

    Args:
        latents: [n, latent_dim]. prompts: their word ids [n, words]. utilities: [n].
        tau: weight of the KL divergence; the smaller, the farther it goes.
        most_nats: the largest KL divergence that a prompt may have; a longer pull is shortened to it.
    """
    rows = Rows.of(model.conditions)
    row, size = rows.serving(prompts), latents.shape[1]
    latents, utilities = np.array(latents, np.float64), np.array(utilities, np.float64)
    places = [np.flatnonzero(row == each) for each in range(len(rows.words))]
    # Of one prompt: between prompts latents and utilities differ for reasons that no pull changes.
    for own in places:
        if len(own):
            latents[own] -= latents[own].mean(axis=0)
            utilities[own] -= utilities[own].mean()
    # What is liked of one prompt is mostly liked of the others: the slopes' own parts are drawn to 0 by the ridge.
    shared = _slope(latents, utilities)
    rest = utilities - latents @ shared
    pull = np.stack([shared + _slope(latents[own], rest[own]) for own in places]) / tau
    if not rows.row_0_is_used:
        pull[0] = 0.0
    pull *= _share_within(model, rows.words, pull, most_nats)[:, None]
    shape = [len(rows.words), size]
    return {
        "words": rows.words,
        "mean": np.zeros(shape, np.float32),
        "scale": np.ones(shape, np.float32),
        "pull": pull.astype(np.float32),
    }


def _share_within(model: Any, words: np.ndarray, pull: np.ndarray, most_nats: float) -> np.ndarray:
    """The share of each pull [rows] that costs no more than so many nats, by bisection: what it costs grows with it."""
    from tfgen.models.mixture import Tilt

    low, high = np.zeros(len(pull)), np.ones(len(pull))
    middle = high
    for _ in range(_BISECTIONS):
        within = Tilt(model.prior, words, pull * middle[:, None]).nats <= most_nats
        low, high = np.where(within, middle, low), np.where(within, high, middle)
        middle = (low + high) / 2.0
    return low


def _slope(latents: np.ndarray, utilities: np.ndarray) -> np.ndarray:
    """[latent_dim], by least squares with a ridge."""
    return np.linalg.solve(latents.T @ latents + _RIDGE * np.eye(latents.shape[1]), latents.T @ utilities)
