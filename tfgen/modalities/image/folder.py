"""A folder of pictures becomes examples: found, decoded side by side, streamed into a prepared file.

Memory stays bounded whatever the number of pictures: a limited number is in flight, and what is decoded goes to disk.
"""

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from tfgen.data.examples import short_name
from tfgen.data.folder import Folder
from tfgen.data.listing import refuse_broken
from tfgen.data.prepared import Writer
from tfgen.data.request import DataRequest
from tfgen.modalities.image.assemble import examples_of_details, is_grey, key_of, laid_on
from tfgen.modalities.image.decode import PICTURES, BrokenPicture, Target, read_picture, read_size
from tfgen.modalities.image.examples import ImageExamples
from tfgen.modalities.image.frames import Frames
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


def open_folder(request: DataRequest) -> ImageExamples:
    """The examples of every picture below a folder, from the cache when nothing has changed since."""
    folder = Folder.of(request, PICTURES)
    name = short_name(folder.path.name)
    place = [os.fsencode(folder.path).hex(), request.get("size"), request.get("channels")]
    place += [[name, request.get(name)] for name in ("prompts", "split") if request.get(name)]
    key = key_of(request, name, place, folder.content())
    return examples_of_details(request, name, key, lambda writer: _prepare(request, folder, writer))


def _prepare(request: DataRequest, folder: Folder, writer: Writer) -> dict[str, Any]:
    """Streams every picture into the prepared file; gives the report and the prompts."""
    with ThreadPoolExecutor(max_workers=min(16, (os.cpu_count() or 1) + 1)) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow finds odd about a file is no news: it is read, or it is named
        # A mistake in a table should not cost the time of decoding everything.
        folder.words.check(folder.found)
        height, width, more = _size(request, folder, pool)
        values, frames = ValueRange(request.get("white")), Frames()
        target, looks = _look(request, folder, pool, height, width, values)

        def decode(scales: Mapping[str, Scale]) -> tuple[list[str], list[tuple[str, str]]]:
            return _decode_all(request, folder, pool, target, writer, values, scales, frames)

        used, broken = write_in_range(values, decode, writer.restart)
    prompts, report = folder.prompts_and_report(used, broken, [*more, *frames.notes(), *values.notes(), *looks])
    details = {"report": report.to_json(), "prompts": prompts.to_json(), "white": values.white_of_integers}
    return {**details, "wide": values.wide, "split": folder.holds_out}


def _decode_all(
    request: DataRequest,
    folder: Folder,
    pool: ThreadPoolExecutor,
    target: Target,
    writer: Writer,
    values: ValueRange,
    scales: Mapping[str, Scale],
    frames: Frames,
) -> tuple[list[str], list[tuple[str, str]]]:
    """Writes all pictures that can be read. Raises UserError when more than a tenth can't."""
    used, broken = [], list(folder.listing.broken)
    names = folder.names

    def read(name: str) -> np.ndarray | str:
        return _attempt(read_picture, folder.path / name, target, values, scales, frames)

    decoded = _in_order(pool, read, names)
    for done, (name, pixels) in enumerate(zip(names, decoded, strict=True), 1):
        if isinstance(pixels, str):
            broken.append((name, pixels))
        else:
            writer.append(pixels[None])
            used.append(name)
        if done % IN_FLIGHT == 0 or done == len(names):
            request.report_progress(done, len(names))
    folder.check_broken(broken)
    return used, broken


def _size(request: DataRequest, folder: Folder, pool: ThreadPoolExecutor) -> tuple[int, int, list[str]]:
    sample = _spread(folder.names, SIZES_LOOKED_AT)
    results = _in_order(pool, lambda name: _attempt(read_size, folder.path / name), sample)
    sizes = [size for size in results if not isinstance(size, str)]
    if not sizes:
        reasons = [(name, "not a picture, or damaged in its first bytes") for name in sample]
        refuse_broken(request.shown_source, PICTURES, reasons, len(sample))
    fit = request.get("fit", FITS[0])
    return choose_size([height for height, _ in sizes], [width for _, width in sizes], request.get("size"), fit)


def _look(
    request: DataRequest, folder: Folder, pool: ThreadPoolExecutor, height: int, width: int, values: ValueRange
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
