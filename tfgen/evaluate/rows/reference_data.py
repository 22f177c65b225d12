"""The rows that a run is judged by: those it learned, and those it never saw."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tfgen.errors import UserError
from tfgen.evaluate.rows.tables import are_among, as_table
from tfgen.evaluate.training_data import learned_already, open_held_out, open_training
from tfgen.representations.rows.columns import Column, Rows
from tfgen.run import Run

LEAST = 20  # rows that were learned, for any score at all
MOST = 50_000  # rows of either kind that are looked at
_MOSTLY = 0.5  # of the held-out rows: so many that were learned are no held-out data
_PROBES = 200  # held-out rows that are looked for among the learned ones


@dataclass(frozen=True)
class ReferenceData:
    """Rows in a random order, which depends on the seed alone; none is looked at beyond MOST."""

    columns: tuple[Column, ...]
    training: Rows
    unseen: Rows
    learned: int  # rows of all that there are
    fingerprint: str
    holdout: str | None  # fingerprint; None where nothing is held out
    source: str

    @classmethod
    def of(cls, run: Run, holdout: str | None, seed: int) -> "ReferenceData":
        """Opens both.

        Raises:
            UserError: the training data isn't where it was or has changed, the held-out data can't be read, is of
                another kind or is training data, or there are too few rows.
        """
        examples = open_training(run)
        if examples.training < LEAST:
            raise UserError(
                f"There are only {examples.training} rows that the run learned to compare with.",
                f"Fit on more: {LEAST} at the least.",
            )
        training = _some(examples.rows, 0, examples.training, seed)
        if holdout is None:
            unseen = _some(examples.rows, examples.training, len(examples.rows), seed)
            fingerprint = examples.fingerprint if len(unseen) else None
        else:
            other, found = other_rows(run, examples, holdout)
            fingerprint = found.fingerprint
            unseen = _some(other, 0, len(other), seed)
            probes = as_table(unseen.take(slice(0, _PROBES)))
            # Rows that anybody could have come twice; a table of few values says nothing by that.
            others = as_table(examples.rows.take(slice(examples.training, None)))
            usual = float(np.mean(are_among(others[:_PROBES], as_table(training)))) if len(others) else 0.0
            again = float(np.mean(are_among(probes, as_table(training)))) if len(probes) else 0.0
            if again > _MOSTLY + usual / 2:
                raise learned_already(holdout)
        about = (examples.training, examples.fingerprint, fingerprint, examples.source)
        return cls(examples.rows.columns, training, unseen, *about)


def _some(rows: Rows, start: int, stop: int, seed: int) -> Rows:
    order = np.random.default_rng([seed, 0]).permutation(stop - start)[:MOST]
    return rows.take(start + order)


def other_rows(run: Run, training: Any, source: str) -> tuple[Rows, Any]:
    """The rows of other data by the codec of the examples that a run learned, and these other examples.

    Raises:
        UserError: they can't be read, are of another kind, have other columns, or are those that it learned.
    """
    examples = open_held_out(run, training, source)
    there = {column.name: column for column in examples.rows.learned}
    for column in training.rows.learned:
        if column.name not in there:
            raise UserError(f"'{source}' has no column '{column.name}'.", "Held-out rows must have the same columns.")
        if there[column.name].is_numeric != column.is_numeric:
            raise UserError(
                f"'{column.name}' of '{source}' holds another kind of values than the run learned.",
                "Held-out rows must have the same columns.",
            )
    # In the order in which the run has them.
    values = {column.name: examples.rows.values[column.name] for column in training.rows.learned}
    return Rows(training.rows.columns, values), examples
