"""`tfds:NAME[/CONFIG][:VERSION][@SPLIT]`: a set of TensorFlow Datasets, prepared once, for whichever modality has use
for its features.

TFDS keeps its own files where it always does (TFDS_DATA_DIR moves them). The only source that needs TensorFlow.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfgen.catalog import MODALITIES
from tfgen.data import check_settings, representation_of
from tfgen.data.examples import short_name
from tfgen.data.request import DataRequest
from tfgen.errors import Failure, UserError, unknown

if TYPE_CHECKING:
    from tfgen.representations.base import Examples

NETWORK_ONCE = "It needs the network once, or a folder that holds the set, named in TFDS_DATA_DIR."


@dataclass(frozen=True)
class Part:
    """One split of one set, and which of its features are used, by the names that the modality gave them."""

    builder: Any
    split: str
    count: int
    features: Mapping[str, str]

    @property
    def name(self) -> str:
        """For a run."""
        return short_name(self.builder.info.name)

    @property
    def place(self) -> list[Any]:
        """Plain values that tell it from other sources."""
        return ["tfds", str(self.builder.data_dir), self.split, dict(self.features)]

    @property
    def modified(self) -> int:
        """When the set was prepared: a set that is prepared anew may have changed."""
        described = os.path.join(str(self.builder.data_dir), "dataset_info.json")
        return os.stat(described).st_mtime_ns if os.path.exists(described) else 0

    def information(self, role: str) -> Any:
        """What TFDS knows of a feature."""
        return self.builder.info.features[self.features[role]]

    def examples(self, count: int = -1, batch: int | None = None) -> Iterator[dict[str, Any]]:
        """The used features of the first `count` examples by role, as numpy; together in batches where told."""
        import tensorflow as tf

        data = self._dataset().take(count)
        data = data if batch is None else data.batch(batch)
        try:
            for example in data.as_numpy_iterator():
                yield {role: example[feature] for role, feature in self.features.items()}
        except (tf.errors.OpError, OSError) as error:
            raise Failure(
                f"The files of the TFDS set can't be read: {_first_line(error)}.",
                "Delete the set's folder and try again.",
            ) from error

    def _dataset(self) -> Any:
        import tensorflow_datasets as tfds

        from tfgen.data.tuning import untuned

        decoders = tfds.decode.PartialDecoding({name: True for name in self.features.values()})
        return untuned(self.builder.as_dataset(split=self.split, shuffle_files=False, decoders=decoders).prefetch(2))


def open_tfds(
    source: str, representation: str | None, settings: Mapping[str, Any], progress: Callable[[int, int], None] | None
) -> Examples:
    """The examples of a TFDS set; downloaded and prepared by TFDS if it isn't there yet."""
    wanted, _, split = source.removeprefix("tfds:").partition("@")
    if not wanted:
        raise UserError("tfds: needs the name of a set.", "Write tfds:mnist, for example.")
    with _quietly():
        builder = _builder(wanted)
        modality, features = _modality_and_features(wanted, builder, representation)
        kept = representation_of(modality, representation)
        request = DataRequest(source, kept, check_settings(modality, settings, source), progress=progress)
        _prepare_builder(wanted, builder)
        return modality.open_tfds(request, _part(wanted, builder, split, features))


def _modality_and_features(wanted: str, builder: Any, representation: str | None) -> tuple[type, dict[str, str]]:
    """The first modality that has use for the set's features, if it can be one that has the representation."""
    features = builder.info.features
    preferred = [key for key in (builder.info.supervised_keys or ()) if isinstance(key, str)]
    known = dict(features.items()) if hasattr(features, "items") else {}
    names = [*(name for name in preferred if name in known), *(name for name in known if name not in preferred)]
    modalities = MODALITIES.all()
    for each in sorted(modalities, key=lambda each: representation not in (None, *each.representations)):
        chosen = each.choose_tfds_features({name: known[name] for name in names}, preferred)
        if chosen is not None:
            return each, chosen
    kinds = " and no ".join(each.plural for each in modalities)
    raise UserError(
        f"The TFDS set '{wanted}' holds no {kinds} that tfgen can tell, but {', '.join(names) or 'nothing'}.",
        "Choose a set of pictures, such as tfds:mnist, or one with a feature called text.",
    )


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


def _part(wanted: str, builder: Any, split: str, features: Any) -> Part:
    splits = builder.info.splits
    split = split or ("train" if "train" in splits else next(iter(splits)))
    try:
        count = splits[split].num_examples
    except (KeyError, ValueError, AssertionError) as error:
        raise unknown(f"split of '{wanted}'", split, list(splits)) from error
    if not count:
        raise UserError(f"The part '{split}' of '{wanted}' is empty.", "Choose another split.")
    return Part(builder, split, count, features)


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
