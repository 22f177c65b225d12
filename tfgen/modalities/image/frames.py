"""Files that hold several pictures, such as animations and stacks of scans: only the first of each is used, which is
said."""

import contextlib
import threading
from pathlib import Path

from PIL import Image

from tfgen.data.examples import clean_text

# Of a JPEG with more (MPO), the others are a second eye's view or smaller copies.
_FORMATS = ("GIF", "WEBP", "PNG", "TIFF", "AVIF")
_MOST_PAGES = 10_000
_SUBFILE, _REDUCED = 254, 1  # a TIFF's tag, and its bit for a smaller copy of another page
_SHOWN = 3


class Frames:
    """How many pictures files hold; several threads may add to it."""

    def __init__(self):
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()

    def add(self, path: Path, image: Image.Image) -> None:
        """Counts those of an open file, whose first is decoded already: the others may be damaged."""
        count = 1
        with contextlib.suppress(Exception):
            count = frames_of(image)
        if count > 1:
            with self._lock:
                self._counts[str(path)] = count

    def notes(self) -> list[str]:
        """What to say of them."""
        if not self._counts:
            return []
        names = [clean_text(Path(path).name) for path in sorted(self._counts)]
        shown = ", ".join(names[:_SHOWN]) + (" and more" if len(names) > _SHOWN else "")
        total = sum(self._counts.values())
        if len(names) == 1:
            what = f"{shown} holds {total} pictures, such as frames or pages, of which the first alone is used."
        else:
            each = "of which the first of each is used"
            what = f"{len(names)} files hold {total:,} pictures, such as frames or pages, {each}: {shown}."
        return [f"{what} To learn all, save each as a file of its own."]


def frames_of(image: Image.Image) -> int:
    """How many pictures an open file holds, smaller copies left out."""
    count = getattr(image, "n_frames", 1) if image.format in _FORMATS else 1
    if count == 1 or image.format != "TIFF":
        return count
    pages = 0
    for place in range(min(count, _MOST_PAGES)):
        image.seek(place)
        pages += not image.tag_v2.get(_SUBFILE, 0) & _REDUCED
    return pages
