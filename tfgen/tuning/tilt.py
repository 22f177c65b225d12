"""Tilting a mixture of latents towards what people like: in closed form, from a bank of samples, without gradients.

The mixture p becomes p(z) exp(pull . z) / Z (tfgen.models.mixture.Tilt), an exponential family in the pull. There the
gradient of E[u(z)] is Cov(z, u), and that of KL to p is Cov(z) pull, so E[u] - tau * KL can be at its greatest only where
tau * pull = Cov(z)^-1 Cov(z, u): the slope of the least squares fit of u to z. The covariances are those of p, which is
exact where u is linear in z; fitted again to samples of the tilted mixture, slopes gained nothing (docs/log.md). A map
of the noise reaches less: most of how samples of a prompt differ is which component they are from.
"""

from typing import Any

import numpy as np

from tfgen.tuning.prior import Rows

_RIDGE = 30.0  # in samples' worth


def tilt_prior(
    model: Any, latents: np.ndarray, prompts: np.ndarray, utilities: np.ndarray, tau: float
) -> dict[str, np.ndarray]:
    """What `model.adopt` takes, from samples of the model without steering.

    Args:
        latents: [n, latent_dim]. prompts: their word ids [n, words]. utilities: [n].
        tau: weight of the KL divergence; the smaller, the farther it goes.
    """
    rows = Rows.of(model.conditions)
    row, size = rows.serving(prompts), latents.shape[1]
    latents, utilities = np.asarray(latents, np.float64), np.asarray(utilities, np.float64)
    places = [np.flatnonzero(row == each) for each in range(len(rows.words))]
    # Of one prompt: between prompts latents and utilities may differ for reasons that no pull changes.
    latents, utilities = latents.copy(), utilities.copy()
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
    shape = [len(rows.words), size]
    return {
        "words": rows.words,
        "mean": np.zeros(shape, np.float32),
        "scale": np.ones(shape, np.float32),
        "pull": pull.astype(np.float32),
    }


def _slope(latents: np.ndarray, utilities: np.ndarray) -> np.ndarray:
    """[latent_dim], by least squares with a ridge."""
    return np.linalg.solve(latents.T @ latents + _RIDGE * np.eye(latents.shape[1]), latents.T @ utilities)
