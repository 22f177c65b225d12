"""Sounds that are ready for training."""

from dataclasses import dataclass
from typing import ClassVar

from tfgen.representations.arrays.examples import ArrayExamples


@dataclass(frozen=True, eq=False)
class SoundExamples(ArrayExamples):
    """See ArrayExamples; `values` are spectrograms uint16 [n, frames, bands, 1].

    has_held_out: whether their folder has others that are kept for evaluation.
    """

    unit: ClassVar[str] = "sound"

    has_held_out: bool = False

    @property
    def cycles(self) -> bool:
        """Whether each file held one cycle of a wave."""
        return self.codec.cycles
