"""What people like, as one number for a sample: learned from comparisons, and tried on answers that were left aside."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tfgen.feedback.preferences import Comparison
from tfgen.steering.choice import ChoiceModel, pick
from tfgen.steering.directions import Directions
from tfgen.tuning import HeldOut

FOLDS = 5
CHANCE = 0.05  # of taking luck for preferences
_CERTAIN = 1e-4  # p-value below which no other test is needed
_TRIED = 199  # sets of answers at random
_TOGETHER = 1.35  # by how much the errors of overlapping folds widen the spread of what is foreseen by chance, at most
_DRAWS = 200
_ONE_SIDED, _MOST_OF_ALL, _ENOUGH = 0.8, 0.8, 20  # shares, and answers before they mean anything


@dataclass(frozen=True)
class Answer:
    """One comparison as the reward sees it: positions [k, d] of what was shown, and the places of what was picked.

    shown: what the samples are called. aside: answers with the same are left aside together; by default those about the
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
        return cls(directions, _fit(answers, directions.components.shape[1] + 1))

    def __call__(self, features: Any) -> Any:
        """The rewards [n] of features [n, d], by which gradients pass; TensorFlow's tensors give tensors."""
        positions = self.directions(features)
        if isinstance(features, np.ndarray):
            return positions @ self.choice.mean
        import tensorflow as tf

        return tf.linalg.matvec(positions, tf.constant(self.choice.mean, tf.float32))


def _fit(answers: Sequence[Answer], size: int) -> ChoiceModel:
    choices = [choice for each in answers for choice in pick(each.positions, each.picked, each.weight)]
    return ChoiceModel.fit(choices, size)


def held_out(answers: Sequence[Answer], seed: int = 0) -> HeldOut:
    """How well answers are predicted by a reward that was fitted to others, in five folds over what was shown.

    Each answer is one judgement, of the share of its pairs (picked, not picked) that are in the right order: the pairs
    of one pick stand or fall together, so they don't count as several, and neither do several people's answers about
    the same samples. The p-value is the binomial test's on the sum, rounded down. Rewards of overlapping folds err
    together, which that test doesn't know, so where it is close the same is done with answers given at random, and the
    larger p-value holds.
    """
    fold = folds_of(answers, FOLDS, seed)
    right, count = _foreseen(answers, fold)
    p_value = binomial(right, count)
    if _CERTAIN <= p_value < CHANCE:
        chance = np.random.default_rng([seed % 2**32, 17])
        tried = ([_at_random(each, chance) for each in answers] for _ in range(_TRIED))
        as_good = sum(_foreseen(each, fold)[0] >= right for each in tried)
        p_value = max(p_value, (1 + as_good) / (1 + _TRIED))
    return HeldOut(right, count, p_value, None if p_value < CHANCE else _needed(right, count))


def _foreseen(answers: Sequence[Answer], fold: np.ndarray) -> tuple[int, int]:
    """How many judgements are foreseen from those of other folds, and of how many."""
    shares = np.zeros(len(answers))
    for place in range(FOLDS):
        learned = [each for each, own in zip(answers, fold, strict=True) if own != place]
        model = _fit(learned, answers[0].positions.shape[1])
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


def wilson(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of `count` (Wilson 1927)."""
    z = 1.96
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return middle - half, middle + half


def preferred(judge: ChoiceModel, apart: np.ndarray, seed: int) -> tuple[float, float, float]:
    """How often new is liked better than old, of positions new less old [n, d], and the interval of 95 % of the weights
    that the judge's answers could mean: some dozens leave a judge unsure."""
    utilities = apart @ judge.draws(np.random.default_rng([seed % 2**32, 8]), _DRAWS).T
    low, middle, high = np.quantile(np.mean((utilities > 0) + 0.5 * (utilities == 0), axis=0), [0.025, 0.5, 0.975])
    return float(middle), float(low), float(high)


def oddities(comparisons: Sequence[Comparison]) -> list[str]:
    """What looks wrong in the answers, in sentences: always the same place, contradictions, one voice for all."""
    total, found = len(comparisons), []
    people = Counter(each.who for each in comparisons)
    for who, count in people.items():
        own = [each for each in comparisons if each.who == who]
        place, often = Counter(place for each in own for place in each.picked).most_common(1)[0]
        by_chance = np.mean([len(each.picked) / len(each.shown) for each in own])
        if count >= _ENOUGH and often / count > max(_ONE_SIDED, 1.3 * by_chance):
            whose = "" if len(people) == 1 else " of one person"
            found.append(f"{often} of {count} answers{whose} pick place {place + 1}, whatever is shown there.")
    most = max(people.values(), default=0)
    if len(people) > 1 and total >= _ENOUGH and most / total > _MOST_OF_ALL:
        found.append(f"One person gave {most} of {total} answers, so the version follows that taste.")
    orders = {(better.id, worse.id) for each in comparisons for better, worse, _ in each.pairs()}
    against = sum((worse, better) in orders for better, worse in orders) // 2
    if against:
        pairs = "1 pair of samples was" if against == 1 else f"{against} pairs of samples were"
        found.append(f"{pairs} judged both ways.")
    return found
