"""Samples made again from what the store of feedback says of them."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tfgen.errors import UserError
from tfgen.feedback.events import Sample, run_digest
from tfgen.generate import Origin
from tfgen.generate.arrays import sampler_of
from tfgen.generate.output import provenance
from tfgen.generate.steering import decoded
from tfgen.restore import load_model, open_codec
from tfgen.run import Run


def remake(run: Run, samples: Sequence[Sample]) -> np.ndarray:
    """Encoded samples [n, ...] of a run that makes arrays, each by the version that made it.

    Raises:
        UserError: the run no longer has the weights, or the version, that made one of them.
    """
    digest = run_digest(run)
    if any(sample.digest != digest for sample in samples):
        raise UserError(f"'{run.name}' no longer has the weights that made a sample.", "Leave such samples out.")
    vocabulary = run.vocabulary()
    groups: dict[tuple[str, float], list[int]] = defaultdict(list)
    for place, sample in enumerate(samples):
        groups[sample.version, float(sample.settings.get("truncation", 1.0))].append(place)
    made: list[np.ndarray | None] = [None] * len(samples)
    for (version, truncation), places in groups.items():
        model = load_model(Run.open(f"{run.path}@{version}"))
        for known, own in _apart(samples, places).items():
            ids = np.stack([vocabulary.ids(samples[place].prompt) for place in own]).astype(np.int32)
            seeds = np.array([samples[place].seed or 0 for place in own], np.int32)
            if known:
                prompts = model.filled_prompts(seeds, ids)
                deviations = np.array([samples[place].latents for place in own], np.float32)
                latents = np.asarray(model.latents_from(deviations, seeds, prompts))
                values = decoded(model, latents, model.condition(prompts).numpy())
            else:
                values = sampler_of(model, truncation)(seeds, ids)
            for place, value in zip(own, values, strict=True):
                made[place] = value
    return np.stack(made)


def _apart(samples: Sequence[Sample], places: Sequence[int]) -> dict[bool, list[int]]:
    """Those that have latents of their own, and those that a seed alone makes."""
    apart: dict[bool, list[int]] = defaultdict(list)
    for place in places:
        apart[bool(samples[place].latents)].append(place)
    return apart


def write_remade(run: Run, samples: Sequence[Sample], folder: Path) -> Callable[[Sample], str]:
    """Writes samples of a run that makes arrays as files, and gives what names the file of one, from the folder that
    theirs is in."""
    from tfgen.catalog import MODALITIES

    modality = MODALITIES.load(run.record["modality"])
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
