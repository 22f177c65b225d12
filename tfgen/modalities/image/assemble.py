"""Pictures that are already arrays (idx, npy, npz, TFDS) become examples: sized, coloured, prepared.

A source gives blocks of uint8 [k, height, width, 1 or 3] and says what it knows; what to do with them is decided here.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfgen.data.examples import Prompts, Report, fingerprint_of
from tfgen.data.prepared import Key, Writer, open_or_prepare
from tfgen.data.request import DataRequest
from tfgen.modalities.image.codec import ImageCodec
from tfgen.modalities.image.examples import ImageExamples
from tfgen.modalities.image.sizes import FITS, KEEP, WHITE, channels_of, choose_size
from tfgen.modalities.image.value_range import FORMAT

BLOCK = 1024  # examples read at once
LARGEST_IN_MEMORY = 64 * 2**20  # more bytes than this are prepared in a file
_LOOKED_AT, _LOOKED_AT_BYTES = 1000, 2**24  # prepared pictures, spread evenly, that notes on them come from
_DARK, _SLIVER = 64, 32  # of 255: up to where pictures are nearly black, and have hardly any contrast
_FINE = 10  # numbers from here on are advised without decimals
_FEW = 1000  # of all values one: so rare ones don't count as used


@dataclass(frozen=True)
class Stack:
    """A stack of equally large pictures: its shape, and how to go through it, as often as needed.

    white: what white is in the integers that it came from; None where it came from none.
    wide: white and the highest value, in integers or floats that it came from.
    """

    count: int
    height: int
    width: int
    channels: int
    blocks: Callable[[], Iterable[np.ndarray]]
    notes: list[str] = field(default_factory=list)
    white: float | None = None
    wide: tuple[float, float] | None = None


def examples_of_stack(
    request: DataRequest, name: str, stack: Stack, prompts: Prompts, key: Key
) -> ImageExamples:
    """The examples of a stack at the size and colour asked for; large ones through the prepared file `key`."""
    fit = request.get("fit", FITS[0])
    height, width, notes = choose_size([stack.height], [stack.width], request.get("size"), fit)
    channels = channels_of(request.settings) or (3 if stack.channels == 3 and has_colour(stack) else 1)
    report = Report(stack.count, stack.count, [], [*stack.notes, *notes])
    blocks = (fit_block(block, height, width, channels, fit) for block in stack.blocks())
    total = stack.count * height * width * channels
    if total <= LARGEST_IN_MEMORY:
        values, digest = _in_memory(blocks, (stack.count, height, width, channels), request)
    else:
        key = key_of(request, key.name, [key.place, height, width, channels], key.content)
        values, digest, _ = open_or_prepare(key, lambda writer: _write(writer, blocks, stack.count, request))
    return build_examples(request, name, values, digest, prompts, report, stack.white, wide=stack.wide)


def key_of(request: DataRequest, name: str, place: list[Any], content: Any) -> Key:
    """The key of a prepared file of pictures, whose values depend on these settings."""
    given = [request.get("white"), *[[name, request.get(name)] for name in ("fit", "background") if request.get(name)]]
    return Key.of(name, [*place, *[each for each in given if each is not None]], [FORMAT, content])


def examples_of_details(
    request: DataRequest, name: str, key: Key, prepare: Callable[[Writer], dict[str, Any]]
) -> ImageExamples:
    """The examples of a prepared file whose details hold "report" and "prompts" (as their `to_json` gives them), and
    "white" and "wide" of a Stack."""
    values, digest, details = open_or_prepare(key, prepare)
    prompts, report = Prompts.from_json(details["prompts"]), Report.from_json(details["report"])
    split = bool(details.get("split"))
    return build_examples(request, name, values, digest, prompts, report, details["white"], split, details["wide"])


def build_examples(
    request: DataRequest,
    name: str,
    values: np.ndarray,
    digest: str,
    prompts: Prompts,
    report: Report,
    white: float | None,
    split: bool = False,
    wide: tuple[float, float] | None = None,
) -> ImageExamples:
    """Examples with their fingerprint, and with notes on how they look; the arrays can't be written to any more."""
    values.setflags(write=False)
    prompts.index.setflags(write=False)
    fingerprint = fingerprint_of(values.shape, digest, prompts)
    codec = ImageCodec.of_shape(values.shape[1:], len(values))
    examples = ImageExamples(
        "image", request.shown_source, name, values, prompts.distinct, prompts.index, prompts.kind, codec, report,
        fingerprint, white, request.get("mirror", False), split,
    )
    report.notes.extend([*notes_on_looks(values, *(wide or (255.0, 255.0))), *examples.vocabulary.notes()])
    return examples


