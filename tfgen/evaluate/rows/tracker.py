"""A cheap score while a model learns: the loss of rows that are held out, or how far the model's rows are from them."""

from typing import Any

import numpy as np

from tfgen.evaluate.metrics.copying import auc
from tfgen.evaluate.tracker import Tracker
from tfgen.representations.rows.codec import FEW_ROWS
from tfgen.representations.rows.examples import RowExamples

_MOST_ROWS = 4096
_ROWS_AT_ONCE = 256
_SAMPLES, _SAMPLES_AT_ONCE = 2048, 1024
_MOST_PAIRS = 60
_LEARNED_ROWS = 2000  # that are compared with those that are held out
# Of few rows: from here on the likelihood tells those that were learned from others too well. .5 is by chance.
MOST_MEMBERS = 0.6
_SURE = 1.645  # standard deviations: one time in twenty by chance
_SAMPLING = 0.5  # of a training step's time, for as many rows


class RowTracker(Tracker):
    """What the model's `held_out_loss` is in the mean, in nats, where it has a likelihood; else the mean distance of
    its columns and pairs of columns from held-out ones. The same weights give the same number."""

    def __init__(self, model: Any, examples: RowExamples):
        import tensorflow as tf

        if not examples.holds_out:
            raise ValueError("nothing is held out, so there is nothing to measure by")
        self.model, self._sizes = model, examples.codec.specification.sizes
        self._rows = examples.held_out[:_MOST_ROWS].astype(np.int32)
        self._is_loss = bool(model.measurements())
        is_few = model.exact_likelihood and examples.training < FEW_ROWS
        self._learned = examples.learned[:_LEARNED_ROWS].astype(np.int32) if is_few else None
        self._members: float | None = None
        # So far it may lie above by chance alone: few rows that are held out tell it badly.
        self._chance = 0.0 if self._learned is None else _SURE * _deviation(len(self._learned), len(self._rows))
        self.name = "validation_loss" if self._is_loss else "distance"
        self._loss = tf.function(model.held_out_loss, autograph=False)
        self._draw = tf.function(self._drawn, autograph=False)

    def steps_worth(self, settings: Any) -> float:
        """How many training steps are as much work as a measurement."""
        if self._is_loss:
            return len(self._rows) / (3 * settings.batch_size)
        return _SAMPLING * _SAMPLES / settings.batch_size

    def measure(self) -> float:
        """The score of the model as it is now."""
        if not self._is_loss:
            parts = [self._draw(first).numpy() for first in range(0, _SAMPLES, _SAMPLES_AT_ONCE)]
            return self._distance(np.concatenate(parts))
        losses = self._losses(self._rows)
        if self._learned is not None:
            self._members = round(auc(-losses, -self._losses(self._learned)), 4)
        return float(np.mean(losses, dtype=np.float64))

    def beside(self) -> dict[str, float]:
        """How well the likelihood tells rows that were learned from others, as the area under the curve, of few."""
        return {} if self._members is None else {"members": self._members}

    def objection(self, row: dict[str, float]) -> str | None:
        """A sentence where the model surely begins to know the rows that it learned by heart."""
        if row.get("members", 0.0) <= MOST_MEMBERS + self._chance:
            return None
        return (
            f"At step {row['step']} the model begins to know rows by heart: it would tell those that it learned from "
            f"others in {100 * row['members']:.0f} of 100 pairs."
        )

    def _losses(self, rows: np.ndarray) -> np.ndarray:
        losses = []
        for at in range(0, len(rows), _ROWS_AT_ONCE):
            part = rows[at : at + _ROWS_AT_ONCE]
            # Every batch has the same size, since each other one would be traced anew.
            losses.append(self._loss(np.resize(part, [_ROWS_AT_ONCE, part.shape[1]])).numpy()[: len(part)])
        return np.concatenate(losses)

    def _drawn(self, first: Any) -> Any:
        import tensorflow as tf

        return self.model.unconditional_rows(first + tf.range(_SAMPLES_AT_ONCE))

    def _distance(self, made: np.ndarray) -> float:
        """The mean total variation of the tokens of columns, and of pairs of them, from 0 to 1."""
        fields = range(len(self._sizes))
        pairs = [(one, other) for one in fields for other in fields if one < other]
        chosen = np.random.default_rng(0).permutation(len(pairs))[:_MOST_PAIRS]
        return float(np.mean([self._apart(made, [field]) for field in fields]
                             + [self._apart(made, pairs[place]) for place in chosen]))

    def _apart(self, made: np.ndarray, fields: Any) -> float:
        size = int(np.prod([self._sizes[field] for field in fields]))
        counts = []
        for rows in (made, self._rows):
            places = np.zeros(len(rows), np.int64)
            for field in fields:
                places = places * self._sizes[field] + rows[:, field]
            counts.append(np.bincount(places, minlength=size) / len(rows))
        return 0.5 * float(np.abs(counts[0] - counts[1]).sum())


def _deviation(positive: int, negative: int) -> float:
    """The standard deviation of the area under the curve of so many scores that mean nothing (Mann & Whitney 1947)."""
    return float(np.sqrt((positive + negative + 1) / (12 * positive * negative)))
