"""Canaries: which of examples that nobody has were learned, guessed from the model alone; and the epsilon that refutes.

An audit of differential privacy in one run (Steinke, Nasr & Jagielski 2023). It shows what is given away at the least:
a better attack may find more.
"""

import math

import numpy as np

from tfgen.evaluate.metrics import metric
from tfgen.trust.privacy import audited_epsilon

FIELDS = [("known", np.float64), ("learned", np.bool_), ("delta", np.float64)]


def guesses_among(made: int) -> int:
    """How many guesses there are for so many canaries."""
    return 2 * (made // 4)


def guesses_of(canaries: np.ndarray) -> np.ndarray:
    """Whether each guess is right, bool [m / 2].

    The quarter that the model knows best is taken for learned, the quarter that it knows least for not learned; of the
    others nothing is guessed. How many are guessed is fixed beforehand: the best number would need a correction.
    """
    quarter = guesses_among(len(canaries)) // 2
    order = np.argsort(canaries["known"], kind="stable")
    return np.concatenate([~canaries["learned"][order[:quarter]], canaries["learned"][order[-quarter:]]])


def _half_widths(canaries: np.ndarray) -> dict[str, float]:
    """The bound is the lower end of an interval by itself."""
    right = guesses_of(canaries)
    return {"canaries_found": 1.96 * float(np.sqrt(right.mean() * (1 - right.mean()) / len(right)))}


@metric(least=20, half_widths=_half_widths, canaries_found="near 0.5", canaries_epsilon="near 0")
def canary_guesses(canaries: np.ndarray) -> dict[str, float]:
    """`canaries_found`: the share of guesses that are right, .5 by chance. `canaries_epsilon`: at 95 % confidence, no
    smaller epsilon can be true of the fit, at its delta.

    From a structured array [m] with FIELDS: how well the model knows each canary, whether it learned it, and delta.
    """
    if not np.isfinite(canaries["known"]).all():
        return {"canaries_found": math.nan, "canaries_epsilon": math.nan}
    right, delta = guesses_of(canaries), float(canaries["delta"][0])
    bound = audited_epsilon(len(canaries), len(right), int(right.sum()), delta)
    return {"canaries_found": float(right.mean()), "canaries_epsilon": bound}
