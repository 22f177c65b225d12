"""Files of many samples for other programs' training: a shard of a bulk, in the formats that pipelines read."""

import json
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tfgen.trust.provenance import open_marked

_COPIED = 2**20  # bytes at once


class Format(NamedTuple):
    """How a shard's name ends, and what writes it: of samples, a path, and what is said of them (provenance)."""

    ending: str
    write: Callable[[Any, Path, Mapping[str, str]], None]


def write_tar(samples: Any, path: Path, facts: Mapping[str, str]) -> None:
    """A tar as WebDataset reads it: of each sample a file SEED.ENDING, and SEED.json with its prompt and seed.

    Owners and times are left out, so that the same samples are the same bytes.
    """
    with open_marked(path, facts) as file:
        for example in samples.examples():
            content = {name: value for name, value in example.items() if isinstance(value, bytes)}
            others = {name: value for name, value in example.items() if name not in content}
            # A file that is JSON itself says there what else is known.
            members = {"json": json.dumps(others, ensure_ascii=False).encode(), **content}
            for name, each in members.items():
                member = tarfile.TarInfo(f"{example['seed']:010d}.{name}")
                member.size = len(each)
                # TarFile.addfile would copy each header, and keep all of them.
                file.write(member.tobuf(tarfile.USTAR_FORMAT) + each + bytes(-len(each) % tarfile.BLOCKSIZE))
        file.write(bytes(2 * tarfile.BLOCKSIZE))


def write_tfrecord(samples: Any, path: Path, facts: Mapping[str, str]) -> None:
    """A TFRecord of a tf.train.Example each; what is missing has no feature, and what is neither number, bytes nor
    text is written as text."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder, open_marked(path, facts) as file:
        written = Path(folder) / path.name  # TensorFlow writes to a name alone
        with tf.io.TFRecordWriter(str(written)) as writer:
            for example in samples.examples():
                features = {name: _feature(value) for name, value in example.items() if value is not None}
                message = tf.train.Example(features=tf.train.Features(feature=features))
                writer.write(message.SerializeToString(deterministic=True))
        with open(written, "rb") as source:
            while part := source.read(_COPIED):
                file.write(part)


def _feature(value: Any) -> Any:
    """A tf.train.Feature of a value, or of a list of texts."""
    import tensorflow as tf

    if isinstance(value, int):  # truth too
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[int(value)]))
    if isinstance(value, float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=list(_as_bytes(value))))


def _as_bytes(value: Any) -> Iterator[bytes]:
    for each in value if isinstance(value, list) else [value]:
        yield each if isinstance(each, bytes) else str(each).encode()


def _save(samples: Any, path: Path, facts: Mapping[str, str]) -> None:
    """As `tfgen generate -o` writes a file with this ending, with what is said of samples in it or beside it."""
    samples.save(path)


FORMATS = {
    "wds": Format(".tar", write_tar),
    "tfrecord": Format(".tfrecord", write_tfrecord),
    "parquet": Format(".parquet", _save),
    "jsonl": Format(".jsonl", _save),
}
