"""Directions in a model's latents: found in its weights or in what it makes, walked along, and named by measurement.

- SeFa (Shen & Zhou 2021, equation 5): eigenvectors of A A^T, A being the matrix [latent_dim, units] that latents meet
  first. They change what comes next the most, and nothing but the weights is looked at.
- Principal directions (Härkönen et al. 2020, section 2.2): latents regressed on the principal positions of what the
  model sees in its samples (tfgen.steering.directions).
- Dimensions of a VAE, by the nats of KL that each spends on an example (tfgen.evaluate.metrics.latents).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np

from tfgen.generate.steering import decoder_of
from tfgen.run import Run
from tfgen.steering.bank import LatentSpace
from tfgen.steering.directions import Directions

SEFA, PRINCIPAL, DIMENSIONS = "SeFa", "Principal", "Dimension"
COUNT = 4  # directions of a kind
MOST = 2.0  # standard deviations that a strip goes to either side
MEASURED = 256  # samples, each at a random place along a direction, by which it gets its name
LEAST = 0.3  # of a correlation's size, of which an attribute must be certain to give a name
_SEEN = 1024  # samples in which principal directions are looked for
_MOST_FLOATS = 2**24
_CHANGED = 32  # seeds whose change is looked at
_FIRST = 3 * 10**6  # seed of what is measured: not those that anybody looks at


@dataclass(frozen=True)
class Direction:
    """vector: float64 [latent_dim], of length 1. weight: of all of its kind that it has, as a share; of a VAE's
    dimension its nats."""

    kind: str
    number: int  # from 1; of a dimension its place from 0
    vector: np.ndarray
    weight: float

    @property
    def title(self) -> str:
        """As people call it."""
        return f"{self.kind} {self.number}"

    def turned(self) -> "Direction":
        """The other way round."""
        return replace(self, vector=-self.vector)


@dataclass(frozen=True)
class Association:
    """How an attribute goes along with the place on a direction, over independent samples.

    low, high: 95 % of the correlation by Fisher's z (1915); p: two-sided. All three are for as many looks as were
    taken, attributes times directions (Bonferroni). ends: the attribute at either end of the strip, by a straight line.
    """

    attribute: str
    correlation: float
    low: float
    high: float
    p: float
    ends: tuple[float, float]

    @property
    def is_certain(self) -> bool:
        """Whether it can give the direction a name."""
        return self.low >= LEAST or self.high <= -LEAST

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "attribute": self.attribute,
            "correlation": round(self.correlation, 4),
            "interval": [round(self.low, 4), round(self.high, 4)],
            "p": float(f"{self.p:.3g}"),
            "at_ends": [float(f"{each:.6g}") for each in self.ends],
        }


class Latents:
    """A model's latents for one prompt: samples from them, moved along directions. What is drawn once is kept: make a
    new one where the model's weights have changed."""

    def __init__(self, space: LatentSpace, decode: Callable[[np.ndarray, np.ndarray], np.ndarray]):
        self.space, self.model, self.codec = space, space.model, space.codec
        self._decode = decode
        self._drawn: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}

    @classmethod
    def of(cls, run: Run, prompt: str, model: Any) -> "Latents":
        """Those of a run's model, or of another with its shape."""
        return cls(LatentSpace(run, prompt, model), decoder_of(model))

    def anew(self) -> "Latents":
        """The same without what is kept, but with what was traced."""
        return Latents(self.space, self._decode)

    def drawn(self, seeds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Latents float64 [n, latent_dim] of int32 seeds [n], and what the model is told of their prompts [n, words].
        """
        key = seeds.tobytes()
        if key not in self._drawn:
            _, prompts = self.space.draw(seeds)
            latents, conditions = self.model.latents(seeds, prompts), self.model.condition(prompts)
            self._drawn[key] = np.asarray(latents, np.float64), np.asarray(conditions)
        return self._drawn[key]

    def moved(self, direction: Direction, seeds: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Encoded samples of seeds [n], each put to its place [n] along a direction, in standard deviations of what is
        usual; in all else they stay."""
        latents, conditions = self.drawn(seeds)
        usual = self.drawn(_seeds(_SEEN))[0] @ direction.vector
        wanted = usual.mean() + places * usual.std()
        moved = latents + (wanted - latents @ direction.vector)[:, None] * direction.vector
        return self._decode(moved.astype(np.float32), conditions)

    def shown(self, direction: Direction, seeds: np.ndarray, steps: int) -> np.ndarray:
        """Stored samples [seeds, steps, ...], from one end of a direction to the other."""
        places = np.tile(np.linspace(-MOST, MOST, steps), len(seeds))
        values = self.codec.decode(self.moved(direction, np.repeat(seeds, steps), places))
        return values.reshape(len(seeds), steps, *values.shape[1:])

    def change(self, direction: Direction) -> np.ndarray:
        """How much each value of an encoded sample changes from one end to the other, the mean over some: [...]."""
        seeds = _seeds(_CHANGED)
        ends = [self.moved(direction, seeds, np.full(_CHANGED, place)) for place in (-MOST, MOST)]
        return np.mean(np.abs(ends[1] - ends[0]), axis=0)

    def sefa(self, count: int = COUNT) -> list[Direction]:
        """Nothing where the model has no matrix that latents meet first."""
        weights = self.model.latent_weights()
        if weights is None:
            return []
        weights = np.asarray(weights, np.float64)
        values, vectors = np.linalg.eigh(weights @ weights.T)
        shares = values[::-1] / max(values.sum(), 1e-12)
        return [
            Direction(SEFA, place + 1, _oriented(vectors[:, -1 - place]), float(shares[place]))
            for place in range(min(count, len(values)))
        ]

    def principal(self, count: int = COUNT) -> list[Direction]:
        """Nothing where all samples are the same."""
        seeds = _seeds(64)
        noise, prompts = self.space.draw(seeds)
        size = self.space.features(noise, seeds, prompts)[0].shape[1]
        seeds = _seeds(int(np.clip(_MOST_FLOATS // size, 256, _SEEN)))
        noise, prompts = self.space.draw(seeds)
        features, _ = self.space.features(noise, seeds, prompts)
        try:
            along = Directions.of(features, count)
        except ValueError:
            return []
        positions = along(features)[:, :-1].astype(np.float64)
        latents = self.drawn(seeds)[0]
        slopes = positions.T @ (latents - latents.mean(axis=0)) / len(latents)
        # Positions are scaled, each by the same: the first has the part of them all that its features have.
        scale = float(np.linalg.norm(along.components[:, 0])) ** 2
        shares = positions.var(axis=0) / scale / max(float(features.var(axis=0, dtype=np.float64).sum()), 1e-12)
        return [
            Direction(PRINCIPAL, place + 1, _oriented(slope / np.linalg.norm(slope)), float(shares[place]))
            for place, slope in enumerate(slopes)
            if np.linalg.norm(slope) > 1e-9
        ]

    def dimensions(self, nats: np.ndarray, count: int = COUNT) -> list[Direction]:
        """Those of the most nats [latent_dim], dead ones left out."""
        from tfgen.evaluate.metrics.latents import LEAST_NATS

        order = [int(place) for place in np.argsort(-nats, kind="stable")[:count] if nats[place] >= LEAST_NATS]
        return [Direction(DIMENSIONS, place, np.eye(len(nats))[place], float(nats[place])) for place in order]


def associations(
    latents: Latents, directions: Sequence[Direction], measures: Mapping[str, Callable[[np.ndarray], np.ndarray]]
) -> list[list[Association]]:
    """Of each direction the attributes that go along with it, the closest first: measured in samples that have nothing
    in common, each at a place drawn by chance. Those that are the same in all samples are left out."""
    looks, seeds = max(1, len(directions) * len(measures)), _seeds(MEASURED)
    places = np.random.default_rng(5).uniform(-MOST, MOST, MEASURED)
    found = []
    for direction in directions:
        values = latents.codec.decode(latents.moved(direction, seeds, places)) if measures else None
        each = [association(name, places, np.asarray(measure(values)), looks) for name, measure in measures.items()]
        found.append(sorted((one for one in each if one), key=lambda one: -abs(one.correlation)))
    return found


def association(name: str, places: np.ndarray, values: np.ndarray, looks: int = 1) -> Association | None:
    """Of an attribute [n] at places [n], where so many were looked at; None where it is hardly ever known, or always
    the same."""
    known = np.isfinite(values)
    places, values = places[known], values[known].astype(np.float64)
    if len(values) < 10 or np.ptp(values) <= 1e-9 * max(1.0, float(np.abs(values).max())):
        return None
    correlation = float(np.clip(np.corrcoef(places, values)[0, 1], -1.0, 1.0))
    z, spread = math.atanh(np.clip(correlation, -0.999999, 0.999999)), 1.0 / math.sqrt(len(values) - 3)
    wide = NormalDist().inv_cdf(1 - 0.025 / looks) * spread
    p = min(1.0, looks * math.erfc(abs(z) / spread / math.sqrt(2.0)))
    slope, middle = np.polyfit(places, values, 1)
    ends = float(middle - MOST * slope), float(middle + MOST * slope)
    return Association(name, correlation, math.tanh(z - wide), math.tanh(z + wide), p, ends)


def borne_out(found: Sequence[Association]) -> list[str]:
    """What surely goes along with a direction, the closest first; "less size" for what falls along it."""
    return [one.attribute if one.correlation > 0 else f"less {one.attribute}" for one in found if one.is_certain]


def turned_to_more(direction: Direction, found: Sequence[Association]) -> tuple[Direction, list[Association]]:
    """A direction such that what names it grows along it, and its associations."""
    if not found or not found[0].is_certain or found[0].correlation > 0:
        return direction, list(found)
    return direction.turned(), [
        replace(one, correlation=-one.correlation, low=-one.high, high=-one.low, ends=one.ends[::-1]) for one in found
    ]


def _oriented(vector: np.ndarray) -> np.ndarray:
    """The vector or its opposite, by its largest number: an eigenvector has no sign of its own."""
    return vector * (np.sign(vector[np.argmax(np.abs(vector))]) or 1.0)


def _seeds(count: int) -> np.ndarray:
    return np.arange(_FIRST, _FIRST + count, dtype=np.int32)
