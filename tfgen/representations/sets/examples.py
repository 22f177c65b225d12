"""Sets in three parts: those to learn, those that settings of the fit are chosen by, and those to judge by."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tfgen.data.examples import Report
from tfgen.errors import UserError
from tfgen.representations.base import WHOLE, Examples, Share
from tfgen.representations.sets.codec import SetCodec
from tfgen.representations.sets.sets import NO_ITEM, Sets

if TYPE_CHECKING:
    import tensorflow as tf

FEWEST_SETS, FEWEST_ITEMS = 20, 5
LONGEST = 1000  # items of a set that a step learns from: its last
_STEPS_PER_CALL = 4
_FEWEST_STEPS = 60


@dataclass(frozen=True, eq=False)
class SetExamples(Examples):
    """All sets of one source, in an order of chance: `training` to learn, `validation` to choose by, others to judge.
    """

    modality: str
    source: str
    name: str
    sets: Sets
    training: int
    validation: int
    codec: SetCodec
    report: Report
    fingerprint: str

    def __len__(self) -> int:
        return self.training

    @property
    def holds_out(self) -> bool:
        return self.validation > 0

    @property
    def measurable(self) -> bool:
        return self.holds_out

    @property
    def learned(self) -> Sets:
        return self.sets.part(0, self.training)

    @property
    def chosen_by(self) -> Sets:
        """The sets that a fit measures itself by: no model learns them."""
        return self.sets.part(self.training, self.training + self.validation)

    @property
    def held_out(self) -> Sets:
        """The sets to judge by: no weight and no setting of a model depends on them. Which items there are, and which
        are the commonest, is taken from all sets."""
        return self.sets.part(self.training + self.validation, len(self.sets))

    def contents(self) -> Iterator[bytes]:
        """Of every set its items' names, whatever their order."""
        names = self.codec.names
        for start, stop in zip(self.sets.starts[:-1].tolist(), self.sets.starts[1:].tolist()):
            yield "\n".join(sorted(names[item] for item in self.sets.items[start:stop].tolist())).encode()

    def conditions(self) -> None:
        return None

    def codec_json(self) -> dict[str, Any]:
        return self.codec.to_json()

    def check(self, settings: Any) -> None:
        if self.training < FEWEST_SETS or len(self.codec.names) < FEWEST_ITEMS:
            plural = self.codec.specification.plural
            raise UserError(
                f"There are {self.training} {plural} of {len(self.codec.names)} items to learn, too few to learn what "
                "goes together.",
                f"Give at least {FEWEST_SETS} {plural} and {FEWEST_ITEMS} items; some thousands learn well.",
            )
        if settings.needs_order and not self.codec.specification.ordered:
            raise UserError(
                f"A gpt learns what comes after what, and these {self.codec.specification.plural} have no times.",
                "Fit a vae, or give the time of each item in a column: --set time=COLUMN.",
            )

    def count(self, settings: Any) -> int:
        return self.training

    def batches(self, settings: Any, seed: int, start: int, stop: int, share: Share = WHOLE) -> "tf.data.Dataset":
        """Item ids int32 [batch, longest], each set's last at the end of its row, NO_ITEM in front."""
        import tensorflow as tf

        from tfgen.representations.batches import Part, by_steps

        size = settings.batch_size
        learned = self.learned
        longest = min(LONGEST, int(learned.sizes.max()))
        # Only the sets of a batch are padded: with one large set, rows of all would be large.
        items, starts = tf.constant(learned.items), tf.constant(learned.starts)

        def batch_of(part: Part) -> tf.Tensor:
            places = part.order(seed, size, self.training)
            at = tf.gather(starts, places + 1)[:, None] - longest + tf.range(longest, dtype=tf.int64)
            is_there = at >= tf.gather(starts, places)[:, None]
            return tf.where(is_there, tf.gather(items, tf.maximum(at, 0)), NO_ITEM)

        return by_steps(batch_of, start, stop, share)

    def steps_per_call(self, settings: Any) -> int:
        return _STEPS_PER_CALL

    def enough_steps(self, settings: Any, count: int | None = None) -> int | None:
        if not settings.epochs:
            return None
        return max(_FEWEST_STEPS, settings.epochs * (count or self.training) // settings.batch_size)

    def symbols(self) -> tuple[str, ...]:
        return self.codec.names

    def beside(self, symbols: tuple[Any, ...]) -> "SetExamples":
        return replace(self)


def set_split(count: int, holdout: float | None) -> tuple[int, int]:
    """Of so many sets, how many are learned, and how many a fit chooses by; as many again as those are to judge by.

    holdout: the share of either; None for a tenth, at least 250 unless that is more than a tenth, at most 5000.
    """
    held = min(max(round(0.1 * count), min(250, count // 10)), 5000) if holdout is None else round(holdout * count)
    return count - 2 * held, held


def in_order_of_chance(sets: Sets) -> Sets:
    """The sets in the order in which they are learned, chosen by and judged by: the same for the same sets."""
    return sets.take(np.random.default_rng(0).permutation(len(sets)))
