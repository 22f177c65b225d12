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
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from tfgen.data.examples import Report, clean_text, short_name
from tfgen.data.prepared import Writer
from tfgen.data.request import DataRequest
from tfgen.errors import UserError
from tfgen.modalities.image.assemble import examples_of_details, is_grey, key_of
from tfgen.modalities.image.decode import BrokenPicture, read_picture, read_size
from tfgen.modalities.image.examples import ImageExamples
from tfgen.modalities.image.labels import captions_for_missing, find_captions, prompts_of
from tfgen.modalities.image.scan import Listing, list_pictures
from tfgen.modalities.image.sizes import choose_size
from tfgen.modalities.image.value_range import Scale, ValueRange, write_in_range

SIZES_LOOKED_AT = 10_000  # pictures whose size decides; spread evenly over the folder
LOOKED_AT = 1_000  # pictures whose colours and values decide; spread evenly too
COLOURED_AT_MOST = 0.01  # the part of coloured pictures up to which a folder counts as grey
BROKEN_AT_MOST = 0.1
IN_FLIGHT = 64  # pictures being decoded or waiting to be written

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class _Folder:
    path: Path
    listing: Listing
    captions: Path | None

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.listing.pictures]


def open_folder(request: DataRequest) -> ImageExamples:
    """The examples of every picture below a folder, from the cache when nothing has changed since."""
    path = Path(request.source).expanduser().resolve()
    folder = _Folder(path, list_pictures(path), find_captions(path))
    if not folder.listing.pictures:
        _refuse_without_pictures(request.source, folder.listing)
    name = short_name(path.name)
    place = [os.fsencode(path).hex(), request.get("size"), request.get("channels")]
    key = key_of(request, name, place, _content_of(folder))
    return examples_of_details(request, name, key, lambda writer: _prepare(request, folder, writer))


def _content_of(folder: _Folder) -> list[Any]:
    """What a change of any file changes: the names, sizes and times of pictures, and the captions themselves."""
    digest = hashlib.sha256()
    for name, size, modified_ns in folder.listing.pictures:
        digest.update(os.fsencode(name) + f"\0{size}\0{modified_ns}\0".encode())
    captions = folder.captions.read_bytes() if folder.captions and os.access(folder.captions, os.R_OK) else b""
    others = sorted([clean_text(name), reason] for name, reason in folder.listing.broken)
    return [digest.hexdigest(), hashlib.sha256(captions).hexdigest(), others, folder.listing.notes()]


def _prepare(request: DataRequest, folder: _Folder, writer: Writer) -> dict[str, Any]:
    """Streams every picture into the prepared file; gives the report and the prompts."""
    with ThreadPoolExecutor(max_workers=min(16, (os.cpu_count() or 1) + 1)) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow finds odd about a file is no news: it is read, or it is named
        # Captions are read first: a mistake in them should not cost the time of decoding everything.
        notes = captions_for_missing(folder.captions, folder.names) if folder.captions else []
        height, width, more = _size(request, folder, pool)
        values = ValueRange(request.get("white"))
        channels, colour_notes = _look(request, folder, pool, height, width, values)

        def decode(scales: Mapping[str, Scale]) -> tuple[list[str], list[tuple[str, str]]]:
            return _decode_all(request, folder, pool, (height, width, channels), writer, values, scales)

        used, broken = write_in_range(values, decode, writer.restart)
    prompts, label_notes = prompts_of(used, folder.captions)
    notes = [*more, *values.notes(), *colour_notes, *label_notes, *notes, *folder.listing.notes()]
    readable = [(clean_text(name), reason) for name, reason in broken]
    found = len(folder.listing.pictures) + len(folder.listing.broken)
    report = Report(found, len(used), readable, notes)
    return {"report": report.to_json(), "prompts": prompts.to_json(), "white": values.white_of_integers}


def _decode_all(
    request: DataRequest,
    folder: _Folder,
    pool: ThreadPoolExecutor,
    shape: tuple[int, int, int],
    writer: Writer,
    values: ValueRange,
    scales: Mapping[str, Scale],
) -> tuple[list[str], list[tuple[str, str]]]:
    """Writes all pictures that can be read. Raises UserError when more than a tenth can't."""
    used, broken = [], list(folder.listing.broken)
    names = folder.names
    decoded = _in_order(pool, lambda name: _attempt(read_picture, folder.path / name, *shape, values, scales), names)
    for done, (name, pixels) in enumerate(zip(names, decoded, strict=True), 1):
        if isinstance(pixels, str):
            broken.append((name, pixels))
        else:
            writer.append(pixels[None])
            used.append(name)
        if done % IN_FLIGHT == 0 or done == len(names):
            request.report_progress(done, len(names))
    if len(broken) > BROKEN_AT_MOST * (len(names) + len(folder.listing.broken)):
        _refuse_broken(request.source, broken, len(names) + len(folder.listing.broken))
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
        _refuse_broken(request.source, reasons, len(sample))
    return choose_size([height for height, _ in sizes], [width for _, width in sizes], None)


def _look(
    request: DataRequest, folder: _Folder, pool: ThreadPoolExecutor, height: int, width: int, values: ValueRange
) -> tuple[int, list[str]]:
    """Learns the range of values from a sample, and the channels: 1 when (nearly) all of it is grey, else 3.

    Looks no further once both are certain.
    """
    sample = _spread(folder.names, LOOKED_AT)
    channels, coloured = request.get("channels"), 0
    look = (lambda name: _attempt(read_picture, folder.path / name, height, width, 3, values))
    for pixels in _in_order(pool, look, sample):
        if channels is None:
            coloured += not isinstance(pixels, str) and not is_grey(pixels)
            channels = 3 if coloured > COLOURED_AT_MOST * len(sample) else None
        if channels is not None and values.is_usual:
            break
    if channels is None and coloured:
        return 1, ["Nearly all pictures are grey, and all are taken as grey. To keep colours: --set channels=3."]
    return channels or 1, []


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


def _refuse_broken(source: str, broken: list[tuple[str, str]], found: int) -> None:
    first = "; ".join(f"{clean_text(name)} ({reason})" for name, reason in broken[:5])
    raise UserError(
        f"{len(broken)} of {found} pictures in '{source}' are broken, more than a tenth: {first}"
        f"{'; ...' if len(broken) > 5 else ''}.",
        "Remove or replace them, or check that this is the right folder.",
    )


def _refuse_without_pictures(source: str, listing: Listing) -> None:
    what = f"There are no pictures in '{source}'"
    if listing.broken:
        first = "; ".join(f"{clean_text(name)} ({reason})" for name, reason in listing.broken[:3])
        raise UserError(f"{what} that can be read: {first}.", "Check the links and permissions.")
    raise UserError(f"{what}, only other files ({listing.kinds_ignored()}).", "Save them as PNG or JPEG.")
