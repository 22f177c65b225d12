"""Pictures as a person sees them: PNGs with their settings inside, many in a grid, and in a page."""

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.errors import UserError
from tfgen.trust.provenance import open_marked, write_marked

VISIBLE_SIDE = 64  # in a grid, smaller pictures are enlarged to at least this
LARGEST_GRID = 8192  # pixels along a side; a grid that would be larger is not enlarged
SHOWN_SIDE = 256  # of an animation, smaller pictures are enlarged to at least this
FRAMES_A_SECOND = 20
PADDING = 2
_CHOICE_SIDE = 112  # of pictures to choose from, smaller ones are enlarged to at least this
_STRIP = 14  # pixels, for a number
_IMAGE_DESCRIPTION = 0x010E  # of EXIF
_LARGEST_IN_A_PAGE = 192  # pixels; larger pictures are made smaller
_GAP = 24  # pixels between the sheets of several runs


def save_png(path: Path, value: np.ndarray, metadata: Mapping[str, str] | None = None) -> None:
    """Writes one picture [h, w, c] as a PNG that carries `metadata`, signed and atomically."""
    write_marked(Path(path), as_png(value, metadata), metadata)


def as_png(value: np.ndarray, metadata: Mapping[str, str] | None = None) -> bytes:
    """One picture [h, w, c] as a PNG that carries `metadata`."""
    from PIL.PngImagePlugin import PngInfo

    information, content = PngInfo(), io.BytesIO()
    for key, text in (metadata or {}).items():
        information.add_itxt(key, text)
    _as_picture(value).save(content, format="PNG", pnginfo=information)
    return content.getvalue()


def save_animation(path: Path, values: np.ndarray, metadata: Mapping[str, str], loop: bool) -> None:
    """Writes pictures [n, h, w, c] one after the other: a .gif, a .webp, or an .mp4, which needs PyAV; atomically.

    A loop goes on for ever, else a .gif and a .webp stop at the last picture.
    """
    factor = -(-SHOWN_SIDE // max(values.shape[1:3]))
    frames = [_as_picture(each.repeat(factor, axis=0).repeat(factor, axis=1)) for each in values]
    with open_marked(Path(path), metadata) as file:
        if path.suffix.lower() == ".mp4":
            _write_video(file, frames, metadata)
            return
        first, *others = (frame if frame.mode == "RGBA" else frame.convert("RGB") for frame in frames)
        options = {"save_all": True, "append_images": others, "duration": round(1000 / FRAMES_A_SECOND)}
        options |= {"loop": 0} if loop else {}
        said = "; ".join(f"{key}: {text}" for key, text in metadata.items())
        if path.suffix.lower() == ".gif":
            first.save(file, format="GIF", comment=said.encode()[:1000], disposal=2, **options)
        else:
            exif = first.getexif()
            exif[_IMAGE_DESCRIPTION] = said
            first.save(file, format="WEBP", lossless=True, exif=exif, **({"loop": 1} | options))


def _write_video(file: Any, frames: Sequence[Any], metadata: Mapping[str, str]) -> None:
    try:
        import av
    except ImportError as error:
        raise UserError(
            "An .mp4 needs PyAV, which isn't installed.", "Use: pip install 'tfgen[video]', or write a .gif or a .webp."
        ) from error
    with av.open(file, "w", format="mp4") as video:
        video.metadata.update(comment="; ".join(f"{key}: {text}" for key, text in metadata.items()))
        stream = video.add_stream("libx264", rate=FRAMES_A_SECOND)
        width, height = frames[0].size
        stream.width, stream.height, stream.pix_fmt = width - width % 2, height - height % 2, "yuv420p"  # even sides
        for frame in frames:
            picture = frame.convert("RGB").crop((0, 0, stream.width, stream.height))
            video.mux(stream.encode(av.VideoFrame.from_image(picture)))
        video.mux(stream.encode())


def read_metadata(path: Path) -> dict[str, str]:
    """What `save_png` put into a PNG beside the pixels."""
    from PIL import Image

    try:
        with Image.open(path, formats=("PNG",)) as image:
            # Without the pixels, which may be many: what `save_png` says stands before them.
            return {key: str(text) for key, text in image.info.items() if isinstance(text, str)}
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


def numbered(values: np.ndarray) -> np.ndarray:
    """Pictures [n, h, w, c], small ones enlarged, with a strip above each that has its number, from 1."""
    from PIL import Image, ImageDraw

    values = np.asarray(values, np.uint8)
    factor = max(1, -(-_CHOICE_SIDE // max(values.shape[1:3])))
    values = values.repeat(factor, axis=1).repeat(factor, axis=2)
    strips = np.full([len(values), _STRIP, *values.shape[2:]], 255, np.uint8)
    for number, strip in enumerate(strips, 1):
        drawn = Image.new("L", (strip.shape[1], _STRIP), 255)
        ImageDraw.Draw(drawn).text((2, 1), str(number), fill=0)
        strip[..., :3] = np.asarray(drawn)[..., None]
    return np.concatenate([strips, values], axis=1)


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
