"""Samples from fixed seeds while a model learns: one file for each look, named by the step."""

from typing import Any

import numpy as np

from tfgen.catalog import ENGINES
from tfgen.generate.arrays import shown_prompts
from tfgen.representations.arrays.sampler import ArraySampler
from tfgen.representations.rows.sampler import RowSampler
from tfgen.representations.sequences.examples import side_by_side
from tfgen.representations.sets.ranker import Ranker
from tfgen.restore import open_modality
from tfgen.run import Run
from tfgen.trust.provenance import write_marked

_SAMPLES = 64  # of arrays, on one sheet
_FEW_LABELS = 16  # so many have a column each
_SEQUENCES = 4  # on one sheet
_ROWS = 16  # on one sheet
_SETS = 16  # on one sheet
_LENGTH = 200  # tokens of each at the most


def open_sheets(run: Run, model: Any, examples: Any) -> Any:
    """What a fit shows of its model: an object with `write()`."""
    return ENGINES.load(f"sheets/{examples.representation}")(run, model, examples)


class ArraySheets:
    """Writes a sheet for each way that the model can sample."""

    def __init__(self, run: Run, model: Any, examples: Any):
        self.run, self.model, self.codec = run, model, examples.codec
        vocabulary = run.vocabulary()  # an older run knows labels as words
        labels = sum(count > 0 for count in vocabulary.counts)
        self.columns = labels if vocabulary.kind == "labels" and labels <= _FEW_LABELS else 8
        total = self.columns * max(1, _SAMPLES // self.columns)
        self.seeds = np.arange(total, dtype=np.int32)
        self.prompts = np.stack([vocabulary.ids(prompt) for prompt in shown_prompts(vocabulary, total, seed=0)])
        words = self.prompts.shape[1]
        self.samplers = {name: ArraySampler(way, words) for name, way in model.samplers().items()}

    def write(self) -> None:
        """One file for each way to sample, named by the step."""
        modality = open_modality(self.run)
        about = _about(self.run, len(self.seeds))
        for name, sampler in self.samplers.items():
            values = self.codec.decode(sampler(self.seeds, self.prompts))
            file = f"{name}-{int(self.model.step.numpy()):08d}{modality.sheet_ending}"
            modality.save_sheet(self.run.path / "samples" / file, values, about, self.columns)


class SequenceSheets:
    """Writes what the model says from an empty prompt, or from prompts that are held out."""

    def __init__(self, run: Run, model: Any, examples: Any):
        import tensorflow as tf

        self.run, self.model, self.codec = run, model, examples.codec
        self._openings = examples.openings(_SEQUENCES)
        self._function = tf.function(model.generate, autograph=False)

    def write(self) -> None:
        """One text file, named by the step."""
        import tensorflow as tf

        from tfgen.representations.sequences.sampling import Sampling

        rows = _SEQUENCES
        length = self.codec.usual_sampling.get("length", min(_LENGTH, max(50, self.model.context)))
        sampling = Sampling(tf.range(rows), tf.fill([rows], 0.8), tf.zeros([rows], tf.int32), tf.fill([rows], 0.95))
        made, counts = self._function(*side_by_side(self._openings), tf.fill([rows], length), sampling)
        texts = [self.codec.written(row[:count]) for row, count in zip(made.numpy(), counts.numpy(), strict=True)]
        given = [self.codec.written(ids) for ids in self._openings]
        parts = [
            f"--- seed {seed} ---\n{f'{prompt.strip()} ->{chr(10)}' if prompt else ''}{text.strip()}\n"
            for seed, (prompt, text) in enumerate(zip(given, texts, strict=True))
        ]
        path = self.run.path / "samples" / f"samples-{int(self.model.step.numpy()):08d}.txt"
        write_marked(path, "\n".join(parts).encode(), _about(self.run, rows))


class RowSheets:
    """Writes some rows of the model, as text."""

    def __init__(self, run: Run, model: Any, examples: Any):
        self.run, self.model, self.codec = run, model, examples.codec
        self._sampler = RowSampler(model, examples.codec)

    def write(self) -> None:
        """One text file, named by the step."""
        modality = open_modality(self.run)
        rows = modality.repair(self._sampler(np.arange(_ROWS, dtype=np.int32)), self.codec)
        path = self.run.path / "samples" / f"samples-{int(self.model.step.numpy()):08d}.txt"
        content = "".join(f"{line}\n" for line in modality.lines(rows, heading=True)).encode()
        write_marked(path, content, _about(self.run, _ROWS))


class SetSheets:
    """Writes some sets that the model invents, as text."""

    def __init__(self, run: Run, model: Any, examples: Any):
        self.run, self.model, self.codec = run, model, examples.codec
        self._ranker = Ranker(model)

    def write(self) -> None:
        """One text file, named by the step."""
        made = self._ranker.invented(np.arange(_SETS, dtype=np.int32))
        path = self.run.path / "samples" / f"samples-{int(self.model.step.numpy()):08d}.txt"
        content = "".join(f"{self.codec.write(each)}\n" for each in made).encode()
        write_marked(path, content, _about(self.run, _SETS))


def _about(run: Run, count: int) -> dict[str, str]:
    """What is said, and signed, of a sheet of so many samples."""
    return {"run": run.name, "seed": f"0 to {count - 1}"}
