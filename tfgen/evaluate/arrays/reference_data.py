"""The real examples that a run is judged by: those it learned, and those it never saw."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tfgen.catalog import MODALITIES
from tfgen.errors import Failure, UserError
from tfgen.evaluate.arrays.groups import Group, real_group
from tfgen.evaluate.training_data import open_held_out, open_showing, open_training
from tfgen.representations.arrays.examples import ArrayExamples
from tfgen.representations.arrays.vocabulary import SAME_WORD
from tfgen.run import Run

LEAST = 20  # examples on either side, for any score at all
LEAST_UNSEEN = 100  # held-out examples, for whatever needs those
MOST_NEIGHBOURS = 100_000  # training examples among which the nearest are looked for


@dataclass(frozen=True)
class ReferenceData:
    """A run's training examples, and held-out ones where there are any."""

    training: ArrayExamples
    holdout: ArrayExamples | None
    prompts_of_holdout: np.ndarray  # as places among the training prompts; empty without a holdout
    seed: int

    @classmethod
    def of(cls, run: Run, holdout: str | None, seed: int) -> "ReferenceData":
        """Opens both.

        Raises:
            UserError: the training data isn't where it was or has changed, or the held-out data can't be read.
        """
        training = open_training(run)
        unseen = holdout_of(run, holdout, training)
        return cls(training, unseen, places_of(unseen, training) if unseen else np.array([], np.int64), seed)

    def usable(self, wanted: int) -> int:
        """How many examples each group gets: all groups the same, since scores depend on their number.

        Raises:
            UserError: there are too few.
        """
        most = max(min(len(self.training), len(self.holdout or ())), len(self.training) // 2)
        if most < LEAST:
            raise UserError(
                f"There are only {len(self.training)} training examples to compare with.",
                f"Give more held-out ones with --data, or fit on more: {2 * LEAST} at the least.",
            )
        return min(wanted, most)

    def reference(self, count: int) -> Group:
        """Training examples, which samples are compared with."""
        order = self._order(len(self.training))[:count]
        return real_group("reference", self.training, order, self.training.prompt_index, self.seed)

    def others(self, count: int) -> Group:
        """Real examples that are not in the reference: held-out ones where there are enough, else training ones."""
        if self.holdout is not None and len(self.holdout) >= count:
            order = self._order(len(self.holdout))[:count]
            return real_group("real", self.holdout, order, self.prompts_of_holdout, self.seed)
        order = self._order(len(self.training))[-count:]
        return real_group("real", self.training, order, self.training.prompt_index, self.seed)

    def neighbours(self) -> Group:
        """The training examples among which nearest ones are looked for."""
        order = self._order(len(self.training))[:MOST_NEIGHBOURS]
        return real_group("neighbours", self.training, order, self.training.prompt_index, self.seed)

    def unseen(self, count: int, with_prompts: bool = False) -> Group | None:
        """Held-out examples, at most `count`; only those whose prompts the run knows, if it matters, and it knows any.

        None where there are too few to tell anything.
        """
        if self.holdout is None:
            return None
        order = self._order(len(self.holdout))
        if with_prompts and self.training.prompts:
            order = order[self.prompts_of_holdout[order] >= 0]
        if len(order) < LEAST_UNSEEN:
            return None
        name = "unseen with prompts" if with_prompts else "unseen"
        return real_group(name, self.holdout, order[:count], self.prompts_of_holdout, self.seed)

    def _order(self, count: int) -> np.ndarray:
        return np.random.default_rng([self.seed, 0]).permutation(count)


def holdout_of(run: Run, holdout: str | None, training: ArrayExamples) -> ArrayExamples | None:
    """Held-out data of the training data's shape: what was named, else what the source itself holds out."""
    if holdout is None:
        settings = MODALITIES.load(training.modality).held_out_settings(training, run.data_settings(), run.path)
        if training.has_held_out:
            return open_showing(run.data_source(), {**settings, "split": "test"}, training.representation)
        return _test_split(run.record["data"]["source"], settings, training)
    examples = open_held_out(run, training, holdout)
    if examples.values.shape[1:] != training.values.shape[1:]:
        shapes = " and ".join("x".join(map(str, each.values.shape[1:])) for each in (examples, training))
        raise UserError(f"The held-out examples have another shape than those learned: {shapes}.", "Name others.")
    return examples


def _test_split(source: str, settings: dict[str, Any], training: ArrayExamples) -> ArrayExamples | None:
    """The test split of a TFDS set that was learned by its name alone; None where there is none."""
    if not source.startswith("tfds:") or "@" in source:
        return None
    try:
        examples = open_showing(f"{source}@test", settings, training.representation)
    except Failure:
        raise
    except UserError:  # a set without a test split
        return None
    return None if examples.fingerprint == training.fingerprint else examples


def places_of(holdout: ArrayExamples, training: ArrayExamples) -> np.ndarray:
    """Each held-out example's prompt as a place among the training prompts, -1 for one that the run doesn't know.

    Case doesn't matter, and "7" is "seven", as where a person types a prompt.
    """
    places = {_plain(prompt): place for place, prompt in enumerate(training.prompts)}
    own = {prompt: place for place, prompt in enumerate(training.prompts)}  # of which some may differ in case alone
    found = [own.get(prompt, places.get(_plain(prompt), -1)) for prompt in holdout.prompts]
    known = np.array([*found, -1], np.int64)
    return known[holdout.prompt_index]


def _plain(prompt: str) -> str:
    """Equal for prompts that mean the same."""
    words = " ".join(prompt.casefold().split())
    return min(words, SAME_WORD.get(words, words))
