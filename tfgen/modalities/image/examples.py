"""Pictures that are ready for training."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tfgen.representations.arrays.examples import ArrayExamples

if TYPE_CHECKING:
    import tensorflow as tf

    from tfgen.representations.batches import Part

_SALT = 77  # tells the seeds of mirrors from others


@dataclass(frozen=True, eq=False)
class ImageExamples(ArrayExamples):
    """See ArrayExamples; `values` are uint8 [n, height, width, 1, 3 or 4].

    white: what white is in integers of more than 8 bits that they came from; None where they came from none.
    mirror: whether half of the pictures that are learned are mirrored, another half in every epoch.
    has_held_out: whether their folder has others that are kept for evaluation.
    """

    unit: ClassVar[str] = "picture"

    white: float | None = None
    mirror: bool = False
    has_held_out: bool = False

    def vary(self, encoded: "tf.Tensor", seed: int, part: "Part") -> "tf.Tensor":
        if not self.mirror:
            return encoded
        import tensorflow as tf

        key = tf.stack([tf.cast(part.step, tf.int64), tf.constant(seed + _SALT, tf.int64)])
        chance = part.rows(lambda rows: tf.random.stateless_uniform([rows, 1, 1, 1], key), tf.shape(encoded)[0])
        mirrored = chance < 0.5
        return tf.where(mirrored, tf.reverse(encoded, [2]), encoded)
