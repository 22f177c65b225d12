"""Reconstruction error: what is lost on the way to the latents and back."""

import numpy as np

from tfgen.evaluate.metrics import metric


@metric(reconstruction_error="lower")
def reconstruction_error(reconstruction_errors: np.ndarray) -> dict[str, float]:
    """Mean over examples of the root mean squared error [n], as a share of the values' range."""
    return {"reconstruction_error": float(reconstruction_errors.mean())}
