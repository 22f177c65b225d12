"""Canaries: examples that nobody has, of which a fit learns some, so that an attack can be judged by which it finds.

canaries.npz   in the run's folder, apart from the data: all that were made, and which of them were planted

They are made of the run's seed and its codec; each is planted among the data by a coin of its own, as an audit in one
run asks for (Steinke, Nasr & Jagielski 2023). A later fit that begins with the run keeps them, and learns them on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfgen import checkpoints
from tfgen.errors import UserError
from tfgen.representations.base import Examples
from tfgen.run import Run

FILE = "canaries.npz"
LEAST, MOST = 10, 10_000  # that may be asked for
_STREAM = 12  # of the run's seed
_PLANTED = "planted"


@dataclass(frozen=True, eq=False)
class Canaries:
    """All that were made for a run.

    examples: arrays [made, ...] by name, as an Examples' `canaries` gives them. planted: bool [made].
    """

    examples: Mapping[str, np.ndarray]
    planted: np.ndarray

    @classmethod
    def made(cls, examples: Examples, count: int, seed: int) -> "Canaries":
        """Twice as many as are asked for, so that about so many are planted."""
        generator = np.random.default_rng([seed, _STREAM])
        return cls(examples.canaries(2 * count, generator), generator.random(2 * count) < 0.5)

    @classmethod
    def of(cls, run: Run) -> "Canaries | None":
        """Those of a run; None where it has none. Raises UserError where the file is gone or damaged."""
        found = made_and_planted(run)
        if found is None:
            return None
        try:
            arrays = checkpoints.read(run.path / FILE, run.record["canaries"].get("digest")) or {}
        except FileNotFoundError:
            arrays = {}
        planted = arrays.pop(_PLANTED, np.zeros(0))
        is_whole = planted.dtype == bool and (planted.size, planted.sum()) == found
        if not is_whole or any(each.shape[:1] != planted.shape for each in arrays.values()):
            raise _damaged(FILE, run)
        return cls(arrays, planted)

    def __len__(self) -> int:
        return len(self.planted)

    def among(self, examples: Examples) -> Examples:
        """What a fit learns: the data, and behind it those that are planted."""
        return examples.with_planted({name: values[self.planted] for name, values in self.examples.items()})

    def packed(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The run's file of them by its name, and what run.json says of them."""
        content, digest = checkpoints.pack({**self.examples, _PLANTED: self.planted})
        return {FILE: content}, {"made": len(self), "planted": int(self.planted.sum()), "digest": digest}


def made_and_planted(run: Run) -> tuple[int, int] | None:
    """How many a run has, and how many of them were planted; None of a run without. Raises UserError where its record
    is damaged."""
    if "canaries" not in run.record:
        return None
    made, planted = (run.record["canaries"].get(name) for name in ("made", _PLANTED))
    if not (isinstance(made, int) and isinstance(planted, int) and 2 * LEAST <= made <= 2 * MOST and planted <= made):
        raise _damaged("run.json", run)
    return made, planted


def in_words(run: Run) -> str | None:
    """"97 of 200 that were made up"; None of a run without."""
    found = made_and_planted(run)
    return found and f"{found[1]:,} of {found[0]:,} that were made up"


def _damaged(file: str, run: Run) -> UserError:
    return UserError(f"'{file}' of the run '{run.name}' is damaged.", "Restore it, or fit again.")
