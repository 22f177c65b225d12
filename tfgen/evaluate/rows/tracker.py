"""A cheap score while a model learns: what rows cost that are held out, or how far samples are from the data."""

from typing import Any

import numpy as np

from tfgen.evaluate.metrics.resemblance import quality
from tfgen.evaluate.rows.metric_inputs import Likelihood
from tfgen.evaluate.rows.tables import as_table

_MOST = 4096  # rows, spread over all that are held out; of a model without a likelihood, samples


class RowTracker:
    """The mean negative log-likelihood of held-out rows, in nats per row; the same weights give the same number.

    Of a model without a likelihood it is the "distance" of samples to those rows, 1 less SDMetrics' quality.
    """

    name = "loss"

    def __init__(self, model: Any, examples: Any):
        held_out = len(examples.rows) - examples.training
        if not held_out:
            raise ValueError("nothing is held out, so there is nothing to measure by")
        count = min(held_out, _MOST)
        places = examples.training + np.linspace(0, held_out - 1, count).astype(np.int64)
        self._rows, self._model, self._codec = examples.rows.take(places), model, examples.codec
        self._ask = None
        if "likelihood" in model.measurements():
            self._tokens = np.asarray(examples.codec.encode(self._rows), np.int32)
            self._ask = Likelihood(model)
        else:
            self.name = "distance"

    def steps_worth(self, settings: Any) -> float:
        """How many training steps are as much work as a measurement, which goes forward only."""
        return len(self._rows) / (3 * settings.batch_size)

    def measure(self) -> float:
        """Nats per row, or the distance of samples of the same seeds."""
        if self._ask is not None:
            return float(self._ask(self._tokens).mean())
        from tfgen.representations.rows.sampler import RowSampler

        samples = RowSampler(self._model, self._codec)(np.arange(len(self._rows), dtype=np.int32))
        return 1 - quality.function(as_table(self._rows), as_table(samples))["quality"]
