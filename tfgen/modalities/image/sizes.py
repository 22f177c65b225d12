"""How pictures are prepared: their size and channels, how they are made to fit, what transparency becomes."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tfgen.config import parse_value
from tfgen.errors import UserError, unknown

SMALLEST_SIDE, LARGEST_SIDE = 8, 512
FITS = ("crop", "pad", "stretch")
_HOW = {
    "crop": "scaled to cover {} and its centre is kept (to see all of it: --set fit=pad, or stretch)",
    "pad": "scaled into {} between bars of its border's colour",
    "stretch": "stretched to {}",
}
KEEP = "keep"
WHITE, BLACK = "#ffffff", "#000000"
_COLOURS = {"white": WHITE, "black": BLACK}
_CLEARLY_OTHER = 1.05  # times the proportion of what is prepared; rounding changes less
DEFAULT_SIDE = 64  # the longer side when the user names no size: small enough to train on a laptop


def check_size(size: str | int | Sequence[int]) -> tuple[int, int] | None:
    size = "x".join(map(str, size)) if isinstance(size, (tuple, list)) else size
    if str(size).strip() == "":
        return None
    matched = re.fullmatch(r"([0-9]{1,6})(?:\s*[xX×]\s*([0-9]{1,6}))?", str(size).strip())
    if not matched:
        raise UserError(f"'{size}' is not a size.", "Write one number, as in size=64, or height x width, as in 48x96.")
    height = int(matched[1])
    width = int(matched[2] or height)
    if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in (height, width)):
        raise UserError(
            f"Size {size} is out of range.", f"Each side may have {SMALLEST_SIDE} to {LARGEST_SIDE} pixels."
        )
    return height, width


def check_channels(channels: int | str) -> int:
    if str(channels) not in ("1", "3"):
        raise UserError(f"channels must be 1 or 3, not {channels}.", "1 is for grey, 3 for colour.")
    return int(channels)


def check_white(white: float | str) -> float:
    try:
        number = float(white)
    except (TypeError, ValueError):
        number = 0.0
    if not 0 < number < 2**32:
        raise UserError(
            f"white must be a number above 0, not {white}.",
            "It is the value in your files that stands for white, as in white=1 or white=4095.",
        )
    return number


def check_fit(fit: str) -> str:
    if fit not in FITS:
        raise unknown("way to fit", str(fit), FITS)
    return fit


def check_background(background: str) -> str:
    """"#rrggbb" of a colour's name or number, or KEEP."""
    background = str(background).strip().lower()
    if background == KEEP:
        return KEEP
    background = _COLOURS.get(background, background)
    if not re.fullmatch(r"#[0-9a-f]{6}", background):
        raise UserError(
            f"background must be white, black, a colour such as #ff8800, or keep, not {background}.",
            "It is what transparency is laid on; keep learns the transparency too.",
        )
    return background


def check_mirror(mirror: bool | str) -> bool:
    return parse_value("mirror", mirror, bool)


def channels_of(settings: Mapping[str, Any]) -> int | None:
    """How many channels were asked for, if it was said. Raises UserError where that is said in two ways."""
    channels = settings.get("channels")
    if settings.get("background") != KEEP:
        return channels
    if channels is not None:
        raise UserError(
            f"background=keep needs 4 channels, and channels={channels} is given.", "Leave one of them out."
        )
    return 4


def choose_size(
    heights: list[int], widths: list[int], size: tuple[int, int] | None, fit: str = "crop"
) -> tuple[int, int, list[str]]:
    """Height, width and notes for pictures of these sizes: what was asked for, else the median within limits.

    fit: one of FITS, what happens to pictures of other proportions.
    """
    if size is not None:
        return *size, _notes_on_proportions(heights, widths, size, fit)
    height, width = sorted(heights)[len(heights) // 2], sorted(widths)[len(widths) // 2]
    same = min(heights) == max(heights) and min(widths) == max(widths)
    scale = min(1.0, DEFAULT_SIDE / max(height, width))
    chosen = tuple(min(LARGEST_SIDE, max(SMALLEST_SIDE, round(side * scale))) for side in (height, width))
    notes = [_note_on_fit(heights, widths, chosen, fit)] if not same else []
    notes = notes or _notes_on_proportions(heights, widths, chosen, fit)
    if chosen != (height, width):
        notes.append(_note_on_limits(height, width, chosen, same))
    return *chosen, notes


def _notes_on_proportions(
    heights: list[int], widths: list[int], size: tuple[int, int], fit: str
) -> list[str]:
    """What happens to pictures of clearly other proportions than the size, where there are some."""
    proportions = [height * size[1] / (width * size[0]) for height, width in zip(heights, widths, strict=True)]
    others = any(max(each, 1 / each) > _CLEARLY_OTHER for each in proportions)
    return [_note_on_fit(heights, widths, size, fit)] if others else []


def _note_on_fit(heights: list[int], widths: list[int], size: tuple[int, int], fit: str) -> str:
    smallest, largest = _words(min(heights), min(widths)), _words(max(heights), max(widths))
    what = f"differ in size ({smallest} to {largest}, height x width)"
    if smallest == largest:
        what = f"are {smallest} (height x width)"
    return f"The pictures {what}; each is {_HOW[fit].format(_words(*size))}."


def _note_on_limits(height: int, width: int, chosen: tuple[int, int], same: bool) -> str:
    kind = "The pictures are" if same else "The middle size is"
    changed = f"{kind} {_words(height, width)}; they are prepared at {_words(*chosen)}"
    if SMALLEST_SIDE <= min(height, width) and max(height, width) <= LARGEST_SIDE:
        return f"{changed}. To keep the original size: --set size={_setting(height, width)}"
    largest = [max(SMALLEST_SIDE, round(side * LARGEST_SIDE / max(height, width))) for side in (height, width)]
    if max(height, width) > LARGEST_SIDE:
        return f"{changed}. The largest that is possible: --set size={_setting(*largest)}"
    return f"{changed}, since a side has at least {SMALLEST_SIDE} pixels."


def _words(height: int, width: int) -> str:
    return f"{height}x{width}"


def _setting(height: int, width: int) -> str:
    return str(height) if height == width else f"{height}x{width}"
