"""The arrays that are looked at: samples, real examples, and the naive baselines beside them, block by block."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from tfgen.evaluate.arrays.source_code import digest_of_code
from tfgen.representations.arrays.codec import ArrayCodec
from tfgen.representations.arrays.examples import ArrayExamples
from tfgen.representations.arrays.sampler import ArraySampler
from tfgen.representations.arrays.specification import CATEGORICAL, ArraySpecification
from tfgen.trust.energy import SampleEnergy

BLOCK = 1024  # examples that are in memory together; a multiple of the sampler's batch
NOISE = 0.1  # standard deviation of the noise on copies, as a share of the values' range; of categories, how many


@dataclass(frozen=True)
class Group:
    """Values of one sort in a random order, and the place of each one's prompt in the run's vocabulary (-1: none)."""

    name: str
    read: Callable[[int, int], np.ndarray]  # from place to place, stored values [k, ...]
    prompts: np.ndarray  # int [n]
    identity: list[Any]  # plain values that say what the content is; equal only for equal content

    def __len__(self) -> int:
        return len(self.prompts)

    def blocks(self) -> Iterator[np.ndarray]:
        """All values, at most BLOCK at a time."""
        for start in range(0, len(self), BLOCK):
            yield self.read(start, min(start + BLOCK, len(self)))

    def first(self, count: int) -> "Group":
        """The first `count` of the group."""
        return Group(self.name, self.read, self.prompts[:count], self.identity)


def real_group(name: str, examples: ArrayExamples, places: np.ndarray, prompts: np.ndarray, seed: int) -> Group:
    """The examples at these places; `seed` is what drew the places."""
    order = hashlib.sha256(np.ascontiguousarray(places, np.int64).tobytes()).hexdigest()
    identity = ["real", examples.fingerprint, seed, order, *_coded_by(examples.codec)]
    return Group(name, lambda start, stop: np.asarray(examples.values[places[start:stop]]), prompts[places], identity)


def sample_group(
    model: Any, codec: ArrayCodec, checkpoint: str, count: int, seed: int, energy: SampleEnergy | None = None,
    ids: np.ndarray | None = None,
) -> Group:  # fmt: skip
    """Samples `seed`, `seed + 1`, ... of the empty prompt, so each prompt comes as often as in the data; or of the word
    ids [words] of one.

    `checkpoint` is the name of what the model's weights are from, which has their hash in it. What else makes a sample
    is in the group's identity too: settings, prompts, the codec, and the code of model and codec. `energy` counts what
    drawing costs.
    """
    words = model.conditions.longest
    sampler = ArraySampler(model.generate, words)
    seeds = np.arange(seed, seed + count, dtype=np.int64).astype(np.int32)

    asked = np.zeros(words, np.int32) if ids is None else np.asarray(ids, np.int32)

    def draw(start: int, stop: int) -> np.ndarray:
        return codec.decode(sampler(seeds[start:stop], np.tile(asked, [stop - start, 1])))

    @cache
    def trace() -> None:
        draw(0, 1)

    def read(start: int, stop: int) -> np.ndarray:
        if energy is None:
            return draw(start, stop)
        trace()
        with energy.of(stop - start):
            return draw(start, stop)

    prompts = np.full(count, -1)
    if model.conditions.prompt_words and not asked.any():
        prompts = model.prompts_drawn_for(seeds)
    settings = [repr(model.config), repr(model.conditions), digest_of_code(type(model))]
    identity = ["samples", checkpoint, seed, *map(_digest, settings), *_coded_by(codec)]
    return Group("samples", read, prompts, [*identity, *(["of", asked.tolist()] if asked.any() else [])])


def baseline_groups(reference: Group, codec: ArrayCodec, seed: int) -> list[Group]:
    """What three models score that anybody can write: a memory, a memory with noise, and noise alone.

    Noise is added, or drawn, as a model takes examples, in [-1, 1], and brought back into what is possible. Of scores
    drawn for categories, the codec takes the highest.
    """
    places = np.random.default_rng([seed, 1]).integers(0, len(reference), len(reference))

    def copy(start: int, stop: int) -> np.ndarray:
        wanted = places[start:stop]
        return np.stack([reference.read(place, place + 1)[0] for place in wanted])

    def noisy(start: int, stop: int) -> np.ndarray:
        generator = np.random.default_rng([seed, 2, start])
        return codec.decode(with_noise(codec.encode(copy(start, stop)), codec.specification, generator))

    def uniform(start: int, stop: int) -> np.ndarray:
        generator = np.random.default_rng([seed, 3, start])
        shape = [stop - start, *codec.specification.shape]
        return codec.decode(generator.uniform(-1.0, 1.0, shape).astype(np.float32))

    prompts = reference.prompts[places]
    return [
        Group(name, read, prompts, [*reference.identity, name, seed])
        for name, read in (("copies", copy), ("noisy copies", noisy), ("noise", uniform))
    ]


def with_noise(values: np.ndarray, specification: ArraySpecification, generator: np.random.Generator) -> np.ndarray:
    """Encoded values with some noise on them; of categories some are drawn anew, since noise seldom changes which is
    the likeliest."""
    noisy = values + generator.normal(0.0, 2.0 * NOISE, values.shape).astype(np.float32)
    start = 0
    for part in specification.parts:
        places = slice(start, start + part.size)
        if part.likelihood == CATEGORICAL:
            drawn = generator.random(values[..., places].shape, np.float32)
            anew = generator.random(values[..., :1].shape) < NOISE
            noisy[..., places] = np.where(anew, drawn, values[..., places])
        start += part.size
    return noisy


def _coded_by(codec: ArrayCodec) -> list[Any]:
    """What makes stored values of a model's, and a model's of stored ones."""
    return [codec.to_json(), digest_of_code(type(codec))]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
