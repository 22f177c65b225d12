"""The same model with randomised weights: what it explains just as well was not learned (Adebayo et al. 2018).

Every array of weights is shuffled. Unlike drawn anew, the copies keep the sizes of all numbers, so that activations
stay in their usual range, and layers that begin as zeros are no longer silent.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfgen.restore import load_model_and_checkpoint
from tfgen.run import Run

COPIES = 3
LIMIT = 0.2  # of the rank correlation, from which on an explanation says little of what was learned
_CERTAIN = 1.645  # standard deviations above 0, beyond which chance leads once in 20 times
DEPENDS, UNTRUSTWORTHY, UNTOLD = "depends on what was learned", "untrustworthy", "can't be told"


@dataclass(frozen=True)
class Check:
    """How like an explanation is to that of randomised copies of its model.

    correlation: Spearman's rank correlation, the mean over copies. values: how many numbers were ranked.
    """

    correlation: float
    copies: tuple[float, ...]
    values: int

    @property
    def verdict(self) -> str:
        """Whether the explanation depends on what was learned; few numbers may be alike by chance."""
        if self.correlation < LIMIT:
            return DEPENDS
        chance = _CERTAIN / math.sqrt(max(self.values - 1, 1) * len(self.copies))
        return UNTRUSTWORTHY if self.correlation > chance else UNTOLD

    @property
    def is_untrustworthy(self) -> bool:
        return self.verdict == UNTRUSTWORTHY

    def sentence(self) -> str:
        """What was compared, and what follows."""
        words = {
            DEPENDS: "so it depends on what was learned",
            UNTRUSTWORTHY: "so don't trust it: a model that learned nothing explains itself much the same way",
            UNTOLD: "but there are too few to tell that from chance",
        }
        return (
            f"Beside {len(self.copies)} copies of the model with randomised weights, {self.values:,} values have a "
            f"rank correlation of {signed(self.correlation)}, {words[self.verdict]}."
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "rank_correlation": round(self.correlation, 4),
            "of_each_copy": [round(each, 4) for each in self.copies],
            "values": self.values,
            "verdict": self.verdict,
        }


def signed(value: float) -> str:
    """0.123 as "0.12", -0.123 with a minus sign."""
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")


def compared(own: np.ndarray, others: Sequence[np.ndarray]) -> Check | None:
    """An explanation as an array of numbers beside the same of randomised copies; None where its own are all the same.

    A copy that gives the same number throughout says nothing, which counts as no correlation.
    """
    if np.ptp(own) == 0 or own.size < 2:
        return None
    found = [spearman(own.ravel(), other.ravel()) for other in others]
    found = [each if math.isfinite(each) else 0.0 for each in found]
    return Check(float(np.mean(found)), tuple(found), own.size)


def spearman(one: np.ndarray, other: np.ndarray) -> float:
    """The correlation of the ranks of two arrays [n] (Spearman 1904), ties in the middle; NaN where one is constant."""
    ranks = [_ranks(each) for each in (one, other)]
    if any(np.ptp(each) == 0 for each in ranks):
        return math.nan
    return float(np.corrcoef(*ranks)[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place.ravel()]


def of_copies(
    run: Run, opened: Callable[[Any], Any], explain: Callable[[Any], Any], seed: int = 0, copies: int = COPIES
) -> list[Any]:
    """What `explain` gives for copies of a run's model with randomised weights.

    opened: makes of the model what `explain` takes, such as a sampler. It is called once, since the copies are one
        object whose weights change, and its graphs are traced once.
    """
    found, view = [], None
    for model in randomised(run, seed, copies):
        view = opened(model) if view is None else view
        found.append(explain(view))
    return found


def randomised(run: Run, seed: int = 0, copies: int = COPIES) -> Iterator[Any]:
    """A model of its own, after each step with other weights. Where samples start (`fitted_last`) stays as it was
    fitted: it is what was seen in the data, not in the network."""
    model, _ = load_model_and_checkpoint(run)  # never a model that others look at too
    parts = [part for name, part in model.parts().items() if name not in model.fitted_last]
    weights = {id(each): each for part in parts for each in part.weights} | {
        id(each): each for each in model.frozen().values()
    }
    learned = [(each, each.numpy()) for each in weights.values() if "float" in str(each.dtype)]
    for number in range(copies):
        chance = np.random.default_rng([seed, number, 17])
        for variable, values in learned:
            variable.assign(chance.permutation(values.ravel()).reshape(values.shape))
        yield model
