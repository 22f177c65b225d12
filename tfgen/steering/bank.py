"""Many samples of one prompt and what the model sees in each: made once, and kept in the cache folder."""

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from tfgen import files
from tfgen.console import say
from tfgen.data.prepared import cache_folder
from tfgen.errors import UserError
from tfgen.feedback.events import run_digest
from tfgen.representations.arrays.sampler import BATCH
from tfgen.restore import load_model, open_codec, open_modality
from tfgen.run import Run
from tfgen.steering.directions import Directions
from tfgen.steering.recognition import Recognition

COUNT = 4096
VERSION = 2  # raise it whenever the same run and prompt would give another bank
ROWS = 64  # samples that are looked at together
_COMPARED = 2048  # of a bank, with as many samples of all prompts, to tell prompts apart
_OTHERS = 2 * 10**6  # the first seed of those
_ARRAYS = (
    "positions", "scores", "margins", "words", "slopes", "offsets", "mean", "components", "spread", "all_mean",
    "all_components", "all_spread",
)
_MEASURED = 512  # samples that are decoded at once to be measured
_MOST_FLOATS = 2**24  # of the features that the directions are found in


@dataclass(frozen=True)
class Candidates:
    """Samples that could be shown, one a row.

    noise: float32 [n, latent_dim], standard normal. seeds: int32 [n], which draw the rest that a sample depends on,
    such as a mixture's component. prompts: word ids int32 [n, words], of what was drawn where the prompt is empty.
    positions: [n, k], what the model sees, along the bank's directions. scores: [n], how much at home each is in the
    model. margins: [n], how surely the model knows its prompt again. rows: the place in the bank, -1 for what is not of
    it.
    """

    noise: np.ndarray
    seeds: np.ndarray
    prompts: np.ndarray
    positions: np.ndarray
    scores: np.ndarray
    margins: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.seeds)

    def take(self, places: Any) -> "Candidates":
        """Some of them, in this order."""
        return Candidates(*(getattr(self, field.name)[places] for field in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence["Candidates"]) -> "Candidates":
        """All of several, one after the other."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))


class LatentSpace:
    """A run's model from noise to samples, and to what it sees in them; traced once, in batches of one size."""

    def __init__(self, run: Run, prompt: str, model: Any = None):
        import tensorflow as tf

        self.run, self.prompt = run, prompt
        self.vocabulary = run.vocabulary()
        self.codec = open_codec(run)
        self.model = model or load_model(run)
        self._ids = self.vocabulary.ids(prompt)
        self.directions: Directions | None = None  # these come with a bank
        self.recognition: Recognition | None = None
        words = self.model.conditions.longest
        noise, seed, ids = (
            lambda rows: tf.TensorSpec([rows, self.model.latent_dim]),
            lambda rows: tf.TensorSpec([rows], tf.int32),
            lambda rows: tf.TensorSpec([rows, words], tf.int32),
        )
        self._draw = tf.function(self._drawn, input_signature=[seed(ROWS), ids(ROWS)], autograph=False)
        self._see = tf.function(self._seen, input_signature=[noise(ROWS), seed(ROWS), ids(ROWS)], autograph=False)
        self._decode = tf.function(
            lambda *given: self.model.decode(self._latents(*given), given[2]),
            input_signature=[noise(BATCH), seed(BATCH), ids(BATCH)],
            autograph=False,
        )

    def draw(self, seeds: np.ndarray, of_all: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """The noise [n, latent_dim] of seeds int32 [n], and the word ids [n, words] of their prompts, or of all
        prompts as often as the data had them."""
        ids = np.zeros_like(self._ids) if of_all else self._ids
        return self._in_batches(self._draw, ROWS, seeds, np.tile(ids, [len(seeds), 1]))

    def features(self, noise: np.ndarray, seeds: np.ndarray, prompts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the model sees in samples, [n, features], and their scores [n]."""
        return self._in_batches(self._see, ROWS, noise, seeds, prompts)

    def look(self, noise: np.ndarray, seeds: np.ndarray, prompts: np.ndarray) -> Candidates:
        """Samples of noise [n, latent_dim], seeds [n] and word ids [n, words] as candidates."""
        features, scores = self.features(noise, seeds, prompts)
        positions, margins = self.directions(features), self.recognition.margins(features, prompts)
        return Candidates(noise, seeds, prompts, positions, scores, margins, np.full(len(seeds), -1, np.int32))

    def decode(self, candidates: Candidates) -> np.ndarray:
        """The samples themselves, as they are stored: [n, ...]."""
        given = candidates.noise, candidates.seeds, candidates.prompts
        return self.codec.decode(self._in_batches(self._decode, BATCH, *given)[0])

    def deviations(self, noise: np.ndarray, prompts: np.ndarray) -> np.ndarray:
        """What `model.latents_from` takes, [n, latent_dim]: the noise, moved where the version is a steered one."""
        steered = self.model.steered
        return noise if steered is None else steered.move(noise, prompts).numpy()

    def measures(self) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
        """What can be measured in samples as they are stored, by name."""
        return open_modality(self.run).attributes(self.codec)

    def measure(self, values: np.ndarray) -> np.ndarray:
        """What can be measured in samples as they are stored, [n, attributes]."""
        found = [np.asarray(each(values), np.float64) for each in self.measures().values()]
        return np.stack(found, axis=1) if found else np.empty([len(values), 0])

    def measured(self, bank: Candidates) -> dict[str, np.ndarray]:
        """What is measured in a bank's samples, [n] by name; from the cache or now."""
        path = _path(self, len(bank), "attributes")
        measures = self.measures()
        found = _read(path, measures)
        if found is None:
            starts = range(0, len(bank) if measures else 0, _MEASURED)
            parts = [self.measure(self.decode(bank.take(slice(start, start + _MEASURED)))) for start in starts]
            found = dict(zip(measures, np.concatenate(parts).T, strict=True)) if measures else {}
            _write(path, found)
        return found

    def _drawn(self, seeds: Any, prompts: Any) -> tuple[Any, Any]:
        from tfgen.models import noise

        return noise.normal(seeds, self.model.latent_dim), self.model.filled_prompts(seeds, prompts)

    def _latents(self, noise: Any, seeds: Any, prompts: Any) -> Any:
        steered = self.model.steered
        return self.model.latents_from(noise if steered is None else steered.move(noise, prompts), seeds, prompts)

    def _seen(self, noise: Any, seeds: Any, prompts: Any) -> tuple[Any, Any]:
        examples = self.model.decode(self._latents(noise, seeds, prompts), prompts)
        return self.model.features(examples), self.model.scores(examples, prompts)

    @staticmethod
    def _in_batches(function: Any, rows: int, *columns: np.ndarray) -> list[np.ndarray]:
        """What a graph gives for columns [n, ...], fed so many rows at a time; the last ones are filled up."""
        import tensorflow as tf

        count = len(columns[0])
        missing = -count % rows
        padded = [np.concatenate([each, np.repeat(each[:1], missing, axis=0)]) for each in columns]
        parts = []
        for start in range(0, count + missing, rows):
            made = function(*[tf.constant(each[start : start + rows]) for each in padded])
            parts.append([each.numpy() for each in (made if isinstance(made, (tuple, list)) else [made])])
        return [np.concatenate(each)[:count] for each in zip(*parts, strict=True)]


def open_bank(space: LatentSpace, count: int = COUNT) -> Candidates:
    """The bank of a run's version and prompt: seeds 0, 1, ..., from the cache or made now; sets the space's directions.

    Raises:
        UserError: the model makes the same sample of every seed, so there is nothing to choose among.
    """
    seeds = np.arange(count, dtype=np.int32)
    path = _path(space, count)
    stored = _read(path, _ARRAYS)
    noise, prompts = space.draw(seeds)
    if stored is None:
        say(f"Looking at {count} {space.codec.specification.plural} that the model can make; once for this prompt ...")
        stored = _made(space, noise, seeds, prompts)
        _write(path, stored)
    space.directions = _directions_from(stored, "")
    all_directions = _directions_from(stored, "all_") if len(stored["words"]) else None
    space.recognition = Recognition(stored["words"], stored["slopes"], stored["offsets"], all_directions)
    rows = np.arange(count, dtype=np.int32)
    return Candidates(noise, seeds, prompts, stored["positions"], stored["scores"], stored["margins"], rows)


def _made(space: LatentSpace, noise: np.ndarray, seeds: np.ndarray, prompts: np.ndarray) -> dict[str, np.ndarray]:
    first, _ = space.features(noise[:ROWS], seeds[:ROWS], prompts[:ROWS])
    enough = min(len(seeds), max(ROWS, _MOST_FLOATS // first.shape[1] // ROWS * ROWS))
    features, scores = space.features(noise[:enough], seeds[:enough], prompts[:enough])
    try:
        space.directions = Directions.of(features)
    except ValueError:
        raise UserError(
            f"All that '{space.run.name}' makes of this prompt is the same.", "Choose another prompt or another run."
        ) from None
    space.recognition = _recognition(space, features[:_COMPARED], prompts[:_COMPARED])
    positions, margins = [space.directions(features)], [space.recognition.margins(features, prompts[:enough])]
    all_scores = [scores]
    del features
    for start in range(enough, len(seeds), enough):
        part = slice(start, start + enough)
        more = space.look(noise[part], seeds[part], prompts[part])
        for parts, new in ((positions, more.positions), (margins, more.margins), (all_scores, more.scores)):
            parts.append(new)
    return {
        "positions": np.concatenate(positions).astype(np.float32),
        "scores": np.concatenate(all_scores).astype(np.float32),
        "margins": np.concatenate(margins),
        "words": space.recognition.words,
        "slopes": space.recognition.slopes,
        "offsets": space.recognition.offsets,
        **_directions_to(space.directions, ""),
        **_directions_to(space.recognition.directions or space.directions, "all_"),
    }


def _recognition(space: LatentSpace, features: np.ndarray, prompts: np.ndarray) -> Recognition:
    """How the model tells this bank's prompts from its others."""
    if len(space.vocabulary.prompts) < 2:
        return Recognition.nothing(prompts.shape[1])
    seeds = np.arange(_OTHERS, _OTHERS + len(features), dtype=np.int32)
    noise, others = space.draw(seeds, of_all=True)
    more, _ = space.features(noise, seeds, others)
    return Recognition.of(np.concatenate([features, more]), np.concatenate([prompts, others]))


def _directions_to(directions: Directions, prefix: str) -> dict[str, np.ndarray]:
    parts = {"mean": directions.mean, "components": directions.components, "spread": np.array(directions.spread)}
    return {prefix + name: value for name, value in parts.items()}


def _directions_from(stored: dict[str, np.ndarray], prefix: str) -> Directions:
    mean, components, spread = (stored[prefix + name] for name in ("mean", "components", "spread"))
    return Directions(mean, components, (float(spread[0]), float(spread[1])))


def _path(space: LatentSpace, count: int, what: str = "bank") -> Path:
    """Where a bank is kept: named by all that it depends on."""
    run = space.run
    content = json.dumps([VERSION, run_digest(run), run.version, _digest_of_version(run), space._ids.tolist(), count])
    return cache_folder() / "steering" / f"{what}-{hashlib.sha256(content.encode()).hexdigest()[:32]}.npz"


def _digest_of_version(run: Run) -> str:
    from tfgen import versions
    from tfgen.run import BASE

    return "" if run.version == BASE else versions.find(run, run.version).record["digest"]


def _write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    content = io.BytesIO()
    np.savez(content, **arrays)
    files.write_bytes(path, content.getbuffer())


def _read(path: Path, names: Iterable[str]) -> dict[str, np.ndarray] | None:
    """What `_write` wrote; None where there is none, or where it is damaged."""
    import zipfile

    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in names}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
