"""Simulated people: each has a hidden wish, judges samples by it with some noise, and now and then answers at random.

They are what makes steering and learning from feedback measurable: the model is never told the wish, only the answers.
Attributes are measured here from the arrays themselves, by other formulas than the product's.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

WISHES = ("slant", "thickness", "mix", "medium", "certain")
NOISE = 0.5  # of a judgement, in standard deviations of the wish over what the model draws (Thurstone 1927)
RANDOM = 0.1  # share of answers that say nothing

Wish = Callable[[np.ndarray], np.ndarray]  # samples as they are stored [n, ...] to how much each is liked [n]


def attributes(values: np.ndarray) -> dict[str, np.ndarray]:
    """What can be measured in light drawings on black [n, height, width(, 1)]: each [n], in units of its own."""
    light = np.asarray(values, np.float64).reshape(*values.shape[:3], -1).mean(axis=3) / 255.0
    rows, columns = np.arange(light.shape[1], dtype=float), np.arange(light.shape[2], dtype=float)
    ink = np.maximum(light.sum(axis=(1, 2)), 1e-6)
    row = (light.sum(axis=2) @ rows) / ink
    column = (light.sum(axis=1) @ columns) / ink
    down, right = rows[None, :] - row[:, None], columns[None, :] - column[:, None]
    tall = np.einsum("nij,ni->n", light, down**2) / ink
    wide = np.einsum("nij,nj->n", light, right**2) / ink
    both = np.einsum("nij,ni,nj->n", light, down, right) / ink
    edges = np.abs(np.diff(light, axis=1)).sum(axis=(1, 2)) + np.abs(np.diff(light, axis=2)).sum(axis=(1, 2))
    return {
        "slant": -both / np.maximum(tall, 1e-6),  # more is more to the right at the top
        "thickness": 2 * ink / np.maximum(edges, 1e-6),
        "ink": ink,
        "height": np.sqrt(tall),
        "width": np.sqrt(wide),
        "place": row,
    }


class Person:
    """Someone who wants something and says what comes nearer to it.

    Args:
        wish: what is wanted, never shown to anything that is measured.
        bank: samples [n, ...] over which the wish has a spread, and its best percent.
        seed: of the noise of judgements.
    """

    def __init__(self, wish: Wish, bank: np.ndarray, seed: int = 0, noise: float = NOISE, random: float = RANDOM):
        self.wish = wish
        self._known = np.sort(wish(bank))
        self._spread = float(self._known.std())
        self._mean = float(self._known.mean())
        self._chance = np.random.default_rng([seed, 77])
        self._noise, self._random = noise, random

    def liking(self, values: np.ndarray) -> np.ndarray:
        """How much each of samples [n, ...] is liked, in standard deviations of the wish; without noise."""
        return (self.wish(values) - self._mean) / self._spread

    def percentile(self, values: np.ndarray) -> np.ndarray:
        """Which share of what the model draws is liked less than each of samples [n, ...], in percent."""
        return 100.0 * np.searchsorted(self._known, self.wish(values)) / len(self._known)

    def pick(self, values: np.ndarray) -> int:
        """The place of the best of samples [n, ...], as this person sees them now."""
        return int(self.order(values)[0])

    def order(self, values: np.ndarray) -> np.ndarray:
        """The places of samples [n, ...] from the best to the worst, as this person sees them now."""
        if self._chance.random() < self._random:
            return self._chance.permutation(len(values))
        return np.argsort(-(self.liking(values) + self._noise * self._chance.standard_normal(len(values))))

    def rating(self, values: np.ndarray) -> np.ndarray:
        """Whole numbers [n] from 1 to 5."""
        seen = self.liking(values) + self._noise * self._chance.standard_normal(len(values))
        return 1 + np.digitize(seen, [-1.2, -0.4, 0.4, 1.2])


def wish_of(kind: str, bank: np.ndarray, seed: int, others: np.ndarray | None = None) -> Wish:
    """One of WISHES, made by chance from the seed; `bank` [n, ...] says what is usual.

    slant, thickness: more of it, or less. mix: a sum of four attributes, each with a weight. medium: slant and
    thickness near to certain amounts, up to a standard deviation from the mean. certain: near to one sample of
    `others` [m, ...], which need not be in the bank. Both of these fall with the distance, not with its square: of
    squares, the best tenth are hardly apart for a person whose judgement errs by half a standard deviation.
    """
    chance = np.random.default_rng([seed, 5])
    usual = {name: (each.mean(), each.std()) for name, each in attributes(bank).items()}
    if kind in ("slant", "thickness"):
        return _weighted({kind: float(chance.choice([-1, 1]))}, usual)
    if kind == "mix":
        names = chance.choice(list(usual), 4, replace=False)
        return _weighted(dict(zip(names, chance.standard_normal(4), strict=True)), usual)
    if kind == "medium":
        amounts = dict(zip(("slant", "thickness"), chance.uniform(-1, 1, 2), strict=True))

        def wish(values: np.ndarray) -> np.ndarray:
            found = attributes(values)
            return -np.hypot(*(_standard(found[name], usual[name]) - amount for name, amount in amounts.items()))

        return wish
    if kind == "certain":
        choice = bank if others is None else others
        wanted = _blurred(choice[[chance.integers(len(choice))]])
        return lambda values: -np.sqrt(np.mean(np.square(_blurred(values) - wanted), axis=(1, 2)))
    raise ValueError(f"{kind} is none of {', '.join(WISHES)}")


def _weighted(weights: Mapping[str, float], usual: Mapping[str, tuple[float, float]]) -> Wish:
    def wish(values: np.ndarray) -> np.ndarray:
        found = attributes(values)
        return sum(weight * _standard(found[name], usual[name]) for name, weight in weights.items())

    return wish


def _standard(values: np.ndarray, usual: Sequence[float]) -> np.ndarray:
    return (values - usual[0]) / max(usual[1], 1e-9)


def _blurred(values: np.ndarray) -> np.ndarray:
    """Grey [n, height, width], smoothed by a little: a person doesn't compare single dots."""
    grey = np.asarray(values, np.float32).reshape(*values.shape[:3], -1).mean(axis=3)
    for axis in (1, 2):
        grey = (np.roll(grey, 1, axis) + 2 * grey + np.roll(grey, -1, axis)) / 4
    return grey
