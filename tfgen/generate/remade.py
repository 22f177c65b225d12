"""Samples made again from what the store of feedback says of them."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfgen import versions
from tfgen.errors import UserError
from tfgen.feedback.events import Sample, run_digest
from tfgen.generate import Origin
from tfgen.generate.output import provenance
from tfgen.generate.steering import decoded
from tfgen.representations import ARRAYS
from tfgen.representations.arrays.vocabulary import Vocabulary
from tfgen.restore import load_model, open_codec, open_modality
from tfgen.run import Run

_AT_ONCE = 1024  # samples: each is compared with every prompt


def which_can_be_made(run: Run) -> Callable[[Sample], bool]:
    """A function that says whether a sample can be had again: a text as it was kept; of arrays one of the run's present
    weights and of a version that is still there, drawn from a seed or latents and no other way. Needs no TensorFlow."""
    if open_codec(run).representation != ARRAYS:
        return lambda sample: sample.content is not None
    digest, known, vocabulary = run_digest(run), versions.by_identity(run), run.vocabulary()
    size = run.record["config"].get("latent_dim")

    def can_be_made(sample: Sample) -> bool:
        if sample.content is not None or sample.digest != digest or sample.version not in known:
            return False
        if set(sample.settings) - {"truncation"} or (sample.latents and len(sample.latents) != size):
            return False
        if not sample.latents and sample.seed is None or not -(2**31) <= (sample.seed or 0) < 2**31:
            return False
        try:
            vocabulary.ids(sample.prompt)
        except UserError:  # a word that the run no longer knows
            return False
        return True

    return can_be_made


def remake(run: Run, samples: Sequence[Sample]) -> np.ndarray:
    """Encoded samples [n, ...] of a run that makes arrays, each by the version that made it.

    Raises:
        UserError: the run no longer has the weights, or the version, that made one of them.
    """
    can_be_made = which_can_be_made(run)
    if not all(can_be_made(sample) for sample in samples):
        raise UserError(*_gone(run))
    made = {}
    for own in by_version(samples).values():
        model = load_model(run_that_made(run, own[0]))
        latents, prompts = latents_of(run.vocabulary(), model, own)
        made.update(zip((sample.id for sample in own), decoded(model, latents, model.condition(prompts).numpy())))
    return np.stack([made[sample.id] for sample in samples])


def run_that_made(run: Run, sample: Sample) -> Run:
    """The run at the version that made a sample. Raises UserError where its weights, or that version, are gone."""
    known = versions.by_identity(run)
    if sample.digest != run_digest(run) or sample.version not in known:
        raise UserError(*_gone(run))
    return Run(run.path, run.record, known[sample.version])


def _gone(run: Run) -> tuple[str, str]:
    return f"'{run.name}' can no longer make one of the samples.", "Leave it out."


def by_version(samples: Iterable[Sample]) -> dict[str, list[Sample]]:
    """Different samples, by the version that made them."""
    groups: dict[str, dict[str, Sample]] = {}
    for sample in samples:
        groups.setdefault(sample.version, {})[sample.id] = sample
    return {version: list(own.values()) for version, own in groups.items()}


def latents_of(vocabulary: Vocabulary, model: Any, samples: Sequence[Sample]) -> tuple[np.ndarray, np.ndarray]:
    """Latents [n, latent_dim] and word ids [n, words] of samples of the model's version: of deviations where a sample
    has its own, else of its seed."""
    parts = [_latents_of(vocabulary, model, samples[at : at + _AT_ONCE]) for at in range(0, len(samples), _AT_ONCE)]
    latents, prompts = (np.concatenate(each) for each in zip(*parts, strict=True))
    return latents, prompts


def _latents_of(vocabulary: Vocabulary, model: Any, samples: Sequence[Sample]) -> tuple[np.ndarray, np.ndarray]:
    import tensorflow as tf

    ids = tf.constant(np.stack([vocabulary.ids(each.prompt) for each in samples]), tf.int32)
    seeds = tf.constant([each.seed or 0 for each in samples], tf.int32)
    prompts = model.filled_prompts(seeds, ids)
    latents = model.latents(seeds, prompts).numpy()
    own = [row for row, each in enumerate(samples) if each.latents]
    if own:
        deviations = tf.constant([samples[row].latents for row in own], tf.float32)
        latents[own] = model.latents_from(deviations, tf.gather(seeds, own), tf.gather(prompts, own)).numpy()
    middle = model.mean_latents(prompts).numpy()
    share = np.array([each.settings.get("truncation", 1.0) for each in samples], np.float32)[:, None]
    return np.where(share == 1.0, latents, middle + share * (latents - middle)), prompts.numpy()


def write_remade(run: Run, samples: Sequence[Sample], folder: Path) -> Callable[[Sample], str]:
    """Writes samples of a run that makes arrays as files, and gives what names the file of one, from the folder that
    theirs is in."""
    modality = open_modality(run)
    unique = {sample.id: sample for sample in samples}
    if unique:
        values = open_codec(run).decode(remake(run, list(unique.values())))
        for sample, value in zip(unique.values(), values, strict=True):
            origin = Origin(
                run.name, run.record["model"], modality.name, sample.version, sample.digest, sample.settings,
                sample.prompt_version,
            )
            seed = "several" if sample.latents else str(sample.seed)
            modality.save(folder / f"{sample.id}{modality.ending}", value, provenance(origin, sample.prompt, seed))
    return lambda sample: f"{folder.name}/{sample.id}{modality.ending}"
