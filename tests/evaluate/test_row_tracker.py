"""A fit of few rows is only ended where it surely knows them by heart."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tfgen.evaluate.rows.tracker import MOST_MEMBERS, RowTracker


class Loss:
    """A model whose loss of a row is its first token."""

    exact_likelihood = True

    def measurements(self):
        return {"likelihood": self.held_out_loss}

    def held_out_loss(self, tokens):
        return tf.cast(tokens[:, 0], tf.float32)

    def candidate(self, *arguments):
        raise AssertionError("nothing is drawn")


def tracker(held_out, learned=1000):
    """Losses of which learned rows have the less in about two pairs of three."""
    random = np.random.default_rng(0)
    rows = [random.normal(500, 100, [learned, 1]), random.normal(560, 100, [held_out, 1])]
    tokens = [each.astype(np.uint16) for each in rows]
    examples = SimpleNamespace(
        holds_out=True, training=learned, learned=tokens[0], held_out=tokens[1],
        codec=SimpleNamespace(specification=SimpleNamespace(sizes=np.array([1000]))),
    )
    made = RowTracker(Loss(), examples)
    made.measure()
    return made


@pytest.mark.parametrize("held_out, objects", [(30, False), (400, True)])
def test_a_fit_is_ended_where_chance_can_not_have_done_it(held_out, objects):
    made = tracker(held_out)
    assert made.beside()["members"] > MOST_MEMBERS
    sentence = made.objection({"step": 7, **made.beside()})
    assert (sentence is not None) == objects
    if objects:
        assert sentence.startswith("At step 7 the model begins to know rows by heart")
