"""Membership scores: how well a model knows examples, by which an attack tells what it learned from what it never saw.

Each function takes a run, its model, the examples that it learned, and the others to score; without others it scores
those that were held out.
"""

from typing import Any

import numpy as np

from tfgen.representations.arrays.examples import ArrayExamples
from tfgen.representations.rows.examples import RowExamples
from tfgen.representations.sequences.examples import PARTS, SequenceExamples
from tfgen.run import Run

_MOST_HELD_OUT = 2000


def membership_of_arrays(run: Run, model: Any, learned: ArrayExamples, others: ArrayExamples | None) -> np.ndarray:
    """A GAN's discriminator's score of each (LOGAN, Hayes et al. 2019), or a VAE's bound of its log-likelihood, [n];
    empty for a model that has neither, or where nothing is held out."""
    from tfgen.evaluate.arrays.groups import real_group
    from tfgen.evaluate.arrays.metric_inputs import measured
    from tfgen.evaluate.arrays.reference_data import holdout_of, places_of

    measure = model.measurements().get("scores")
    examples = holdout_of(run, None, learned) if others is None else others
    if measure is None or examples is None:
        return np.zeros(0)
    prompts, chosen = places_of(examples, learned), np.arange(len(examples))
    if others is None:
        chosen = chosen[(prompts >= 0) | (not learned.prompts)]
        chosen = np.sort(np.random.default_rng(0).permutation(chosen)[:_MOST_HELD_OUT])
    if not len(chosen):
        return np.zeros(0)
    return measured(model, learned.codec, measure, real_group("membership", examples, chosen, prompts, 0))


def membership_of_rows(run: Run, model: Any, learned: RowExamples, others: RowExamples | None) -> np.ndarray:
    """The log-likelihood of each row, in nats [n]; empty for a model that has none."""
    from tfgen.evaluate.rows.metric_inputs import Likelihood

    if "likelihood" not in model.measurements():
        return np.zeros(0)
    return -Likelihood(model)(learned.held_out[:_MOST_HELD_OUT] if others is None else others.tokens)


def membership_of_sequences(
    run: Run, model: Any, learned: SequenceExamples, others: SequenceExamples | None
) -> np.ndarray:
    """Minus the mean nats of a token in each document, [n]."""
    from tfgen.evaluate.sequences.losses import LossReader
    from tfgen.evaluate.sequences.reference_data import Tokens

    examples, parts = (learned, PARTS[1:]) if others is None else (others, PARTS)
    reader, units, found = LossReader(model), examples.codec.units(), []
    for part in parts:
        for stored in list(examples.documents_of(part))[:_MOST_HELD_OUT]:
            ids, counted = examples.ids(stored), examples.learned(stored)
            if counted.any():
                read = reader.read(Tokens(ids, counted, units[ids]))
                found.append(-float(np.mean(read.nats[counted])))
    return np.array(found)
