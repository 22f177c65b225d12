"""Sheets of samples while a model learns, and scalars for TensorBoard."""

import numpy as np

from tfgen.catalog import MODALITIES
from tfgen.errors import UserError
from tfgen.generate.image import Sampler, show_prompts
from tfgen.run import Run

SHEETS = 10  # over a whole fit
_SAMPLES = 64  # on one sheet


class Sheets:
    """Writes a sheet of samples from fixed seeds, for each way that the model can sample."""

    def __init__(self, run: Run, model):
        self.run, self.model = run, model
        vocabulary = run.vocabulary()
        few_labels = vocabulary.kind == "labels" and len(vocabulary.prompts) <= 16
        self.columns = len(vocabulary.prompts) if few_labels else 8
        total = self.columns * max(1, _SAMPLES // self.columns)
        self.seeds = np.arange(total, dtype=np.int32)
        self.prompts = np.stack([vocabulary.ids(prompt) for prompt in show_prompts(vocabulary, total, seed=0)])
        words = self.prompts.shape[1]
        self.samplers = {name: Sampler(way, words) for name, way in model.samplers().items()}

    def write(self) -> None:
        """One PNG for each way to sample, named by the step."""
        modality = MODALITIES.load(self.run.record["modality"])
        about = {"run": self.run.name, "seed": f"0 to {len(self.seeds) - 1}"}
        for name, sampler in self.samplers.items():
            values = modality.decode(sampler(self.seeds, self.prompts))
            path = self.run.path / "samples" / f"{name}-{int(self.model.step.numpy()):08d}.png"
            modality.save_sample(path, modality.grid(values, self.columns), about)


def tensorboard_writer(run: Run):
    """Writes scalars for TensorBoard into the run's folder."""
    import tensorflow as tf

    try:
        writer = tf.summary.create_file_writer(str(run.path / "tensorboard"))
    except Exception as error:  # TensorFlow's own class for "TensorBoard is not installed" is private
        raise UserError(f"TensorBoard can't be written: {error}", "Install it with: pip install tensorboard") from error

    def write(step: int, means: dict[str, float]) -> None:
        with writer.as_default(step=step):
            for name, value in means.items():
                tf.summary.scalar(name, value)

    return write
