"""The sets that a run is judged by: those it learned, and those that none of its weights depends on."""

from dataclasses import dataclass

import numpy as np

from tfgen.errors import UserError
from tfgen.evaluate.training_data import open_held_out, open_training
from tfgen.representations.sets.sets import Sets
from tfgen.run import Run

LEAST = 20  # held-out sets
MOST = 5000  # held-out sets that are looked at


@dataclass(frozen=True)
class ReferenceData:
    """Sets in an order of chance.

    given, wanted: what is given of each held-out set, and what is to be guessed of it.
    """

    names: tuple[str, ...]
    learned: Sets
    choosing: Sets  # by which the fit chose its settings
    unseen: Sets
    given: Sets
    wanted: Sets
    fingerprint: str
    holdout: str  # fingerprint
    source: str

    @classmethod
    def of(cls, run: Run, holdout: str | None, seed: int) -> "ReferenceData":
        """Opens both.

        Raises:
            UserError: the training data isn't where it was or has changed, the held-out data can't be read, is of
                another kind or is training data, or there are too few sets.
        """
        examples = open_training(run)
        unseen, fingerprint = examples.held_out, examples.fingerprint
        if holdout is not None:
            other = open_held_out(run, examples, holdout)
            unseen, fingerprint = other.sets, other.fingerprint
        order = np.random.default_rng([seed, 0]).permutation(len(unseen))[:MOST]
        unseen = unseen.take(order)
        given, wanted = unseen.split()
        if len(given) < LEAST:
            plural = examples.codec.specification.plural
            raise UserError(
                f"There are only {len(given)} {plural} of two items or more that the run never saw, to judge it by.",
                f"Name at least {LEAST} with --data, or fit with --set holdout=0.1 on more.",
            )
        about = examples.fingerprint, fingerprint, examples.source
        return cls(examples.codec.names, examples.learned, examples.chosen_by, unseen, given, wanted, *about)
