"""Likelihood: how probable a model finds what it never saw."""

import numpy as np

from tfgen.evaluate.metrics import metric


@metric(log_likelihood_bound="higher")
def log_likelihood_bound(log_weights: np.ndarray) -> dict[str, float]:
    """The importance-weighted bound (Burda et al. 2016, equation 8).

    Mean of log 1/k sum_i p(x, z_i) / q(z_i | x) over examples, in nats; from [n, k] logs of weights.
    """
    largest = log_weights.max(axis=1, keepdims=True)
    bounds = largest[:, 0] + np.log(np.exp(log_weights - largest).mean(axis=1))
    return {"log_likelihood_bound": float(bounds.mean())}


@metric(least=20, depends_on="tokenizer", nats_per_row="lower", nats_gap="near 0")
def likelihood_of_rows(unseen_nats: np.ndarray, training_nats: np.ndarray) -> dict[str, float]:
    """`nats_per_row`: what a held-out row costs, minus its log-likelihood; `nats_gap`: how far beyond a learned one.

    From [n] and [m]. They can be compared where the same rows have the same tokens.
    """
    unseen = float(unseen_nats.mean())
    return {"nats_per_row": unseen, "nats_gap": unseen - float(training_nats.mean())}
