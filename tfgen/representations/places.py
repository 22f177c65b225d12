"""Tables of places in graphs that keep their names from one process to the next."""

import hashlib
import json
from collections.abc import Mapping

import tensorflow as tf


class _Places(tf.lookup.KeyValueTensorInitializer):
    """A table's content, named after itself: TensorFlow's own name is a new one each time, and so the graph."""

    def __init__(self, places: dict[str, int]):
        super().__init__(tf.constant(list(places), tf.string), tf.constant(list(places.values()), tf.int32))
        self._digest = hashlib.sha256(json.dumps(places).encode()).hexdigest()[:16]

    @property
    def _shared_name(self) -> str:
        return f"words_{self._digest}"


def table_of_places(places: Mapping[str, int], default: int) -> tf.lookup.StaticHashTable:
    """Strings to int32; `default` for all others."""
    # TensorFlow refuses a table without entries.
    return tf.lookup.StaticHashTable(_Places(dict(places) or {"": default}), default)
