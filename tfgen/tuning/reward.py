"""What people like, as one number for a sample: learned from comparisons, and tried on answers that were held out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tfgen.steering.choice import ChoiceModel, pick
from tfgen.steering.directions import Directions
from tfgen.tuning import HeldOut

FOLDS = 5
CHANCE = 0.05  # of taking luck for preferences
_CERTAIN = 1e-4  # p-value below which no other test is needed
_TRIED = 199  # sets of answers at random
_TOGETHER = 1.35  # by how much the errors of overlapping folds widen the spread of what is predicted by chance, at most
_DRAWS = 200


@dataclass(frozen=True)
class Answer:
    """One comparison as the reward sees it: positions [k, d] of what was shown, and the places of what was picked.

    shown: what the samples are called. aside: answers with the same are held out together; by default those about the
        same samples.
    """

    positions: np.ndarray
    picked: tuple[int, ...]
    shown: tuple[str, ...]
    weight: float = 1.0
    aside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reward:
    """The utility of a sample in logits: how much sooner it is picked than another (tfgen.steering.choice)."""

    directions: Directions
    choice: ChoiceModel

    @classmethod
    def fit(cls, directions: Directions, answers: Sequence[Answer]) -> "Reward":
        return cls(directions, choice_of(answers))

    def __call__(self, features: Any) -> Any:
        """The rewards [n] of features [n, d], by which gradients pass; TensorFlow's tensors give tensors."""
        positions = self.directions(features)
        if isinstance(features, np.ndarray):
            return positions @ self.choice.mean
        import tensorflow as tf

        return tf.linalg.matvec(positions, tf.constant(self.choice.mean, tf.float32))


def choice_of(answers: Sequence[Answer]) -> ChoiceModel:
    """What answers, of which there is one at least, say of positions."""
    choices = [choice for each in answers for choice in pick(each.positions, each.picked, each.weight)]
    return ChoiceModel.fit(choices, answers[0].positions.shape[1])


def held_out(answers: Sequence[Answer], seed: int = 0) -> HeldOut:
    """How well answers are predicted by a reward that was fitted to others, in five folds over what was shown.

    Each answer is one judgement, of the share of its pairs (picked, not picked) that are in the right order: the pairs
    of one pick stand or fall together, so they don't count as several, and neither do several people's answers about
    the same samples. The p-value is the binomial test's on the sum, rounded down. Rewards of overlapping folds err
    together, which that test doesn't know, so where it is close the same is done with answers given at random, and the
    larger p-value holds.
    """
    fold = folds_of(answers, FOLDS, seed)
    right, count = _predicted(answers, fold)
    p_value = binomial(right, count)
    if _CERTAIN <= p_value < CHANCE:
        chance = np.random.default_rng([seed % 2**32, 17])
        tried = ([_at_random(each, chance) for each in answers] for _ in range(_TRIED))
        as_good = sum(_predicted(each, fold)[0] >= right for each in tried)
        p_value = max(p_value, (1 + as_good) / (1 + _TRIED))
    return HeldOut(right, count, p_value, None if p_value < CHANCE else _needed(right, count))


def _predicted(answers: Sequence[Answer], fold: np.ndarray) -> tuple[int, int]:
    """How many judgements are predicted from those of other folds, and of how many."""
    shares = np.zeros(len(answers))
    for place in range(FOLDS):
        learned = [each for each, own in zip(answers, fold, strict=True) if own != place]
        if not learned:
            shares[fold == place] = 0.5
            continue
        model = choice_of(learned)
        for row in np.flatnonzero(fold == place):
            shares[row] = _share_right(model, answers[row])
    own: dict[frozenset, list[float]] = {}
    for each, share in zip(answers, shares, strict=True):
        own.setdefault(frozenset(each.shown), []).append(float(share))
    return int(sum(map(np.mean, own.values())) + 1e-9), len(own)


def _at_random(answer: Answer, chance: np.random.Generator) -> Answer:
    picked = chance.choice(len(answer.positions), len(answer.picked), replace=False)
    return replace(answer, picked=tuple(int(place) for place in picked))


def folds_of(answers: Sequence[Answer], count: int, seed: int) -> np.ndarray:
    """The fold of each answer, [n]: the same for answers about the same samples."""
    keys = [frozenset(each.aside or each.shown) for each in answers]
    groups = list(dict.fromkeys(keys))
    order = np.random.default_rng([seed, 5]).permutation(len(groups))
    fold = dict(zip(groups, order % count, strict=True))
    return np.array([fold[key] for key in keys])


def _share_right(model: ChoiceModel, answer: Answer) -> float:
    utilities = model.utilities(answer.positions)
    picked = list(answer.picked)
    rest = [place for place in range(len(utilities)) if place not in answer.picked]
    apart = utilities[picked][:, None] - utilities[rest][None, :]
    return float(np.mean((apart > 0) + 0.5 * (apart == 0)))


def binomial(right: int, count: int) -> float:
    """The probability of so many heads or more of `count` fair coins."""
    return sum(math.comb(count, each) for each in range(right, count + 1)) / 2**count


def _needed(right: int, count: int) -> int | None:
    """About how many more answers would tell this accuracy from chance; None where it isn't above chance at all."""
    excess = right / count - 0.5
    if excess <= 0.01:
        return None
    return max(1, math.ceil((1.645 * 0.5 * _TOGETHER / excess) ** 2) - count)


def preferred(judge: ChoiceModel, apart: np.ndarray, seed: int) -> tuple[float, float, float]:
    """How often new is liked better than old, of positions new less old [n, d], and the interval of 95 % of the weights
    that the judge's answers could mean: some dozens leave a judge unsure."""
    utilities = apart @ judge.draws(np.random.default_rng([seed % 2**32, 8]), _DRAWS).T
    low, middle, high = np.quantile(np.mean((utilities > 0) + 0.5 * (utilities == 0), axis=0), [0.025, 0.5, 0.975])
    return float(middle), float(low), float(high)
