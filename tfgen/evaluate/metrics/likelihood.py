"""The importance-weighted bound on the likelihood of examples (Burda et al. 2016, equation 8)."""

import numpy as np

from tfgen.evaluate.metrics import metric


@metric(log_likelihood_bound="higher")
def log_likelihood_bound(log_weights: np.ndarray) -> dict[str, float]:
    """Mean of log 1/k sum_i p(x, z_i) / q(z_i | x) over examples, in nats; from [n, k] logs of weights."""
    largest = log_weights.max(axis=1, keepdims=True)
    bounds = largest[:, 0] + np.log(np.exp(log_weights - largest).mean(axis=1))
    return {"log_likelihood_bound": float(bounds.mean())}
