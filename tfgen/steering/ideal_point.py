"""People who want certain amounts of two things that can be measured, and like best what is nearest to them.

Coombs's unfolding (A theory of data, 1964): a person has an ideal point. Which two attributes matter, and how much of
each is wanted, is a posterior over a grid of points for each pair of attributes. Who wants as much as there is of
something is better explained by the linear utility of tfgen.steering.choice.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfgen.steering.choice import RANDOM_SHARE, Choice

_AMOUNTS = np.arange(-2.5, 2.51, 0.25, dtype=np.float32)  # in standard deviations of what the model makes
_FURTHEST = 3.5  # what is further away counts as this far
_SHARPNESS = 3.0  # logits for each standard deviation nearer; with 2 and 4.5 people get as far
_LEAST = 1e-3  # of the likeliest point's probability: points that are less likely are left out
_MIDDLE = 1.5  # a wanted amount below is neither much nor little
_CLEARLY = 1.0  # nats by which two attributes must explain answers better than one of them alone


@dataclass(frozen=True)
class IdealPoint:
    """The posterior over ideal points.

    pairs: places of the two attributes that matter, int [h, 2]. amounts: of these, [h, 2], in standard deviations.
    probabilities: [h]. evidence: the logarithm of how probable the answers are, over all points. alone: the same, where
    one attribute matters and no other, [attributes].
    """

    pairs: np.ndarray
    amounts: np.ndarray
    probabilities: np.ndarray
    evidence: float
    alone: np.ndarray

    @classmethod
    def fit(cls, choices: Sequence[Choice], size: int) -> "IdealPoint":
        """The posterior given choices among samples whose `size` attributes, at least two, are measured in standard
        deviations; all points are as probable before."""
        pairs = np.array(list(itertools.combinations(range(size), 2)))
        logarithms = np.zeros([len(pairs), len(_AMOUNTS), len(_AMOUNTS)])
        alone = np.zeros([size, len(_AMOUNTS)])
        for choice in choices:
            shown = np.clip(choice.shown, -_FURTHEST, _FURTHEST).astype(np.float32)
            apart = np.square(shown[:, :, None] - _AMOUNTS)  # [k, attributes, amounts]
            # Every pair with every two amounts: by far the most of the time, so each step is made in place.
            weights = apart[:, pairs[:, 0], :, None] + apart[:, pairs[:, 1], None, :]
            for known, squares in ((logarithms, weights), (alone, apart)):
                np.sqrt(squares, out=squares)
                squares *= -_SHARPNESS
                np.exp(squares, out=squares)
                likely = squares[choice.picked] / squares.sum(axis=0)
                known += choice.weight * np.log((1 - RANDOM_SHARE) * likely + RANDOM_SHARE / len(shown))
        highest = logarithms.max()
        probabilities = np.exp(logarithms - highest)
        evidence = float(highest + np.log(probabilities.mean()))
        pair, *places = np.nonzero(probabilities > _LEAST)
        kept = probabilities[pair, places[0], places[1]]
        amounts = np.stack([_AMOUNTS[each] for each in places], axis=1).astype(np.float64)
        best = alone.max(axis=1)
        alone = best + np.log(np.exp(alone - best[:, None]).mean(axis=1))
        return cls(pairs[pair], amounts, kept / kept.sum(), evidence, alone)

    def utilities(self, measured: np.ndarray) -> np.ndarray:
        """The mean utility of each of samples [n, attributes], in logits."""
        return _utilities(measured[:, self.pairs], self.amounts) @ self.probabilities

    def draws(self, measured: np.ndarray, generator: np.random.Generator, count: int) -> np.ndarray:
        """Utilities [n, count] of samples [n, attributes], by points from the posterior."""
        drawn = generator.choice(len(self.probabilities), count, p=self.probabilities)
        return _utilities(measured[:, self.pairs[drawn]], self.amounts[drawn])

    def wanted(self) -> tuple[int, int] | None:
        """Places of the two attributes that most probably matter, where of both an amount in the middle is wanted and
        neither of them alone explains the answers as well."""
        found, places = np.unique(self.pairs, axis=0, return_inverse=True)
        places = places.reshape(-1)
        shares = np.bincount(places, self.probabilities)
        first = int(np.argmax(shares))
        mine = places == first
        mean = self.probabilities[mine] @ self.amounts[mine] / shares[first]
        size = len(self.alone)
        both = self.evidence + np.log(shares[first] * size * (size - 1) / 2)
        if shares[first] <= 0.5 or np.abs(mean).max() >= _MIDDLE or both <= self.alone[found[first]].max() + _CLEARLY:
            return None
        return int(found[first, 0]), int(found[first, 1])


def _utilities(measured: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """Of what is measured [..., 2] for ideal amounts [..., 2]: [...]."""
    return -_SHARPNESS * np.sqrt(np.square(np.clip(measured, -_FURTHEST, _FURTHEST) - amounts).sum(axis=-1))
