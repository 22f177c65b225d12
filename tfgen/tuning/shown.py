"""Samples of arrays that people saw, made again as the version that they are of made them, and what the model sees."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tfgen import versions
from tfgen.feedback.events import Sample
from tfgen.feedback.preferences import Comparison
from tfgen.generate.remade import by_version, latents_of, which_can_be_made
from tfgen.run import BASE, Run
from tfgen.tuning.reward import Answer

ROWS = 64  # samples that are looked at together


def usable(run: Run, comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons whose samples can be had again. Needs no TensorFlow."""
    can_be_made = which_can_be_made(run)
    return [each for each in comparisons if each.rest and all(map(can_be_made, each.shown))]


def answers_of(
    comparisons: Sequence[Comparison], features: dict[str, np.ndarray], directions: Any
) -> list[Answer]:
    """What a reward learns from: `features` are `features_of` what was shown."""
    return [
        Answer(
            directions(np.stack([features[sample.id] for sample in each.shown])),
            tuple(each.picked),
            tuple(sample.id for sample in each.shown),
            each.weight,
        )
        for each in comparisons
    ]


class Looker:
    """What a model sees in samples that it makes of latents [n, latent_dim]; traced once, in batches of one size."""

    def __init__(self, model: Any):
        import tensorflow as tf

        self.model = model
        shapes = [tf.TensorSpec([ROWS, model.latent_dim]), tf.TensorSpec([ROWS, model.conditions.longest], tf.int32)]
        self._look = tf.function(self._looked, input_signature=shapes, autograph=False)

    def __call__(self, latents: np.ndarray, prompts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features float32 [n, d] and, of a model that judges, its scores [n]; else zeros."""
        import tensorflow as tf

        missing = -len(latents) % ROWS
        latents, prompts = (np.pad(each, [[0, missing], [0, 0]]) for each in (latents, prompts))
        parts = []
        for start in range(0, len(latents), ROWS):
            given = latents[start : start + ROWS], prompts[start : start + ROWS]
            parts.append([each.numpy() for each in self._look(*map(tf.constant, given))])
        features, scores = (np.concatenate(each)[: len(latents) - missing] for each in zip(*parts, strict=True))
        return features, scores

    def _looked(self, latents: Any, prompts: Any) -> tuple[Any, Any]:
        examples = self.model.decode(latents, prompts)
        return self.model.features(examples), self.model.scores(examples, prompts)

    def bank(self, seeds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Features [n, d], latents [n, latent_dim] and word ids [n, words] of seeds of the empty prompt: of all that it
        makes."""
        import tensorflow as tf

        seeds = tf.constant(seeds, tf.int32)
        empty = tf.zeros([len(seeds), self.model.conditions.longest], tf.int32)
        prompts = self.model.filled_prompts(seeds, empty)
        latents = self.model.latents(seeds, prompts).numpy()
        return self(latents, prompts.numpy())[0], latents, prompts.numpy()


def features_of(run: Run, looker: Looker, samples: Iterable[Sample]) -> dict[str, np.ndarray]:
    """What the model sees in samples, by their ids; each is made by the version of the run that made it. The looker's
    model is without a version, and is so again afterwards."""
    found, known = {}, versions.by_identity(run)
    for version, own in by_version(samples).items():
        looker.model.steered = None
        if version != BASE:
            looker.model.adopt(versions.find(run, known[version]).arrays())
        features, _ = looker(*latents_of(run.vocabulary(), looker.model, own))
        found.update(zip((sample.id for sample in own), features, strict=True))
    looker.model.steered = None
    return found
