"""A folder of pictures becomes examples: found, decoded side by side, streamed into a prepared file.

Memory stays bounded whatever the number of pictures: a limited number is in flight, and what is decoded goes to disk.
"""

import hashlib
import os
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from tfgen.data.examples import Report, clean_text, short_name
from tfgen.data.labels import Words
from tfgen.data.listing import BROKEN_AT_MOST, Listing, list_examples, refuse_broken, refuse_without
from tfgen.data.prepared import Writer
from tfgen.data.request import DataRequest
from tfgen.data.splits import held_out
from tfgen.errors import UserError
from tfgen.modalities.image.assemble import examples_of_details, is_grey, key_of, laid_on
from tfgen.modalities.image.decode import PICTURES, BrokenPicture, Target, read_picture, read_size
from tfgen.modalities.image.examples import ImageExamples
from tfgen.modalities.image.sizes import BLACK, FITS, KEEP, WHITE, channels_of, choose_size
from tfgen.modalities.image.value_range import Scale, ValueRange, write_in_range

SIZES_LOOKED_AT = 10_000  # pictures whose size decides; spread evenly over the folder
LOOKED_AT = 1_000  # pictures whose colours and values decide; spread evenly too
COLOURED_AT_MOST = 0.01  # the part of coloured pictures up to which a folder counts as grey
_ENOUGH_DRAWINGS = 64  # pictures, after which it is known what is drawn on transparency
_CLEAR = 0.5  # of an opaque pixel: below, something behind it shows
_NEARLY_WHITE = 230  # of 255
IN_FLIGHT = 64  # pictures being decoded or waiting to be written

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class _Folder:
    path: Path
    listing: Listing
    words: Words
    split: str  # which part of a folder that is parted into train and test: one of splits.CHOICES

    @cached_property
    def names(self) -> list[str]:
        """Of the pictures that are wanted."""
        if self.split == "all":
            return self.found
        return [name for name, apart in zip(self.found, self.apart, strict=True) if apart == (self.split == "test")]

    @cached_property
    def found(self) -> list[str]:
        return [name for name, _, _ in self.listing.examples]

    @cached_property
    def apart(self) -> list[bool]:
        """Which of them are held out."""
        return held_out(self.found)

    def notes_on_split(self) -> list[str]:
        """What is said where some pictures are not learned."""
        if self.split != "train" or not any(self.apart):
            return []
        count = sum(self.apart)
        return [f"{count} pictures are held out, and evaluate judges by them. To learn them too: --set split=all"]


def open_folder(request: DataRequest) -> ImageExamples:
    """The examples of every picture below a folder, from the cache when nothing has changed since."""
    path = Path(request.source).expanduser().resolve()
    listing = list_examples(path, PICTURES)
    tables, texts = ([name for name, _, _ in files] for files in (listing.tables, listing.texts))
    words = Words(path, tuple(tables), tuple(texts), request.get("prompts"), PICTURES.singular)
    folder = _Folder(path, listing, words, request.get("split", "train"))
    if not listing.examples:
        refuse_without(request.shown_source, listing)
    if not folder.names:
        raise UserError(f"'{request.shown_source}' has no pictures that are held out.", "Leave split out.")
    name = short_name(path.name)
    place = [os.fsencode(path).hex(), request.get("size"), request.get("channels")]
    place += [[name, request.get(name)] for name in ("prompts", "split") if request.get(name)]
    key = key_of(request, name, place, _content_of(folder))
    return examples_of_details(request, name, key, lambda writer: _prepare(request, folder, writer))


def _content_of(folder: _Folder) -> list[Any]:
    """What a change of any file changes: the names, sizes and times of pictures, and of what may be their words."""
    digests = []
    for kept in (folder.listing.examples, [*folder.listing.tables, *folder.listing.texts]):
        digest = hashlib.sha256()
        for name, size, modified_ns in kept:
            digest.update(os.fsencode(name) + f"\0{size}\0{modified_ns}\0".encode())
        digests.append(digest.hexdigest())
    others = sorted([clean_text(name), reason] for name, reason in folder.listing.broken)
    return [*digests, others, folder.listing.notes()]


def _prepare(request: DataRequest, folder: _Folder, writer: Writer) -> dict[str, Any]:
    """Streams every picture into the prepared file; gives the report and the prompts."""
    with ThreadPoolExecutor(max_workers=min(16, (os.cpu_count() or 1) + 1)) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow finds odd about a file is no news: it is read, or it is named
        # A mistake in a table should not cost the time of decoding everything.
        folder.words.check(folder.found)
        height, width, more = _size(request, folder, pool)
        values = ValueRange(request.get("white"))
        target, looks = _look(request, folder, pool, height, width, values)

        def decode(scales: Mapping[str, Scale]) -> tuple[list[str], list[tuple[str, str]]]:
            return _decode_all(request, folder, pool, target, writer, values, scales)

        used, broken = write_in_range(values, decode, writer.restart)
    prompts, label_notes = folder.words.prompts_of(used, folder.found)
    notes = [*more, *values.notes(), *looks, *folder.notes_on_split(), *label_notes, *folder.listing.notes()]
    readable = [(clean_text(name), reason) for name, reason in broken]
    report = Report(len(folder.names) + len(folder.listing.broken), len(used), readable, notes)
    split = folder.split == "train" and any(folder.apart)
    details = {"report": report.to_json(), "prompts": prompts.to_json(), "white": values.white_of_integers}
    return {**details, "split": split}


