"""The generalisation gap: how much worse a model predicts text that it never saw than text that it learned."""

import numpy as np

from tfgen.evaluate.metrics import metric
from tfgen.evaluate.metrics.prediction import bits


@metric(generalisation_gap="lower")
def generalisation_gap(unseen_texts: np.ndarray, training_texts: np.ndarray) -> dict[str, float]:
    """Bits per character of unseen text less those of training text; each [m, 3]: nats, tokens, characters."""
    return {"generalisation_gap": bits(unseen_texts) - bits(training_texts)}
