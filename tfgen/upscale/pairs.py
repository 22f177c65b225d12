"""The run's own data in two sizes, one twice the other: what there is to learn from."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfgen.errors import UserError
from tfgen.evaluate.training_data import open_showing, open_training
from tfgen.restore import open_modality
from tfgen.run import Run

LEAST = 20  # pictures: some to learn from, and some to judge by
_HELD_OUT = 10  # one in so many is judged by
_MOST_HELD_OUT = 100
_LOOKED_AT = 32
_ROUNDING = 46.0  # decibels: what two pictures differ by where rounding is all
_FINER = 7.0  # decibels that one and a half times the size brings at the most, where files have twice as many pixels
_ALIKE = 25.0  # decibels: a small picture and a large one made smaller are of the same place
_MOST_BYTES = 2**31  # of pictures at twice the size
_CROP = 32  # pixels of the smaller picture
_BATCH = 16


@dataclass(frozen=True)
class Pairs:
    """Pictures uint8 [n, h, w, c], and the same [n, 2 h, 2 w, c]; for several sizes, one after the other.

    why: why the larger ones are the run's own size and the smaller ones half of it; nothing where the files had more.
    """

    sizes: list[tuple[np.ndarray, np.ndarray]]
    why: str = ""

    def held_out(self) -> tuple[np.ndarray, np.ndarray]:
        """Those that nothing is learned from, at the smallest size and the largest."""
        (small, _), (_, large) = self.sizes[0], self.sizes[-1]
        return small[::_HELD_OUT][:_MOST_HELD_OUT], large[::_HELD_OUT][:_MOST_HELD_OUT]

    def learned(self) -> np.ndarray:
        """The places of the others."""
        return np.flatnonzero(np.arange(len(self.sizes[0][0])) % _HELD_OUT)

    def crops(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Batches of parts of pictures at random places, half of them mirrored, without end; float32 in 0 to 1."""
        places = self.learned()
        for step in itertools.count():
            yield self._crops(step, places)

    def _crops(self, step: int, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        generator = np.random.default_rng([0, step])
        small, large = self.sizes[step % len(self.sizes)]
        height, width = (min(_CROP, side) for side in small.shape[1:3])
        inputs = np.empty([_BATCH, height, width, small.shape[3]], np.float32)
        outputs = np.empty([_BATCH, 2 * height, 2 * width, small.shape[3]], np.float32)
        for row, number in enumerate(generator.choice(places, _BATCH)):
            top = generator.integers(small.shape[1] - height + 1)
            left = generator.integers(small.shape[2] - width + 1)
            across = 1 - 2 * int(generator.integers(2))
            inputs[row] = small[number, top:top + height, left:left + width][:, ::across]
            part = large[number, 2 * top:2 * (top + height), 2 * left:2 * (left + width)]
            outputs[row] = part[:, ::across]
        return weighted(inputs / 255.0), weighted(outputs / 255.0)


def weighted(pictures: Any) -> Any:
    """Colours times their opacity, where pictures [..., c] have one: what can't be seen then has no colour to blur."""
    if pictures.shape[-1] != 4:
        return pictures
    pictures[..., :3] *= pictures[..., 3:]
    return pictures


def open_pairs(run: Run, by: int) -> Pairs:
    """Pictures at the run's size and at twice that, and for `by` 4 also at twice and four times.

    Where the files have no more details than what the run learned, its own size and half of it: a picture's parts are
    like pictures.

    Raises:
        UserError: the data is gone, has changed, or is too little.
    """
    examples = open_training(run)
    if len(examples) < LEAST:
        raise UserError(f"{len(examples)} pictures are too few to learn an enlargement.", f"It takes {LEAST}.")
    sizes, small, why = [], np.asarray(examples.values), ""
    for _ in range(1 if by == 2 else 2):
        large, why = _larger(run, small)
        if large is None:
            break
        sizes.append((_of_the_same_place(small, large), large))
        small = large
    if sizes:
        return Pairs(sizes)
    values = np.asarray(examples.values)
    values = values[:, : values.shape[1] // 2 * 2, : values.shape[2] // 2 * 2]
    return Pairs([(resized(values, tuple(side // 2 for side in values.shape[1:3]), "BOX"), values)], why)


def _larger(run: Run, small: np.ndarray) -> tuple[np.ndarray | None, str]:
    """The same pictures with sides twice as long; or None, and why there are none with more details."""
    if 4 * small.nbytes > _MOST_BYTES:
        return None, "the files being too many to read at twice the size"
    sides = (2 * small.shape[1], 2 * small.shape[2])
    settings = open_modality(run).settings_at(run.data_settings(), sides, small.shape)
    if settings is None:
        return None, "twice the size being more than tfgen reads"
    large = np.asarray(open_showing(run.data_source(), settings, "arrays").values)
    if large.shape[0] != small.shape[0] or large.shape[3] != small.shape[3] or not _has_details(small, large):
        return None, "the files having no more details"
    return large, ""


def _has_details(small: np.ndarray, large: np.ndarray) -> bool:
    """Whether pictures at twice the size are more than enlargements: from files about twice as large, that is.

    At one and a half times the size, pictures must still miss much of what they miss at the size itself.
    """
    chosen = np.unique(np.linspace(0, len(large) - 1, min(_LOOKED_AT, len(large))).astype(int))
    sides, large = large.shape[1:3], large[chosen]
    nearest = decibels(large, resized(small[chosen], sides))
    between = resized(resized(large, tuple(round(0.75 * side) for side in sides)), sides)
    return nearest < _ROUNDING and decibels(large, between) - nearest < _FINER


def _of_the_same_place(small: np.ndarray, large: np.ndarray) -> np.ndarray:
    """The smaller pictures; made of the larger ones where those show another part, as bars of whole pixels move it."""
    few = slice(0, min(_LOOKED_AT, len(small)))
    if decibels(small[few], resized(large[few], small.shape[1:3])) >= _ALIKE:
        return small
    return resized(large, small.shape[1:3])


def resized(values: np.ndarray, sides: tuple[int, ...], how: str = "LANCZOS") -> np.ndarray:
    """Pictures uint8 [n, h, w, c] at another size by one of Pillow's filters."""
    from PIL import Image

    mode = {1: "L", 3: "RGB", 4: "RGBA"}[values.shape[3]]
    pictures = (Image.fromarray(value[..., 0] if mode == "L" else value) for value in values)
    made = [np.asarray(each.resize(sides[::-1], Image.Resampling[how])) for each in pictures]
    return np.stack(made).reshape(len(values), *sides, values.shape[3])


def decibels(first: Any, second: Any) -> float:
    """The peak signal-to-noise ratio of pictures in 0 to 255: the mean over pictures, 60 at the most."""
    difference = np.asarray(first, np.float32) - np.asarray(second, np.float32)
    squares = np.maximum(np.mean(np.square(difference).reshape(len(difference), -1), axis=1), 255.0**2 * 1e-6)
    return float(np.mean(10 * np.log10(255.0**2 / squares)))
