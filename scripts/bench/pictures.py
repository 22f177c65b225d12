"""Folders of small pictures, good ones and ones that are broken in every way that a file can be."""

import io
import os
import socket
import struct
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

FORMATS = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "bmp": "BMP", "gif": "GIF", "tiff": "TIFF"}


def smooth_noise(draw: np.random.Generator, side: int) -> np.ndarray:
    """A colour picture of soft blobs: an eighth of the resolution, enlarged."""
    coarse = draw.integers(0, 256, (max(2, side // 8), max(2, side // 8), 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BILINEAR))


def encoded(picture: np.ndarray, ending: str) -> bytes:
    """The bytes of a picture file."""
    content = io.BytesIO()
    Image.fromarray(picture).save(content, format=FORMATS[ending])
    return content.getvalue()


def write_good(folder: Path, count: int, side: int, endings: tuple[str, ...] = tuple(FORMATS), seed: int = 0) -> None:
    """Writes `count` pictures, a thousand to a folder, several at a time."""

    def write_thousand(first: int) -> None:
        draw = np.random.default_rng([seed, first])
        inside = folder / f"{first // 1000:03d}"
        inside.mkdir(parents=True, exist_ok=True)
        for number in range(first, min(count, first + 1000)):
            ending = endings[number % len(endings)]
            (inside / f"{number:06d}.{ending}").write_bytes(encoded(smooth_noise(draw, side), ending))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(write_thousand, range(0, count, 1000)))


def write_broken(folder: Path, count: int, side: int, seed: int = 0) -> dict[str, str]:
    """Writes `count` broken pictures, each sort in turn; the sort of each by its name."""
    draw = np.random.default_rng([seed, 1])
    sorts = dict(SORTS)
    if os.geteuid() == 0:
        del sorts["unreadable"]  # root may read everything
    written = {}
    for number in range(count):
        sort = list(sorts)[number % len(sorts)]
        # The same sort comes in another format each time it is its turn again.
        ending = list(FORMATS)[number // len(sorts) % len(FORMATS)]
        name = f"broken-{number:03d}-{sort}.{ending}"
        SORTS[sort](folder / name, encoded(smooth_noise(draw, side), ending), draw)
        written[name] = sort
    return written


Breaker = Callable[[Path, bytes, np.random.Generator], None]


def _holding(change: Callable[[bytes, np.random.Generator], bytes]) -> Breaker:
    return lambda path, content, draw: path.write_bytes(change(content, draw)) and None


def _png_of_claimed_size(content: bytes, draw: np.random.Generator) -> bytes:
    """A PNG of a few bytes that claims to be 60,000 pixels wide and high."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    pixels = b"IDAT" + zlib.compress(b"\0" * 1000)
    chunks = [struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
              for chunk in (header, pixels, b"IEND")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _png_of_damaged_pixels(content: bytes, draw: np.random.Generator) -> bytes:
    """A PNG of the right frame in which a quarter of the compressed pixels is noise."""
    content = bytearray(encoded(smooth_noise(draw, 32), "png"))
    start = content.index(b"IDAT") + 4
    length = (len(content) - start) // 4
    content[start + length:start + 2 * length] = draw.bytes(length)
    return bytes(content)


def _socket(path: Path, content: bytes, draw: np.random.Generator) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def _unreadable(path: Path, content: bytes, draw: np.random.Generator) -> None:
    path.write_bytes(content)
    path.chmod(0)


SORTS: dict[str, Breaker] = {
    "empty": _holding(lambda content, draw: b""),
    "one-byte": _holding(lambda content, draw: content[:1]),
    "zeros": _holding(lambda content, draw: bytes(len(content))),
    "noise": _holding(lambda content, draw: draw.bytes(len(content))),
    "text": _holding(lambda content, draw: b"This is no picture.\n" * 20),
    "web-page": _holding(lambda content, draw: b"<!DOCTYPE html><html><body>404 Not Found</body></html>"),
    "program": _holding(lambda content, draw: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\nshowpage\n"),
    "first-bytes-lost": _holding(lambda content, draw: content[7:]),
    "first-bytes-damaged": _holding(lambda content, draw: draw.bytes(12) + content[12:]),
    "header-only": _holding(lambda content, draw: content[:30]),
    "cut-at-a-third": _holding(lambda content, draw: content[:len(content) // 3]),
    "cut-at-two-thirds": _holding(lambda content, draw: content[:len(content) * 2 // 3]),
    "rest-is-zeros": _holding(lambda content, draw: content[:25] + bytes(len(content) - 25)),
    "claims-to-be-huge": _holding(_png_of_claimed_size),
    "pixels-damaged": _holding(_png_of_damaged_pixels),
    "folder": lambda path, content, draw: path.mkdir(),
    "link-to-nothing": lambda path, content, draw: path.symlink_to("nowhere.png"),
    "link-to-itself": lambda path, content, draw: path.symlink_to(path.name),
    "pipe": lambda path, content, draw: os.mkfifo(path),
    "socket": _socket,
    "unreadable": _unreadable,
}
