"""One picture file becomes uint8 pixels at the size asked for, or a BrokenPicture that says why not.

Every mode that Pillow gives is shown as a person would see it: palettes looked up, transparency on a background,
numbers scaled by the range that their set uses, rotated as EXIF says. Knows nothing about folders.
"""

import contextlib
import stat
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from tfgen.data.listing import FileKind
from tfgen.modalities.image.frames import Frames
from tfgen.modalities.image.value_range import BYTES, FLOATS, INTEGERS, Scale, ValueRange, scale_of

# Only these are opened: some of Pillow's other formats start programs (EPS) or are no pictures.
Image.init()
with contextlib.suppress(ImportError):  # the extra [heif]
    import pillow_heif

    pillow_heif.register_heif_opener()
_WANTED = ("PNG", "JPEG", "WEBP", "BMP", "DIB", "GIF", "TIFF", "PPM", "AVIF", "HEIF")
FORMATS = [name for name in _WANTED if name in Image.OPEN]
ENDINGS = (
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff",
    ".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".heic", ".heif",
)
_CAMERA_ENDINGS = (".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2", ".svg", ".psd", ".jxl", ".jp2")
PICTURES = FileKind("picture", "pictures", ENDINGS, _CAMERA_ENDINGS, "save it as PNG or JPEG")
# Which brands a file of ISO's base media format names at its start, whatever the file is called.
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")
MOST_PIXELS = 120_000_000
LARGE_PIXELS = 12_000_000  # pictures above this are decoded one at a time, to bound the memory
DRAFT_DETAIL = 2  # a JPEG may be decoded smaller, but at least this many times the target

_ALPHA = ("LA", "RGBA", "PA", "La", "RGBa")
_HIGH_BYTE = 257  # Pillow gives the high bytes of 16-bit colour: so much of 65535 is one of them

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_one_large_at_a_time = threading.Lock()


class BrokenPicture(Exception):
    """A file that can't be used; the message is the reason, in words."""


@dataclass(frozen=True)
class Target:
    """What pictures are made to be.

    channels: 1, 3, or 4 with transparency.
    fit: how a picture of other proportions is made to fit: "crop" keeps its centre, "pad" shows all of it between bars
        of its border's colour, "stretch" distorts it.
    background: what transparency is laid on, as "#rrggbb".
    """

    height: int
    width: int
    channels: int = 3
    fit: str = "crop"
    background: str = "#ffffff"

    @property
    def mode(self) -> str:
        """Pillow's name for such pixels."""
        return {1: "L", 3: "RGB", 4: "RGBA"}[self.channels]


def read_picture(
    path: Path,
    target: Target,
    values: ValueRange | None = None,
    scales: Mapping[str, Scale] | None = None,
    frames: Frames | None = None,
) -> np.ndarray:
    """uint8 [height, width, channels]: the picture as the target wants it.

    values: learns the range of the file's numbers.
    scales: how numbers become 0..255; by default as this file alone suggests.
    frames: learns how many pictures the file holds, of which the first is read.
    """
    with _open(path) as image:
        if image.format in ("JPEG", "MPO"):
            side = DRAFT_DETAIL * max(target.height, target.width)  # of the longer side: EXIF may turn it afterwards
            image.draft(None, (side, side))
        # After the draft, which makes most photographs small: only what is really large has to wait its turn.
        large = image.width * image.height > LARGE_PIXELS
        with _one_large_at_a_time if large else contextlib.nullcontext():
            picture = _decode(image, target, values or ValueRange(), scales)
        pixels = np.asarray(fitted(picture.convert(target.mode), target.height, target.width, target.fit))
        if frames is not None:
            frames.add(path, image)
    return pixels.reshape(target.height, target.width, target.channels)


def read_size(path: Path) -> tuple[int, int]:
    """Height and width from the header alone, as a person would see the picture."""
    with _open(path) as image:
        turned = image.format != "TIFF" and "exif" in image.info and _orientation(image) >= 5
        return (image.width, image.height) if turned else (image.height, image.width)