def notes_on_looks(values: np.ndarray, white: float, highest: float) -> list[str]:
    """What a person would frown at in prepared pictures uint8 [n, h, w, c], and what to check or set.

    Looks at a sample of them. `white` is what white was taken to be in the set's own numbers, of which `highest` is the
    highest.
    """
    most = max(2, min(_LOOKED_AT, _LOOKED_AT_BYTES // values[0].size))
    shown = np.asarray(values[np.unique(np.linspace(0, len(values) - 1, most).astype(int))])
    if shown.min() == shown.max():
        drawn = "Where they are drawn on transparency: --set background=black, or white, or keep. "
        hint = drawn if shown.min() in (0, 255) else ""
        return [f"All pictures are empty: every value is {shown.min()} of 0..255. {hint}Check the files."]
    if len(shown) > 1 and (shown == shown[0]).all():
        return [f"The {len(shown)} pictures that were looked at are all the same. Check that they are the right ones."]
    notes = []
    if (shown == shown[:, :1, :1]).all():
        notes.append("Every picture is all one colour, so there are no shapes to learn. Check the files.")
    used = np.flatnonzero(np.bincount(shown.ravel(), minlength=256) > shown.size // _FEW)
    low, high = int(used[0]), int(used[-1])
    if high <= _DARK:
        half = 0.5 if white > 255 else 0  # of a step between bytes, into which several of the values fall
        better = min((high + half) / 255 * white, highest)
        better = round(better) if better >= _FINE else float(f"{better:.2g}")
        notes.append(
            f"The values lie in {low}..{high} of 0..255, so the pictures are nearly black. Say which value of your "
            f"files stands for white, such as --set white={better:g}."
        )
    elif high - low < _SLIVER:
        notes.append(f"The values lie in {low}..{high} of 0..255: the pictures have hardly any contrast.")
    return notes


def fit_block(block: np.ndarray, height: int, width: int, channels: int, fit: str = FITS[0]) -> np.ndarray:
    """uint8 [k, h, w, 1, 3 or 4] at another size and number of channels; unchanged where nothing differs."""
    if block.shape[1:3] != (height, width):
        from PIL import Image

        from tfgen.modalities.image.decode import fitted

        pictures = (Image.fromarray(value[..., 0] if value.shape[-1] == 1 else value) for value in block)
        resized = np.stack([np.asarray(fitted(picture, height, width, fit)) for picture in pictures])
        block = resized.reshape(len(block), height, width, block.shape[-1])
    if block.shape[-1] == channels:
        return block
    if channels == 4:
        opaque = np.full_like(block[..., :1], 255)
        return np.concatenate([fit_block(block, height, width, 3), opaque], axis=-1)
    return np.repeat(block, 3, axis=-1) if channels == 3 else to_grey(block)


def laid_on_background(block: np.ndarray, request: DataRequest) -> np.ndarray:
    """uint8 [..., 4] with its transparency on the background, [..., 3]; other blocks as they are."""
    background = request.get("background", WHITE)
    return block if block.shape[-1] != 4 or background == KEEP else laid_on(block, background)


def laid_on(block: np.ndarray, colour: str) -> np.ndarray:
    """uint8 [..., 4] with transparency as [..., 3] on a colour "#rrggbb"."""
    ground = np.frombuffer(bytes.fromhex(colour[1:]), np.uint8).astype(np.uint32)
    alpha = block[..., 3:].astype(np.uint32)
    mixed = block[..., :3] * alpha + ground * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)


def to_grey(block: np.ndarray) -> np.ndarray:
    """uint8 [..., 3] as [..., 1], weighted as Pillow does: a grey pixel keeps its value exactly."""
    weighted = block.astype(np.uint32) @ np.array([19595, 38470, 7471], np.uint32)
    return ((weighted + 0x8000) >> 16).astype(np.uint8)[..., None]


def is_grey(pixels: np.ndarray) -> bool:
    """Whether a picture [h, w, 3] shows no colour to the eye: all but one pixel in a thousand nearly grey."""
    spread = pixels.max(axis=-1).astype(np.int16) - pixels.min(axis=-1)
    return float(np.mean(spread > 8)) <= 0.001


def has_colour(stack: Stack) -> bool:
    """Whether more than one picture in a hundred of the first blocks is coloured; stops once that is certain."""
    coloured, seen = 0, 0
    for block in stack.blocks():
        coloured += sum(not is_grey(picture) for picture in block)
        seen += len(block)
        if coloured > 0.01 * stack.count or seen >= 10 * BLOCK:
            break
    return coloured > 0.01 * seen


def _write(writer: Writer, blocks: Iterable[np.ndarray], count: int, request: DataRequest) -> dict[str, Any]:
    for block in blocks:
        writer.append(block)
        request.report_progress(writer.count, count)
    return {}


def _in_memory(blocks: Iterator[np.ndarray], shape: tuple[int, ...], request: DataRequest) -> tuple[np.ndarray, str]:
    values, digest, done = np.empty(shape, np.uint8), hashlib.sha256(), 0
    for block in blocks:
        values[done:done + len(block)] = block
        digest.update(np.ascontiguousarray(block).data)
        done += len(block)
        request.report_progress(done, shape[0])
    return values, digest.hexdigest()
