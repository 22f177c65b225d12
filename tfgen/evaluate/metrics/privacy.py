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
_RELABELLINGS = 100


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


def _half_widths_of_singling_out(predicates: np.ndarray, of_several: np.ndarray) -> dict[str, float]:
    """By what chance does where it doesn't matter who was learned: rows change sides at random.

    Predicates aren't independent, as many single out the same row, so their spread says too little.
    """
    generator, size = np.random.default_rng(0), predicates.shape[1] // 2
    holds, found = predicates.astype(np.float32), []
    for _ in range(_RELABELLINGS):
        chosen = np.zeros(2 * size, np.float32)
        chosen[generator.permutation(2 * size)[:size]] = 1.0
        found.append(_apart(holds @ np.stack([chosen, 1.0 - chosen], axis=1), of_several))
    return {name: 1.96 * float(np.std([each[name] for each in found], ddof=1)) for name in found[0]}


@metric(
    least=50, half_widths=_half_widths_of_singling_out,
    singling_out_by_one="near 0", singling_out_by_several="near 0",
)
def singling_out(predicates: np.ndarray, of_several: np.ndarray) -> dict[str, float]:
    """How much more often a predicate that holds for one sample alone singles out a learned row than another.

    bool [k, 2 m]: whether each predicate holds for each of m learned rows, and then of m others; bool [k]: whether it
    is of several columns. Those of one column catch values that were copied, such as a maximum.
    """
    size = predicates.shape[1] // 2
    return _apart(np.stack([predicates[:, :size].sum(axis=1), predicates[:, size:].sum(axis=1)], axis=1), of_several)


def _apart(counts: np.ndarray, of_several: np.ndarray) -> dict[str, float]:
    """From the rows that each predicate holds for, [k, 2]: learned ones, and others."""
    ones = counts == 1
    apart = ones[:, 0].astype(np.float64) - ones[:, 1]
    return {
        "singling_out_by_one": float(apart[~of_several].mean()) if (~of_several).any() else math.nan,
        "singling_out_by_several": float(apart[of_several].mean()) if of_several.any() else math.nan,
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
