"""Sheets of samples while a model learns, and scalars for TensorBoard."""

import numpy as np

from tfgen.catalog import MODALITIES
from tfgen.errors import UserError
from tfgen.generate import sample, show_prompts
from tfgen.run import Run

_SHEET = 64  # samples on one sheet


def show_samples(run: Run, model) -> None:
    """A sheet of samples from fixed seeds, for each way that the model can sample."""
    modality = MODALITIES.load(run.record["modality"])
    vocabulary = run.vocabulary()
    columns = len(vocabulary.prompts) if vocabulary.kind == "labels" and len(vocabulary.prompts) <= 16 else 8
    total = columns * max(1, _SHEET // columns)
    prompts = np.stack([vocabulary.ids(prompt) for prompt in show_prompts(vocabulary, total, seed=0)])
    for name, sampler in model.samplers().items():
        values = modality.decode(sample(sampler, np.arange(total, dtype=np.int32), prompts))
        path = run.path / "samples" / f"{name}-{int(model.step.numpy()):08d}.png"
        modality.save_sample(path, modality.grid(values, columns), {"run": run.name, "seed": f"0 to {total - 1}"})


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
