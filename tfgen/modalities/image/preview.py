"""Pictures as a person sees them: PNGs with their settings inside, many in a grid, and in a page."""

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np

from tfgen import files
from tfgen.errors import UserError

VISIBLE_SIDE = 64  # in a grid, smaller pictures are enlarged to at least this
LARGEST_GRID = 8192  # pixels along a side; a grid that would be larger is not enlarged
PADDING = 2
_LARGEST_IN_A_PAGE = 192  # pixels; larger pictures are made smaller
_GAP = 24  # pixels between the sheets of several runs


def save_png(path: Path, value: np.ndarray, metadata: Mapping[str, str] | None = None) -> None:
    """Writes one picture [h, w, c] as a PNG that carries `metadata`, atomically."""
    from PIL.PngImagePlugin import PngInfo

    information = PngInfo()
    for key, text in (metadata or {}).items():
        information.add_itxt(key, text)
    with files.open_atomically(Path(path)) as file:
        _as_picture(value).save(file, format="PNG", pnginfo=information)


def read_metadata(path: Path) -> dict[str, str]:
    """What `save_png` put into a PNG beside the pixels."""
    from PIL import Image

    try:
        with Image.open(path, formats=("PNG",)) as image:
            image.load()
            return {key: str(text) for key, text in image.text.items()}
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError(f"'{path}' can't be read as a PNG: {error}.", "Give a picture that tfgen wrote.") from error


def grid(values: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Pictures [n, h, w, c] side by side on white, small ones enlarged by a whole number: uint8 [H, W, c]."""
    values = np.asarray(values, np.uint8)
    if values.ndim != 4 or not len(values):
        raise ValueError(f"a grid needs pictures [n, h, w, c], not {values.shape}")
    count, height, width, channels = values.shape
    columns = min(count, columns or int(np.ceil(np.sqrt(count))))
    rows = -(-count // columns)
    factor = _enlargement(rows * height, columns * width, max(height, width))
    values = values.repeat(factor, axis=1).repeat(factor, axis=2)
    cell_height, cell_width = height * factor + PADDING, width * factor + PADDING
    cells = np.full((rows * columns, cell_height, cell_width, channels), 255, np.uint8)
    cells[:count, PADDING:, PADDING:] = values
    sheet = cells.reshape(rows, columns, cell_height, cell_width, channels).swapaxes(1, 2)
    sheet = sheet.reshape(rows * cell_height, columns * cell_width, channels)
    return np.pad(sheet, ((0, PADDING), (0, PADDING), (0, 0)), constant_values=255)


def join(sheets: Sequence[Path], path: Path, metadata: Mapping[str, str]) -> None:
    """Writes one PNG with PNGs from left to right."""
    from PIL import Image

    pictures = [np.asarray(Image.open(sheet).convert("RGB")) for sheet in sheets]
    height = max(picture.shape[0] for picture in pictures)
    white = {"mode": "constant", "constant_values": 255}
    padded = [np.pad(each, [[0, height - each.shape[0]], [0, _GAP], [0, 0]], **white) for each in pictures]
    save_png(path, np.concatenate(padded, axis=1)[:, :-_GAP], metadata)


def read_png(content: bytes) -> np.ndarray:
    """uint8 [height, width, channels]. Raises ValueError or OSError where the content is no PNG."""
    from PIL import Image

    pixels = np.asarray(Image.open(io.BytesIO(content), formats=("PNG",)))
    return pixels if pixels.ndim == 3 else pixels[..., None]


def as_html(value: np.ndarray, what: str) -> str:
    """A picture that lies in the page itself."""
    image = _as_picture(value)
    image.thumbnail((_LARGEST_IN_A_PAGE, _LARGEST_IN_A_PAGE))
    file = io.BytesIO()
    image.save(file, format="PNG", optimize=True)
    source = base64.b64encode(file.getvalue()).decode("ascii")
    width, height = image.size
    return f'<img src="data:image/png;base64,{source}" width="{width}" height="{height}" alt="{escape(what)}">'


def _enlargement(grid_height: int, grid_width: int, side: int) -> int:
    wanted = -(-VISIBLE_SIDE // side)
    return max(1, min(wanted, LARGEST_GRID // max(grid_height, grid_width)))


def _as_picture(value: np.ndarray):
    from PIL import Image

    value = np.ascontiguousarray(value, np.uint8)
    return Image.fromarray(value[..., 0] if value.ndim == 3 and value.shape[-1] == 1 else value)
