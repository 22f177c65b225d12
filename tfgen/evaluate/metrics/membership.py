"""Membership: whether the model tells its training examples from others (Hayes et al. 2019; Chen et al. 2020)."""

import numpy as np

from tfgen.evaluate.metrics import metric
from tfgen.evaluate.metrics.copying import auc

LEAST_DOCUMENTS = 20  # long ones, so that few tell enough


@metric(least=100, membership="near 0.5")
def membership(training_scores: np.ndarray, unseen_scores: np.ndarray) -> dict[str, float]:
    """The probability that the model is more at home with a training example than with an unseen one.

    Scores [n] and [m] are a GAN discriminator's logits or a VAE's bounds. At .5 it does not tell them apart; near 1 it
    knows its training data by heart, and whoever has the model can find out who was in it.
    """
    return {"membership": auc(unseen_scores, training_scores)}


@metric(least=LEAST_DOCUMENTS, membership="near 0.5")
def document_membership(training_scores: np.ndarray, unseen_scores: np.ndarray) -> dict[str, float]:
    """The same of documents, by minus the mean loss of a token in each (Yeom et al. 2018)."""
    return membership.function(training_scores, unseen_scores)


@metric(least=100, membership="near 0.5")
def membership_of_rows(unseen_nats: np.ndarray, training_nats: np.ndarray) -> dict[str, float]:
    """The same of rows, by their likelihood: whoever has the model can ask for it, samples alone don't tell it."""
    return membership.function(-training_nats, -unseen_nats)
