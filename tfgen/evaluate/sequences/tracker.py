"""A cheap score while a model learns: the loss of sequences that are held out."""

from typing import Any

import numpy as np

from tfgen.evaluate.tracker import Tracker
from tfgen.representations.sequences.examples import SequenceExamples, window_reader

_MEASURED_TOKENS = 2**17
_FEWEST_MEASURED = 2**13
_MEASURED_WORK = 2**40  # parameters times tokens: a model of a hundred million would measure for longer than it learns


class SequenceTracker(Tracker):
    """The mean loss over what is not learned, in windows side by side; the same weights give the same number."""

    name = "validation_loss"

    def __init__(self, model: Any, examples: SequenceExamples):
        import tensorflow as tf

        if not examples.holds_out:
            raise ValueError("nothing is held out, so there is nothing to measure by")
        values = examples.part("held-out")
        self._rows = max(1, 2**11 // model.context)
        self._length = min(model.context, len(values) - 1)
        parameters = sum(part.count_params() for part in model.parts().values())
        most = min(_MEASURED_TOKENS, max(_FEWEST_MEASURED, _MEASURED_WORK // parameters))
        windows = max(1, min(len(values) - 1, most) // self._length)
        # Spread over all of it, where there is more than enough.
        self._starts = np.linspace(0, len(values) - 1 - self._length, windows).astype(np.int64)
        if windows * self._length > len(values) - 1 - self._length:
            self._starts = np.arange(windows, dtype=np.int64) * self._length
        learned = examples.learned(values)[1:]
        if not any(learned[start : start + self._length].any() for start in self._starts):
            # The little that would be learned lies between the windows, or behind the last.
            places = np.unique(np.linspace(0, learned.sum() - 1, windows).astype(np.int64))
            first = np.flatnonzero(learned)[places] - self._length // 2
            self._starts = np.clip(first, 0, len(values) - 1 - self._length)
        self._read = window_reader(values, self._length + 1)
        self._function = tf.function(model.losses, jit_compile=model.jit_compile, autograph=False)

    def steps_worth(self, settings: Any) -> float:
        """How many training steps are as much work as a measurement, which goes forward only."""
        return len(self._starts) * self._length / (3 * settings.batch_size * settings.context)

    def measure(self) -> float:
        """The mean cross entropy of a learned token, in nats."""
        total, weight = 0.0, 0.0
        for at in range(0, len(self._starts), self._rows):
            starts = self._starts[at : at + self._rows]
            # Every batch has the same size, since each other one would be compiled anew.
            tokens, learned = self._read(np.resize(starts, self._rows))
            losses = self._function(tokens).numpy()[: len(starts)]
            counted = learned.numpy()[: len(starts)]
            total += float(np.sum(losses * counted, dtype=np.float64))
            weight += float(np.sum(counted))
        return total / weight
