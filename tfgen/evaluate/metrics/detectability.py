"""Detectability: whether a small network can be taught to tell samples from real examples (Lopez-Paz & Oquab 2017)."""

import numpy as np

from tfgen.evaluate.metrics import metric
from tfgen.evaluate.metrics.copying import auc

LEAST = 100  # of each, that the network did not learn from


@metric(least=LEAST, detectability="near 0.5")
def detectability(real_judged: np.ndarray, generated_judged: np.ndarray) -> dict[str, float]:
    """The probability that the network finds a sample more like a sample than it finds a real example.

    Logits [n] and [m] of a network that learned from others of the same kinds. At .5 it can't tell them apart; at 1 it
    always can, by whatever it found: it needs no features that others chose.
    """
    return {"detectability": auc(real_judged, generated_judged)}


@metric(least=LEAST, detectability_to_the_eye="near 0.5")
def detectability_to_the_eye(real_judged_by_eye: np.ndarray, generated_judged_by_eye: np.ndarray) -> dict[str, float]:
    """The same where noise of a tenth of the values' range lies on both sides.

    A value of 3 where real ones have 0, of 255, gives a sample away, and nobody sees it. What noise leaves is seen.
    """
    return {"detectability_to_the_eye": auc(real_judged_by_eye, generated_judged_by_eye)}


@metric(least=20, depends_on="tokenizer", detectability="near 0.5")
def detectability_of_texts(real_judged: np.ndarray, generated_judged: np.ndarray) -> dict[str, float]:
    """The same of sequences, of which few tell enough, by a linear classifier of the short pieces in them."""
    return detectability.function(real_judged, generated_judged)


@metric(least=50, detectability="near 0.5")
def detectability_of_rows(unseen_told: np.ndarray, generated_told: np.ndarray) -> dict[str, float]:
    """The same of rows, by gradient boosting and cross-validation; the real ones were never learned by the model.

    Beside rows that it learned, a model that knows some by heart would look better than one that doesn't.
    """
    return detectability.function(unseen_told, generated_told)
