"""Samples of a run that makes arrays: the same seed gives the same one, alone or in a batch."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfgen import files
from tfgen.catalog import MODALITIES
from tfgen.console import say
from tfgen.errors import UserError
from tfgen.generate import Generator, Origin, Request, seeds_from
from tfgen.generate.output import check_path, ending, file_stem, provenance
from tfgen.representations.arrays.sampler import BATCH, ArraySampler, drawn_prompts
from tfgen.representations.arrays.vocabulary import Vocabulary
from tfgen.representations.base import Codec
from tfgen.restore import load_model, open_codec
from tfgen.run import Run

_PART = 64 * BATCH  # samples that are decoded together
_ARRAYS = (".npy", ".npz")


class ArraySamples(np.ndarray):
    """Samples [n, ...] as they are stored, and where they are from.

    A part of them (`samples[:3]`, `samples[::-1]`, `samples[[4, 7]]`) has its own prompts and seeds; a sample alone,
    and whatever is calculated of them, is a plain array.

    prompts: of each sample; for the empty prompt, those that were drawn in its place.
    seeds: of each sample. origin: what made them.
    """

    prompts: list[str] | None = None
    seeds: list[int] | None = None
    origin: Origin | None = None

    @classmethod
    def of(cls, values: np.ndarray, prompts: list[str], seeds: list[int], origin: Origin) -> "ArraySamples":
        samples = values.view(cls)
        samples.prompts, samples.seeds, samples.origin = prompts, seeds, origin
        return samples

    def __getitem__(self, places: Any) -> np.ndarray:
        part = self.values[places]
        if self.origin is None or isinstance(places, tuple) or np.ndim(part) != self.ndim:
            return part
        rows = np.arange(len(self))[places]
        if rows.shape != part.shape[:1]:
            return part
        return self.of(part, [self.prompts[row] for row in rows], [self.seeds[row] for row in rows], self.origin)

    def __array_ufunc__(self, function: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        plain = [np.asarray(each) if isinstance(each, ArraySamples) else each for each in inputs]
        if "out" in options:
            options["out"] = tuple(np.asarray(each) for each in options["out"])
        return getattr(function, method)(*plain, **options)

    @property
    def values(self) -> np.ndarray:
        """The samples as a plain array."""
        return np.asarray(self)

    def save(self, path: str | Path) -> str:
        """Writes them where the path's ending says, and gives a phrase on what was written. See `write_samples`.

        Raises:
            UserError: they were changed since they were made, so nothing says what they are.
        """
        if self.origin is None:
            raise UserError("These are no longer samples as they were made.", "Save the array by numpy or Pillow.")
        check_output(Path(path), self.origin.modality)
        return write_samples(self, Path(path))

    def _repr_html_(self) -> str | None:
        """What a notebook shows; nothing of its own where they were changed."""
        if self.origin is None:
            return None
        modality = MODALITIES.load(self.origin.modality)
        pairs = zip(self.values, self.seeds, strict=True)
        return "".join(modality.as_html(value, f"sample of seed {seed}") for value, seed in pairs)


class ArrayGenerator(Generator):
    """See Generator. Without a place, a sheet goes to the current folder."""

    def __init__(self, run: Run, request: Request, codec: Codec):
        super().__init__(run, request, codec)
        name = file_stem(run.name, request.prompt, f"seed{request.seed}") + self.modality.sheet_ending
        self.path = request.output or Path(name)
        check_output(self.path, self.modality.name)
        run.vocabulary().ids(request.prompt)

    def default_count(self) -> int:
        return self.modality.default_count

    def samples(self) -> ArraySamples:
        return generate(self.run, self.request.prompt, len(self.seeds), self.request.seed)

    def deliver(self) -> None:
        say(f"Wrote {write_samples(self.samples(), self.path)}")


def generate(run: Run, prompt: str = "", count: int = 64, seed: int = 0) -> ArraySamples:
    """Samples `seed`, `seed + 1`, ... of a run.

    Raises:
        UserError: the prompt has a word that the model never saw, or the seeds leave int32.
    """
    vocabulary = run.vocabulary()
    ids = vocabulary.ids(prompt)
    seeds = seeds_from(seed, count)
    model, codec = load_model(run), open_codec(run)
    sampler = ArraySampler(model.generate, len(ids))
    # Decoded part by part: floats of all of them may take several times the memory.
    parts = [
        codec.decode(sampler(part, np.tile(ids, [len(part), 1]))) for part in np.array_split(seeds, -(-count // _PART))
    ]
    prompts = [prompt] * count
    if vocabulary.prompts and not ids.any():
        prompts = [vocabulary.prompts[place] for place in drawn_prompts(model, seeds)]
    return ArraySamples.of(np.concatenate(parts), prompts, [int(each) for each in seeds], Origin.of(run))


def check_output(path: Path, modality: str) -> None:
    """Raises UserError where samples can't be written to `path`; called before the work."""
    check_path(path, tuple(dict.fromkeys((MODALITIES.load(modality).sheet_ending, *_ARRAYS))))


def write_samples(samples: ArraySamples, path: Path) -> str:
    """Writes samples where `path`'s ending says and gives a phrase on what was written.

    A folder has a file each; the modality's own ending is a sheet of all; .npy is the values, without an axis of one
    channel; .npz adds prompts and seeds.
    """
    modality = MODALITIES.load(samples.origin.modality)
    if ending(path) in _ARRAYS:
        _write_arrays(samples, path)
        return f"{path}, {len(samples.seeds)} samples"
    if ending(path) == modality.sheet_ending:
        seeds = f"{samples.seeds[0]} to {samples.seeds[-1]}" if len(samples.seeds) > 1 else str(samples.seeds[0])
        prompt = samples.prompts[0] if len(set(samples.prompts)) == 1 else ""
        modality.save_sheet(path, samples.values, provenance(samples.origin, prompt, seeds))
        return f"{path}, a sheet of {len(samples.seeds)}"
    for value, prompt, seed in zip(samples.values, samples.prompts, samples.seeds, strict=True):
        name = file_stem("", prompt, f"seed{seed}") + modality.ending
        modality.save(path / name, value, provenance(samples.origin, prompt, str(seed)))
    return f"{len(samples.seeds)} files in {path}"


def _write_arrays(samples: ArraySamples, path: Path) -> None:
    values = samples.values[..., 0] if samples.ndim > 2 and samples.shape[-1] == 1 else samples.values
    content = io.BytesIO()
    if ending(path) == ".npy":
        np.save(content, values)
    else:
        name = MODALITIES.load(samples.origin.modality).array_name
        arrays = {name: values, "prompts": np.array(samples.prompts), "seeds": np.array(samples.seeds)}
        np.savez_compressed(content, **arrays)
    files.write_bytes(path, content.getbuffer())


def shown_prompts(vocabulary: Vocabulary, count: int, seed: int) -> Sequence[str]:
    """Prompts worth showing side by side: every label in turn, or captions drawn from the data; '' without prompts."""
    if not vocabulary.prompts:
        return [""] * count
    if vocabulary.kind == "labels":
        labels = [label for label, examples in zip(vocabulary.prompts, vocabulary.counts, strict=True) if examples]
        return [labels[place % len(labels)] for place in range(count)]
    return [str(prompt) for prompt in np.random.default_rng(seed).choice(vocabulary.prompts, count)]
