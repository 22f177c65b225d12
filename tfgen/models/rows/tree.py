"""A tree of columns: each is drawn given one other, as often as both were counted together (Chow & Liu 1968).

Nothing is trained by steps: the counts of columns, and of the pairs that make the tree, are all that is learned, before
the first. Of a private fit they are those of MST (McKenna et al. 2021). What is asked of rows is passed along the tree
(belief propagation, Pearl 1988), so that rows under conditions are drawn from their very distribution, and how probable
the conditions are is known.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfgen.models.private import GradientMechanism
from tfgen.models.rows.base import RowModel
from tfgen.models.rows.configs import RowTreeConfig
from tfgen.models.rows.marginals import Marginals, Noise, measured
from tfgen.models.rows.pairs import Pairs
from tfgen.models.rows.parallel import is_token
from tfgen.representations.rows.conditions import FREE
from tfgen.representations.rows.specification import RowSpecification
from tfgen.trust.privacy import MARGINALS, MarginalNoise

_LEAST = 1e-30  # of a probability whose logarithm is taken
_NOT_FITTED = -2  # in place of the parents


class RowTree(RowModel):
    """The marginals, as probabilities of each field's groups given its parent's, and of tokens in their groups."""

    Config = RowTreeConfig
    exact_likelihood = True
    can_be_private = True
    privacy_mechanism = MARGINALS
    fitted_at_once = True
    default_data = "insurance"

    def __init__(self, config: RowTreeConfig, example: RowSpecification, conditions: None, seed: int = 0):
        super().__init__(config, example, conditions, seed)
        self.tree = Tree(config.groups, example, name="tree")
        self.built = True
        self.make_means("loss")

    def parts(self) -> Mapping[str, keras.layers.Layer]:
        return {"tree": self.tree}

    def optimizers(self) -> Mapping[str, keras.optimizers.Optimizer]:
        return {}

    def trained_variables(self) -> list[keras.Variable]:
        return [self.tree.pairs, self.tree.tokens]

    # Fitting.

    def make_private(self, mechanism: GradientMechanism) -> None:
        """From here on all that is counted gets the mechanism's noise."""
        self.privacy = mechanism

    def before_fit(self, examples: Any) -> None:
        """Counts the rows, and takes the tree from the counts; once, since the state has it from there on."""
        if self.tree.is_fitted:
            return
        noise = Noise()
        if self.privacy is not None:
            budget = MarginalNoise.of(float(self.privacy.noise_multiplier.numpy()), self.fields)
            noise = Noise(budget, self.privacy.key)
        config = self.config
        self.tree.take(measured(examples.learned, self.example, config.groups, config.smoothing, noise))

    def train_step(self, batch: tf.Tensor) -> dict[str, tf.Tensor]:
        """Learns nothing, as all is learned; tracks the nats of a row that the tree expects of its own: the entropy."""
        self.step.assign_add(1)
        return self.track({"loss": self.tree.entropy.value})

    # Rows.

    def candidate(
        self, seeds: tf.Tensor, draws: tf.Tensor, given: tf.Tensor, allowed: tf.Tensor | None,
        asked: Sequence[int] | None = None, pairs: Pairs | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """See RowModel. Rows come from the very distribution under the conditions, but for what is asked of two fields
        together, by which they are weighted."""
        chances, columns, pairs = self.chances(seeds, draws), tf.unstack(given, axis=1), pairs or Pairs(None, 1)
        edges, within = self.tree.edges(), self.tree.within()
        evidence = [self._evidence(field, own, columns[field], allowed) for field, own in enumerate(within)]
        below, weight = _upward(edges, evidence)
        if self.drawable.min() < 1.0:
            drawable = [self._evidence(field, own, columns[field], None, True) for field, own in enumerate(within)]
            weight -= _upward(edges, drawable)[1]
        may_be = [own / tf.maximum(tf.reduce_sum(own, axis=1, keepdims=True), _LEAST) for own in evidence]
        for edge in edges:
            own = evidence[edge.field] * tf.gather(edge.given(columns) * below[edge.field], edge.groups, axis=1)
            if edge.field in pairs.fields:
                may = pairs.may(edge.field, columns, may_be)[0]
                whole, part = (tf.reduce_sum(each, axis=1) for each in (own, own * may))
                is_possible = part > _LEAST * whole
                own = tf.where(is_possible[:, None], own * may, own)
            token = self.sample_token(chances[edge.field], own)
            columns[edge.field] = tf.where(given[:, edge.field] > FREE, given[:, edge.field], token)
            if edge.field in pairs.fields:
                # How much more often it was drawn than without regard to the other field.
                counted = tf.reduce_sum(is_token(columns[edge.field], own.shape[1]) * may, axis=1)
                more = tf.math.log(tf.maximum(part, _LEAST)) - tf.math.log(tf.maximum(whole * counted, _LEAST))
                weight += tf.where(is_possible, more, 0.0)
        rows = tf.stack(columns, axis=1)
        return rows, tf.broadcast_to(weight, tf.shape(seeds)) + pairs.log_fraction(rows)

    def _evidence(
        self, field: int, within: tf.Tensor, given: tf.Tensor, allowed: tf.Tensor | None, any_given: bool = False
    ) -> tf.Tensor:
        """How probable each of a field's tokens is in its group, as far as it is what is asked, [batch or 1, tokens].

        any_given: of what is given only whether it is something that is never drawn, which then may be anything.
        """
        drawable = self.of_field(self.drawable, field)
        free = (within * drawable)[None]
        if allowed is not None:
            may = self.of_field(allowed, field)
            free *= may if may.shape.rank == 2 else may[None]
        known = is_token(given, len(drawable))
        if any_given:
            is_never = tf.reduce_sum(known * (1.0 - drawable), axis=1) > 0.0
            return tf.where(is_never[:, None], within[None], free)
        known *= within[None]
        if allowed is not None:
            known *= may if may.shape.rank == 2 else may[None]
        return tf.where((given > FREE)[:, None], known, free)

    def log_likelihood(self, tokens: tf.Tensor) -> tf.Tensor:
        columns, within = tf.unstack(tf.cast(tokens, tf.int32), axis=1), self.tree.within()
        logarithms = []
        for edge in self.tree.edges():
            own = columns[edge.field]
            in_group = tf.gather(tf.math.log(tf.maximum(within[edge.field], _LEAST)), own)
            table = tf.reshape(tf.math.log(tf.maximum(edge.table, _LEAST)), [-1])
            place = edge.parent_group(columns) * edge.table.shape[1] + tf.gather(edge.groups, own)
            logarithms.append(in_group + tf.gather(table, place))
        return tf.add_n(logarithms)


def _upward(edges: Sequence["Edge"], evidence: Sequence[tf.Tensor]) -> tuple[list[tf.Tensor], tf.Tensor]:
    """What the evidence of all fields that hang on a field says of each of its groups, [batch or 1, groups] of each
    field, and the logarithm of how probable all evidence is, [batch or 1]."""
    below: list[Any] = [1.0] * len(edges)
    total = tf.zeros([1])
    for edge in reversed(edges):
        node = tf.linalg.matmul(evidence[edge.field], edge.membership) * below[edge.field]
        message = tf.linalg.matmul(node, edge.table, transpose_b=True)
        if edge.parent < 0:
            total += tf.math.log(tf.maximum(message[:, 0], _LEAST))
            continue
        # Of the largest 1, since a product of many would be 0 otherwise.
        product = below[edge.parent] * message
        most = tf.maximum(tf.reduce_max(product, axis=1, keepdims=True), _LEAST)
        below[edge.parent] = product / most
        total += tf.math.log(most[:, 0])
    return below, total


class Edge(NamedTuple):
    """A field and what it is drawn by, while a graph is made.

    parent: -1 of a field that is drawn by none.
    groups: of each of its tokens, int32 [tokens]; parent_groups those of the parent's.
    table: the probability of its groups given the parent's, float32 [groups of the parent, groups].
    """

    field: int
    parent: int
    groups: np.ndarray
    parent_groups: np.ndarray
    table: tf.Tensor

    @property
    def membership(self) -> np.ndarray:
        """Whether a token is in a group, float32 [tokens, groups]."""
        return np.eye(self.table.shape[1], dtype=np.float32)[self.groups]

    def parent_group(self, columns: Sequence[tf.Tensor]) -> tf.Tensor:
        """The group of the parent's token, int32 [batch]; zeros where there is no parent."""
        if self.parent < 0:
            return tf.zeros_like(columns[0])
        return tf.gather(self.parent_groups, columns[self.parent])

    def given(self, columns: Sequence[tf.Tensor]) -> tf.Tensor:
        """The probabilities of the field's groups, [batch, groups], by the parent's token."""
        return tf.gather(self.table, self.parent_group(columns))


class Tree(keras.layers.Layer):
    """The fitted marginals. Before that, all tokens of a field are as probable, and no field has a parent."""

    def __init__(self, most_groups: int, example: RowSpecification, **options: Any):
        super().__init__(**options)
        self._example = example
        fields, tokens = len(example.fields), int(example.sizes.sum())
        groups = min(most_groups, int(example.sizes.max()))
        weight = functools.partial(self.add_weight, initializer="zeros", trainable=False)
        self.parents = weight(
            shape=(fields,), dtype="int32", initializer=keras.initializers.Constant(_NOT_FITTED), name="parents"
        )
        self.groups = weight(shape=(tokens,), dtype="int32", name="groups")
        self.tokens = weight(shape=(tokens,), name="tokens")  # logarithms, of each group by itself
        self.pairs = weight(shape=(fields, groups, groups), name="pairs")  # logarithms, of each row by itself
        self.entropy = weight(shape=(), name="entropy")
        self.built = True

    @property
    def is_fitted(self) -> bool:
        return int(self.parents.numpy()[0]) != _NOT_FITTED

    def take(self, marginals: Marginals) -> None:
        """Takes fitted marginals over."""
        pairs = np.zeros(self.pairs.shape, np.float32)
        for field, pair in enumerate(marginals.pairs):
            pairs[field, : pair.shape[0], : pair.shape[1]] = np.log(np.maximum(pair, _LEAST))
        self.parents.assign(marginals.parents)
        self.groups.assign(np.concatenate(marginals.groups))
        self.tokens.assign(np.log(np.concatenate(marginals.within)))
        self.pairs.assign(pairs)
        self.entropy.assign(marginals.entropy)

    def edges(self) -> list[Edge]:
        """What each field is drawn by, parents before their children."""
        with tf.init_scope():  # which fields hang together is known while a graph is made
            parents, groups = self.parents.value.numpy().tolist(), self._of_fields(self.groups.value.numpy())
        order = [field for field, parent in enumerate(parents) if parent < 0]
        for field in order:
            order.extend(other for other, parent in enumerate(parents) if parent == field)
        made = []
        for field in order:
            above = np.zeros(1, np.int32) if parents[field] < 0 else groups[parents[field]]
            logarithms = self.pairs.value[field, : above.max() + 1, : groups[field].max() + 1]
            made.append(Edge(field, max(parents[field], -1), groups[field], above, tf.nn.softmax(logarithms)))
        return made

    def within(self) -> list[tf.Tensor]:
        """How probable each token of a field is in its group, float32 [tokens] of each field."""
        with tf.init_scope():
            groups = self._of_fields(self.groups.value.numpy())
        found = []
        for own, logarithms in zip(groups, tf.split(self.tokens.value, self._example.sizes.tolist())):
            shares = tf.nn.softmax(logarithms)
            of_groups = tf.linalg.matmul(shares[None], np.eye(own.max() + 1, dtype=np.float32)[own])[0]
            found.append(shares / tf.maximum(tf.gather(of_groups, own), _LEAST))
        return found

    def _of_fields(self, values: np.ndarray) -> list[np.ndarray]:
        return np.split(values, self._example.offsets[1:])