def fitted(image: Image.Image, height: int, width: int, fit: str) -> Image.Image:
    """The picture at this size, by one of Target's ways to fit."""
    if fit == "crop" or image.width * height == image.height * width:
        return cover(image, height, width)
    if fit == "stretch":
        return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    scale = min(height / image.height, width / image.width)
    inner = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    small = image.resize(inner, Image.Resampling.LANCZOS, reducing_gap=3.0)
    padded = Image.new(image.mode, (width, height), _border_colour(small))
    padded.paste(small, ((width - inner[0]) // 2, (height - inner[1]) // 2))
    return padded


def _border_colour(image: Image.Image) -> tuple[int, ...]:
    """The middle colour of the outermost pixels."""
    pixels = np.asarray(image).reshape(image.height, image.width, -1)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return tuple(int(value) for value in np.median(border, axis=0))


def cover(image: Image.Image, height: int, width: int) -> Image.Image:
    """The picture scaled until it covers height x width, and the centre of that."""
    if image.size == (width, height):
        return image
    scale = min(image.width / width, image.height / height)
    left, top = (image.width - width * scale) / 2, (image.height - height * scale) / 2
    right, bottom = min(image.width, left + width * scale), min(image.height, top + height * scale)
    box = (max(0.0, left), max(0.0, top), right, bottom)
    return image.resize((width, height), Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)


class _open:
    """Opens a picture; every way in which that, or the work inside the block, can fail becomes a BrokenPicture."""

    def __init__(self, path: Path):
        self._path = path
        self._image: Image.Image | None = None

    def __enter__(self) -> Image.Image:
        try:
            self._check_file()
            self._image = Image.open(self._path, formats=FORMATS)
            _check_pixels(self._image)
            return self._image
        except UnidentifiedImageError as error:
            self._close()
            raise BrokenPicture(_unknown_format(self._path)) from error
        except Exception as error:
            self._close()
            raise BrokenPicture(_reason(error)) from error

    def __exit__(self, kind, error, traceback) -> None:
        self._close()
        if isinstance(error, Exception) and not isinstance(error, BrokenPicture):
            raise BrokenPicture(_reason(error)) from error

    def _check_file(self) -> None:
        status = self._path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise BrokenPicture("a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file")
        if status.st_size == 0:
            raise BrokenPicture("the file is empty")

    def _close(self) -> None:
        if self._image is not None:
            self._image.close()


def _check_pixels(image: Image.Image) -> None:
    if image.width * image.height > MOST_PIXELS:
        raise BrokenPicture(
            f"{image.width}x{image.height} pixels, more than {MOST_PIXELS // 1_000_000} million"
        )


def _decode(
    image: Image.Image, target: Target, values: ValueRange, scales: Mapping[str, Scale] | None
) -> Image.Image:
    """Mode L or RGB, or RGBA where that is wanted, turned upright; much larger pictures already reduced."""
    deep = image.format in ("PNG", "TIFF") and ";16" in str(image.tile)
    image.load()
    factor = min(image.width, image.height) // (4 * max(target.height, target.width))
    orientation = _orientation(image)
    scaled = _scaled(image, deep, values, scales)
    shown = scaled if _is_numbers(image) else _as_seen(scaled, factor, target)
    return shown.transpose(_TURNS[orientation]) if orientation in _TURNS else shown


def _scaled(
    image: Image.Image, deep: bool, values: ValueRange, scales: Mapping[str, Scale] | None
) -> Image.Image:
    """The picture with numbers of 8 bits; colours of a palette, CMYK and the like mean what they mean.

    deep: whether the file has 16 bits, of which Pillow may have kept 8.
    """
    if _is_numbers(image):
        numbers = np.nan_to_num(np.asarray(image).astype(np.float32), copy=False, posinf=0.0, neginf=0.0)
        sort = FLOATS if image.mode == "F" else INTEGERS
        scale = _learn(sort, float(numbers.min()), float(numbers.max()), values, scales)
        values.count_clipped(numbers)
        numbers += scale.offset
        numbers *= scale.factor
        numbers += 0.5
        return Image.fromarray(np.clip(numbers, 0, 255, out=numbers).astype(np.uint8))
    if image.mode not in ("L", "RGB", "LA", "RGBA"):
        return image
    sort, unit = (INTEGERS, _HIGH_BYTE) if deep else (BYTES, 1)
    if values.matters(sort):
        low, high = _ends(image)
        scale = _learn(sort, low * unit, high * 256 + 255 if deep else high, values, scales)
    else:
        scale = (scales or values.scales())[sort]
    factor = scale.factor * unit
    if abs(factor - 1) < 1e-9:
        return image
    image = image.convert("RGBA") if image.has_transparency_data and image.mode not in _ALPHA else image
    table = [min(255, round(value * factor)) for value in range(256)]
    bands = image.getbands()
    return image.point([*table * len(bands)] if image.mode not in _ALPHA else [*table * (len(bands) - 1), *range(256)])


def _is_numbers(image: Image.Image) -> bool:
    """Whether it is grey of 16 bits, 32 bits or floats."""
    return image.mode == "F" or image.mode.startswith("I")


def _learn(sort: str, low: float, high: float, values: ValueRange, scales: Mapping[str, Scale] | None) -> Scale:
    """Adds a file's range to its set's; gives the scale of the set, or that of the file where there is none yet."""
    values.add(sort, low, high)
    return scales[sort] if scales is not None else scale_of(sort, low, high, values.white)


def _ends(image: Image.Image) -> tuple[float, float]:
    """The lowest and the highest number in the colours of a picture of mode L, LA, RGB or RGBA."""
    extrema = image.getextrema()
    bands = [extrema] if image.mode == "L" else list(extrema)[: -1 if image.mode in _ALPHA else None]
    return min(low for low, _ in bands), max(high for _, high in bands)


def _as_seen(image: Image.Image, factor: int, target: Target) -> Image.Image:
    if image.mode in _ALPHA or image.has_transparency_data:
        reduced = _reduced(image if image.mode == "RGBA" else image.convert("RGBA"), factor)
        return reduced if target.channels == 4 else _laid_on(reduced, target.background)
    if image.mode in ("L", "RGB"):
        return _reduced(image, factor)
    return _reduced(image.convert("L" if image.mode == "1" else "RGB"), factor)


def _reduced(image: Image.Image, factor: int) -> Image.Image:
    return image.reduce(factor) if factor > 1 else image


def _laid_on(image: Image.Image, colour: str) -> Image.Image:
    return Image.alpha_composite(Image.new("RGBA", image.size, colour), image).convert("RGB")


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # a picture with damaged EXIF is still a picture
        return 1


def _unknown_format(path: Path) -> str:
    """What a file is that Pillow doesn't know."""
    try:
        with open(path, "rb") as file:
            start = file.read(64)
    except OSError:
        start = b""
    if start[4:8] == b"ftyp":
        brands = [start[8:12], *[start[place : place + 4] for place in range(16, 64, 4)]]
        if brands[0] in _AVIF_BRANDS:
            return "an AVIF picture that is damaged, or of a kind that Pillow can't read"
        if any(brand in _HEIC_BRANDS for brand in brands):
            how = " that is damaged" if "HEIF" in FORMATS else "; convert it, or: pip install pillow-heif"
            return f"an iPhone picture (HEIC){how}"
    return "not a picture, or one that is damaged in its first bytes"


def _reason(error: BaseException) -> str:
    if isinstance(error, BrokenPicture):
        return str(error)
    if isinstance(error, FileNotFoundError):
        return "a link to nothing, or a file that vanished"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    if isinstance(error, Image.DecompressionBombError):
        return f"more than {MOST_PIXELS // 1_000_000} million pixels"
    if isinstance(error, MemoryError):
        return "too large for the memory"
    if "truncated" in str(error).lower():
        return "cut short"
    return f"damaged ({' '.join(str(error).split())[:80] or type(error).__name__})"
