"""How the numbers of a set become 0..255: from the range that the whole set uses, never from one file's.

Numbers come in three sorts: bytes, wider integers, and floats. Black is 0 (or -1 of floats in -1..1), and white is the
highest value that the sort is meant to have: 255 for bytes, but 1 where all are 0 or 1, as in masks; for integers the
smallest of 255, 1023, 4095, 16383 and 65535 that holds all of them, since cameras and microscopes put 10 to 14 bits
into files of 16; for floats 1, or 255 where they go beyond.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

FORMAT = 3  # raise it whenever the same numbers would give other pixels

BYTES, INTEGERS, FLOATS = "bytes", "integers", "floats"
_WHITES = (255, 1023, 4095, 16383, 65535)
_FULL = 65535  # of integers of 16 bits
_MANY_CLIPPED = 0.01  # of the numbers, beyond the white that was given
_USUAL = {BYTES: 255.0, INTEGERS: float(_FULL), FLOATS: 1.0}

Result = TypeVar("Result")


@dataclass(frozen=True)
class Scale:
    """`white` becomes 255, and `-offset` 0; what lies beyond is clipped."""

    white: float
    offset: float = 0.0
    note: str = field(default="", compare=False)

    @property
    def factor(self) -> float:
        """What a value, with the offset added, is multiplied by."""
        return 255.0 / (self.white + self.offset)

    def to_bytes(self, values: np.ndarray) -> np.ndarray:
        """Numbers as uint8 of the same shape."""
        if values.dtype == np.uint8 and self.factor == 1:
            return np.ascontiguousarray(values)
        scaled = (values.astype(np.float64) + self.offset) * self.factor
        return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def sort_of(dtype: np.dtype) -> str:
    """The sort of an array's numbers."""
    return BYTES if dtype == np.uint8 else FLOATS if dtype.kind == "f" else INTEGERS


def scale_of(sort: str, low: float, high: float, white: float | None = None) -> Scale:
    """The scale of numbers of one sort that lie in low..high; `white` is what the user says that white is."""
    if white is not None:
        if sort != BYTES or white <= 255:
            return Scale(white)
        return Scale(255.0, 0.0, f"white={white:g} is more than a file of 8 bits can hold, so it isn't used for those.")
    if sort == FLOATS:
        return _scale_of_floats(low, high)
    below = f"Values below 0, down to {low:g}, were taken as black. " if low < 0 else ""
    if sort == BYTES and high != 1:
        return Scale(255.0)
    if high == 1:
        return Scale(1.0, 0.0, f"{below}All values are 0 or 1, as in a mask, so 1 was taken as white.")
    full = float(next((each for each in _WHITES if each >= high), high))
    if full == 255:
        return Scale(full, 0.0, below.strip())
    if full == _FULL:
        return Scale(full, 0.0, f"{below}The values have 16 bits and were scaled to 0..255.")
    bits = f" ({int(full + 1).bit_length() - 1} bits)" if full in _WHITES else ""
    note = f"{below}The values go up to {high:g}, so {full:g}{bits} was taken as white."
    return Scale(full, 0.0, f"{note} To choose another: --set white={_FULL}")


def _scale_of_floats(low: float, high: float) -> Scale:
    if low >= 0 and high <= 1:
        return Scale(1.0, 0.0, "The values are floats in 0..1 and were scaled to 0..255.")
    if low >= -1 and high <= 1:
        return Scale(1.0, 1.0, "The values are floats in -1..1 and were scaled to 0..255.")
    below = f"Values below 0, down to {low:g}, were taken as black. " if low < 0 else ""
    if high <= 255:
        return Scale(255.0, 0.0, f"{below}The values are floats in 0..255 and were rounded.")
    full = max(float(_FULL), high)
    return Scale(full, 0.0, f"{below}The values are floats up to {high:g}, and {full:g} was taken as white.")


class ValueRange:
    """The lowest and highest value of each sort that were met in a set so far, by any thread."""

    def __init__(self, white: float | None = None):
        self.white = white
        self._ends: dict[str, tuple[float, float]] = {}
        self._numbers = self._clipped = 0
        self._lock = threading.Lock()

    def add(self, sort: str, low: float, high: float) -> None:
        """Some numbers that lie in low..high."""
        with self._lock:
            before = self._ends.get(sort, (low, high))
            self._ends[sort] = min(low, before[0]), max(high, before[1])

    def add_array(self, values: np.ndarray) -> None:
        """All numbers of an array that isn't empty; bytes are looked at only while that could change anything."""
        sort = sort_of(values.dtype)
        self.count_clipped(values)
        if sort != BYTES or self.matters(BYTES):
            self.add(sort, float(values.min()), float(values.max()))

    def count_clipped(self, values: np.ndarray) -> None:
        """How many of some numbers lie beyond the white that was given."""
        if self.white is not None:
            clipped = int(np.count_nonzero(values > self.white))
            with self._lock:
                self._numbers, self._clipped = self._numbers + values.size, self._clipped + clipped

    def matters(self, sort: str) -> bool:
        """Whether more numbers of a sort can change how it is scaled."""
        return sort != BYTES or self._ends.get(BYTES, (0, 0))[1] <= 1

    @property
    def is_usual(self) -> bool:
        """Whether nothing so far needs another scale than its sort usually has: more would hardly tell more."""
        return set(self._ends) <= {BYTES} and self._ends.get(BYTES, (0, 255))[1] > 1

    def scales(self) -> dict[str, Scale]:
        """How each sort is scaled, as far as the set is known."""
        known = {sort: scale_of(sort, *ends, self.white) for sort, ends in sorted(self._ends.items())}
        return {**{sort: Scale(white) for sort, white in _USUAL.items()}, **known}

    def notes(self) -> list[str]:
        """What a user should know of how the numbers that were met are scaled."""
        notes = [scale.note for sort, scale in self.scales().items() if sort in self._ends and scale.note]
        return notes + self.notes_on_clipping()

    def notes_on_clipping(self) -> list[str]:
        """What to say where many numbers lie beyond the white that was given."""
        if self._clipped <= _MANY_CLIPPED * self._numbers:
            return []
        share, highest = self._clipped / self._numbers, max(high for _, high in self._ends.values())
        beyond = f"{share:.0%} of the values, which go up to {highest:g}"
        return [f"white={self.white:g} is less than {beyond}: they are white."]

    @property
    def wide(self) -> tuple[float, float] | None:
        """White and the highest value in integers, else in floats; None where neither was met."""
        sort = next((sort for sort in (INTEGERS, FLOATS) if sort in self._ends), None)
        return None if sort is None else (self.scales()[sort].white, self._ends[sort][1])

    @property
    def white_of_integers(self) -> float | None:
        """What white is in integers, also for other files of the same origin; None where none were met."""
        return self.scales()[INTEGERS].white if INTEGERS in self._ends else None


def write_in_range(
    values: ValueRange, write: Callable[[Mapping[str, Scale]], Result], restart: Callable[[], None]
) -> Result:
    """Goes through a set by `write(scales)`, which adds to `values` what it meets; and once more, after `restart()`,
    where the set turns out to need other scales than its beginning."""
    scales = values.scales()
    result = write(scales)
    if values.scales() == scales:
        return result
    restart()
    return write(values.scales())
