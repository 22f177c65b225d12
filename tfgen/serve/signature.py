"""A signature of a SavedModel: what it takes, and whether a request has it.

Types and shapes are checked before anything runs, since some kernels end the whole process at a shape that they don't
expect.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tfgen.serve import tensors
from tfgen.serve.status import invalid

DEFAULT_SIGNATURE = "serving_default"


@dataclass(frozen=True)
class Signature:
    """A named function of a SavedModel."""

    name: str
    definition: Any  # a SignatureDef
    batchable: bool

    def complete(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The inputs, with the signature's defaults for those that are left out.

        Raises:
            ServingError: one is missing, unknown, or of the wrong type or shape.
        """
        expected, defaults = self.definition.inputs, self.definition.defaults
        if len(inputs) > len(expected) or (len(inputs) < len(expected) and not defaults):
            raise invalid(self._wrong_names(inputs))
        complete = {}
        for place, (name, info) in enumerate(sorted(expected.items())):
            if name in inputs:
                complete[name] = inputs[name]
            elif name in defaults:
                complete[name] = tensors.to_array(name, defaults[name])
            else:
                raise invalid(self._wrong_names(inputs))
            _check_type(place, name, complete[name], info.dtype)
            _check_shape(name, complete[name], info.tensor_shape)
        if not inputs.keys() <= complete.keys():
            raise invalid(self._wrong_names(inputs))
        return complete

    def rows(self, inputs: dict[str, np.ndarray]) -> int | None:
        """How many examples complete inputs hold; None where they can't share a run with other requests."""
        sizes = {array.shape[0] for array in inputs.values()} if self.batchable else set()
        return sizes.pop() if len(sizes) == 1 else None

    def check_rows(self, inputs: dict[str, np.ndarray]) -> None:
        """Raises ServingError where some of complete inputs have more rows than others, as a batch can't."""
        if self.batchable and len({array.shape[0] for array in inputs.values()}) > 1:
            sizes = ", ".join(f"'{name}' has {array.shape[0]}" for name, array in sorted(inputs.items()))
            raise invalid(
                f"Batching input tensors supplied in a given request must have equal 0th-dimension size, but {sizes}"
            )

    def _wrong_names(self, inputs: dict[str, np.ndarray]) -> str:
        sent, expected = sorted(inputs), sorted(self.definition.inputs)
        extra = ",".join(sorted(set(sent) - set(expected)))
        absent = ",".join(sorted(set(expected) - set(sent)))
        return (
            f"input size does not match signature: {len(sent)}!={len(expected)} len({{{','.join(sent)}}}) != "
            f"len({{{','.join(expected)}}}). Sent extra: {{{extra}}}. Missing but required: {{{absent}}}."
        )


def is_batchable(definition) -> bool:
    """Whether every input and output has a first dimension that is left open."""
    infos = [*definition.inputs.values(), *definition.outputs.values()]
    shapes = [info.tensor_shape for info in infos]
    return bool(definition.inputs) and all(
        not shape.unknown_rank and len(shape.dim) > 0 and shape.dim[0].size == -1 for shape in shapes
    )


def _check_type(place: int, name: str, array: np.ndarray, expected: int) -> None:
    provided = tensors.type_number(array)
    if provided != expected:
        wanted, sent = tensors.type_name(expected), tensors.type_name(provided)
        raise invalid(f"Expects arg[{place}] to be {wanted} but {sent} is provided (input '{name}')")


def _check_shape(name: str, array: np.ndarray, expected) -> None:
    """Raises ServingError for another rank or size than the signature has."""
    if expected.unknown_rank:
        return
    sizes = [dim.size for dim in expected.dim]
    if len(sizes) == array.ndim and all(size in (-1, side) for size, side in zip(sizes, array.shape)):
        return
    open_sizes = ["batch", *["any"] * len(sizes)]
    wanted = ",".join(open_sizes[place] if size == -1 else str(size) for place, size in enumerate(sizes))
    sent = ",".join(map(str, array.shape))
    raise invalid(f"Input '{name}' has shape [{sent}], and [{wanted}] is wanted.")
