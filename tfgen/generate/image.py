"""Pictures of a run: the same seed gives the same one, alone or in a batch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.catalog import MODALITIES
from tfgen.generate import Generator, Origin, Request, seeds_from
from tfgen.prompt.vocabulary import Vocabulary
from tfgen.restore import load_model
from tfgen.run import Run
from tfgen.talk import say

# Kernels may add up in another order for another batch size, so every batch has the same one.
BATCH = 16
_PART = 64 * BATCH


@dataclass(frozen=True)
class Samples:
    """Decoded samples, the prompt and seed of each, and what made them."""

    values: np.ndarray  # uint8 [n, ...]
    prompts: list[str]  # for the empty prompt, those that were drawn in its place
    seeds: list[int]
    origin: Origin


class ImageGenerator(Generator):
    """See Generator. Without a place, a grid goes to the current folder."""

    makes = "pictures"
    default_count = 64

    def __init__(self, run: Run, request: Request):
        from tfgen.output.image import check_output, file_name

        super().__init__(run, request)
        self.path = request.output or Path(file_name(run.name, request.prompt, request.seed))
        check_output(self.path)
        run.vocabulary().ids(request.prompt)

    def deliver(self) -> None:
        from tfgen.output.image import write_samples

        samples = generate(self.run, self.request.prompt, len(self.seeds), self.request.seed)
        say(f"Wrote {write_samples(samples, self.path)}")


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
