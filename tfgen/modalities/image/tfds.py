"""Pictures of a TFDS set: its Image feature, and its ClassLabel, or else its Text, as prompts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfgen.data.examples import Prompts, Report, clean_text
from tfgen.data.prepared import Writer
from tfgen.data.request import DataRequest
from tfgen.data.tfds import Part
from tfgen.errors import UserError
from tfgen.modalities.image.assemble import (
    BLOCK, Stack, examples_of_details, fit_block, has_colour, key_of, laid_on_background,
)
from tfgen.modalities.image.examples import ImageExamples
from tfgen.modalities.image.sizes import FITS, channels_of, choose_size
from tfgen.modalities.image.value_range import Scale, ValueRange, sort_of, write_in_range

SIZES_LOOKED_AT = 2000  # examples whose sizes decide, in a set where they differ


def choose_features(features: Mapping[str, Any]) -> dict[str, str] | None:
    """The names of the picture's feature, and of the one that says what it shows; None in a set without pictures."""
    import tensorflow_datasets as tfds

    def first(kind: type) -> str | None:
        return next((name for name, feature in features.items() if type(feature) is kind), None)

    image = first(tfds.features.Image)
    prompt = first(tfds.features.ClassLabel) or first(tfds.features.Text)
    return None if image is None else {"image": image, **({"prompt": prompt} if prompt else {})}


def open_part(request: DataRequest, part: Part) -> ImageExamples:
    """Its examples, through a prepared file."""
    place = [str(part.builder.data_dir), part.split, request.get("size"), request.get("channels")]
    key = key_of(request, part.name, place, part.modified)
    return examples_of_details(request, part.name, key, lambda writer: _prepare(request, part, writer))


@dataclass(frozen=True)
class _Pictures:
    """The pictures of a set, at the size that they will have; `values` learns the range of their numbers."""

    part: Part
    height: int
    width: int
    values: ValueRange
    request: DataRequest

    def batches(self, scales: Mapping[str, Scale] | None = None) -> Iterator[tuple[np.ndarray, list[Any]]]:
        """Blocks uint8 [k, h, w, 1 or 3] with their prompts; pictures whose sizes differ are fitted one by one.

        Without scales, each block goes by what is known of the range so far.
        """
        if None not in self.part.information("image").shape:
            for batch in self.part.examples(batch=BLOCK):
                yield self._bytes_of(batch["image"], scales), list(batch.get("prompt", ()))
            return
        pictures, prompts = [], []
        for example in self.part.examples():
            picture = self._bytes_of(example["image"][None], scales)
            pictures.append(fit_block(picture, self.height, self.width, self._most, self._fit))
            prompts += [example["prompt"]] if "prompt" in example else []
            if len(pictures) == BLOCK:
                yield np.concatenate(pictures), prompts
                pictures, prompts = [], []
        if pictures:
            yield np.concatenate(pictures), prompts

    @property
    def _fit(self) -> str:
        return self.request.get("fit", FITS[0])

    @property
    def _most(self) -> int:
        """Channels that pictures whose sizes differ have while they are put together."""
        return max(3, channels_of(self.request.settings) or 0)

    def _bytes_of(self, values: np.ndarray, scales: Mapping[str, Scale] | None) -> np.ndarray:
        """Numbers [k, h, w, c] as uint8, with transparency only where that is kept."""
        if values.dtype.kind not in "uf":
            raise UserError(f"The set's pictures hold values of type {values.dtype}.", "Use a set of numbers.")
        self.values.add_array(values[..., :3])
        scaled = (scales or self.values.scales())[sort_of(values.dtype)].to_bytes(values)
        return laid_on_background(scaled, self.request)


def _prepare(request: DataRequest, part: Part, writer: Writer) -> dict[str, Any]:
    """Streams the values into the prepared file; gives the report and the prompts."""
    fit = request.get("fit", FITS[0])
    height, width, notes = choose_size(*_sizes(part), request.get("size"), fit)
    pictures = _Pictures(part, height, width, ValueRange(request.get("white")), request)
    channels = channels_of(request.settings) or _channels(pictures)

    def write(scales: Mapping[str, Scale]) -> list[Any]:
        texts = []
        for images, prompts in pictures.batches(scales):
            writer.append(fit_block(images, height, width, channels, fit))
            texts.extend(prompts)
            request.report_progress(writer.count, part.count)
        return texts

    _look(pictures)
    texts = write_in_range(pictures.values, write, writer.restart)
    report = Report(writer.count, writer.count, [], [*notes, *pictures.values.notes()])
    prompts = _prompts(part, texts, writer.count).to_json()
    values = pictures.values
    return {"report": report.to_json(), "prompts": prompts, "white": values.white_of_integers, "wide": values.wide}


def _look(pictures: _Pictures) -> None:
    """Learns the range of values from the beginning of the set, so that it seldom has to be written twice."""
    for place, _ in enumerate(pictures.batches()):
        if pictures.values.is_usual or place == 9:
            break


def _sizes(part: Part) -> tuple[list[int], list[int]]:
    """Heights and widths, one of each where all pictures have the same."""
    height, width, _ = part.information("image").shape
    if None not in (height, width):
        return [height], [width]
    shapes = [example["image"].shape for example in part.examples(SIZES_LOOKED_AT)]
    return [shape[0] for shape in shapes], [shape[1] for shape in shapes]


def _channels(pictures: _Pictures) -> int:
    if pictures.part.information("image").shape[-1] == 1:
        return 1
    blocks = (lambda: (images for images, _ in pictures.batches()))
    return 3 if has_colour(Stack(pictures.part.count, pictures.height, pictures.width, 3, blocks)) else 1


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
