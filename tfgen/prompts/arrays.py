"""Cells of a run that makes arrays: samples of many of them ride in the same batches."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.console import say, several
from tfgen.errors import UserError
from tfgen.generate import Origin
from tfgen.generate.arrays import ARRAY_ENDINGS, ArraySamples, check_output, write_samples
from tfgen.generate.output import ending, provenance
from tfgen.generate.steering import Steering
from tfgen.prompts.cells import Cell, Cells, Drawn
from tfgen.prompts.judges import Measure
from tfgen.representations.arrays.sampler import BATCH

_AT_ONCE = 64 * BATCH  # samples that are in memory as floats


class ArrayCells(Cells):
    """See Cells."""

    settings = ("truncation",)
    tried = {"truncation": (0.5, 0.7, 0.85, 1.0)}
    strings = False
    least = 2
    default_count = 16
    shown_count = 8

    @classmethod
    def check_settings(cls, settings: Mapping[str, Any]) -> None:
        Steering.of(dict(settings))

    def check_cell(self, cell: Cell) -> None:
        self.check_settings(dict(cell.settings))
        self._vocabulary.ids(cell.prompt)

    @cached_property
    def _vocabulary(self) -> Any:
        return self.run.vocabulary()

    @cached_property
    def _sample(self) -> Any:
        """A graph from seeds [batch], word ids [batch, words] and truncations [batch, 1] to encoded samples."""
        import tensorflow as tf

        def sample(seeds: Any, prompts: Any, truncation: Any) -> Any:
            prompts = self.model.filled_prompts(seeds, prompts)
            middle, latents = self.model.mean_latents(prompts), self.model.latents(seeds, prompts)
            # Untruncated ones are what `generate` makes, to the last bit.
            moved = tf.where(truncation == 1.0, latents, middle + truncation * (latents - middle))
            return self.model.decode(moved, prompts)

        words = self.model.conditions.longest
        shapes = [([BATCH], tf.int32), ([BATCH, words], tf.int32), ([BATCH, 1], tf.float32)]
        return tf.function(sample, input_signature=[tf.TensorSpec(*each) for each in shapes], autograph=False)

    def draw(self, cells: Sequence[Cell], seeds: np.ndarray) -> list[Drawn]:
        count = len(seeds)
        ids = np.repeat(np.stack([self._vocabulary.ids(cell.prompt) for cell in cells]), count, axis=0)
        shares = [dict(cell.settings).get("truncation", 1.0) for cell in cells]
        rows = np.tile(seeds, len(cells)), ids, np.repeat(np.array(shares, np.float32), count)[:, None]
        parts = [
            self.codec.decode(self._sampled(*[row[at : at + _AT_ONCE] for row in rows]))
            for at in range(0, len(ids), _AT_ONCE)
        ]
        values = np.concatenate(parts)
        return [Drawn(cell, seeds, values[at * count : (at + 1) * count]) for at, cell in enumerate(cells)]

    def draw_one_each(self, cells: Sequence[Cell], seeds: np.ndarray) -> list[Drawn]:
        ids = np.stack([self._vocabulary.ids(cell.prompt) for cell in cells])
        shares = np.array([dict(cell.settings).get("truncation", 1.0) for cell in cells], np.float32)
        values = self.codec.decode(self._sampled(seeds, ids, shares[:, None]))
        return [Drawn(cell, seeds[at : at + 1], values[at : at + 1]) for at, cell in enumerate(cells)]

    def _sampled(self, *rows: np.ndarray) -> np.ndarray:
        import tensorflow as tf

        count = len(rows[0])
        padded = [np.pad(row, [[0, -count % BATCH]] + [[0, 0]] * (row.ndim - 1)) for row in rows]
        parts = [
            self._sample(*[tf.constant(row[at : at + BATCH]) for row in padded]).numpy()
            for at in range(0, len(padded[0]), BATCH)
        ]
        return np.concatenate(parts)[:count]

    # Search.

    def words(self) -> Sequence[str]:
        vocabulary = self._vocabulary
        return list(vocabulary.known_labels) if vocabulary.kind == "labels" else vocabulary.words

    def neighbours(self, cell: Cell) -> list[Cell]:
        """Of captions a word less, a word more, a word for another, two words the other way round; what has the same
        ids comes once. Of labels none: another label is another thing, and which ones are meant the template says."""
        vocabulary, words = self._vocabulary, cell.prompt.split()
        if vocabulary.kind != "captions":
            return []
        other = [word for word in self.words() if word not in words]
        changed = [words[:at] + words[at + 1 :] for at in range(len(words)) if len(words) > 1]
        changed += [words[:at] + [words[at + 1], words[at]] + words[at + 2 :] for at in range(len(words) - 1)]
        changed += [[*words, word] for word in other]
        changed += [words[:at] + [word] + words[at + 1 :] for at in range(len(words)) for word in other]
        found = {tuple(vocabulary.ids(cell.prompt)): cell}
        for prompt in map(" ".join, changed):
            try:
                found.setdefault(tuple(vocabulary.ids(prompt)), Cell(prompt, cell.settings))
            except UserError:  # more words than any caption has
                continue
        return list(found.values())[1:]

    # Measuring.

    def measures(self) -> Mapping[str, Measure]:
        diversity = Measure(self._diversity, "the variance, as a share of all prompts' together", 1, alone=False)
        if self._vocabulary.kind != "labels":
            return {"diversity": diversity}
        return {"recognised": Measure(self._as_asked, "the share recognised as asked", 1), "diversity": diversity}

    def recognised(self, values: np.ndarray) -> list[str]:
        """The label that the evaluation's classifier sees in each. Raises UserError where the data isn't there."""
        look, labels = self._classifier
        return [labels[place] for place in look(values)]

    @cached_property
    def _classifier(self) -> tuple[Any, Sequence[str]]:
        from tfgen.catalog import EXTRACTORS
        from tfgen.evaluate.training_data import open_training

        extractor = EXTRACTORS.load("classifier")(open_training(self.run))

        def look(values: np.ndarray) -> np.ndarray:
            parts = [extractor.recognised(extractor.look(values[at : at + 1024])) for at in range(0, len(values), 1024)]
            return np.concatenate(parts)

        return look, extractor.labels

    def label(self, prompt: str) -> str:
        """The label that a prompt means; "" for the empty one. Raises UserError where it means none."""
        return self._vocabulary.prompt_of(self._vocabulary.ids(prompt))

    def _as_asked(self, drawn: Drawn) -> np.ndarray:
        asked = [self.label(drawn.cell.prompt)] * len(drawn)
        if not asked[0]:
            asked = [self._vocabulary.prompts[place] for place in self.model.prompts_drawn_for(drawn.seeds)]
        seen = self.recognised(drawn.values)
        return np.array([one == two for one, two in zip(asked, seen, strict=True)], np.float64)

    def features(self, values: np.ndarray) -> np.ndarray:
        """What the model sees in samples, [n, size]."""
        return np.concatenate([self._features(values[at : at + 256]).numpy() for at in range(0, len(values), 256)])

    @cached_property
    def _features(self) -> Any:
        import tensorflow as tf

        def features(values: tf.Tensor) -> tf.Tensor:
            return self.model.features(self.codec.encode(values))

        return tf.function(features, reduce_retracing=True, autograph=False)

    @cached_property
    def _usual_spread(self) -> float:
        """The mean squared distance of what the run draws without a prompt from its own mean."""
        drawn = self.draw([Cell("")], np.arange(256, dtype=np.int32))[0]
        return max(float(np.var(self.features(drawn.values), axis=0, ddof=1).sum()), 1e-12)

    def _diversity(self, drawn: Drawn) -> np.ndarray:
        """What each sample adds to the variance of its cell; the mean is the variance itself, and 1 is as varied as all
        that the model draws."""
        rows = self.features(drawn.values).astype(np.float64)
        if len(rows) < 2:
            return np.full(len(rows), np.nan)
        return np.square(rows - rows.mean(axis=0)).sum(axis=1) * len(rows) / (len(rows) - 1) / self._usual_spread

    # Files.

    def check_output(self, path: Path) -> None:
        check_output(path, self.modality)

    def samples(self, drawn: Sequence[Drawn], origin: Origin) -> ArraySamples:
        prompts = [each.cell.prompt for each in drawn for _ in range(len(each))]
        seeds = [int(seed) for each in drawn for seed in each.seeds]
        settings = {each.cell.settings for each in drawn}
        # A truncation of 1 is none. Of several settings no one origin can say which made a sample.
        own = {name: value for name, value in drawn[0].cell.settings if (name, value) != ("truncation", 1.0)}
        alike = {"settings": own} if len(settings) == 1 else {"digest": ""}
        origin = replace(origin, **alike)
        return ArraySamples.of(np.concatenate([each.values for each in drawn]), prompts, seeds, origin)

    def show(self, drawn: Sequence[Drawn], origin: Origin, stem: str, as_json: bool) -> None:
        say(f"Wrote {self.save(drawn, Path(f'{self.run.name}-{stem}{self.modality.sheet_ending}'), origin)}")

    def save(self, drawn: Sequence[Drawn], path: Path, origin: Origin) -> str:
        samples = self.samples(drawn, origin)
        if ending(path) == self.modality.sheet_ending and len(drawn) > 1 and len(drawn[0]) > 1:
            seeds = f"{drawn[0].seeds[0]} to {drawn[0].seeds[-1]}, in each row"
            prompts = "; ".join(each.cell.title for each in drawn)
            self.modality.save_sheet(path, samples.values, provenance(origin, prompts, seeds), len(drawn[0]))
            return f"{path}, {len(drawn)} rows of {len(drawn[0])}"
        if ending(path) in (self.modality.sheet_ending, *ARRAY_ENDINGS):
            return write_samples(samples, path)
        for each in drawn:
            write_samples(self.samples([each], origin), path)
        return f"{several(len(samples), 'file')} in {path}"
