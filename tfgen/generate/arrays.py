"""Samples of a run that makes arrays: the same seed gives the same one, alone or in a batch."""

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.console import Preparation, say, several, size
from tfgen.environment import physical_memory
from tfgen.errors import UserError
from tfgen.feedback.events import Sample
from tfgen.generate import Control, Generator, Origin, Request, seeds_from
from tfgen.generate.output import check_path, ending, file_stem, provenance, provenance_of_all
from tfgen.generate.reactions import Reactions
from tfgen.generate.steering import Steering, Waypoint, best_seeds, find_like, sampler_of, walk
from tfgen.representations.arrays.sampler import BATCH
from tfgen.representations.arrays.vocabulary import Vocabulary
from tfgen.representations.base import Codec
from tfgen.restore import load_model, open_codec
from tfgen.run import BASE, Run
from tfgen.trust.provenance import ENCLOSED, SIGNED, write_marked

_PART = 64 * BATCH  # samples that are decoded together
ARRAY_ENDINGS = (".npy", ".npz")


class ArraySamples(Reactions, np.ndarray):
    """Samples [n, ...] as they are stored, and where they are from; a person can react to them.

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

    def arrays(self) -> dict[str, np.ndarray]:
        """The samples as other programs want them, by name.

        Raises:
            UserError: they were changed since they were made, so nothing says what they are.
        """
        if self.origin is None:
            raise UserError("These are no longer samples as they were made.", "Use them as the numpy array they are.")
        return self.origin.written_by.arrays(self.values)

    def records(self) -> list[Sample]:
        if self.origin is None or not self.origin.digest:
            raise UserError("No seed alone makes these samples again.", "React to samples of a run as it makes them.")
        origin = self.origin
        made_by = origin.name, origin.digest, origin.version or BASE
        return [
            Sample(*made_by, prompt, origin.prompt_version, seed, settings=origin.settings)
            for prompt, seed in zip(self.prompts, self.seeds, strict=True)
        ]

    def examples(self) -> Iterator[dict[str, Any]]:
        """Each sample as the bytes of its file, under the name's ending, with its prompt and seed."""
        modality = self.origin.written_by
        name = modality.ending.removeprefix(".")
        for value, prompt, seed in zip(self.values, self.prompts, self.seeds, strict=True):
            facts = provenance(self.origin, prompt, str(seed))
            if facts["provenance"] == SIGNED:
                facts["provenance"] = ENCLOSED
            yield {name: modality.as_file(value, facts), "prompt": prompt, "seed": seed}

    def save(self, path: str | Path) -> str:
        """Writes them where the path's ending says, and gives a phrase on what was written. See `write_samples`.

        Raises:
            UserError: they were changed since they were made, so nothing says what they are.
        """
        if self.origin is None:
            raise UserError("These are no longer samples as they were made.", "Save the array by numpy or Pillow.")
        check_output(Path(path), self.origin.written_by)
        return write_samples(self, Path(path))

    def _repr_html_(self) -> str | None:
        """What a notebook shows; nothing of its own where they were changed."""
        if self.origin is None:
            return None
        modality = self.origin.written_by
        pairs = zip(self.values, self.seeds, strict=True)
        return "".join(modality.as_html(value, f"sample of seed {seed}") for value, seed in pairs)


