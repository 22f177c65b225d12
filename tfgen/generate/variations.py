"""Samples like one that a person likes: of noise around its own."""

from dataclasses import replace
from typing import Any

import numpy as np

from tfgen import versions
from tfgen.errors import UserError
from tfgen.feedback.events import Sample
from tfgen.generate.remade import remake, which_can_be_made
from tfgen.restore import load_model, open_codec
from tfgen.run import Run

AMOUNT = 0.35  # the share of new noise: like it in most, and other in details


def variations(
    run: Run, sample: Sample, count: int, seed: int = 0, amount: float = AMOUNT
) -> tuple[np.ndarray, list[Sample]]:
    """Samples [count, ...] as they are stored, and what each is known by, so that it can be made again.

    Of the sample's noise e and fresh noise f: m + sqrt(1 - amount^2) (e - m) + amount f, m being the mean of the
    prompt's noise, so that what varies stays as likely as what it is of. Variations of a truncated sample are truncated
    too.

    Raises:
        UserError: the run can't make the sample again, or it is a text.
    """
    import tensorflow as tf

    from tfgen.models import noise

    if sample.content is not None or not which_can_be_made(run)(sample):
        raise UserError(f"'{run.name}' can't vary this sample.", "Choose one of its own.")
    if not 1 <= count <= 256 or not 0 < amount <= 1:
        raise UserError("So many variations, or by so much, can't be made.", "Give 1 to 256, and an amount up to 1.")
    own_version = versions.by_identity(run)[sample.version]
    model, vocabulary = load_model(Run(run.path, run.record, own_version)), run.vocabulary()
    ids = tf.constant(np.tile(vocabulary.ids(sample.prompt), [count, 1]), tf.int32)
    seeds = tf.fill([count], tf.constant(sample.seed or 0, tf.int32))
    prompts = model.filled_prompts(seeds, ids)
    middle, own = model.mean_deviations(prompts[:1]).numpy(), _deviations(model, sample, seeds[:1], prompts[:1])
    fresh = noise.normal(tf.range(count) + tf.constant(seed, tf.int32), own.shape[1], stream=5).numpy()
    moved = (middle + np.sqrt(1 - amount**2) * (own - middle) + amount * fresh).astype(np.float32)
    samples = [replace(sample, latents=tuple(float(each) for each in row), seed=sample.seed or 0) for row in moved]
    return open_codec(run).decode(remake(run, samples)), samples


def _deviations(model: Any, sample: Sample, seeds: Any, prompts: Any) -> np.ndarray:
    """The noise [1, latent_dim] that a sample was made of."""
    from tfgen.models import noise

    if sample.latents:
        return np.array([sample.latents], np.float32)
    drawn = noise.normal(seeds, model.latent_dim)
    return (drawn if model.steered is None else model.steered.move(drawn, prompts)).numpy()
