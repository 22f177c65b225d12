"""Dead latents: dimensions that tell nothing of an example (Burda et al. 2016, section 5.4)."""

import numpy as np

from tfgen.evaluate.metrics import metric

LEAST_NATS = 0.01


@metric(dead_latents="lower")
def dead_latents(latent_kl: np.ndarray) -> dict[str, float]:
    """How many columns of [n, latent_dim] nats are below a hundredth on average."""
    return {"dead_latents": float(np.sum(latent_kl.mean(axis=0) < LEAST_NATS))}
