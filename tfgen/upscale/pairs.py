"""The run's own data in two sizes, one twice the other: what there is to learn from."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from tfgen.errors import UserError
from tfgen.evaluate.training_data import open_showing, open_training
from tfgen.restore import open_modality
from tfgen.run import Run

LEAST = 20  # pictures: some to learn from, and some to judge by
_APART = 10  # one in so many is judged by
_MOST_APART = 100
_LOOKED_AT = 32
_NO_DETAILS = 42.0  # decibels: an enlargement is as near as that to itself, enlarged again
_CROP = 32  # pixels of the smaller picture
_BATCH = 16


@dataclass(frozen=True)
class Pairs:
    """Pictures uint8 [n, h, w, c], and the same [n, 2 h, 2 w, c]; those of several sizes one after the other."""

    sizes: list[tuple[np.ndarray, np.ndarray]]
    original: bool  # whether the larger are from the files, not the run's own size next to half of it

    def apart(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Those that nothing is learned from."""
        return [(small[::_APART][:_MOST_APART], large[::_APART][:_MOST_APART]) for small, large in self.sizes]

    def batches(self) -> "Crops":
        chosen = [np.flatnonzero(np.arange(len(small)) % _APART) for small, _ in self.sizes]
        return Crops(self.sizes, chosen)


class Crops(keras.utils.PyDataset):
    """Parts of pictures at random places, turned and mirrored, without end."""

    def __init__(self, sizes: list[tuple[np.ndarray, np.ndarray]], chosen: list[np.ndarray]):
        super().__init__()
        self.sizes, self.chosen = sizes, chosen

    def __len__(self) -> int:
        return 10**9

    def __getitem__(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        generator = np.random.default_rng([0, step])
        place = step % len(self.sizes)
        small, large = self.sizes[place]
        height, width = (min(_CROP, side) for side in small.shape[1:3])
        inputs = np.empty([_BATCH, height, width, small.shape[3]], np.float32)
        outputs = np.empty([_BATCH, 2 * height, 2 * width, small.shape[3]], np.float32)
        for row, number in enumerate(generator.choice(self.chosen[place], _BATCH)):
            top = generator.integers(small.shape[1] - height + 1)
            left = generator.integers(small.shape[2] - width + 1)
            step_across = 1 - 2 * int(generator.integers(2))
            inputs[row] = small[number, top:top + height, left:left + width][:, ::step_across]
            part = large[number, 2 * top:2 * (top + height), 2 * left:2 * (left + width)]
            outputs[row] = part[:, ::step_across]
        return inputs / 255.0, outputs / 255.0


def open_pairs(run: Run, by: int) -> Pairs:
    """Pictures at the run's size and at twice that, and for `by` 4 also at twice and four times.

    Where the files are no larger than what the run learned, its own size and half of it: a picture's parts are like
    pictures.

    Raises:
        UserError: the data is gone, has changed, or is too little.
    """
    examples = open_training(run)
    if len(examples) < LEAST:
        raise UserError(f"{len(examples)} pictures are too few to learn an enlargement.", f"It takes {LEAST}.")
    sizes, small = [], np.asarray(examples.values)
    for _ in range(1 if by == 2 else 2):
        large = _larger(run, small)
        if large is None:
            break
        sizes.append((small, large))
        small = large
    if sizes:
        return Pairs(sizes, True)
    values = np.asarray(examples.values)
    values = values[:, : values.shape[1] // 2 * 2, : values.shape[2] // 2 * 2]
    return Pairs([(_halved(values), values)], False)


def _larger(run: Run, small: np.ndarray) -> np.ndarray | None:
    """The same pictures with sides twice as long; None where the files have no more details than these."""
    height, width = (2 * side for side in small.shape[1:3])
    settings = open_modality(run).settings_at(run.data_settings(), height, width)
    if settings is None:
        return None
    large = np.asarray(open_showing(run.data_source(), settings, "arrays").values)
    few = slice(0, min(_LOOKED_AT, len(small)))
    if len(large) != len(small) or decibels(large[few], enlarged(small[few], (height, width))) > _NO_DETAILS:
        return None
    return large


def enlarged(values: np.ndarray, sides: tuple[int, int], how: str = "LANCZOS") -> np.ndarray:
    """Pictures uint8 [n, h, w, c] at another size by one of Pillow's filters."""
    from PIL import Image

    mode = {1: "L", 3: "RGB", 4: "RGBA"}[values.shape[3]]
    pictures = (Image.fromarray(value[..., 0] if mode == "L" else value, mode) for value in values)
    resized = [np.asarray(each.resize(sides[::-1], Image.Resampling[how])) for each in pictures]
    return np.stack(resized).reshape(len(values), *sides, values.shape[3])


def decibels(first: Any, second: Any) -> float:
    """The peak signal-to-noise ratio of pictures in 0 to 255: the mean over pictures, 60 at the most."""
    apart = np.asarray(first, np.float32) - np.asarray(second, np.float32)
    squares = np.maximum(np.mean(np.square(apart).reshape(len(apart), -1), axis=1), 255.0**2 * 1e-6)
    return float(np.mean(10 * np.log10(255.0**2 / squares)))


def _halved(values: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 pixels."""
    count, height, width, channels = values.shape
    whole = values.reshape(count, height // 2, 2, width // 2, 2, channels)
    return np.rint(whole.mean(axis=(2, 4), dtype=np.float32)).astype(np.uint8)
