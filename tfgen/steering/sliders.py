"""Named directions that tiles can be moved along: measured attributes, what varies most, and a person's own taste."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from tfgen.steering.bank import Candidates, LatentSpace
from tfgen.steering.choice import ChoiceModel
from tfgen.steering.policy import MOVED, Policy, Taste
from tfgen.steering.session import OWN, Slider

DIRECTIONS = 4
_NEAR = 0.3  # how much it counts that a tile is like the best in all else, beside how much it was moved
_STEPS = (0.15, 0.35, 0.6)  # of new samples around the best


@dataclass(frozen=True)
class Sliders:
    """What the samples of a bank differ in.

    measures: by name, a function of stored values [n, ...] to [n]. known: what each gives for the bank, [n].
    """

    space: LatentSpace
    bank: Candidates
    measures: Mapping[str, Callable[[np.ndarray], np.ndarray]]
    known: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, space: LatentSpace, bank: Candidates) -> "Sliders":
        """The sliders of a bank; those that its modality can measure come first."""
        measures = space.measures()
        known = {name: each for name, each in space.measured(bank).items() if np.ptp(each) > 1e-9}
        directions = range(min(DIRECTIONS, bank.positions.shape[1] - 1))
        known |= {f"direction {place + 1}": bank.positions[:, place] for place in directions}
        return cls(space, bank, measures, known)

    def ranked(self, taste: ChoiceModel) -> list[Slider]:
        """All of them, what matters most first: the squared correlation with what is liked, over the bank."""
        liked = taste.utilities(self.bank.positions)
        if liked.std() < 1e-9:
            return [Slider(name, 0.0) for name in self.known]
        found = []
        for name, values in self.known.items():
            correlation = float(np.corrcoef(values, liked)[0, 1])
            found.append(Slider(name, correlation * abs(correlation)))
        return [Slider(OWN, 1.0), *sorted(found, key=lambda slider: -abs(slider.matters))]

    def moved(
        self, policy: Policy, taste: Taste, name: str, amount: float, chance: np.random.Generator
    ) -> Candidates:
        """Tiles from the best so far, or from what is usual, to `amount` standard deviations further along a slider,
        and else as like it as there are."""
        best = taste.best or self._usual()
        steps = np.array(_STEPS)[np.arange(MOVED) % len(_STEPS)].astype(np.float32)[:, None]
        fresh = chance.standard_normal([MOVED, best.noise.shape[1]]).astype(np.float32)
        near = best.take(np.zeros(MOVED, int))
        noise = policy.in_shell(np.sqrt(1 - steps**2) * near.noise + steps * fresh)
        pool = Candidates.joined([self.bank, policy.look(noise, near.seeds, near.prompts)])
        pool = pool.take(policy.is_typical(pool))
        usual = self._value(taste, name, self.bank)
        start, spread = self._value(taste, name, best)[0], max(float(usual.std()), 1e-9)
        values = (self._value(taste, name, pool) - start) / spread
        apart = np.mean(np.square(pool.positions - best.positions), axis=1)
        apart = apart / max(float(apart.mean()), 1e-12)
        chosen: list[int] = []
        for wanted in np.linspace(amount / policy.count, amount, policy.count):
            cost = np.square(values - wanted) + _NEAR * apart
            cost[chosen] = np.inf
            chosen.append(int(np.argmin(cost)))
        return pool.take(chosen)

    def _value(self, taste: Taste, name: str, candidates: Candidates) -> np.ndarray:
        """How much of a slider candidates [n] have."""
        if name == OWN:
            return taste.model.utilities(candidates.positions)
        if name not in self.measures:
            return candidates.positions[:, int(name.rpartition(" ")[2]) - 1]
        inside = candidates.rows >= 0
        values = np.empty(len(candidates))
        values[inside] = self.known[name][candidates.rows[inside]]
        if not inside.all():
            values[~inside] = self.measures[name](self.space.decode(candidates.take(~inside)))
        return values

    def _usual(self) -> Candidates:
        """The sample of the bank that is nearest to its middle."""
        lengths = np.sum(np.square(self.bank.positions[:, :-1]), axis=1)
        return self.bank.take([int(np.argmin(lengths))])
