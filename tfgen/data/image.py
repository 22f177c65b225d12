"""What an example is for the modality "image": uint8 pixels outside, floats in [-1, 1] inside a model."""

from pathlib import Path
from typing import Any

import numpy as np

from tfgen import files
from tfgen.data.examples import Examples, fit_command
from tfgen.errors import UserError

_GAN_BATCH = 64  # as in tfgen.models.gan, which takes seconds to import; smaller data needs a smaller one
VISIBLE_SIDE = 64  # in a grid, smaller pictures are enlarged to at least this
LARGEST_GRID = 8192  # pixels along a side; a grid that would be larger is not enlarged
PADDING = 2


class ImageModality:
    """Encoding, saving and showing of pictures; everything is a static function, there is no state."""

    name = "image"
    plural = "images"
    settings = ("size", "channels")  # of the data, for --set
    # How a reconstruction is scored: a learned variance beat Bernoulli on grey digits too (docs/log.md).
    likelihood = "gaussian"
    augment = "color,translation,cutout"  # what a discriminator may be shown, where there are few examples
    networks = "image"  # the prefix of what suits it in catalog.NETWORKS
    extractors = "image"  # the prefix of what can look at it in catalog.EXTRACTORS
    # TensorFlow Serving sends an output in base64 when its name ends in "_bytes".
    files = {"png": ("image_bytes", "to_png")}  # what an export can give instead of numbers: signature, output, how

    @staticmethod
    def describe(examples: Examples) -> list[str]:
        """What was read, in sentences."""
        color = "colour" if examples.channels == 3 else "grey"
        shape = f"{examples.height} high and {examples.width} wide"
        return [f"{len(examples)} {color} pictures, {shape}.", _prompts_sentence(count_prompts(examples))]

    @staticmethod
    def facts(examples: Examples) -> dict[str, Any]:
        """What was read, as plain JSON."""
        return {
            "count": len(examples),
            "shape": [int(side) for side in examples.values.shape[1:]],
            "prompt_kind": examples.prompt_kind,
            "prompts": count_prompts(examples),
        }

    @staticmethod
    def next_step(examples: Examples, data: list[str], settings: list[str]) -> str:
        """What to do with so many: a fit that takes them, or more of them."""
        count = len(examples)
        if count >= _GAN_BATCH:
            return fit_command("gan", data, settings)
        advice = "add more, since some hundreds learn well"
        if count < 2:
            return f"{advice}."
        return f"{advice}, or: {fit_command('gan', data, [*settings, f'batch_size={max(2, count // 2)}'])}"

    @staticmethod
    def encode(values: Any) -> Any:
        """uint8 as float32 in [-1, 1]; a numpy array gives a numpy array, a tensor a tensor (also in a tf.data map)."""
        if isinstance(values, np.ndarray):
            return values.astype(np.float32) / np.float32(127.5) - np.float32(1.0)
        import tensorflow as tf

        return tf.cast(values, tf.float32) / 127.5 - 1.0

    @staticmethod
    def decode(values: Any) -> np.ndarray:
        """Floats in [-1, 1] as uint8, rounded; what is outside is clipped. The inverse of `encode`."""
        scaled = (np.asarray(values, np.float32) + np.float32(1.0)) * np.float32(127.5)
        return np.clip(np.rint(np.nan_to_num(scaled)), 0, 255).astype(np.uint8)

    @staticmethod
    def to_outside(examples: Any) -> Any:
        """Inside a graph: what a model made, as callers of an export get it, float32 in [0, 1].

        255 times that, rounded, is `decode`'s answer to the last bit: halving a float loses nothing.
        """
        import tensorflow as tf

        # Not tf.clip_by_value, for which TFLite's int8 takes a range of twice the width.
        return tf.minimum(tf.nn.relu((examples + 1.0) * 0.5), 1.0)

    @staticmethod
    def to_inside(images: Any) -> Any:
        """Inside a graph: callers' float32 in [0, 1] as a model takes it. The inverse of `to_outside`."""
        return images * 2.0 - 1.0

    @staticmethod
    def to_png(images: Any) -> Any:
        """Inside a graph: pictures in [0, 1] as PNGs, strings [batch]; a thirtieth of the same picture in JSON."""
        import tensorflow as tf

        pixels = tf.cast(tf.clip_by_value(tf.round(images * 255.0), 0.0, 255.0), tf.uint8)
        return tf.map_fn(tf.io.encode_png, pixels, fn_output_signature=tf.string)

    @staticmethod
    def save_sample(path: Path, value: np.ndarray, metadata: dict[str, str] | None = None) -> None:
        """Writes one picture [h, w, c] as a PNG that carries `metadata`, atomically."""
        from PIL.PngImagePlugin import PngInfo

        information = PngInfo()
        for key, text in (metadata or {}).items():
            information.add_itxt(key, text)
        with files.open_atomically(Path(path)) as file:
            _as_picture(value).save(file, format="PNG", pnginfo=information)

    @staticmethod
    def read_metadata(path: Path) -> dict[str, str]:
        """What `save_sample` put into a PNG beside the pixels."""
        from PIL import Image

        try:
            with Image.open(path, formats=("PNG",)) as image:
                image.load()
                return {key: str(text) for key, text in image.text.items()}
        except (OSError, ValueError, SyntaxError) as error:
            raise UserError(f"'{path}' can't be read as a PNG: {error}.", "Give a picture that tfgen wrote.") from error

    @staticmethod
    def grid(values: np.ndarray, columns: int | None = None) -> np.ndarray:
        """Pictures [n, h, w, c] side by side on white, small ones enlarged by a whole number: uint8 [H, W, c]."""
        values = np.asarray(values, np.uint8)
        if values.ndim != 4 or not len(values):
            raise ValueError(f"a grid needs pictures [n, h, w, c], not {values.shape}")
        count, height, width, channels = values.shape
        columns = min(count, columns or int(np.ceil(np.sqrt(count))))
        rows = -(-count // columns)
        factor = _enlargement(rows * height, columns * width, max(height, width))
        values = values.repeat(factor, axis=1).repeat(factor, axis=2)
        cell_height, cell_width = height * factor + PADDING, width * factor + PADDING
        cells = np.full((rows * columns, cell_height, cell_width, channels), 255, np.uint8)
        cells[:count, PADDING:, PADDING:] = values
        sheet = cells.reshape(rows, columns, cell_height, cell_width, channels).swapaxes(1, 2)
        sheet = sheet.reshape(rows * cell_height, columns * cell_width, channels)
        return np.pad(sheet, ((0, PADDING), (0, PADDING), (0, 0)), constant_values=255)


def count_prompts(examples: Examples) -> dict[str, int]:
    """How many examples each prompt has."""
    counts = np.bincount(examples.prompt_index[examples.prompt_index >= 0], minlength=len(examples.prompts))
    return {prompt: int(count) for prompt, count in zip(examples.prompts, counts, strict=True)}


def _prompts_sentence(prompts: dict[str, int]) -> str:
    if not prompts:
        return "No prompts: put pictures into one sub-folder per label, or add a captions.csv, to steer with words."
    shown = ", ".join(f"'{prompt}' ({count})" for prompt, count in list(prompts.items())[:12])
    return f"{len(prompts)} prompts: {shown}{', ...' if len(prompts) > 12 else ''}"


def _enlargement(grid_height: int, grid_width: int, side: int) -> int:
    wanted = -(-VISIBLE_SIDE // side)
    return max(1, min(wanted, LARGEST_GRID // max(grid_height, grid_width)))


def _as_picture(value: np.ndarray):
    from PIL import Image

    value = np.ascontiguousarray(value, np.uint8)
    return Image.fromarray(value[..., 0] if value.ndim == 3 and value.shape[-1] == 1 else value)
