"""Pictures of a TFDS set: its Image feature, and its ClassLabel, or else its Text, as prompts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tfgen.data.examples import Prompts, Report, clean_text
from tfgen.data.prepared import Key, Writer
from tfgen.data.request import DataRequest
from tfgen.data.tfds import Part
from tfgen.errors import UserError
from tfgen.modalities.image.assemble import BLOCK, Stack, examples_of_details, fit_block, has_colour, on_white, to_bytes
from tfgen.modalities.image.sizes import choose_size
from tfgen.representations.arrays.examples import ArrayExamples

SIZES_LOOKED_AT = 2000  # examples whose sizes decide, in a set where they differ


def choose_features(features: Mapping[str, Any]) -> dict[str, str] | None:
    """The names of the picture's feature, and of the one that says what it shows; None in a set without pictures."""
    import tensorflow_datasets as tfds

    def first(kind: type) -> str | None:
        return next((name for name, feature in features.items() if type(feature) is kind), None)

    image = first(tfds.features.Image)
    prompt = first(tfds.features.ClassLabel) or first(tfds.features.Text)
    return None if image is None else {"image": image, **({"prompt": prompt} if prompt else {})}


def open_part(request: DataRequest, part: Part) -> ArrayExamples:
    """Its examples, through a prepared file."""
    place = [str(part.builder.data_dir), part.split, request.get("size"), request.get("channels"), request.get("white")]
    key = Key.of(part.name, place, part.modified)
    return examples_of_details(request, part.name, key, lambda writer: _prepare(request, part, writer))


def _prepare(request: DataRequest, part: Part, writer: Writer) -> dict[str, Any]:
    """Streams the values into the prepared file; gives the report and the prompts."""
    stack, notes = _stack(request, part)
    channels = request.get("channels") or (3 if stack.channels == 3 and has_colour(stack) else 1)
    texts = []
    for images, prompts in _batches(part, stack.height, stack.width, request.get("white")):
        writer.append(fit_block(images, stack.height, stack.width, channels))
        texts.extend(prompts)
        request.report_progress(writer.count, part.count)
    report = Report(writer.count, writer.count, [], notes)
    return {"report": report.to_json(), "prompts": _prompts(part, texts, writer.count).to_json()}


def _stack(request: DataRequest, part: Part) -> tuple[Stack, list[str]]:
    """The pictures, and the size that they will have."""
    height, width, channels = part.information("image").shape
    if None in (height, width):
        shapes = [example["image"].shape for example in part.examples(SIZES_LOOKED_AT)]
        sizes = [shape[0] for shape in shapes], [shape[1] for shape in shapes]
    else:
        sizes = [height], [width]
    height, width, notes = choose_size(*sizes, request.get("size"))
    blocks = (lambda: (images for images, _ in _batches(part, height, width, request.get("white"))))
    return Stack(part.count, height, width, 1 if channels == 1 else 3, blocks), notes


def _batches(part: Part, height: int, width: int, white: float | None) -> Iterator[tuple[np.ndarray, list[Any]]]:
    """Blocks uint8 [k, h, w, 1 or 3] with their prompts; pictures whose sizes differ are fitted one by one."""
    if None not in part.information("image").shape:
        for batch in part.examples(batch=BLOCK):
            yield _bytes_of(batch["image"], white), list(batch.get("prompt", ()))
        return
    values, prompts = [], []
    for example in part.examples():
        values.append(fit_block(_bytes_of(example["image"][None], white), height, width, 3))
        prompts += [example["prompt"]] if "prompt" in example else []
        if len(values) == BLOCK:
            yield np.concatenate(values), prompts
            values, prompts = [], []
    if values:
        yield np.concatenate(values), prompts


def _bytes_of(values: np.ndarray, white: float | None) -> np.ndarray:
    """Image values [k, h, w, c] as uint8 with 1 or 3 channels."""
    if white is not None and values.dtype in (np.uint8, np.uint16):
        values = to_bytes(values, white)
    if values.dtype == np.uint16:
        values = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if values.dtype != np.uint8:
        raise UserError(f"The set's pictures are {values.dtype}, not of 8 or 16 bits.", "Use another set.")
    return on_white(values) if values.shape[-1] == 4 else values


def _prompts(part: Part, values: Sequence[Any], count: int) -> Prompts:
    if "prompt" not in part.features:
        return Prompts.none(count)
    names = getattr(part.information("prompt"), "names", None)
    if names is None:
        return Prompts.of_texts(clean_text(value.decode("utf-8", "replace")) for value in values)
    labels = np.array(values, np.int64)
    if (labels < 0).any():  # TFDS marks an example without a label by -1, in the test part of some sets
        return Prompts.of_texts(clean_text(names[label]) if label >= 0 else "" for label in labels)
    return Prompts.of_labels([clean_text(name) for name in names], labels)
