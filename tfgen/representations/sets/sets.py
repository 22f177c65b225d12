"""Sets in one array, and as the rows of one size that a model takes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

NO_ITEM = -1  # in rows, in front of a set's items
GIVEN_SHARE = 0.8  # of a set's items; the others are what a model must guess


@dataclass(frozen=True, eq=False)
class Sets:
    """Sets of item ids, each in its order: that of time, or of chance where there is none.

    items: int32 [interactions], one set after the other.
    starts: int64 [sets + 1], where each begins, and the end.
    """

    items: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, sets: Sequence[Sequence[int]]) -> "Sets":
        starts = np.cumsum([0, *map(len, sets)])
        return cls(np.array([item for each in sets for item in each], np.int32), starts.astype(np.int64))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, place: int) -> np.ndarray:
        return self.items[self.starts[place] : self.starts[place + 1]]

    @property
    def sizes(self) -> np.ndarray:
        """How many items each has, int64 [sets]."""
        return np.diff(self.starts)

    def take(self, places: np.ndarray) -> "Sets":
        """Some of them, in another order."""
        sizes = self.sizes[places]
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        at = np.repeat(self.starts[:-1][places] - starts[:-1], sizes) + np.arange(starts[-1])
        return Sets(self.items[at], starts)

    def part(self, first: int, stop: int) -> "Sets":
        """Those from one place to before another."""
        starts = self.starts[first : stop + 1]
        return Sets(self.items[starts[0] : starts[-1]], starts - starts[0])

    def rows(self, longest: int | None = None) -> np.ndarray:
        """int32 [sets, longest]: the last items of each set at the end of its row, NO_ITEM in front of them."""
        sizes = self.sizes
        longest = max(1, int(sizes.max(initial=1))) if longest is None else longest
        at = self.starts[1:, None] - longest + np.arange(longest)
        is_there = at >= self.starts[:-1, None]
        if not len(self.items):
            return np.full([len(self), longest], NO_ITEM, np.int32)
        return np.where(is_there, self.items[np.maximum(at, 0)], NO_ITEM).astype(np.int32)

    def multi_hot(self, items: int) -> np.ndarray:
        """float32 [sets, items]: 1 where a set has the item."""
        made = np.zeros([len(self), items], np.float32)
        made[np.repeat(np.arange(len(self)), self.sizes), self.items] = 1.0
        return made

    def split(self, share: float = GIVEN_SHARE) -> tuple["Sets", "Sets"]:
        """What is given of each set, its first items, and what is to be guessed, its last: at least one of either. Sets
        of fewer than two are left out."""
        large = self.take(np.flatnonzero(self.sizes >= 2))
        given = np.clip(np.round(share * large.sizes).astype(np.int64), 1, large.sizes - 1)
        is_given = np.arange(len(large.items)) - np.repeat(large.starts[:-1], large.sizes) < np.repeat(
            given, large.sizes)
        wanted = large.sizes - given
        return tuple(
            Sets(large.items[chosen], np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))
            for chosen, sizes in ((is_given, given), (~is_given, wanted))
        )
