"""What an export offers: a model's signatures as traced functions of plain tensors, in the units of the outside.

Two audiences. A server has strings and files; a phone's runtime has neither, so what it needs lies beside its file.
"""

import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.export.agreement import Agreement, Pairs, agreement_of
from tfgen.export.formats import Tolerance
from tfgen.models.base import GenerativeModel
from tfgen.representations.base import Codec
from tfgen.representations.signatures import Kind, Signature
from tfgen.run import Run

SERVER, PHONE = "server", "phone"


@dataclass(frozen=True)
class Entry:
    """One signature of an export: what goes in, by name, and the function that gives its named outputs."""

    inputs: Mapping[str, tf.TensorSpec]
    kinds: Mapping[str, Kind]
    function: Callable[..., dict[str, tf.Tensor]]  # called with the inputs by name

    def traced(self, audience: str) -> Any:
        """The function as a graph for these inputs, which refuses others before a kernel meets them.

        A signature's own shapes are not enforced where a server feeds its graph, and some kernels end the process.
        """

        def checked(**given: tf.Tensor) -> dict[str, tf.Tensor]:
            shaped = {
                name: tf.ensure_shape(value, self.inputs[name].shape, name=f"{name}_shape")
                for name, value in given.items()
            }
            return self.function(**(_with_as_many_rows(shaped) if audience == SERVER else shaped))

        return tf.function(checked, autograph=False).get_concrete_function(**self.inputs)


