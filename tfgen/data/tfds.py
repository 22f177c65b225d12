"""`tfds:NAME[/CONFIG][:VERSION][@SPLIT]`: any set of pictures or texts of TensorFlow Datasets, prepared once.

The set's Image feature gives the values, its ClassLabel the prompts (or else its Text). A set without pictures gives
its text. TFDS keeps its own files where it always does (TFDS_DATA_DIR moves them). The only source that needs
TensorFlow.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfgen.data.assemble import BLOCK, Stack, examples_of_details, fit_block, has_colour, on_white
from tfgen.data.examples import Prompts, Report, clean_text, short_name
from tfgen.data.prepared import Key, Writer
from tfgen.data.request import Request, choose_size
from tfgen.errors import Failure, UserError, unknown

if TYPE_CHECKING:
    from tfgen.data import AnyExamples

NETWORK_ONCE = "It needs the network once, or a folder that holds the set, named in TFDS_DATA_DIR."
SIZES_LOOKED_AT = 2000  # examples whose sizes decide, in a set where they differ


@dataclass(frozen=True)
class _Part:
    """One split of one set, and which of its features are used; `prompt` is the text itself where no image is."""

    builder: Any
    split: str
    count: int
    image: str | None
    prompt: str | None


def open_tfds(request: Request) -> AnyExamples:
    """The examples of a TFDS set; downloaded and prepared by TFDS if it isn't there yet."""
    wanted, _, split = request.source.removeprefix("tfds:").partition("@")
    if not wanted:
        raise UserError("tfds: needs the name of a set.", "Write tfds:mnist, for example.")
    with _quietly():
        builder = _builder(wanted)
        image, prompt = _features(wanted, builder)
        _prepare_builder(wanted, builder)
        part = _part(wanted, builder, split, image, prompt)
        described = os.path.join(str(builder.data_dir), "dataset_info.json")
        modified = os.stat(described).st_mtime_ns if os.path.exists(described) else 0
        name = short_name(builder.info.name)
        if image is None:
            return _open_texts(request, part, name, modified)
        key = Key.of(name, [str(builder.data_dir), split, request.size, request.channels], modified)
        return examples_of_details(request, name, key, lambda writer: _prepare_part(request, part, writer))


def _open_texts(request: Request, part: _Part, name: str, modified: int) -> AnyExamples:
    from tfgen.data.text.documents import Strings
    from tfgen.data.text.prepare import examples_of_source

    place = ["tfds", str(part.builder.data_dir), part.split, part.prompt]
    texts = Strings(name, place, modified, lambda: (text for _, text in _examples(part)))
    return examples_of_source(request, texts)


def _prepare_part(request: Request, part: _Part, writer: Writer) -> dict[str, Any]:
    """Streams the values into the prepared file; gives the report and the prompts."""
    stack, notes = _stack(request, part)
    channels = request.channels or (3 if stack.channels == 3 and has_colour(stack) else 1)
    texts = []
    for images, prompts in _batches(part, stack.height, stack.width):
        writer.append(fit_block(images, stack.height, stack.width, channels))
        texts.extend(prompts)
        request.report_progress(writer.count, part.count)
    report = Report(writer.count, writer.count, [], notes)
    return {"report": report.to_json(), "prompts": _prompts(part, texts, writer.count).to_json()}


def _stack(request: Request, part: _Part) -> tuple[Stack, list[str]]:
    """The pictures, and the size that they will have."""
    height, width, channels = part.builder.info.features[part.image].shape
    if None in (height, width):
        shapes = [value.shape for value, _ in _examples(part, SIZES_LOOKED_AT)]
        sizes = [shape[0] for shape in shapes], [shape[1] for shape in shapes]
    else:
        sizes = [height], [width]
    height, width, notes = choose_size(*sizes, request)
    blocks = (lambda: (images for images, _ in _batches(part, height, width)))
    return Stack(part.count, height, width, 1 if channels == 1 else 3, blocks), notes


def _batches(part: _Part, height: int, width: int) -> Iterator[tuple[np.ndarray, list[Any]]]:
    """Blocks uint8 [k, h, w, 1 or 3] with their prompts; pictures whose sizes differ are fitted one by one."""
    if None not in part.builder.info.features[part.image].shape:
        for example in _as_numpy(_dataset(part).batch(BLOCK)):
            yield _bytes_of(example[part.image]), list(example[part.prompt]) if part.prompt else []
        return
    values, prompts = [], []
    for value, prompt in _examples(part):
        value = _bytes_of(value[None])
        values.append(fit_block(value, height, width, 3))
        prompts.append(prompt)
        if len(values) == BLOCK:
            yield np.concatenate(values), prompts if part.prompt else []
            values, prompts = [], []
    if values:
        yield np.concatenate(values), prompts if part.prompt else []


def _examples(part: _Part, count: int = -1) -> Iterator[tuple[np.ndarray | None, Any]]:
    for example in _as_numpy(_dataset(part).take(count)):
        yield example[part.image] if part.image else None, example[part.prompt] if part.prompt else None


def _dataset(part: _Part) -> Any:
    import tensorflow_datasets as tfds

    from tfgen.data.tuning import untuned

    wanted = {name: True for name in (part.image, part.prompt) if name}
    features = tfds.decode.PartialDecoding(wanted)
    return untuned(part.builder.as_dataset(split=part.split, shuffle_files=False, decoders=features).prefetch(2))


def _as_numpy(dataset: Any) -> Iterator[dict[str, Any]]:
    import tensorflow as tf

    try:
        yield from dataset.as_numpy_iterator()
    except (tf.errors.OpError, OSError) as error:
        raise Failure(
            f"The files of the TFDS set can't be read: {_first_line(error)}.", "Delete the set's folder and try again."
        ) from error