def _decode_all(
    request: DataRequest,
    folder: _Folder,
    pool: ThreadPoolExecutor,
    target: Target,
    writer: Writer,
    values: ValueRange,
    scales: Mapping[str, Scale],
) -> tuple[list[str], list[tuple[str, str]]]:
    """Writes all pictures that can be read. Raises UserError when more than a tenth can't."""
    used, broken = [], list(folder.listing.broken)
    names = folder.names
    decoded = _in_order(pool, lambda name: _attempt(read_picture, folder.path / name, target, values, scales), names)
    for done, (name, pixels) in enumerate(zip(names, decoded, strict=True), 1):
        if isinstance(pixels, str):
            broken.append((name, pixels))
        else:
            writer.append(pixels[None])
            used.append(name)
        if done % IN_FLIGHT == 0 or done == len(names):
            request.report_progress(done, len(names))
    if len(broken) > BROKEN_AT_MOST * (len(names) + len(folder.listing.broken)):
        refuse_broken(request.shown_source, PICTURES, broken, len(names) + len(folder.listing.broken))
    return used, broken


def _size(request: DataRequest, folder: _Folder, pool: ThreadPoolExecutor) -> tuple[int, int, list[str]]:
    size = request.get("size")
    if size is not None:
        return choose_size([], [], size)
    sample = _spread(folder.names, SIZES_LOOKED_AT)
    results = _in_order(pool, lambda name: _attempt(read_size, folder.path / name), sample)
    sizes = [size for size in results if not isinstance(size, str)]
    if not sizes:
        reasons = [(name, "not a picture, or damaged in its first bytes") for name in sample]
        refuse_broken(request.shown_source, PICTURES, reasons, len(sample))
    fit = request.get("fit", FITS[0])
    return choose_size([height for height, _ in sizes], [width for _, width in sizes], None, fit)


def _look(
    request: DataRequest, folder: _Folder, pool: ThreadPoolExecutor, height: int, width: int, values: ValueRange
) -> tuple[Target, list[str]]:
    """What the pictures are to be, by a sample of them, of which the range of values is learned too.

    Grey when (nearly) all of it is grey; on black where the drawings on transparency are nearly white. Looks no
    further once all is certain.
    """
    sample = _spread(folder.names, LOOKED_AT)
    fit, background = request.get("fit", FITS[0]), request.get("background")
    channels, coloured, drawn = channels_of(request.settings), 0, _Drawings()
    look = Target(height, width, 4, fit)
    results = _in_order(pool, lambda name: _attempt(read_picture, folder.path / name, look, values), sample)
    for seen, pixels in enumerate(results, 1):
        if not isinstance(pixels, str):
            drawn.add(pixels)
            coloured += channels is None and not is_grey(laid_on(pixels, WHITE))
        if channels is None and coloured > COLOURED_AT_MOST * len(sample):
            channels = 3
        if channels is not None and values.is_usual and (background or seen >= _ENOUGH_DRAWINGS):
            break
    notes = []
    if background is None and drawn.are_nearly_white:
        background = BLACK
        notes.append(
            "The drawings are nearly white on transparency, so they are laid on black. To choose: --set "
            "background=white, or a colour such as #ff8800, or keep."
        )
    if channels is None and coloured:
        notes.append("Nearly all pictures are grey, and all are taken as grey. To keep colours: --set channels=3.")
    return Target(height, width, channels or 1, fit, WHITE if background in (None, KEEP) else background), notes


class _Drawings:
    """How bright that is which can be seen of pictures with transparency."""

    def __init__(self):
        self._bright = self._visible = 0.0

    def add(self, pixels: np.ndarray) -> None:
        """One picture uint8 [h, w, 4]; one without transparency doesn't count."""
        alpha = pixels[..., 3].astype(np.float32) / 255
        if alpha.min() < _CLEAR:
            self._bright += float((pixels[..., :3].min(axis=-1) * alpha).sum())
            self._visible += float(alpha.sum())

    @property
    def are_nearly_white(self) -> bool:
        """Whether hardly anything of them would be seen on white."""
        return self._visible > 0 and self._bright / self._visible > _NEARLY_WHITE


def _in_order(
    pool: ThreadPoolExecutor, function: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[Result]:
    """The results in the order of the items, a bounded number ahead; what is still ahead when closed is dropped."""
    ahead: deque = deque()
    try:
        for item in items:
            ahead.append(pool.submit(function, item))
            if len(ahead) >= IN_FLIGHT:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        for future in ahead:
            future.cancel()


def _attempt(function: Callable[..., Result], *arguments: Any) -> Result | str:
    """The result, or the reason in words why the picture can't be used."""
    try:
        return function(*arguments)
    except BrokenPicture as error:
        return str(error)


def _spread(items: list[Item], count: int) -> list[Item]:
    """At most `count` items, evenly over the list: the same ones each time."""
    if len(items) <= count:
        return items
    return [items[place] for place in np.linspace(0, len(items) - 1, count).astype(int)]
