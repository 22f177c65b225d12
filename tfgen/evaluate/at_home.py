"""How at home examples are in a model: what those go by who want to tell what it learned from what it never saw."""

from typing import Any

import numpy as np

from tfgen.representations.rows.examples import RowExamples
from tfgen.representations.sequences.examples import PARTS, SequenceExamples

_MOST_HELD_OUT = 2000


def rows_at_home(model: Any, examples: RowExamples, held_out: bool) -> np.ndarray:
    """The log-likelihood of each row, in nats [n]; nothing of a model that has none."""
    from tfgen.evaluate.rows.metric_inputs import Likelihood

    if "likelihood" not in model.measurements():
        return np.zeros(0)
    return -Likelihood(model)(examples.held_out[:_MOST_HELD_OUT] if held_out else examples.tokens)


def sequences_at_home(model: Any, examples: SequenceExamples, held_out: bool) -> np.ndarray:
    """Minus the mean nats of a token in each document, [n]."""
    from tfgen.evaluate.sequences.losses import LossReader
    from tfgen.evaluate.sequences.reference_data import Tokens

    reader, units, found = LossReader(model), examples.codec.units(), []
    for part in PARTS[1:] if held_out else PARTS:
        for stored in list(examples.documents_of(part))[:_MOST_HELD_OUT]:
            ids, learned = examples.ids(stored), examples.learned(stored)
            if learned.any():
                read = reader.read(Tokens(ids, learned, units[ids]))
                found.append(-float(np.mean(read.nats[learned])))
    return np.array(found)
