"""The least likely rows of a table, and which of their columns make them so."""

from dataclasses import asdict, dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from tfgen.errors import UserError
from tfgen.evaluate.rows.metric_inputs import Likelihood
from tfgen.evaluate.rows.reference_data import other_rows
from tfgen.evaluate.rows.report_sections import written
from tfgen.evaluate.training_data import open_training
from tfgen.restore import load_model_and_checkpoint
from tfgen.run import Run

_MOST_TOKENS = 256  # of a column, that are tried in place of a row's own; of more, the commonest


@dataclass(frozen=True)
class LikelyRow:
    """One row, and how likely a model finds it."""

    place: int  # in the file, or among the rows in memory, from 0
    nats: float  # minus its log-likelihood: the more, the less likely
    values: dict[str, str]  # by column, as they are written
    column_nats: dict[str, float]  # what each cell costs given all the others, the most unlikely first

    def to_json(self) -> dict[str, Any]:
        """Plain dicts."""
        return asdict(self)


def rows_of(run: Run, source: str | None, count: int) -> list[LikelyRow]:
    """The least likely rows of other data, or of what the run read, the least likely first.

    Raises:
        UserError: the data can't be read, is of another kind, or the model can't say how likely a row is.
    """
    examples = open_training(run)
    where, codec = examples.place_in_source, examples.codec
    if source is not None:
        rows, other = other_rows(run, examples, source)
        examples, where = SimpleNamespace(rows=rows), other.place_in_source
    model, _ = load_model_and_checkpoint(run)
    places, nats, by_column = least_likely(model, codec, examples, count)
    found = []
    for place, cost, cells in zip(places, nats, by_column, strict=True):
        row = list(examples.rows.take(slice(int(place), int(place) + 1)))
        costs = {column.name: float(cell) for (column, _), cell in zip(row, cells, strict=True)}
        found.append(
            LikelyRow(
                where(int(place)),
                float(cost),
                {column.name: written(column, values[0]) for column, values in row},
                dict(sorted(costs.items(), key=lambda each: -each[1])),
            )
        )
    return found


def least_likely(
    model: Any, codec: Any, examples: Any, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rows of examples that the model finds the least likely, the least likely first.

    Args:
        examples: their `rows` are looked at, all of them, whether they were learned or not.
        count: how many rows at the most.

    Returns:
        their places, int64 [k]; what each costs in nats, minus its log-likelihood, float64 [k]; and what each of its
        columns costs given all its other columns, float64 [k, learned columns]:
        -log p(row) + log sum_v p(row with v there), over the values v that the column has in these rows.

    Raises:
        UserError: the model has no likelihood.
    """
    if "likelihood" not in model.measurements():
        raise UserError(
            "This model can't say how likely a row is.", "Fit one that can: tfgen fit gpt, or tfgen fit vae."
        )
    ask, tokens = Likelihood(model), np.asarray(codec.encode(examples.rows), np.int32)
    nats = ask(tokens)
    places = np.argsort(-nats, kind="stable")[:count]
    found = np.zeros([len(places), tokens.shape[1]])
    for column in range(tokens.shape[1]):
        values, seen = np.unique(tokens[:, column], return_counts=True)
        values = values[np.argsort(-seen, kind="stable")][:_MOST_TOKENS]
        others = np.repeat(tokens[places], len(values), axis=0)
        others[:, column] = np.tile(values, len(places))
        each = -ask(others).reshape(len(places), len(values))
        # The row's own value counts once, also where it is too rare to be among them.
        own = -nats[places]
        each = np.where(values[None] == tokens[places, column][:, None], -np.inf, each)
        largest = np.maximum(each.max(axis=1), own)
        total = np.exp(each - largest[:, None]).sum(axis=1) + np.exp(own - largest)
        found[:, column] = largest + np.log(total) - own
    return places, nats[places], found