class ExportedModel(abc.ABC):
    """A model as an export offers it, to a SERVER or a PHONE. A subclass for each representation is in catalog.ENGINES.

    A subclass that needs something for its entries sets it before it calls this constructor.
    """

    # How far an export may be from its model: "saved-model", and the number formats that suit the representation.
    tolerances: Mapping[str, Tolerance]
    # What is wrong with each other one, and what to do about it.
    unsuitable: Mapping[str, tuple[str, str]] = {}
    timed = "generate"  # the signature whose calls are timed
    batches: tuple[int, ...] = (1, 3, 8)  # how many rows the calls have that are compared

    def __init__(self, run: Run, codec: Codec, model: GenerativeModel, audience: str):
        self.run = run
        self.codec = codec
        self.model = model
        self.audience = audience
        self.entries = self.make_entries()
        self._traced: dict[str, Any] = {}

    @classmethod
    def check(cls, number_formats: tuple[str, ...]) -> None:
        """Raises UserError where a number format doesn't suit the representation."""
        for name in number_formats:
            if name in cls.unsuitable:
                raise UserError(*cls.unsuitable[name])

    # What a subclass says of its representation.

    @abc.abstractmethod
    def specification(self, name: str, kind: Kind) -> tf.TensorSpec:
        """The type and shape of an input."""

    @abc.abstractmethod
    def inputs_of(self, call: str, seeds: np.ndarray) -> dict[str, np.ndarray]:
        """What the inputs of a call may look like, a row for each seed: for comparisons, calibration and warm-up."""

    @abc.abstractmethod
    def sample(self) -> dict[str, Any]:
        """A request for one sample, and its answer, as JSON: to see that an export works elsewhere."""

    @abc.abstractmethod
    def companions(self) -> dict[str, bytes]:
        """Files, by name, that a caller needs beside the export."""

    @abc.abstractmethod
    def words(self) -> dict[str, Any]:
        """What every template of worked examples may say of this model."""

    @abc.abstractmethod
    def contains(self) -> list[str]:
        """What of the training data an export holds, in sentences, for tfgen.json."""

    def shared_codec(self) -> dict[str, Any]:
        """What tfgen.json says of the codec: no more than a caller needs."""
        return self.codec.to_json()

    def make_entries(self) -> dict[str, Entry]:
        """The signatures that are for this audience, by name; the first is what a caller gets who names none."""
        declared = self.model.signatures()
        chosen = {name: each for name, each in declared.items() if each.audience in ("all", self.audience)}
        return {name: self.entry(signature) for name, signature in chosen.items()}

    def takes(self, kind: Kind) -> bool:
        """Whether an input of this kind is there at all; in its place the model gets what `inside` gives for None."""
        return True

    def inside(self, value: tf.Tensor | None, kind: Kind, rows: tf.Tensor) -> tf.Tensor:
        """An input as the model takes it."""
        return value

    def outside(self, value: tf.Tensor, kind: Kind) -> tf.Tensor:
        """An output as a caller gets it."""
        return value

    def tables(self) -> Any:
        """What a SavedModel must keep beside the weights, as a tf.Module; None for nothing."""
        return None

    def calls(self) -> list[str]:
        """What is compared: the signatures, and sequences of them, "first>then" (see run_tflite.py)."""
        return list(self.entries)

    def compare(self, call: str, output: str, pairs: Pairs, inputs: list[dict[str, np.ndarray]]) -> Agreement:
        """How the answers to a call agree, for pairs of (model's, export's) and the inputs of each."""
        return agreement_of(call, output, pairs)

    def steps(self, answers: Mapping[str, np.ndarray]) -> tuple[int, str]:
        """Into how many parts the time of a call with these answers is divided, and what a part is called."""
        return 1, "call"

    # What follows from that.

    def entry(self, signature: Signature) -> Entry:
        """A declared signature as an export has it."""
        kinds = {name: kind for name, kind in signature.inputs.items() if self.takes(kind)}
        specifications = {name: self.specification(name, kind) for name, kind in kinds.items()}

        def function(**given: tf.Tensor) -> dict[str, tf.Tensor]:
            rows = tf.shape(given[next(iter(kinds))])[0]
            inside = [self.inside(given.get(name), kind, rows) for name, kind in signature.inputs.items()]
            made = signature.function(*inside)
            made = made if isinstance(made, tuple) else (made,)
            named = zip(signature.outputs.items(), made, strict=True)
            return {name: tf.identity(self.outside(value, kind), name=name) for (name, kind), value in named}

        return Entry(specifications, kinds, function)

    def traced(self, name: str) -> Any:
        """A signature as a graph."""
        if name not in self._traced:
            self._traced[name] = self.entries[name].traced(self.audience)
        return self._traced[name]

    def answers(self, call: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What the live model answers to a call; masked where another answer would be as good."""
        made = self.traced(call)(**{name: tf.constant(value) for name, value in inputs.items()})
        return {name: value.numpy() for name, value in made.items()}

    def variables(self) -> list[tf.Variable]:
        """All that the model has, in an order that does not depend on the process."""
        kept = [*self.model.state().values(), *self.model.frozen().values()]
        return [variable.value for variable in kept]

    def describe(self) -> dict[str, Any]:
        """Inputs and outputs of every signature: their types and shapes, -1 for what is open."""
        return {
            name: {
                "inputs": {key: _describe(each) for key, each in entry.inputs.items()},
                "outputs": {key: _describe(each) for key, each in self.traced(name).structured_outputs.items()},
            }
            for name, entry in self.entries.items()
        }


def _with_as_many_rows(given: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """The inputs, in a graph that refuses them where some have more rows than others, or none."""
    rows = tf.stack([tf.shape(value)[0] for value in given.values()])
    reason = f"Every input needs as many rows as the others, at least 1. The rows of {', '.join(given)} are:"
    same = tf.reduce_all(tf.equal(rows, rows[0])) & (rows[0] > 0)
    with tf.control_dependencies([tf.debugging.Assert(same, [reason, rows], summarize=len(given))]):
        return {name: tf.identity(value) for name, value in given.items()}


def _describe(specification: tf.TensorSpec) -> dict[str, Any]:
    return {
        "dtype": specification.dtype.name,
        "shape": [-1 if side is None else side for side in specification.shape.as_list()],
    }