class ArrayGenerator(Generator):
    """See Generator. Without a place, a sheet goes to the current folder; of a walk, a .gif where there is such."""

    options = Steering.OPTIONS
    controls = (
        Control("truncation", "Truncation", 0, 2, 1, 0.05, "Below 1, nearer to the typical sample; above 1, wilder."),
        Control("reject", "Leave out", 0, 0.9, 0, 0.05, "The share left out: those that the model finds the worst."),
    )
    shard_options = ("truncation",)
    shard_formats = ("wds", "tfrecord")
    shard_size = 4096

    def __init__(self, run: Run, request: Request, codec: Codec):
        self.steering = Steering.of(request.options)
        super().__init__(run, request, codec)
        moving = self.modality.animation_endings if self.steering.walk else ()
        places = [file_stem("", stop.prompt, f"seed{self._seed_of(stop)}") for stop in self.steering.walk]
        stem = "-to-".join(places) or file_stem("", request.prompt, f"seed{request.seed}")
        usual = self.modality.joined_ending or self.modality.sheet_ending
        self.path = request.output or Path(f"{run.name}-{stem}{(*moving, usual)[0]}")
        check_output(self.path, self.modality, moving)
        vocabulary = run.vocabulary()
        self._stops = [(self._seed_of(stop), vocabulary.ids(stop.prompt)) for stop in self.steering.stops]
        if self._stops and len({(stop, tuple(ids)) for stop, ids in self._stops}) == 1:
            raise UserError("The walk stays where it begins.", "Name two prompts, or two seeds such as @1 and @2.")
        vocabulary.ids(request.prompt)
        self._check_memory()
        if self.steering.like is not None:
            self._target = codec.encode(self.modality.read_example(self.steering.like, codec)[None])[0]
            self._known = np.ones(self._target.shape, bool)
        if self.steering.fill is not None:
            self._known = ~self.modality.read_mask(self.steering.fill, codec)
            if self._known.all() or not self._known.any():
                what = "Nothing in the mask is white, so there is nothing to complete."
                what = what if self._known.all() else "All of the mask is white, so nothing is kept."
                raise UserError(what, "Make white what is to be completed, and the rest black.")

    def default_count(self) -> int:
        return self.modality.default_count

    def _check_memory(self) -> None:
        """Raises UserError where so many samples can't be held at once, of a byte for each value at the least."""
        needed = len(self.seeds) * math.prod(self.codec.outside_shape)
        if needed > (physical_memory() or math.inf):
            what = f"{len(self.seeds)} samples take more than {size(needed)} of memory, and this machine has less."
            raise UserError(what, "Make them in shards with --beam, or fewer, from several first seeds.")

    def _seed_of(self, stop: Waypoint) -> int:
        return self.request.seed if stop.seed is None else stop.seed

    def samples(self) -> ArraySamples:
        samples = self._samples()
        samples.origin = samples.origin.asked_by(self.request)
        return samples

    def _samples(self) -> ArraySamples:
        if self._stops:
            return self._walk()
        if self.steering.like is not None:
            return self._like()
        steering = self.steering
        return generate(
            self.run, self.request.prompt, len(self.seeds), self.request.seed, steering.truncation, steering.reject
        )

    def _walk(self) -> ArraySamples:
        """Frames, whose seeds and prompts are those of the last stop before each."""
        steering, stops = self.steering, self.steering.stops
        frames = walk(load_model(self.run), self._stops, steering.frames, steering.truncation, steering.loop)
        places = np.linspace(0, len(stops) - 1, steering.frames, endpoint=not steering.loop).astype(int)
        prompts = [stops[place].prompt for place in places]
        seeds = [self._stops[place][0] for place in places]
        origin = replace(Origin.of(self.run), digest="")  # a frame is between its seeds
        return ArraySamples.of(self.codec.decode(frames), prompts, seeds, origin)

    def _like(self) -> ArraySamples:
        model, vocabulary = load_model(self.run), self.run.vocabulary()
        say("Looking for it among what the model can make ...")
        found = find_like(model, self._target, self._known, vocabulary.ids(self.request.prompt), self.seeds)
        say(f"The nearest is {found.apart:.1%} of the values' range away, as the root of the mean square.")
        samples = np.where(self._known, self._target, found.samples) if self.steering.fill else found.samples
        prompts = [self.request.prompt or vocabulary.prompt_of(ids) for ids in found.prompts]
        seeds = [int(seed) for seed in self.seeds]
        # Its seed alone would not make it.
        origin = replace(Origin.of(self.run), digest="", completed=self.steering.fill is not None)
        return ArraySamples.of(self.codec.decode(samples), prompts, seeds, origin)

    def deliver(self) -> None:
        samples = self.samples()
        if ending(self.path) in self.modality.animation_endings and self._stops:
            facts = provenance(samples.origin, " to ".join(stop.prompt for stop in self.steering.stops), "several")
            self.modality.save_animation(self.path, samples.values, facts, self.steering.loop)
            say(f"Wrote {self.path}, {len(samples)} frames")
        elif self._stops and ending(self.path) not in (*_many_endings(self.modality), *ARRAY_ENDINGS):
            for place, frame in enumerate(samples.values):
                facts = provenance(samples.origin, samples.prompts[place], str(samples.seeds[place]))
                self.modality.save(self.path / f"frame-{place:05d}{self.modality.ending}", frame, facts)
            say(f"Wrote {len(samples)} frames in {self.path}")
        else:
            say(f"Wrote {write_samples(samples, self.path)}")


