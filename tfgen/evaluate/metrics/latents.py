"""Dead latents: dimensions that tell nothing of an example (Burda et al. 2016, section 5.4)."""

import math

import numpy as np

from tfgen.evaluate.metrics import metric

LEAST_NATS = 0.01


@metric(dead_latents="lower")
def dead_latents(latent_kl: np.ndarray) -> dict[str, float]:
    """How many columns of [n, latent_dim] nats are below a hundredth on average.

    Not-a-number without rows, or where a mean is none: no comparison is true then, and no dimension would seem dead.
    """
    means = latent_kl.mean(axis=0) if len(latent_kl) else np.array([math.nan])
    return {"dead_latents": float(np.sum(means < LEAST_NATS)) if np.isfinite(means).all() else math.nan}
