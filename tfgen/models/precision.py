"""What numbers a network calculates with."""

import contextlib
from collections.abc import Iterator

import keras

from tfgen.errors import unknown

_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}  # weights are float32 in both


@contextlib.contextmanager
def calculating_in(precision: str) -> Iterator[None]:
    """Layers that are made in this block calculate so. Raises UserError for a precision that isn't known."""
    if precision not in _POLICIES:
        raise unknown("precision", precision, _POLICIES)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(_POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