def generate(
    run: Run, prompt: str = "", count: int = 64, seed: int = 0, truncation: float = 1.0, reject: float = 0.0
) -> ArraySamples:
    """Samples `seed`, `seed + 1`, ... of a run.

    Args:
        truncation: how far from the mean of its prompt a sample may lie, as a share.
        reject: the share of samples that are left out, those that the model itself finds the worst; more are made for
            it, of further seeds.

    Raises:
        UserError: the prompt has a word that the model never saw, or the seeds leave int32.
    """
    vocabulary = run.vocabulary()
    ids = vocabulary.ids(prompt)
    seeds = seeds_from(seed, math.ceil(count / (1 - reject)))
    model, codec = load_model(run), open_codec(run)
    sampler = sampler_of(model, truncation)
    if reject:
        seeds = best_seeds(model, sampler, ids, seeds, count)
    # Decoded part by part: floats of all of them may take several times the memory.
    told, parts = Preparation("Made {done} of {total}, {left} left"), []
    for part in np.array_split(seeds, -(-count // _PART)):
        parts.append(codec.decode(sampler(part, np.tile(ids, [len(part), 1]))))
        told.show(sum(map(len, parts)), count)
    prompts = [prompt] * count
    if vocabulary.prompts and not ids.any():
        prompts = [vocabulary.prompts[place] for place in model.prompts_drawn_for(seeds)]
    origin = Origin.of(run, {} if truncation == 1.0 else {"truncation": truncation})
    return ArraySamples.of(np.concatenate(parts), prompts, [int(each) for each in seeds], origin)


def check_output(path: Path, modality: Any, others: Sequence[str] = ()) -> None:
    """Raises UserError where samples can't be written to `path`, which may have one of the other endings too; called
    before the work."""
    check_path(path, tuple(dict.fromkeys((*others, *_many_endings(modality), *ARRAY_ENDINGS))))


def _many_endings(modality: Any) -> tuple[str, ...]:
    """Of files that hold or show many samples."""
    return tuple(filter(None, (modality.sheet_ending, modality.joined_ending)))


def write_samples(samples: ArraySamples, path: Path) -> str:
    """Writes samples where `path`'s ending says and gives a phrase on what was written.

    A folder has a file each; the modality's own endings are a sheet of all, and all in a row; .npy is the values as
    other programs want them; .npz adds prompts and seeds.
    """
    modality = samples.origin.written_by
    if ending(path) in ARRAY_ENDINGS:
        _write_arrays(samples, path)
        return f"{path}, {several(len(samples.seeds), 'sample')}"
    if ending(path) in _many_endings(modality):
        facts = _facts(samples)
        if ending(path) == modality.joined_ending:
            modality.save_joined(path, samples.values, facts)
            return f"{path}, {several(len(samples.seeds), modality.samples[0])} in a row"
        modality.save_sheet(path, samples.values, facts)
        return f"{path}, a sheet of {len(samples.seeds)}"
    for value, prompt, seed in zip(samples.values, samples.prompts, samples.seeds, strict=True):
        name = file_stem("", prompt, f"seed{seed}") + modality.ending
        modality.save(path / name, value, provenance(samples.origin, prompt, str(seed)))
    return f"{several(len(samples.seeds), 'file')} in {path}"


def _facts(samples: ArraySamples) -> dict[str, str]:
    """What is said of several samples in one file."""
    seeds = f"{samples.seeds[0]} to {samples.seeds[-1]}" if len(samples.seeds) > 1 else str(samples.seeds[0])
    prompts = dict.fromkeys(samples.prompts)
    return provenance_of_all([provenance(samples.origin, prompt, seeds) for prompt in prompts], seeds)


def _write_arrays(samples: ArraySamples, path: Path) -> None:
    arrays, content = samples.arrays(), io.BytesIO()
    if ending(path) == ".npy":
        np.save(content, next(iter(arrays.values())))
    else:
        said = {"prompts": np.array(samples.prompts), "seeds": np.array(samples.seeds)}
        np.savez_compressed(content, **arrays, **said)
    write_marked(path, content.getvalue(), _facts(samples))


def shown_prompts(vocabulary: Vocabulary, count: int, seed: int) -> Sequence[str]:
    """Prompts worth showing side by side: every label in turn, or captions drawn from the data; '' without prompts."""
    if not vocabulary.prompts:
        return [""] * count
    if vocabulary.kind == "labels":
        labels = [label for label, examples in zip(vocabulary.prompts, vocabulary.counts, strict=True) if examples]
        return [labels[place % len(labels)] for place in range(count)]
    return [str(prompt) for prompt in np.random.default_rng(seed).choice(vocabulary.prompts, count)]
