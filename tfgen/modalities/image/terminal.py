"""Pictures in a terminal: as files where it shows them (kitty's protocol, iTerm2's), else in half blocks of colour."""

import base64
import os

import numpy as np

from tfgen.modalities.image.preview import grid

_GAP = 1  # between pictures
_CHUNK = 4096  # letters of a file that kitty takes at once
_LARGEST = 24  # columns of half blocks that a picture gets at the most


def as_terminal(values: np.ndarray, columns: int) -> str:
    """Pictures uint8 [n, height, width, channels] from left to right, a new row where the terminal ends."""
    values = np.asarray(values, np.uint8)
    if os.environ.get("KITTY_WINDOW_ID") or os.environ.get("TERM") == "xterm-kitty":
        return _kitty(_png(values))
    if os.environ.get("TERM_PROGRAM") in ("iTerm.app", "WezTerm"):
        return _iterm(_png(values))
    return _blocks(values, columns)


def _png(values: np.ndarray) -> bytes:
    import io

    from PIL import Image

    sheet = grid(values)
    file = io.BytesIO()
    Image.fromarray(sheet[..., 0] if sheet.shape[-1] == 1 else sheet).save(file, format="PNG")
    return file.getvalue()


def _kitty(content: bytes) -> str:
    """https://sw.kovidgoyal.net/kitty/graphics-protocol/: a PNG in parts, of which all but the last have m=1."""
    letters = base64.b64encode(content).decode("ascii")
    parts = [letters[start : start + _CHUNK] for start in range(0, len(letters), _CHUNK)]
    first = "a=T,f=100,"
    chunks = []
    for place, part in enumerate(parts):
        more = int(place < len(parts) - 1)
        chunks.append(f"\033_G{first if place == 0 else ''}m={more};{part}\033\\")
    return "".join(chunks)


def _iterm(content: bytes) -> str:
    """https://iterm2.com/documentation-images.html"""
    letters = base64.b64encode(content).decode("ascii")
    return f"\033]1337;File=inline=1;size={len(content)}:{letters}\a"


def _blocks(values: np.ndarray, columns: int) -> str:
    """Two pixels in each letter, one above the other, in 24-bit colour; each row of pictures under its numbers."""
    height, width = values.shape[1:3]
    shown = min(_LARGEST, width, columns)
    across = max(1, (columns + _GAP) // (shown + _GAP))
    small = _reduced(values, max(2, round(height * shown / width)), shown)
    lines = []
    for start in range(0, len(values), across):
        part = small[start : start + across]
        numbers = [f"{start + place + 1}".ljust(shown) for place in range(len(part))]
        lines.append((" " * _GAP).join(numbers).rstrip())
        for row in range(0, part.shape[1], 2):
            lines.append((" " * _GAP).join(_line(each[row], each[row + 1]) for each in part))
    return "\n".join(lines)


def _line(upper: np.ndarray, lower: np.ndarray) -> str:
    letters = []
    for above, below in zip(upper.tolist(), lower.tolist(), strict=True):
        letters.append(f"\033[38;2;{above[0]};{above[1]};{above[2]}m\033[48;2;{below[0]};{below[1]};{below[2]}m▀")
    return "".join(letters) + "\033[0m"


def _reduced(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """uint8 [n, an even height, width, 3]: the means of what falls into each new pixel."""
    height += height % 2
    colours = values.astype(np.float32)
    if colours.shape[3] == 4:
        share = colours[..., 3:] / 255.0
        colours = colours[..., :3] * share + 255.0 * (1 - share)
    colours = np.broadcast_to(colours, (*colours.shape[:3], 3))
    for axis, side in ((1, height), (2, width)):
        places = np.minimum(np.arange(colours.shape[axis]) * side // colours.shape[axis], side - 1)
        if colours.shape[axis] >= side:
            starts = np.searchsorted(places, np.arange(side))
            counts = np.diff(np.append(starts, colours.shape[axis])).astype(np.float32)
            shape = [1, 1, 1, 1]
            shape[axis] = side
            colours = np.add.reduceat(colours, starts, axis=axis) / counts.reshape(shape)
        else:
            colours = np.take(colours, np.arange(side) * colours.shape[axis] // side, axis=axis)
    return np.rint(colours).astype(np.uint8)
