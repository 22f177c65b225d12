"""How at home examples are in a model: what those go by who want to tell what it learned from what it never saw."""

from typing import Any

import numpy as np

from tfgen.representations.arrays.examples import ArrayExamples
from tfgen.representations.rows.examples import RowExamples
from tfgen.representations.sequences.examples import PARTS, SequenceExamples

_AT_ONCE = 256
_MOST_HELD_OUT = 2000


def arrays_at_home(model: Any, examples: ArrayExamples, held_out: bool) -> np.ndarray:
    """A discriminator's logit, or the bound on a likelihood, of each example, [n]; a source holds none out by itself.
    """
    import tensorflow as tf

    measure = model.measurements().get("scores")
    if held_out or measure is None:
        return np.zeros(0)
    found = []
    for start in range(0, len(examples), _AT_ONCE):
        block = examples.codec.encode(np.asarray(examples.values[start : start + _AT_ONCE]))
        without = tf.fill([len(block)], -1)  # what a record was called isn't known where it comes alone
        found.append(np.asarray(measure(tf.constant(block), model.prompts_of(without))))
    return np.concatenate(found)


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
