"""Pictures of any sort, as arrays of pixels."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.data.labels import SOURCES, prompts_sentence, refuse_column
from tfgen.data.listing import holds, list_examples
from tfgen.data.request import DataRequest
from tfgen.data.settings import DataSetting
from tfgen.data.splits import CHOICES, check_split
from tfgen.errors import UserError
from tfgen.modalities.base import Modality
from tfgen.modalities.image.codec import FILE_SIGNATURE, ImageCodec
from tfgen.modalities.image.examples import ImageExamples
from tfgen.modalities.image.sizes import (
    FITS, KEEP, LARGEST_SIDE, SMALLEST_SIDE, check_background, check_channels, check_fit, check_mirror, check_size,
    check_white,
)
from tfgen.representations import ARRAYS
from tfgen.representations.arrays.specification import ArraySpecification


class ImageModality(Modality):
    """See Modality."""

    name = "image"
    singular, plural = "picture", "pictures"
    representations = (ARRAYS,)
    file_kinds = (".npy", ".npz", "idx")
    settings = {
        "size": DataSetting(
            check_size,
            f"64, or 48x96 for height x width: what pictures are scaled to, {SMALLEST_SIDE} to {LARGEST_SIDE} pixels "
            "each",
            "the common size, or the median with the longer side at most 64",
        ),
        "channels": DataSetting(check_channels, "1 for grey, 3 for colour"),
        "white": DataSetting(
            check_white,
            "the value in your files that stands for white, above 0: 1 for masks of 0 and 1, 4095 for 12 bits in "
            "files of 16",
            "by the range that the values use",
        ),
        "fit": DataSetting(
            check_fit,
            f"{', '.join(FITS)}: of pictures with other proportions, the centre, all between bars, or all distorted",
            FITS[0],
        ),
        "background": DataSetting(
            check_background,
            "white, black or #rrggbb, what transparency is laid on; keep learns it, and writes transparent PNGs",
            "white; black where the drawings are nearly white",
        ),
        "mirror": DataSetting(
            check_mirror, "true to learn half of the pictures mirrored, others in every epoch", "false"
        ),
        "prompts": DataSetting(
            str,
            f"{', '.join(SOURCES)}, or a table's column: where the words of a folder's pictures come from; a text is "
            "NAME.txt beside NAME.png",
            "the first of tables, texts, folders that there is",
        ),
        "split": DataSetting(
            check_split,
            f"{', '.join(CHOICES)}: which part of a folder that has train/ and test/ (or val/) is read",
            "train; the other part is held out for evaluate",
        ),
    }

    # Reading.

    @classmethod
    def recognises(cls, source: Any) -> int:
        if not isinstance(source, Path):
            from tfgen.modalities.image.in_memory import is_stack

            return 2 * is_stack(source)
        from tfgen.modalities.image.decode import PICTURES
        from tfgen.modalities.image.idx import holds_training_files, is_idx_name

        if source.is_dir():
            return 2 if holds_training_files(source) else holds(source, PICTURES)
        if PICTURES.is_name(source.name):
            raise UserError(f"'{source}' is a single picture.", "Give the folder that holds all the pictures.")
        return 2 * (source.name.lower().endswith((".npy", ".npz")) or is_idx_name(source.name))

    @classmethod
    def files_in(cls, folder: Path) -> list[str]:
        from tfgen.modalities.image.decode import PICTURES

        return [name for name, _, _ in list_examples(folder, PICTURES).examples]

    @classmethod
    def files_beside(cls, folder: Path) -> list[str]:
        from tfgen.modalities.image.decode import PICTURES

        return list_examples(folder, PICTURES).words()

    @classmethod
    def open(cls, request: DataRequest) -> ImageExamples:
        from tfgen.modalities.image import array_files, folder, idx

        is_path = isinstance(request.source, str)
        path = Path(request.source).expanduser() if is_path else None
        if is_path and path.is_dir() and not idx.holds_training_files(path):
            return folder.open_folder(request)
        refuse_column(request.get("prompts"))
        if not is_path:
            from tfgen.modalities.image.in_memory import open_in_memory

            return open_in_memory(request)
        if path.is_dir():
            return idx.open_folder(request)
        return (idx.open_file if idx.is_idx_name(path.name) else array_files.open_arrays)(request)

    @classmethod
    def keep_in_memory(cls, examples: ImageExamples, source: Any) -> tuple[str, bytes]:
        from tfgen.modalities.image.in_memory import kept_file

        return kept_file(examples)

    @classmethod
    def choose_tfds_features(cls, features: Mapping[str, Any], preferred: Sequence[str]) -> dict[str, str] | None:
        from tfgen.modalities.image.tfds import choose_features

        return choose_features(features)

    @classmethod
    def open_tfds(cls, request: DataRequest, part: Any) -> ImageExamples:
        from tfgen.modalities.image.tfds import open_part

        return open_part(request, part)

    @classmethod
    def restore_codec(cls, state: Mapping[str, Any], read: Callable[[str], bytes]) -> ImageCodec:
        return ImageCodec(ArraySpecification.from_json(state["example"]))

    @classmethod
    def codec_settings(cls, codec: ImageCodec, run_folder: Path) -> dict[str, Any]:
        height, width, channels = codec.specification.shape
        colours = {"background": KEEP} if channels == 4 else {"channels": channels}
        return {"size": f"{height}x{width}", **colours}

    @classmethod
    def held_out_settings(
        cls, examples: ImageExamples, settings: Mapping[str, Any], run_folder: Path
    ) -> dict[str, Any]:
        white = settings.get("white", examples.white)
        # Other files may use less of the range, and are to be as bright as these.
        same = {name: settings[name] for name in ("fit", "background", "prompts") if name in settings}
        own = cls.codec_settings(examples.codec, run_folder)
        return {**same, **own, **({} if white is None else {"white": white})}

    # In words.

    @classmethod
    def describe(cls, examples: ImageExamples) -> list[str]:
        height, width, channels = examples.values.shape[1:]
        noun = cls.singular if len(examples) == 1 else cls.plural
        first = f"{len(examples)} {_colour(channels)} {noun}, {height} high and {width} wide."
        return [first, prompts_sentence(examples.prompt_counts(), cls.plural)]

    @classmethod
    def summary(cls, examples: ImageExamples) -> str:
        height, width, channels = examples.values.shape[1:]
        return f"{len(examples)} {_colour(channels)} pictures of {height}x{width}"

    @classmethod
    def facts(cls, examples: ImageExamples) -> dict[str, Any]:
        return {
            "count": len(examples),
            "shape": [int(side) for side in examples.values.shape[1:]],
            "prompt_kind": examples.prompt_kind,
            "prompts": examples.prompt_counts(),
        }

    # Outside.

    ending = ".png"
    sheet_ending = ".png"
    array_name = "images"  # by which other tools, and tfgen, read pictures
    default_count = 64

    @classmethod
    def as_file(cls, value: np.ndarray, metadata: Mapping[str, str]) -> bytes:
        from tfgen.modalities.image.preview import as_png

        return as_png(value, metadata)

    @classmethod
    def read_metadata(cls, path: Path) -> dict[str, str]:
        from tfgen.modalities.image.preview import read_metadata

        return read_metadata(path)

    @classmethod
    def save_sheet(
        cls, path: Path, values: np.ndarray, metadata: Mapping[str, str], columns: int | None = None
    ) -> None:
        from tfgen.modalities.image.preview import grid, save_png

        save_png(path, grid(values, columns), metadata)

    @classmethod
    def save_choices(
        cls, path: Path, values: np.ndarray, metadata: Mapping[str, str], columns: int | None = None
    ) -> None:
        from tfgen.modalities.image.preview import grid, numbered, save_png

        save_png(path, grid(numbered(values), columns), metadata)

    animation_endings = (".gif", ".webp", ".mp4")

    @classmethod
    def save_animation(cls, path: Path, values: np.ndarray, metadata: Mapping[str, str], loop: bool) -> None:
        from tfgen.modalities.image.preview import save_animation

        save_animation(path, values, metadata, loop)

    @classmethod
    def read_example(cls, path: Path, codec: ImageCodec) -> np.ndarray:
        return _read(path, *codec.specification.shape)

    can_be_upscaled = True

    @classmethod
    def settings_at(
        cls, settings: Mapping[str, Any], sides: tuple[int, int], shape: tuple[int, ...]
    ) -> dict[str, Any] | None:
        colours = {"background": KEEP} if shape[-1] == 4 else {"channels": int(shape[-1])}
        return None if max(sides) > LARGEST_SIDE else {**settings, **colours, "size": f"{sides[0]}x{sides[1]}"}

    @classmethod
    def sides_of_file(cls, path: Path) -> tuple[int, int]:
        from tfgen.modalities.image.decode import read_size

        with _readable(path):
            return read_size(path)

    @classmethod
    def read_as_it_is(cls, path: Path, codec: ImageCodec) -> np.ndarray:
        return _read(path, *cls.sides_of_file(path), codec.specification.shape[2])

    @classmethod
    def read_mask(cls, path: Path, codec: ImageCodec) -> np.ndarray:
        height, width, channels = codec.specification.shape
        grey = cls.read_example(path, ImageCodec.of_shape((height, width, 1), 1))
        return np.repeat(grey >= 128, channels, axis=2)

    @classmethod
    def attributes(cls, codec: ImageCodec) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
        from tfgen.modalities.image.attributes import attributes_of

        return attributes_of(codec.specification.shape[2])

    @classmethod
    def as_terminal(cls, values: np.ndarray, columns: int) -> str:
        from tfgen.modalities.image.terminal import as_terminal

        return as_terminal(values, columns)

    @classmethod
    def join_sheets(cls, sheets: Sequence[Path], names: Sequence[str], path: Path) -> None:
        from tfgen.modalities.image.preview import join

        join(sheets, path, {"runs": ", ".join(names)})

    @classmethod
    def as_html(cls, value: np.ndarray, what: str) -> str:
        from tfgen.modalities.image.preview import as_html

        return as_html(value, what)

    @classmethod
    def sides(cls, value: np.ndarray) -> tuple[int, int]:
        return value.shape[0], value.shape[1]

    file_signature = FILE_SIGNATURE

    @classmethod
    def read_file(cls, content: bytes) -> np.ndarray:
        from tfgen.modalities.image.preview import read_png

        return read_png(content)

    @classmethod
    def hub_task(cls, codec: Mapping[str, Any]) -> str | None:
        captioned = codec["vocabulary"]["kind"] == "captions"
        return "text-to-image" if captioned else "unconditional-image-generation"

    @classmethod
    def app_templates(cls) -> Path:
        return Path(__file__).with_name("app")

    @classmethod
    def app_words(cls, codec: ImageCodec) -> dict[str, Any]:
        height, width, channels = codec.specification.shape
        return {"height": height, "width": width, "channels": channels}


def _read(path: Path, height: int, width: int, channels: int) -> np.ndarray:
    """A picture uint8 [height, width, channels]."""
    from tfgen.modalities.image.decode import Target, read_picture

    with _readable(path):
        return read_picture(path, Target(height, width, channels))


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """What is wrong with a person's picture, in two sentences."""
    from tfgen.modalities.image.decode import BrokenPicture

    try:
        yield
    except (BrokenPicture, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"'{path}' can't be used: {reason}.", "Give a picture that can be read.") from error


def _colour(channels: int) -> str:
    return {1: "grey", 3: "colour", 4: "transparent"}[channels]
