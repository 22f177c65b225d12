"""What can be measured in a picture without knowing what it shows: how thick, slanted, bright and colourful it is."""

from collections.abc import Callable

import numpy as np


def attributes_of(channels: int) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Functions of pictures uint8 [n, height, width, channels] to [n], by what they measure."""
    drawn = {"thickness": thickness, "slant": slant, "size": extent, "brightness": brightness, "contrast": contrast}
    return drawn | ({"colour": colour, "warmth": warmth} if channels >= 3 else {})


def brightness(pictures: np.ndarray) -> np.ndarray:
    """The mean of all values, from 0 to 1."""
    return _grey(pictures).mean(axis=(1, 2))


def contrast(pictures: np.ndarray) -> np.ndarray:
    """The standard deviation over a picture."""
    return _grey(pictures).std(axis=(1, 2))


def thickness(pictures: np.ndarray) -> np.ndarray:
    """How wide strokes are, in pixels: the area of what stands out over half of its outline."""
    figure = _figure(pictures)
    outline = np.abs(np.diff(figure, axis=1)).sum(axis=(1, 2)) + np.abs(np.diff(figure, axis=2)).sum(axis=(1, 2))
    return 2.0 * figure.sum(axis=(1, 2)) / np.maximum(outline, 1e-6)


def slant(pictures: np.ndarray) -> np.ndarray:
    """How far what stands out leans to the right, in pixels a row."""
    tall, _, both = _moments(pictures)
    return -both / np.maximum(tall, 1e-6)


def extent(pictures: np.ndarray) -> np.ndarray:
    """How far what stands out reaches around its middle, in pixels."""
    tall, wide, _ = _moments(pictures)
    return np.sqrt(np.maximum(tall + wide, 0.0))


def colour(pictures: np.ndarray) -> np.ndarray:
    """How far pixels are from grey in the mean, from 0 to 1."""
    shown = _over_white(pictures)
    return (shown.max(axis=3) - shown.min(axis=3)).mean(axis=(1, 2))


def warmth(pictures: np.ndarray) -> np.ndarray:
    """How much more red than blue there is, from -1 to 1."""
    shown = _over_white(pictures)
    return (shown[..., 0] - shown[..., 2]).mean(axis=(1, 2))


def _over_white(pictures: np.ndarray) -> np.ndarray:
    """Values from 0 to 1 without transparency."""
    values = np.asarray(pictures, np.float32) / 255.0
    if values.shape[3] != 4:
        return values
    return values[..., :3] * values[..., 3:] + 1.0 - values[..., 3:]


def _grey(pictures: np.ndarray) -> np.ndarray:
    return _over_white(pictures).mean(axis=3)


def _figure(pictures: np.ndarray) -> np.ndarray:
    """How far each pixel is from the picture's border, whose median is taken for the background: [n, height, width]."""
    grey = _grey(pictures)
    border = np.concatenate([grey[:, 0], grey[:, -1], grey[:, :, 0], grey[:, :, -1]], axis=1)
    return np.abs(grey - np.median(border, axis=1)[:, None, None])


def _moments(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Second central moments of what stands out, [n] each: down, across, and both."""
    figure = _figure(pictures)
    mass = np.maximum(figure.sum(axis=(1, 2)), 1e-6)
    rows, columns = (np.arange(side, dtype=np.float32) for side in figure.shape[1:])
    down, across = figure.sum(axis=2), figure.sum(axis=1)
    row, column = down @ rows / mass, across @ columns / mass
    tall = down @ rows**2 / mass - row**2
    wide = across @ columns**2 / mass - column**2
    both = (figure @ columns) @ rows / mass - row * column
    return tall, wide, both
