"""A model's rankings and inventions, made in batches of one size, and which of the given items spoke for what."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tfgen.representations.sets.sets import NO_ITEM, Sets

# Kernels may add up in another order for another batch size, so every batch has the same one.
BATCH = 64


class Ranker:
    """Given items to scores and reasons, and seeds to whole sets."""

    def __init__(self, model: Any):
        import tensorflow as tf

        self.model = model
        whole, ids = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32)
        self._scores = tf.function(
            lambda rows, multi_hot: model.blended(rows, multi_hot),
            input_signature=[whole, tf.TensorSpec([None, model.items], tf.float32)],
            autograph=False,
        )
        self._invent = tf.function(
            lambda seeds, given, temperature: model.invent(seeds, given, temperature),
            input_signature=[ids, whole, tf.TensorSpec([], tf.float32)],
            autograph=False,
        )

    def scores(self, given: Sets) -> np.ndarray:
        """How well every item goes with each set, float32 [sets, items]; far below all others for what it has."""
        parts = list(self._parts(given))
        return np.concatenate(parts) if parts else np.zeros([0, self.model.items], np.float32)

    def _parts(self, given: Sets) -> Iterator[np.ndarray]:
        """The scores of BATCH sets after the other."""
        import tensorflow as tf

        for first in range(0, len(given), BATCH):
            part = given.part(first, min(first + BATCH, len(given)))
            missing = BATCH - len(part)
            own = np.pad(part.rows(self.model.longest_row), [[0, missing], [0, 0]], constant_values=NO_ITEM)
            multi_hot = np.pad(part.multi_hot(self.model.items), [[0, missing], [0, 0]])
            yield self._scores(tf.constant(own), tf.constant(multi_hot)).numpy()[: len(part)]

    def best(self, given: Sets, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The `count` items that go best with each set and aren't in it, int32 [sets, count], and their scores; NO_ITEM
        where there are no more."""
        count = min(count, self.model.items)
        found, best = [np.zeros([0, count], np.int32)], [np.zeros([0, count], np.float32)]
        for scores in self._parts(given):  # those of all sets at once may be too large
            items = np.argsort(-scores, axis=1, kind="stable")[:, :count].astype(np.int32)
            own = np.take_along_axis(scores, items, axis=1)
            found.append(np.where(own > -1e8, items, NO_ITEM))
            best.append(own)
        return np.concatenate(found), np.concatenate(best)

    def reasons(self, given: np.ndarray, items: np.ndarray, most: int = 3) -> list[list[tuple[int, float]]]:
        """For each of some items, the given ones [k] without which its score would be lower, and by how much, the
        weightiest first."""
        lost = self.lost(given, items)
        found = []
        for place in range(len(items)):
            order = np.argsort(-lost[:, place], kind="stable")[:most]
            found.append([(int(given[at]), float(lost[at, place])) for at in order if lost[at, place] > 0])
        return found

    def lost(self, given: np.ndarray, items: np.ndarray) -> np.ndarray:
        """By how much the score of each of some items [n] would be lower without each of the given ones [k], float32
        [k, n]: each is left out in turn."""
        without = Sets.of([np.delete(given, place) for place in range(len(given))])
        whole = self.scores(Sets.of([given]))[0, items]
        return whole[None] - (self.scores(without) if len(given) > 1 else self._scores_of_nothing())[:, items]

    def _scores_of_nothing(self) -> np.ndarray:
        """How well every item goes with no item, on the scale of those that go with some, float32 [1, items]."""
        import tensorflow as tf

        rows = tf.fill([1, self.model.longest_row], NO_ITEM)
        return self.model.mixed(rows, tf.zeros([1, self.model.items])).numpy()

    def invented(
        self, seeds: np.ndarray, given: np.ndarray | None = None, temperature: float | None = None
    ) -> list[np.ndarray]:
        """A set for each int32 seed [n], which begins with the given items [k]; the same alone or among others."""
        import tensorflow as tf

        temperature = self.model.temperature if temperature is None else temperature
        own = np.zeros(0, np.int32) if given is None else given
        made = []
        for first in range(0, len(seeds), BATCH):
            part = np.resize(seeds[first : first + BATCH], BATCH)
            rows = np.tile(own, [BATCH, 1]).astype(np.int32)
            sets = self._invent(tf.constant(part), tf.constant(rows), tf.constant(temperature, tf.float32)).numpy()
            made += [row[row >= 0] for row in sets[: len(seeds) - first]]
        return made
