"""Which samples a person sees next: some that a model of their taste likes, and some near to what they picked last.

A choice model on what the model sees finds "more of this" in few rounds; evolution around the last pick finds "this
one". Neither is good at both, so each gets as many of the tiles as its tiles are picked. All of it is numpy: what new
noise looks like comes from a function.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tfgen.steering.bank import Candidates
from tfgen.steering.choice import Choice, ChoiceModel, pick

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
    """What was shown, why each of it was, and what was said of it, if anything yet."""

    shown: Candidates
    arms: tuple[str, ...]
    answer: Answer | None = None

    def answered(self, answer: Answer) -> "Round":
        return replace(self, answer=answer)

    def choices(self) -> list[Choice]:
        """What the answer says, as choices. "None" prefers what was shown before to all that is new."""
        if self.answer.kind == "pick":
            return pick(self.shown.positions, self.answer.picked)
        if self.answer.kind == "none" and KEPT in self.arms:
            return pick(self.shown.positions, [self.arms.index(KEPT)])
        return []


@dataclass(frozen=True)
class Taste:
    """What the answers so far say. best: what was shown and is liked most, one row; None before the first answer."""

    model: ChoiceModel
    best: Candidates | None


class Policy:
    """See the module.

    Args:
        bank: samples to choose among.
        look: noise [n, latent_dim], seeds [n] and word ids [n, words] to candidates.
        count: how many tiles a round has.
        typical: leave out what is less at home in the model than nearly all of the bank.
    """

    def __init__(
        self, bank: Candidates, look: Callable[..., Candidates], count: int = 9, typical: bool = True
    ):
        self.bank, self.look, self.count = bank, look, count
        self._least_score, self._least_margin = (
            float(np.percentile(values, percent, method="lower")) if typical else -math.inf
            for values, percent in ((bank.scores, _ATYPICAL), (bank.margins, _UNLIKE))
        )
        self._radius = math.sqrt(bank.noise.shape[1] - 0.5) + _BEYOND

    def taste(self, rounds: Sequence[Round]) -> Taste:
        """What answered rounds say."""
        choices = [choice for each in rounds for choice in each.choices()]
        model = ChoiceModel.fit(choices, self.bank.positions.shape[1])
        if not choices:
            return Taste(model, None)
        shown = Candidates.joined([each.shown for each in rounds])
        return Taste(model, shown.take([int(np.argmax(model.utilities(shown.positions)))]))

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
            parts.append(pool.take(drawn(taste.model, pool.positions, count, chance)))
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
        """Whether hardly anything in the bank can be liked better than the best so far."""
        if taste.best is None:
            return False
        draws = taste.model.draws(chance, _DRAWS)
        missing = (self.bank.positions @ draws.T).max(axis=0) - (taste.best.positions @ draws.T)[0]
        return float(np.maximum(missing, 0).mean()) < ENOUGH

    def _unseen(self, rounds: Sequence[Round]) -> Candidates:
        """What of the bank is typical and was not shown yet."""
        left = self.is_typical(self.bank)
        for each in rounds:
            left[each.shown.rows[each.shown.rows >= 0]] = False
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
    utilities = positions @ model.draws(chance, count).T
    places: list[int] = []
    for column in range(count):
        utilities[places, column] = -np.inf
        places.append(int(np.argmax(utilities[:, column])))
    return np.array(places)
