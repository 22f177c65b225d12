"""Which samples a person sees next: some that a model of their taste likes, and some near to what they picked last.

A choice model on what the model sees finds "more of this" in few rounds; evolution around the last pick finds "this
one". Neither is good at both, so each gets as many of the tiles as its tiles are picked. Who wants a middle is served
by an ideal-point model of what can be measured: of the tiles that are chosen by taste, it chooses as large a share as
it is probable that it, and not the choice model, is the right one. All of it is numpy: what new noise looks like comes
from a function.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tfgen.steering.bank import Candidates
from tfgen.steering.choice import Choice, ChoiceModel, pick
from tfgen.steering.ideal_point import IdealPoint

KEPT, LIKED, NEAR, ASKED = "kept", "liked", "near", "asked"  # why a tile is shown
MOVED = 64  # new samples that are looked at in a round
_BEST = 4  # of those that new samples are made near to
_WIDEST, _NARROWEST, _DECAY = 0.9, 0.2, 0.9  # step of new samples: how far the first are, the last, and the way between
_FADE = 0.9  # of what an arm's tiles have won, a round
_ATYPICAL, _UNLIKE = 5, 2  # percent of the bank that nobody is shown, for the score and for the prompt
_BEYOND = 1.16  # radius of a Gaussian's shell beyond the root of its dimensions: 95 % lie inside
_DRAWS = 32  # weights by which it is judged whether there is better
ENOUGH = 2.0  # logits


@dataclass(frozen=True)
class Answer:
    """What a person said of a round. kind: "pick" with the places of what was picked, "none", or "skip"."""

    kind: str
    picked: tuple[int, ...] = ()


@dataclass(frozen=True)
class Round:
    """What was shown, why each of it was, and what was said of it, if anything yet. measured: what of it was measured,
    [k, attributes], each in its own unit; None where nothing was."""

    shown: Candidates
    arms: tuple[str, ...]
    answer: Answer | None = None
    measured: np.ndarray | None = None

    def answered(self, answer: Answer) -> "Round":
        return replace(self, answer=answer)

    def choices(self, values: np.ndarray) -> list[Choice]:
        """What the answer says, as choices among values [k, d] of what was shown. "None" prefers what was shown before
        to all that is new."""
        if self.answer.kind == "pick":
            return pick(values, self.answer.picked)
        if self.answer.kind == "none" and KEPT in self.arms:
            return pick(values, [self.arms.index(KEPT)])
        return []


@dataclass(frozen=True)
class Taste:
    """What the answers so far say.

    best: what was shown and is liked most, one row; None before the first answer. ideal: the model of
    what is measured; None where fewer than two attributes are. share: how probable it is that this is the right model,
    by the evidence of both. measured: of the best, in standard deviations [1, attributes]. gain: by how many nats the
    answers are more probable under the better model than by chance.
    """

    model: ChoiceModel
    best: Candidates | None = None
    ideal: IdealPoint | None = None
    share: float = 0.0
    measured: np.ndarray | None = None
    gain: float = 0.0


class Policy:
    """See the module.

    Args:
        bank: samples to choose among.
        look: noise [n, latent_dim], seeds [n] and word ids [n, words] to candidates.
        count: how many tiles a round has.
        typical: leave out what is less at home in the model than nearly all of the bank.
        measured: gives what can be measured in the bank, [n, attributes], each in its own unit; asked once, when first
            needed.
    """

    def __init__(
        self,
        bank: Candidates,
        look: Callable[..., Candidates],
        count: int = 9,
        typical: bool = True,
        measured: Callable[[], np.ndarray] | None = None,
    ):
        self.bank, self.look, self.count = bank, look, count
        self._measured = measured
        self._least_score, self._least_margin = (
            float(np.percentile(values, percent, method="lower")) if typical else -math.inf
            for values, percent in ((bank.scores, _ATYPICAL), (bank.margins, _UNLIKE))
        )
        self._radius = math.sqrt(bank.noise.shape[1] - 0.5) + _BEYOND

    def taste(self, rounds: Sequence[Round]) -> Taste:
        """What answered rounds say."""
        choices = [choice for each in rounds for choice in each.choices(each.shown.positions)]
        model = ChoiceModel.fit(choices, self.bank.positions.shape[1])
        if not choices:
            return Taste(model)
        shown = Candidates.joined([each.shown for each in rounds])
        utilities = model.utilities(shown.positions)
        by_chance = -sum(choice.weight * math.log(len(choice.shown)) for choice in choices)
        if self._attributes is None or any(each.measured is None for each in rounds):
            best = shown.take([int(np.argmax(utilities))])
            return Taste(model, best, gain=model.evidence - by_chance)
        measured = [self._attributes.standard(each.measured) for each in rounds]
        among = [choice for each, values in zip(rounds, measured, strict=True) for choice in each.choices(values)]
        ideal = IdealPoint.fit(among, measured[0].shape[1])
        share = _logistic(ideal.evidence - model.evidence)
        measured = np.concatenate(measured)
        other = ideal.utilities(measured)
        best = [int(np.argmax((1 - share) * utilities + share * other))]
        gain = max(model.evidence, ideal.evidence) - by_chance
        return Taste(model, shown.take(best), ideal, share, measured[best], gain)

    def propose(self, rounds: Sequence[Round], taste: Taste, chance: np.random.Generator) -> Round:
        """The next tiles after answered rounds, in an order that says nothing."""
        parents = self._parents(rounds, taste)
        free = self.count - (taste.best is not None)
        near = 0 if parents is None else self._share_of_evolution(rounds, free)
        step = max(_NARROWEST, _WIDEST * _DECAY ** len(rounds))
        parts, arms = [], []
        if taste.best is not None:
            parts.append(taste.best)
            arms.append(KEPT)
        pool = self._unseen(rounds)
        if parents is not None:
            # In one call, since each costs its time: children of the picked, and more of them than there is room for,
            # as some may not be typical; and samples around the best.
            children = parents.take(np.arange(min(3 * near, MOVED // 2)) % len(parents))
            around = self._best(rounds, taste, MOVED - len(children))
            new = self.moved(Candidates.joined([children, around]), step, chance)
            mine, others = new.take(np.arange(len(children))), new.take(np.arange(len(children), MOVED))
            first = np.argsort(~self.is_typical(mine), kind="stable")[:near]  # the typical ones first, as they came
            parts.append(mine.take(first))
            arms += [NEAR] * len(first)
            pool = Candidates.joined([pool, others.take(self.is_typical(others))])
        count = self.count - len(arms)
        if count:
            parts.append(pool.take(self._liked(taste, pool, count, chance)))
            arms += [LIKED] * count
        places = chance.permutation(self.count)
        return Round(Candidates.joined(parts).take(places), tuple(arms[place] for place in places))

    def is_typical(self, candidates: Candidates) -> np.ndarray:
        """Which of candidates [n] are as much at home in the model, and as much like their prompt to it, as nearly all
        that it makes by itself."""
        return (candidates.scores >= self._least_score) & (candidates.margins >= self._least_margin)

    def moved(self, parents: Candidates, step: float, chance: np.random.Generator) -> Candidates:
        """A new sample near each of the parents: as far as `step` says, 0 for the same and 1 for any other."""
        fresh = chance.standard_normal(parents.noise.shape).astype(np.float32)
        noise = math.sqrt(1 - step * step) * parents.noise + step * fresh
        return self.look(self.in_shell(noise), parents.seeds, parents.prompts)

    def in_shell(self, noise: np.ndarray) -> np.ndarray:
        """Noise [n, latent_dim] whose length is one that noise has: outside, the model was never trained."""
        length = np.linalg.norm(noise, axis=1, keepdims=True)
        return (noise * np.minimum(1.0, self._radius / np.maximum(length, 1e-9))).astype(np.float32)

    def enough(self, taste: Taste, chance: np.random.Generator) -> bool:
        """Whether hardly anything in the bank can be liked better than the best so far. Never of answers that are no
        more probable by what was learned from them than by chance: where nothing is liked more, nothing is better."""
        if taste.best is None or taste.gain <= 0:
            return False
        draws = taste.model.draws(chance, _DRAWS)
        missing = (self.bank.positions @ draws.T).max(axis=0) - (taste.best.positions @ draws.T)[0]
        missing = np.maximum(missing, 0).mean()
        if taste.ideal is not None:
            everything = np.concatenate([self._attributes.bank, taste.measured])
            utilities = taste.ideal.draws(everything, chance, _DRAWS)
            missing = (1 - taste.share) * missing + taste.share * (utilities.max(axis=0) - utilities[-1]).mean()
        return float(missing) < ENOUGH

    @cached_property
    def _attributes(self) -> "_Attributes | None":
        """What is measured in the bank, and how to bring other samples into its units; None for fewer than two."""
        if self._measured is None:
            return None
        values = self._measured()
        varied = np.isfinite(values).all(axis=0) & (np.ptp(values, axis=0) > 1e-9)
        if varied.sum() < 2:
            return None
        mean, spread = values[:, varied].mean(axis=0), values[:, varied].std(axis=0)
        return _Attributes(varied, mean, spread, (values[:, varied] - mean) / spread)

    def varied(self, names: Sequence[str]) -> list[str]:
        """Of the names of all attributes, those that differ in the bank, as ideal points count them."""
        return [name for name, varied in zip(names, self._attributes.varied, strict=True) if varied]

    def _liked(self, taste: Taste, pool: Candidates, count: int, chance: np.random.Generator) -> np.ndarray:
        """Places of `count` different ones of a pool: each the best by a taste drawn anew (Thompson 1933)."""
        utilities = pool.positions @ taste.model.draws(chance, count).T
        known = pool.rows >= 0  # new samples are measured only once they are shown
        if taste.ideal is not None and known.sum() >= count:
            other = chance.random(count) < taste.share
            utilities[:, other] = -np.inf
            measured = self._attributes.bank[pool.rows[known]]
            utilities[np.ix_(known, other)] = taste.ideal.draws(measured, chance, int(other.sum()))
        return _best_of_each(utilities)

    def _unseen(self, rounds: Sequence[Round]) -> Candidates:
        """What of the bank is typical and was not shown yet; all that is typical where too little is left."""
        left = self.is_typical(self.bank)
        for each in rounds:
            left[each.shown.rows[each.shown.rows >= 0]] = False
        if left.sum() < self.count:  # all was seen: it begins again
            left = self.is_typical(self.bank)
        return self.bank.take(np.flatnonzero(left))

    def _parents(self, rounds: Sequence[Round], taste: Taste) -> Candidates | None:
        """What new samples are made near to: the last picked."""
        for each in reversed(rounds):
            if each.answer.kind == "pick":
                return each.shown.take(list(each.answer.picked))
        return taste.best

    def _best(self, rounds: Sequence[Round], taste: Taste, count: int) -> Candidates:
        """The four that are liked most, of the bank and of what was shown; again and again, up to `count`."""
        every = Candidates.joined([self.bank, *[each.shown for each in rounds]])
        utilities = np.where(self.is_typical(every), taste.model.utilities(every.positions), -np.inf)
        return every.take(np.argsort(-utilities, kind="stable")[np.arange(count) % _BEST])

    def _share_of_evolution(self, rounds: Sequence[Round], free: int) -> int:
        """How many of `free` tiles are near to the last pick: as the tiles of that arm were picked before."""
        if free < 2:
            return len(rounds) % 2 * free
        rates = []
        for arm in (NEAR, LIKED):
            won, shown = 1.0, 2.0
            for each in rounds:
                if NEAR in each.arms and each.answer.kind == "pick":
                    picked = [each.arms[place] for place in each.answer.picked]
                    won = _FADE * won + picked.count(arm) / len(picked)
                    shown = _FADE * shown + each.arms.count(arm) / 4
            rates.append(won / shown)
        return int(np.clip(round(free * rates[0] / sum(rates)), 1, free - 1))


def drawn(model: ChoiceModel, positions: np.ndarray, count: int, chance: np.random.Generator) -> np.ndarray:
    """Places of `count` different ones of positions [n, k]: each the best by weights drawn anew (Thompson 1933)."""
    return _best_of_each(positions @ model.draws(chance, count).T)


def _best_of_each(utilities: np.ndarray) -> np.ndarray:
    """The places of the highest in each column of utilities [n, count], each place once."""
    places: list[int] = []
    for column in range(utilities.shape[1]):
        utilities[places, column] = -np.inf
        places.append(int(np.argmax(utilities[:, column])))
    return np.array(places)


@dataclass(frozen=True)
class _Attributes:
    """varied: which attributes differ in the bank, bool [attributes]. mean, spread: of these. bank: these of the bank,
    in standard deviations."""

    varied: np.ndarray
    mean: np.ndarray
    spread: np.ndarray
    bank: np.ndarray

    def standard(self, values: np.ndarray) -> np.ndarray:
        """Values [n, attributes] of all attributes, each in its own unit, as the bank's are."""
        return np.nan_to_num((values[:, self.varied] - self.mean) / self.spread)


def _logistic(value: float) -> float:
    return 0.5 + 0.5 * math.tanh(value / 2)
