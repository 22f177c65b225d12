"""A run, a prompt and seeds to samples: the same seed gives the same sample, alone or in a batch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfgen.catalog import MODALITIES
from tfgen.errors import UserError
from tfgen.prompt.vocabulary import Vocabulary
from tfgen.restore import load_model
from tfgen.run import Run

# Kernels may add up in another order for another batch size, so every batch has the same one.
BATCH = 16
_PART = 64 * BATCH


@dataclass(frozen=True)
class Origin:
    """What made a sample, as its file says."""

    name: str  # the run's, or the served model's
    model: str  # which model of the catalog, or the server's address
    modality: str

    @classmethod
    def of(cls, run: Run) -> "Origin":
        return cls(run.name, run.record["model"], run.record["modality"])


@dataclass(frozen=True)
class Samples:
    """Decoded samples, the prompt and seed of each, and what made them."""

    values: np.ndarray  # uint8 [n, ...]
    prompts: list[str]  # for the empty prompt, those that were drawn in its place
    seeds: list[int]
    origin: Origin


def generate(run: Run, prompt: str = "", count: int = 64, seed: int = 0) -> Samples:
    """Samples `seed`, `seed + 1`, ... of a run.

    Raises:
        UserError: the prompt has a word that the model never saw, or the seeds leave int32.
    """
    vocabulary = run.vocabulary()
    ids = vocabulary.ids(prompt)
    seeds = seeds_from(seed, count)
    model = load_model(run)
    sampler = Sampler(model.generate, len(ids))
    decode = MODALITIES.load(run.record["modality"]).decode
    # Decoded part by part: floats of all of them would take four times the memory of the pictures.
    parts = [decode(sampler(part, np.tile(ids, [len(part), 1]))) for part in np.array_split(seeds, -(-count // _PART))]
    prompts = [prompt] * count
    if vocabulary.prompts and not ids.any():
        prompts = [vocabulary.prompts[place] for place in drawn_prompts(model, seeds)]
    return Samples(np.concatenate(parts), prompts, [int(each) for each in seeds], Origin.of(run))


def drawn_prompts(model: Any, seeds: np.ndarray) -> np.ndarray:
    """The places [n] of the prompts that stand in for empty ones; in parts: each seed is compared with every prompt."""
    parts = [model.drawn_prompts(part).numpy() for part in np.array_split(seeds, -(-len(seeds) // BATCH))]
    return np.concatenate(parts)


def seeds_from(first: int, count: int) -> np.ndarray:
    """int32 [count]. Raises UserError where a seed would not fit."""
    if count < 1:
        raise UserError(f"{count} samples can't be made.", "Ask for at least 1 with -n.")
    if count > 10**8:
        raise UserError(f"{count} samples are too many for one command.", "Ask for fewer, from several first seeds.")
    if not -(2**31) <= first <= 2**31 - count:
        raise UserError(f"The seed {first} is out of range.", "Choose one from -2147483648 to 2147483647.")
    return np.arange(first, first + count, dtype=np.int64).astype(np.int32)


class Sampler:
    """A model's way to sample, traced once: (seeds, word ids) to encoded samples, in batches of one size."""

    def __init__(self, sample: Callable[[Any, Any], Any], words: int):
        import tensorflow as tf

        signature = [tf.TensorSpec([BATCH], tf.int32), tf.TensorSpec([BATCH, words], tf.int32)]
        self._function = tf.function(sample, input_signature=signature)

    def __call__(self, seeds: np.ndarray, prompts: np.ndarray) -> np.ndarray:
        """Encoded samples [n, ...] for seeds int32 [n] and word ids int32 [n, words]."""
        import tensorflow as tf

        missing = -len(seeds) % BATCH
        padded = np.pad(seeds, [0, missing]), np.pad(prompts, [[0, missing], [0, 0]])
        rows = [tf.constant(part, tf.int32) for part in padded]
        parts = [self._function(*[row[at : at + BATCH] for row in rows]) for at in range(0, len(padded[0]), BATCH)]
        return np.concatenate([part.numpy() for part in parts])[: len(seeds)]


def show_prompts(vocabulary: Vocabulary, count: int, seed: int) -> Sequence[str]:
    """Prompts worth showing side by side: every label in turn, or captions drawn from the data; '' without prompts."""
    if not vocabulary.prompts:
        return [""] * count
    if vocabulary.kind == "labels":
        labels = [label for label, examples in zip(vocabulary.prompts, vocabulary.counts, strict=True) if examples]
        return [labels[place % len(labels)] for place in range(count)]
    return [str(prompt) for prompt in np.random.default_rng(seed).choice(vocabulary.prompts, count)]
