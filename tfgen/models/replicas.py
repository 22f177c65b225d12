"""One batch shared by several replicas of a model, as tf.distribute runs them; each has an equal part of it.

Everything here makes a step the same whatever the number of replicas: what is drawn at random is drawn for the whole
batch, means are those of the whole batch, and so are gradients. Without a strategy there is one replica, which has all.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf


def count() -> int:
    """How many replicas share a batch."""
    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync


def will_be_several() -> bool:
    """Whether a model that is built now will have several replicas."""
    return tf.distribute.get_strategy().num_replicas_in_sync > 1


def own_rows(draw: Callable[[tf.Tensor], tf.Tensor], rows: int | tf.Tensor) -> tf.Tensor:
    """This replica's `rows` of what `draw(rows)` gives, [rows, ...], for those of all replicas."""
    return own_part(draw(count() * rows))


def own_part(whole: tf.Tensor) -> tf.Tensor:
    """This replica's part [rows / replicas, ...] of what is [rows, ...] for all of them."""
    if count() == 1:
        return whole
    rows = tf.shape(whole)[0] // count()
    first = tf.distribute.get_replica_context().replica_id_in_sync_group * rows
    return whole[first : first + rows]


def own_seed(seed: tf.Tensor) -> tf.Tensor:
    """A seed [2] that no other replica has, for what is too much to be drawn for the whole batch, as dropout is."""
    if count() == 1:
        return seed
    number = tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, seed.dtype)
    return tf.stack([seed[0] + 7919 * number, seed[1]])


def means(values: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """The means over the replicas of what each has of these."""
    return _reduced(tf.distribute.ReduceOp.MEAN, values)


def sums(values: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """The sums over the replicas of what each has of these."""
    return _reduced(tf.distribute.ReduceOp.SUM, values)


def shares_of(gradients: Sequence[tf.Tensor | None]) -> list[tf.Tensor | None]:
    """What a Keras optimizer takes from each replica: it adds them up, and their mean is what is meant."""
    if count() == 1:
        return list(gradients)
    return [None if each is None else tf.convert_to_tensor(each) / count() for each in gradients]


def as_reduced(scalars: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Scalars as a `train_step` gives them: of several workers, Keras 3.15 takes the mean over an axis."""
    several = isinstance(tf.distribute.get_strategy(), tf.distribute.MultiWorkerMirroredStrategy)
    return {name: value[None] for name, value in scalars.items()} if several else scalars


def _reduced(operation: tf.distribute.ReduceOp, values: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    if count() == 1:
        return list(values)
    return list(tf.distribute.get_replica_context().all_reduce(operation, list(values)))
