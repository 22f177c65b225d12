"""A GPT of rows: each column from the others that are known, in any order (Uria et al. 2014), by one masked product.

The fields are drawn with the smallest vocabulary first. While it learns, some fields are given, by chance, before the
others; so any of them may be given later. What makes it good at numbers in few rows: a token's embedding is what it
shares with its neighbours, and of its own as much as its rows bear out; and the logits of a number have two Gaussian
bumps over the order of its tokens beside what is free (docs/log.md).
"""

import math
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.models import replicas
from tfgen.models.private import Products, clip_factors, norm_of, squared
from tfgen.models.rows.base import NEVER, RowModel
from tfgen.representations.rows.conditions import FREE
from tfgen.models.rows.configs import RowGPTConfig
from tfgen.models.rows.pairs import Pairs
from tfgen.models.rows.parallel import is_token, log_probability
from tfgen.representations.rows.specification import RowSpecification

layers = keras.layers
_CENTRES = (5, 13)  # of the radial functions over the order
_GROUPS = (4, 12, 40, 130, 400, 10**6)  # heads with so many tokens at the most are one product
_JOINED = 16  # fields that are put beside each other at once
_SALTS = {"masks": 11, "sizes": 12, "dropout": 13, "labels": 14}


class RowGPT(RowModel):
    """The network, its running average (which rows come from), and its optimizer."""

    Config = RowGPTConfig
    exact_likelihood = True
    can_be_private = True
    can_have_canaries = True
    few_examples = 200
    of_few = "These are few rows: what is rare among them can't be learned without learning whose it is."

    def __init__(self, config: RowGPTConfig, example: RowSpecification, conditions: None, seed: int = 0):
        super().__init__(config, example, conditions, seed)
        self.network = Network(config, example, name="network")
        self.network_average = Network(config, example, name="network_average")
        for network in (self.network, self.network_average):
            network.build()
        self.network_average.set_weights(self.network.get_weights())
        self.built = True
        # As many as share a batch evenly.
        self.masks = max(count for count in range(1, config.masks + 1) if config.batch_size % count == 0)
        self.optimizer_of_all = keras.optimizers.AdamW(
            config.learning_rate, weight_decay=config.weight_decay, beta_2=0.99
        )
        self.optimizer_of_all.build(self.network.trainable_variables)
        self.make_means("loss")
        places = np.argsort(example.order)
        self._places = tf.constant(places, tf.int32)

    def check_shareable(self, replicas: int) -> None:
        super().check_shareable(replicas)
        if self.masks % replicas:
            raise UserError(
                f"The {self.masks} masks of a batch can't be shared evenly by {replicas} replicas.",
                f"Begin anew with --set masks={replicas} and a batch_size that it divides.",
            )

    def parts(self) -> Mapping[str, keras.layers.Layer]:
        return {"network": self.network, "network_average": self.network_average}

    def optimizers(self) -> Mapping[str, keras.optimizers.Optimizer]:
        return {"optimizer": self.optimizer_of_all}

    def trained_variables(self) -> list[keras.Variable]:
        return self.network.trainable_variables

    # Rows.

    def log_likelihood(self, tokens: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(self.field_log_likelihoods(tokens), axis=1)

    def field_log_likelihoods(self, tokens: tf.Tensor) -> tf.Tensor:
        """Nats of each field given those that are drawn before it, [batch, fields]."""
        return self._scores(tokens, tf.constant(self.before)[None])

    def _scores(self, tokens: tf.Tensor, visible: tf.Tensor) -> tf.Tensor:
        """Nats of each field given what is visible to it, [batch, fields]; visible as Network's `call` takes it."""
        network = self.network_average
        return network.log_probabilities(network(network.embedded(tokens), visible), tokens)

    def candidate(
        self, seeds: tf.Tensor, draws: tf.Tensor, given: tf.Tensor, allowed: tf.Tensor | None,
        asked: Sequence[int] | None = None, pairs: Pairs | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        network, tables = self.network_average, self.network_average.tables()
        kernels = network.kernels()
        known = tf.cast(given > FREE, tf.float32)
        columns, proposed, chances = tf.unstack(given, axis=1), tf.zeros(tf.shape(seeds)), self.chances(seeds, draws)
        inputs = _Inputs(tf.unstack(network.embedded(tf.maximum(given, 0), tables) * known[:, :, None], axis=1))
        if allowed is not None:
            # What is asked for comes first, each field from those of these before it: so masks show it while it learns.
            first = _Inputs([tf.zeros_like(each) for each in inputs.fields])
            pairs, count = pairs or Pairs(None, 1), tf.shape(seeds)[0]
            for field in self.order:
                is_there = given[:, field] > FREE
                if asked is None or field in asked:
                    may = self.of_field(allowed, field)
                    wanted = tf.reduce_any(may < 1.0, axis=-1) & ~is_there
                    if field in pairs.fields:
                        may = may * pairs.may(field, columns, self._shares(allowed))[0]
                        wanted |= pairs.is_asked(count, field) & ~is_there
                    token, cost = self._drawn(chances[field], field, network.logits_of(field, first, kernels), may)
                    columns[field] = tf.where(wanted, token, columns[field])
                    proposed += tf.where(wanted, cost, 0.0)
                    is_there |= wanted
                embedded = network.embed(field, tf.maximum(columns[field], 0), tables)
                first[field] = tf.where(is_there[:, None], embedded, 0.0)
            inputs = first
        for field in self.order:
            free = tf.equal(columns[field], FREE)
            token, cost = self._drawn(chances[field], field, network.logits_of(field, inputs, kernels), None)
            columns[field] = tf.where(free, token, columns[field])
            proposed += tf.where(free, cost, 0.0)
            inputs[field] = network.embed(field, columns[field], tables)
        rows = tf.stack(columns, axis=1)
        fraction = self._fraction(rows, allowed) + (0.0 if allowed is None else pairs.log_fraction(rows))
        return rows, self._drawable_likelihood(rows) + fraction - proposed

    def _shares(self, allowed: tf.Tensor) -> list[tf.Tensor]:
        """How often each token of each field was there, where it is allowed, [tokens] or [batch, tokens]."""
        counts = [np.add(field.counts, 0.5) for field in self.example.fields]
        return [
            (own / own.sum()).astype(np.float32) * self.of_field(allowed, field) for field, own in enumerate(counts)
        ]

    def _drawn(
        self, chance: tf.Tensor, field: int, logits: tf.Tensor, may: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """A token of a field by a uniform number [batch] and its logits, among what it may be, and the log of its
        probability, each [batch]."""
        within = tf.nn.softmax(logits) * self.of_field(self.drawable, field)
        if may is not None:
            # Where the model holds nothing of it possible, any of it.
            within = within * may + 1e-20 * may * self.of_field(self.drawable, field)
        token = self.sample_token(chance, within)
        share = tf.reduce_sum(within * is_token(token, within.shape[1]), axis=1)
        return token, tf.math.log(tf.maximum(share, 1e-30) / tf.maximum(tf.reduce_sum(within, axis=1), 1e-30))

    def _fraction(self, rows: tf.Tensor, allowed: tf.Tensor | None) -> tf.Tensor:
        """The logarithm of how much of each row's tokens is within the conditions, [batch]."""
        if allowed is None:
            return tf.zeros([tf.shape(rows)[0]])
        places = rows + tf.constant(self.example.offsets, tf.int32)
        each = tf.gather(allowed, places, axis=-1, batch_dims=allowed.shape.rank - 1)
        return tf.reduce_sum(tf.math.log(tf.maximum(each, 1e-30)), axis=1)

    def _drawable_likelihood(self, rows: tf.Tensor) -> tf.Tensor:
        """Nats of rows, [batch], by the model that never draws what is not drawable; what was given may be that."""
        network = self.network_average
        logits = network(network.embedded(rows), tf.constant(self.before)[None])
        plain = network.log_probabilities(logits, rows)
        drawable = network.log_probabilities(logits, rows, self.drawable)
        is_drawn = tf.gather(tf.constant(self.drawable), rows + tf.constant(self.example.offsets, tf.int32)) > 0.0
        return tf.reduce_sum(tf.where(is_drawn, drawable, plain), axis=1)

    def features(self, examples: tf.Tensor, lengths: None = None) -> tf.Tensor:
        embedded = self.network_average.embedded(examples)
        return tf.reshape(embedded, [tf.shape(embedded)[0], self.fields * self.config.embedding])

    # Training.

    def train_step(self, tokens: tf.Tensor | tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One step on the cross-entropies of all fields of rows int32 [batch, fields], each given what a mask shows."""
        variables = self.network.trainable_variables
        if self.privacy is None:
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(self._row_losses(tokens))
            gradients, tracked = tape.gradient(loss, variables), {"loss": loss}
        else:
            rows, mask = tokens
            seed = self.step_seed(_SALTS["labels"])
            labels = replicas.own_rows(
                lambda count: tf.random.stateless_uniform([count], seed, 0, self.masks, tf.int32), tf.shape(mask)[0]
            )
            gradients = self.noisy_gradients(self.clipped_sum(rows, mask, labels))
            tracked = {"gradient_norm": norm_of(gradients)}
        warm = tf.minimum(1.0, (tf.cast(self.step.value, tf.float32) + 1.0) / (self.config.warm_up + 1.0))
        rate = warm * self.cosine_rate(self.config.learning_rate, self.config.end_rate)
        self.optimizer_of_all.learning_rate.assign(rate)
        self.descend(self.optimizer_of_all, gradients, variables)
        self.update_average(self.network, self.network_average, self.config.average_decay)
        self.step.assign_add(1)
        return self.track(tracked)

    def clipped_sum(self, tokens: tf.Tensor, mask: tf.Tensor, labels: tf.Tensor) -> list[tf.Tensor]:
        """The sum of the gradients of rows int32 [batch, fields], each clipped; mask float32 [batch] is 0 for what only
        pads, labels int32 [batch] say which of the step's masks a row is learned with.

        By the norms alone, since a row's gradient is as large as the network: every weight is used once for a row, in a
        product. Labels are each row's own: were they by place, one row more would change those of others.
        """
        places = tf.dynamic_partition(tf.range(tf.shape(labels)[0]), labels, self.masks)
        most = tf.reduce_max(tf.stack([tf.size(each) for each in places]))
        padded = [tf.pad(each, [[0, most - tf.size(each)]], constant_values=-1) for each in places]
        ordered = tf.concat(padded, axis=0)
        there = tf.maximum(ordered, 0)
        mask = tf.where(ordered < 0, 0.0, tf.gather(mask, there))
        products = Products()
        with tf.GradientTape(persistent=True) as tape:
            losses = self._row_losses(tf.gather(tokens, there), products)
        factors = clip_factors(products.squared_norms(tape, losses), mask, self.privacy.clip)
        sums = tape.gradient(losses, self.network.trainable_variables, output_gradients=factors)
        return [tf.convert_to_tensor(each) for each in sums]

    def _row_losses(self, tokens: tf.Tensor, products: Products | None = None) -> tf.Tensor:
        """Nats of each row, given what this step's masks show, [batch]."""
        network = self.network
        embedded = network.embedded(tokens, products=products)
        visible = self._visible()
        if self.privacy is None:  # in a private fit, a row's label says which of all is its own
            visible = replicas.own_part(visible)
        seed = replicas.own_seed(self.step_seed(_SALTS["dropout"]))
        logits = network(embedded, visible, seed, products=products)
        return -tf.reduce_sum(network.log_probabilities(logits, tokens), axis=1)

    def _visible(self) -> tf.Tensor:
        """Masks float32 [masks, fields, fields]: whether a field (first) is visible to another.

        A quarter of them are the order of drawing, in the others some fields, as many as chance says, come first.
        """
        masks, fields = self.masks, self.fields
        points = tf.random.stateless_uniform([masks, fields], self.step_seed(_SALTS["masks"]))
        sizes = tf.random.stateless_uniform([masks, 1], self.step_seed(_SALTS["sizes"]), 0, fields + 1, tf.int32)
        ranks = tf.reduce_sum(tf.cast(points[:, :, None] > points[:, None, :], tf.int32), axis=2)
        given = (ranks < sizes) & (tf.range(masks) % 4 > 0)[:, None]
        places = self._places[None] - tf.where(given, fields, 0)
        return tf.cast(places[:, :, None] < places[:, None, :], tf.float32)


class _Inputs:
    """Each field's embedded token [batch, embedding], of which one after the other becomes known.

    A list, since TFLite's slices of nothing are everything; joined in parts, of which a field changes one, since a
    graph in which all fields go to all takes minutes to make with hundreds of columns.
    """

    def __init__(self, fields: list[tf.Tensor]):
        self.fields = fields
        self._parts: dict[int, tf.Tensor] = {}

    def __setitem__(self, field: int, value: tf.Tensor) -> None:
        self.fields[field] = value
        self._parts.pop(field // _JOINED, None)

    def joined(self) -> tf.Tensor:
        """All of them beside each other, [batch, fields * embedding]."""
        for first in range(0, len(self.fields), _JOINED):
            if first // _JOINED not in self._parts:
                self._parts[first // _JOINED] = tf.concat(self.fields[first : first + _JOINED], axis=1)
        return tf.concat([self._parts[part] for part in sorted(self._parts)], axis=1)


class Network(layers.Layer):
    """Rows to the logits of each field."""

    def __init__(self, config: RowGPTConfig, example: RowSpecification, **kwargs):
        super().__init__(**kwargs)
        self.config, self.example = config, example
        self.fields, self.total = len(example.fields), int(example.sizes.sum())
        counts = np.concatenate([np.asarray(field.counts, np.float64) for field in example.fields])
        self._shrink = np.sqrt(counts / (counts + config.shrink)).astype(np.float32)[:, None]
        self._basis = np.concatenate([_basis(field) for field in example.fields]).astype(np.float32)
        self._field_of = np.repeat(np.arange(self.fields), example.sizes)
        sizes = example.sizes
        bounds = np.searchsorted(_GROUPS, sizes)
        self._groups = [np.flatnonzero(bounds == bound) for bound in range(len(_GROUPS)) if (bounds == bound).any()]
        self._marginals = [_padded([_log_marginal(example.fields[f]) for f in group], NEVER) for group in self._groups]
        self._scores = [_padded([_scores(example.fields[f]) for f in group], np.nan) for group in self._groups]
        self._where = {int(f): (g, p) for g, group in enumerate(self._groups) for p, f in enumerate(group)}

    def build(self, input_shape=None) -> None:
        fields, size, width = self.fields, self.config.embedding, self.config.width
        normal = keras.initializers.RandomNormal
        self.free = self.add_weight(shape=(self.total, size), initializer=normal(0, 0.3), name="free")
        self.shared = self.add_weight(
            shape=(fields, self._basis.shape[1], size), initializer=normal(0, 0.3), name="shared"
        )
        # The last two are where the bumps lie.
        fan_in = math.sqrt(1.0 / size / max(1.0, fields / 2))
        self.first = self.add_weight(shape=(fields, size, fields, width), initializer=normal(0, fan_in), name="first")
        self.centre = self.add_weight(shape=(fields, size, fields, 2), initializer="zeros", name="centre")
        self.first_bias = self.add_weight(shape=(fields, width), initializer="zeros", name="first_bias")
        self.second = self.add_weight(
            shape=(fields, width, width), initializer=normal(0, math.sqrt(1.0 / width)), name="second"
        )
        self.second_bias = self.add_weight(shape=(fields, width), initializer="zeros", name="second_bias")
        self.bumps = self.add_weight(shape=(fields, width, 5), initializer="zeros", name="bumps")
        start = np.tile([-0.7, 0.7, 1.5, 1.5, 0.0], [fields, 1])
        self.bumps_bias = self.add_weight(
            shape=(fields, 5), initializer=keras.initializers.Constant(start), name="bumps_bias"
        )
        self.heads, self.head_biases = [], []
        for number, marginal in enumerate(self._marginals):
            count, most = marginal.shape
            self.heads.append(self.add_weight(shape=(count, width, most), initializer="zeros", name=f"head_{number}"))
            self.head_biases.append(self.add_weight(shape=(count, most), initializer="zeros", name=f"bias_{number}"))
        self.built = True

    # Into the network.

    def tables(self) -> tf.Tensor:
        """The embeddings of all tokens, [tokens, embedding]."""
        shared = tf.einsum("tk,tke->te", tf.constant(self._basis), tf.gather(self.shared.value, self._field_of))
        return self.free.value * self._shrink + shared

    def embedded(
        self, tokens: tf.Tensor, tables: tf.Tensor | None = None, products: Products | None = None
    ) -> tf.Tensor:
        """Tokens int32 [batch, fields] as [batch, fields, embedding]."""
        tables = self.tables() if tables is None else tables
        places = tf.cast(tokens, tf.int32) + tf.constant(self.example.offsets, tf.int32)
        made = tf.gather(tables, places)
        if products is not None:
            entering = np.square(self._shrink[:, 0]) + np.square(self._basis).sum(axis=1)
            products.note(made, tf.gather(tf.constant(entering, tf.float32), places))
        return made

    def embed(self, field: int, tokens: tf.Tensor, tables: tf.Tensor) -> tf.Tensor:
        """Tokens of one field int32 [batch] as [batch, embedding]."""
        return tf.gather(tables, tokens + int(self.example.offsets[field]))

    # Through it.

    def call(
        self, inputs: tf.Tensor, visible: tf.Tensor, seed: tf.Tensor | None = None, products: Products | None = None
    ) -> list[tf.Tensor]:
        """Logits of each group of fields, [batch, fields of it, tokens], for embedded rows [batch, fields, embedding].

        visible: float32 [masks, fields, fields]; each is for as many rows, one after the other.
        seed: of the dropout; None for none.
        products: notes those of the weights, for the norms of rows' gradients.
        """
        width, fields = self.config.width, self.fields
        masks = visible.shape[0]
        kernel = tf.concat([self.first.value, self.centre.value], axis=3)
        kernels = kernel[None] * visible[:, :, None, :, None]
        rows = tf.shape(inputs)[0]
        parts = tf.reshape(inputs, [masks, rows // masks, fields * self.config.embedding])
        kernels = tf.reshape(kernels, [masks, fields * self.config.embedding, fields * (width + 2)])
        mixed = tf.reshape(parts @ kernels, [rows, fields, width + 2])
        if products is not None:
            of_masks = tf.reshape(squared(inputs), [masks, rows // masks, fields]) @ visible
            products.note(mixed, tf.reshape(of_masks, [rows, fields]))
        return self._logits(mixed[..., :width], mixed[..., width:], range(len(self._groups)), seed, products)

    def kernels(self) -> tf.Tensor:
        """The first product of each field, [fields, fields * embedding, width + 2]; none sees itself."""
        size, width, fields = self.config.embedding, self.config.width, self.fields
        kernel = tf.transpose(tf.concat([self.first.value, self.centre.value], axis=3), [2, 0, 1, 3])
        kernel *= (1.0 - np.eye(fields, dtype=np.float32))[:, :, None, None]
        return tf.reshape(kernel, [fields, fields * size, width + 2])

    def logits_of(self, field: int, inputs: "_Inputs", kernels: tf.Tensor) -> tf.Tensor:
        """Logits [batch, tokens] of one field from each field's embedded token, zeros where that is not known yet. Its
        own doesn't matter."""
        width = self.config.width
        mixed = inputs.joined() @ kernels[field]
        hidden = self._deepen(mixed[:, None, :width], [field], None)
        group, place = self._where[field]
        linear = hidden[:, 0] @ self.heads[group].value[place] + self.head_biases[group].value[place]
        logits = linear + self._marginals[group][place]
        if self.example.fields[field].scores:
            bumps = self._bumps(hidden, mixed[:, None, width:], [field], self._scores[group][place][None])
            logits += bumps[:, 0]
        return logits[:, : self.example.fields[field].size]

    def log_probabilities(
        self, logits: list[tf.Tensor], tokens: tf.Tensor, drawable: np.ndarray | None = None
    ) -> tf.Tensor:
        """Nats of tokens int32 [batch, fields] by `call`'s logits, [batch, fields]; if told, of what is drawable."""
        found = []
        for group, values in zip(self._groups, logits, strict=True):
            if drawable is not None:
                first = self.example.offsets[group]
                masks = [drawable[start : start + self.example.sizes[f]] for start, f in zip(first, group)]
                values = tf.where(tf.constant(_padded(masks, 0.0)) > 0, values, NEVER)
            found.append(log_probability(values, tf.gather(tokens, group, axis=1)))
        back = np.argsort(np.concatenate(self._groups))
        return tf.gather(tf.concat(found, axis=1), back, axis=1)

    def _logits(
        self, mixed: tf.Tensor, centres: tf.Tensor, groups: range, seed: tf.Tensor | None, products: Products | None
    ) -> list[tf.Tensor]:
        hidden = self._deepen(mixed, None, seed, products)
        logits = []
        for number in groups:
            group = self._groups[number]
            own = tf.gather(hidden, group, axis=1)
            values = tf.einsum("bfh,fhs->bfs", own, self.heads[number].value) + self.head_biases[number].value
            values = _noted(products, values, own)
            values += self._marginals[number]
            if any(self.example.fields[field].scores for field in group):
                of_group = tf.gather(centres, group, axis=1)
                values += self._bumps(own, of_group, group, self._scores[number], products)
            logits.append(values)
        return logits

    def _deepen(
        self, mixed: tf.Tensor, fields: list[int] | None, seed: tf.Tensor | None, products: Products | None = None
    ) -> tf.Tensor:
        """Hidden numbers [batch, fields, width] of what the first product gave; of some fields alone, if told."""
        first_bias, second, second_bias = self.first_bias.value, self.second.value, self.second_bias.value
        if fields is not None:
            first_bias, second, second_bias = (tf.gather(each, fields) for each in (first_bias, second, second_bias))
        first = mixed + first_bias
        if products is not None:
            products.note(first, 1.0)  # of the bias alone: the product was noted
        hidden = self._drop(tf.nn.relu(first), seed, 0)
        deeper = _noted(products, tf.einsum("bfh,fhg->bfg", hidden, second) + second_bias, hidden)
        return self._drop(hidden + tf.nn.relu(deeper), seed, 1)

    def _drop(self, values: tf.Tensor, seed: tf.Tensor | None, salt: int) -> tf.Tensor:
        if seed is None or not self.config.dropout:
            return values
        return tf.nn.experimental.stateless_dropout(values, self.config.dropout, seed + [salt, 0])

    def _bumps(
        self, hidden: tf.Tensor, centres: tf.Tensor, fields, scores: np.ndarray, products: Products | None = None
    ) -> tf.Tensor:
        """The logarithm of two Gaussian bumps over the normal scores [fields, tokens] of each field's tokens; 0 for
        those without one."""
        bumps, bias = tf.gather(self.bumps.value, fields), tf.gather(self.bumps_bias.value, fields)
        shape = _noted(products, tf.einsum("bfh,fhk->bfk", hidden, bumps) + bias, hidden)
        middles = (shape[..., :2] + centres)[..., None]
        inverse = tf.exp(-tf.clip_by_value(shape[..., 2:4], -4.0, 2.0))[..., None]
        split = tf.stack([tf.math.log_sigmoid(shape[..., 4:]), tf.math.log_sigmoid(-shape[..., 4:])], axis=2)
        has_score = ~np.isnan(scores)
        apart = (tf.constant(np.nan_to_num(scores)[None, :, None]) - middles) * inverse
        each = split - 0.5 * tf.square(apart)
        # By hand, since TFLite has no logsumexp of its own.
        most = tf.maximum(each[:, :, 0], each[:, :, 1])
        both = most + tf.math.log(tf.exp(each[:, :, 0] - most) + tf.exp(each[:, :, 1] - most))
        return both * has_score.astype(np.float32)


def _noted(products: Products | None, output: tf.Tensor, entering: tf.Tensor) -> tf.Tensor:
    """The output of a product with a bias, noted where somebody asks for norms."""
    return output if products is None else products.note(output, squared(entering) + 1.0)


def _log_marginal(field) -> np.ndarray:
    counts = np.asarray(field.counts, np.float64) + 0.5
    return np.log(counts / counts.sum()).astype(np.float32)


def _scores(field) -> np.ndarray:
    scores = field.scores or [None] * field.size
    return np.array([np.nan if score is None else score for score in scores], np.float32)


def _padded(rows: list[np.ndarray], value: float) -> np.ndarray:
    made = np.full([len(rows), max(map(len, rows))], value, np.float32)
    for place, row in enumerate(rows):
        made[place, : len(row)] = row
    return made


def _basis(field) -> np.ndarray:
    """What a token has in common with its neighbours, [tokens, functions]: its normal score, and radial functions of
    its rank at 2, 5 and 13 centres; zeros without an order."""
    scores = _scores(field).astype(np.float64)
    has = ~np.isnan(scores)
    ranks = 0.5 * (1 + np.vectorize(math.erf)(np.nan_to_num(scores) / math.sqrt(2)))
    functions = [np.nan_to_num(scores), np.ones_like(scores)]
    for count in _CENTRES:
        centres = np.linspace(0, 1, count)
        functions.extend(np.exp(-0.5 * np.square((ranks - centre) * (count - 1))) for centre in centres)
    return np.stack(functions, axis=1) * has[:, None]
