"""Pictures that are ready for training."""

from dataclasses import dataclass

from tfgen.representations.arrays.examples import ArrayExamples


@dataclass(frozen=True, eq=False)
class ImageExamples(ArrayExamples):
    """See ArrayExamples; `values` are uint8 [n, height, width, 1 or 3].

    white: what white is in integers of more than 8 bits that they came from; None where they came from none.
    """

    white: float | None = None
