"""Rows as tokens, some of them held out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tfgen.data.examples import Report
from tfgen.errors import UserError
from tfgen.representations.base import OTHER_CANARIES, WHOLE, Examples, Share
from tfgen.representations.rows.codec import RowCodec
from tfgen.representations.rows.columns import Rows, joined
from tfgen.representations.rows.release import in_columns, released_codec

if TYPE_CHECKING:
    import tensorflow as tf

_FEWEST = 20  # rows that anything can be learned from
_STEPS_PER_CALL = 8
_FEWEST_STEPS = 400


@dataclass(frozen=True, eq=False)
class RowExamples(Examples):
    """All rows of one source: those to learn first, those that are held out behind, in an order of chance.

    tokens: uint16 [rows, learned columns].
    """

    modality: str
    source: str
    name: str
    rows: Rows
    tokens: np.ndarray
    training: int
    codec: RowCodec
    report: Report
    fingerprint: str

    def __len__(self) -> int:
        return self.training

    @property
    def holds_out(self) -> bool:
        return self.training < len(self.tokens)

    @property
    def measurable(self) -> bool:
        return self.holds_out

    @property
    def learned(self) -> np.ndarray:
        """The tokens to learn, [training, learned columns]."""
        return self.tokens[: self.training]

    @property
    def held_out(self) -> np.ndarray:
        """The tokens of rows that are not learned."""
        return self.tokens[self.training:]

    def place_in_source(self, place: int) -> int:
        """Where a row stood, from 0, as a person finds it again."""
        return place

    def contents(self) -> Iterator[bytes]:
        """Of every row the values of its learned columns, not their tokens: many values share one."""
        columns = [np.asarray(values, np.float64) for values in self.rows.values.values()]
        return (row.tobytes() for row in np.stack(columns, axis=1))

    def conditions(self) -> None:
        return None

    def codec_json(self) -> dict[str, Any]:
        return self.codec.to_json()

    def check(self, settings: Any) -> None:
        if self.training < _FEWEST:
            what = f"There are {self.training} rows to learn, too few to learn anything but themselves."
            raise UserError(what, f"Give at least {_FEWEST}; some thousands learn well.")

    def count(self, settings: Any) -> int:
        return self.training

    def batches(self, settings: Any, seed: int, start: int, stop: int, share: Share = WHOLE) -> "tf.data.Dataset":
        """Tokens int32 [batch, learned columns]."""
        import tensorflow as tf

        from tfgen.representations.batches import Part, by_steps

        size, learned = settings.batch_size, tf.constant(self.learned)

        def batch_of(part: Part) -> tf.Tensor:
            return tf.cast(tf.gather(learned, part.order(seed, size, self.training)), tf.int32)

        return by_steps(batch_of, start, stop, share)

    # For a private fit.

    unit: ClassVar[str] = "row"
    releases: ClassVar[bool] = True

    def not_covered(self) -> tuple[str, ...]:
        return (
            "How many rows there are; the names of the columns, what kind each is of, and how its values are written, "
            "with the digits behind the point; and the values of columns that are the same in all rows.",
        )

    def released(self, noise_multiplier: float, delta: float, key: int) -> "RowExamples":
        learned = self.rows.take(slice(0, self.training))
        return self.under(released_codec(self.codec, learned, noise_multiplier, delta, key))

    def under(self, codec: RowCodec) -> "RowExamples":
        rows = in_columns(self.rows, codec)
        return replace(self, rows=rows, tokens=codec.encode(rows), codec=codec)

    def poisson_batches(
        self, settings: Any, key: int, rate: float, start: int, stop: int, share: Share = WHOLE
    ) -> "tf.data.Dataset":
        import tensorflow as tf

        from tfgen.representations.batches import Part, by_steps, poisson_sample

        learned = tf.constant(self.learned)

        def batch_of(part: Part) -> tuple[tf.Tensor, tf.Tensor]:
            chosen, mask = poisson_sample(key, part, self.training, rate)
            return tf.cast(tf.gather(learned, chosen), tf.int32), mask

        return by_steps(batch_of, start, stop, share)

    # For a fit with canaries.

    def canaries(self, count: int, generator: np.random.Generator) -> dict[str, np.ndarray]:
        tokens = self.codec.specification.drawn_evenly(count, generator)
        return {"tokens": tokens.astype(self.tokens.dtype)}

    def with_planted(self, canaries: Mapping[str, np.ndarray]) -> "RowExamples":
        tokens = canaries["tokens"]
        if not self.codec.specification.has(tokens):
            raise UserError(*OTHER_CANARIES)
        middle, learned = np.full(tokens.shape, 0.5), slice(0, self.training)
        planted, others = self.codec.decode(tokens, middle), slice(self.training, None)
        return replace(
            self,
            rows=joined([self.rows.take(learned), planted, self.rows.take(others)]),
            tokens=np.concatenate([self.learned, tokens, self.held_out]),
            training=self.training + len(tokens),
        )

    def steps_per_call(self, settings: Any) -> int:
        return _STEPS_PER_CALL

    def enough_steps(self, settings: Any, count: int | None = None) -> int | None:
        if not settings.epochs:
            return None
        return max(_FEWEST_STEPS, settings.epochs * (count or self.training) // settings.batch_size)

    def symbols(self) -> tuple[Any, ...]:
        return self.codec.symbols()

    def beside(self, symbols: tuple[Any, ...]) -> "RowExamples":
        return replace(self)
