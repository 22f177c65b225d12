"""What every representation has: a codec, and examples that a fit draws batches from."""

import abc
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from tfgen.data.examples import Report


@dataclass(frozen=True)
class Share:
    """Which of a batch's equal `parts` are made here, one after the other: `count` of them, from number `first`."""

    parts: int = 1
    first: int = 0
    count: int = 1


WHOLE = Share()


class Codec(abc.ABC):
    """Turns what a user has into what a model learns, and back. A run keeps it in codec.json, and files beside it."""

    representation: ClassVar[str]

    @property
    @abc.abstractmethod
    def specification(self) -> Any:
        """What a model must know: an ArraySpecification or a SequenceSpecification."""

    @abc.abstractmethod
    def to_json(self) -> dict[str, Any]:
        """The content of codec.json, as plain JSON; "example" is the specification's."""

    def files(self) -> Mapping[str, bytes]:
        """Files of the run that belong to it, by name."""
        return {}


class Examples(abc.ABC):
    """Examples of one source, encoded or ready to be: how they are cut into batches, and what a fit may ask of them.

    A subclass is a frozen dataclass and has these fields.
    """

    modality: str
    source: str  # as the user typed it
    name: str  # for a run
    codec: Codec
    report: "Report"
    fingerprint: str  # equal for equal content, wherever it lies

    @property
    def representation(self) -> str:
        return self.codec.representation

    @property
    def holds_out(self) -> bool:
        """Whether a part is not learned, so that a fit measures itself unasked and ends with its best weights."""
        return False

    @property
    def measurable(self) -> bool:
        """Whether a model can be measured while it learns."""
        return True

    @abc.abstractmethod
    def __len__(self) -> int:
        """How much there is to learn."""

    @abc.abstractmethod
    def conditions(self) -> Any:
        """What a model is told of prompts, beside the specification; None where they are part of the sequences."""

    @abc.abstractmethod
    def codec_json(self) -> dict[str, Any]:
        """What a run keeps of codec and prompts, as plain JSON."""

    @abc.abstractmethod
    def check(self, settings: Any) -> None:
        """Raises UserError where a model with these settings can't learn from so few examples."""

    @abc.abstractmethod
    def count(self, settings: Any) -> int:
        """How many examples an epoch has."""

    @abc.abstractmethod
    def batches(self, settings: Any, seed: int, start: int, stop: int, share: Share = WHOLE) -> Any:
        """A tf.data.Dataset of what `train_step` takes, for steps `start` to `stop - 1`, a function of (seed, step).

        share: which part of each batch, where several replicas of the model have one each; by default all of it.
        """

    # For whoever asks that something be forgotten.

    def contents(self) -> Iterator[bytes]:
        """Of every example, learned or held out, bytes that are equal for equal examples under one codec."""
        raise NotImplementedError

    def holds(self, records: "Examples") -> int:
        """How many of other examples, under the same codec, are among these."""
        known = set(map(_digest, self.contents()))
        return sum(_digest(each) in known for each in records.contents())

    # For a private fit.

    releases: ClassVar[bool] = False  # whether `released` makes what the codec learned private too

    unit: ClassVar[str] = "example"  # what one example is, of which a private fit gives nothing away

    @property
    def members(self) -> int:
        """How many units a private fit protects, each as a whole: see `unit`."""
        return len(self)

    def not_covered(self) -> tuple[str, ...]:
        """Sentences on what a private fit reads from the data, and no budget covers."""
        return ("How many examples there are, and what their codec learned.",)

    def released(self, noise_multiplier: float, delta: float, key: int) -> "Examples":
        """The same under a codec that was learned by a Gaussian mechanism with this noise multiplier, which may give
        away what a single example has with the probability `delta`; `key` is what its noise is drawn by.

        Raises UserError where one example is not what has to be protected.
        """
        return self

    def unlearned(self) -> "Examples":
        """The same under a codec that knows nothing of the examples but what `not_covered` says, where none is made by
        `released`.

        Raises UserError where it has to, or where one example can't be hidden among the others.
        """
        return self

    def under(self, codec: Codec) -> "Examples":
        """The same under the codec that `released` or `unlearned` made for a run."""
        return self

    def poisson_batches(
        self, settings: Any, key: int, rate: float, start: int, stop: int, share: Share = WHOLE
    ) -> Any:
        """A tf.data.Dataset of (what `batches` gives, mask float32 [batch]) of Poisson samples of the members, as
        `batches.poisson_sample` draws them for steps `start` to `stop - 1`."""
        raise NotImplementedError

    # For a fit with canaries (tfgen.trust.canaries).

    @property
    def most_canaries(self) -> int:
        """How many would be as much as the data."""
        return len(self)

    def canaries(self, count: int, generator: Any) -> dict[str, Any]:
        """Examples that nobody has, by a numpy generator: arrays [count, ...] by name, as a run keeps them."""
        raise NotImplementedError

    def with_planted(self, canaries: Mapping[str, Any]) -> "Examples":
        """The same with such canaries behind what else is learned. Raises UserError where they are of other data."""
        raise NotImplementedError

    @abc.abstractmethod
    def steps_per_call(self, settings: Any) -> int:
        """As many steps in one call as keep Ctrl-C quick; Python between the calls costs a tiny model its speed."""

    def enough_steps(self, settings: Any, count: int | None = None) -> int | None:
        """After how many steps more would do no good; None where that isn't known.

        count: of the examples, where their own number must not be told.
        """
        return None

    @abc.abstractmethod
    def symbols(self) -> tuple[Any, ...]:
        """What the ids stand for of which there are more with more data: words of prompts, or tokens."""

    @abc.abstractmethod
    def beside(self, symbols: tuple[Any, ...]) -> "Examples":
        """The same for a model that knows these symbols already."""

    def kept(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Settings of the data as a run keeps them: a path as it is from any folder."""
        return settings


OTHER_CANARIES = (
    "The canaries of the run are of other columns, another size or other words than the data.",
    "Begin a new run, with canaries of its own.",
)


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()