def _bytes_of(values: np.ndarray) -> np.ndarray:
    """Image values [k, h, w, c] as uint8 with 1 or 3 channels."""
    if values.dtype == np.uint16:
        values = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if values.dtype != np.uint8:
        raise UserError(f"The set's pictures are {values.dtype}, not of 8 or 16 bits.", "Use another set.")
    return on_white(values) if values.shape[-1] == 4 else values


def _prompts(part: _Part, values: list[Any], count: int) -> Prompts:
    if part.prompt is None:
        return Prompts.none(count)
    names = getattr(part.builder.info.features[part.prompt], "names", None)
    if names is None:
        return Prompts.of_texts(clean_text(value.decode("utf-8", "replace")) for value in values)
    labels = np.array(values, np.int64)
    if (labels < 0).any():  # TFDS marks an example without a label by -1, in the test part of some sets
        return Prompts.of_texts(clean_text(names[label]) if label >= 0 else "" for label in labels)
    return Prompts.of_labels([clean_text(name) for name in names], labels)


def _builder(wanted: str) -> Any:
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    try:
        # TFDS reads the variable once, when it is imported; here it counts whenever it is set.
        return tfds.builder(wanted, data_dir=os.environ.get("TFDS_DATA_DIR") or None)
    except tfds.core.DatasetNotFoundError as error:
        raise unknown("TFDS set", wanted.split("/")[0].split(":")[0], tfds.list_builders()) from error
    except (ValueError, KeyError, AssertionError, TypeError, AttributeError) as error:
        raise UserError(
            f"'{wanted}' names no set that TFDS can build: {_first_line(error)}.",
            "Write NAME, NAME/CONFIG or NAME:VERSION as the catalogue of TFDS lists them.",
        ) from error


def _prepare_builder(wanted: str, builder: Any) -> None:
    import tensorflow_datasets as tfds

    if not os.path.exists(str(builder.data_dir)) and not builder.MANUAL_DOWNLOAD_INSTRUCTIONS:
        _check_network(wanted, builder)
    try:
        builder.download_and_prepare()
    except UserError:
        raise
    except Exception as error:  # TFDS lets through whatever requests, tar, Beam or the set's own code raise
        if isinstance(error, (AssertionError, tfds.download.DownloadError)) and "manual" in str(error).lower():
            raise UserError(
                f"The set '{wanted}' must be downloaded by hand.",
                " ".join(str(builder.MANUAL_DOWNLOAD_INSTRUCTIONS).split()),
            ) from error
        raise Failure(f"TFDS can't fetch or prepare '{wanted}': {_first_line(error)}.", NETWORK_ONCE) from error


def _check_network(wanted: str, builder: Any) -> None:
    """Fails at once where a host can't be found: TFDS itself tries for minutes before it gives up."""
    from tensorflow_datasets.core.download.resource import get_dl_fname

    if any(name.lower().endswith("_proxy") for name in os.environ):
        return  # the proxy finds the hosts
    root = Path(str(builder.data_dir)).parents[builder.info.full_name.count("/")]
    cached = {path.name for path in (root / "downloads").rglob("*.INFO")}
    for url, information in (builder.url_infos or {}).items():
        host = urllib.parse.urlsplit(url).hostname
        if host is None or f"{get_dl_fname(url, information.checksum)}.INFO" in cached:
            continue
        try:
            socket.getaddrinfo(host, None)
        except OSError as error:
            raise Failure(f"TFDS can't fetch '{wanted}': {host} can't be found.", NETWORK_ONCE) from error


def _features(wanted: str, builder: Any) -> tuple[str | None, str | None]:
    """The names of the Image feature, and of the ClassLabel or Text that says what the image shows.

    Of a set without pictures None, and the name of its text: the feature called so, else the only one of strings.
    """
    import tensorflow_datasets as tfds

    features = builder.info.features
    preferred = [key for key in (builder.info.supervised_keys or ()) if isinstance(key, str)]
    names = [*preferred, *(name for name in features if name not in preferred)] if hasattr(features, "keys") else []

    def first(kind: type) -> str | None:
        return next((name for name in names if type(features[name]) is kind), None)

    image = first(tfds.features.Image)
    if image is None:
        texts = [name for name in names if _is_text(features[name])]
        if "text" not in texts and len(texts) != 1:
            several = f" that is surely meant, but {', '.join(texts)}" if texts else ""
            raise UserError(
                f"The TFDS set '{wanted}' holds no pictures and no text{several}.",
                "Choose a set of pictures, such as tfds:mnist, or one with a feature called text.",
            )
        return None, "text" if "text" in texts else texts[0]
    return image, first(tfds.features.ClassLabel) or first(tfds.features.Text)


def _is_text(feature: Any) -> bool:
    import tensorflow_datasets as tfds

    plain = type(feature) in (tfds.features.Text, tfds.features.Tensor, tfds.features.Scalar)
    return plain and feature.shape == () and str(getattr(feature, "np_dtype", feature.dtype)) in ("object", "string")


def _part(wanted: str, builder: Any, split: str, image: str, prompt: str | None) -> _Part:
    splits = builder.info.splits
    split = split or ("train" if "train" in splits else next(iter(splits)))
    try:
        count = splits[split].num_examples
    except (KeyError, ValueError, AssertionError) as error:
        raise unknown(f"split of '{wanted}'", split, list(splits)) from error
    if not count:
        raise UserError(f"The part '{split}' of '{wanted}' is empty.", "Choose another split.")
    return _Part(builder, split, count, image, prompt)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """What TFDS prints goes to stderr, since stdout is for data; its warnings to its own developers go nowhere."""
    absl = logging.getLogger("absl")
    level = absl.level
    absl.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        absl.setLevel(level)


def _first_line(error: Any) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].strip().rstrip(".:")[:200]
