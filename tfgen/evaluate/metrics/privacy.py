"""Privacy: what samples, or the model, tell of the rows that were learned and not of others; each against a control.

The distance to the closest record alone says little ("The DCR Delusion", Yao et al. 2025): here it is only compared
with that of rows that were not learned. Attacks are membership inference (Shokri et al. 2017; from samples alone as in
Stadler et al. 2022), and attribute inference and singling out as in anonymeter (Giomi et al. 2023).
"""

import math

import numpy as np

from tfgen.evaluate.metrics import REAL, metric
from tfgen.evaluate.metrics.copying import auc

LEAST = 100  # rows that were not learned
FALSE_POSITIVES = 0.01


@metric(least=LEAST, mean_of_rows=False, closeness="near 0.5", closeness_at_1_percent="near 0.01")
def membership_by_closeness(unseen_apart: np.ndarray, training_apart: np.ndarray) -> dict[str, float]:
    """Black-box membership inference: who is nearer to a sample was learned.

    From distances [n] and [m] to the nearest sample. `closeness` is the probability that a row that was learned lies
    nearer than one that wasn't: .5 where nothing has leaked. `closeness_at_1_percent` is the share of the learned ones
    that are found while 1 % of the others are wrongly accused (Carlini et al. 2022): .01 by chance.
    """
    return {
        "closeness": auc(-unseen_apart, -training_apart),
        "closeness_at_1_percent": found_at(-training_apart, -unseen_apart),
    }


@metric(least=LEAST, attribute_inference="near 0")
def attribute_inference(unseen_guessed: np.ndarray, training_guessed: np.ndarray) -> dict[str, float]:
    """How much more often a secret cell of a learned row is guessed than of one that wasn't learned.

    From the shares [n] and [m] of each row's cells that were guessed from the nearest sample. What is guessed of both
    follows from the data as a whole, and would be known of somebody who was never in it.
    """
    return {"attribute_inference": float(training_guessed.mean() - unseen_guessed.mean())}


@metric(least=50, singling_out_by_one="near 0", singling_out_by_several="near 0")
def singling_out(predicates: np.ndarray) -> dict[str, float]:
    """How much more often a predicate that holds for one sample alone singles out a learned row than another.

    int [k, 3]: whether each predicate holds for exactly one of the learned rows, whether for exactly one of as many
    others, and whether it is of several columns. Those of one column catch values that were copied, such as a maximum.
    """
    several = predicates[:, 2] > 0
    apart = predicates[:, 0] - predicates[:, 1]
    return {
        "singling_out_by_one": float(apart[~several].mean()) if (~several).any() else math.nan,
        "singling_out_by_several": float(apart[several].mean()) if several.any() else math.nan,
    }


@metric(least=20, copied_rows=REAL)
def exact_copies(are_copies: np.ndarray) -> dict[str, float]:
    """The share of samples, or of rows in their place, that are equal to a row that was learned in every cell.

    Rows that were never learned have such twins too where columns have few values, so hold it against those. Blind
    where a number makes every row unique: there a copy with another last digit is none.
    """
    return {"copied_rows": float(np.mean(are_copies))}


def found_at(members: np.ndarray, others: np.ndarray, false_positives: float = FALSE_POSITIVES) -> float:
    """The share of members [n] above the score that no more than so many of the others [m] exceed."""
    ordered = np.sort(others)[::-1]
    return float(np.mean(members > ordered[min(int(false_positives * len(others)), len(others) - 1)]))
