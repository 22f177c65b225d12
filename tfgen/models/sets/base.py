"""What every model of sets shares: scores of a network and of EASE, blended, and sets invented item by item.

Pure networks need some hundred thousand sets to be better than EASE; together they are never much worse than either, as
the weight of each is chosen by sets that nobody learned.
"""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.models import noise
from tfgen.models.base import GenerativeModel
from tfgen.models.sets.configs import TEMPERATURE
from tfgen.models.sets.ease import best_linear, co_occurrences
from tfgen.models.sets.ranking import masked, ndcg, ranks, standardised
from tfgen.representations import SETS
from tfgen.representations.sets.examples import SetExamples
from tfgen.representations.sets.sets import NO_ITEM, Sets
from tfgen.representations.sets.specification import MOST_ITEMS, SetSpecification
from tfgen.representations.signatures import Kind, Signature

TOP = 100  # items of a ranking that exports give, where there are so many
MOST_INVENTED = 40  # items of an invented set
GIVEN = -1e9  # the score of what is given already
_PULL = 0.3  # of EASE's standardised scores, beside the network's logits, where sets are invented
CHOSEN_BY = 2000  # sets that the linear part and the blend are chosen by, at the most
# Of the network; not all, since weights that did best on a few sets are partly luck.
_SHARES = tuple(np.linspace(0.0, 0.8, 17).tolist())
_SECONDS_PER_SCORE = 5e-8  # to mix it and to rank by it, roughly
_SIZE_STREAM, _ITEM_STREAM = 120, 121


class Ease(keras.layers.Layer):
    """What each item says of each other one (ease.Linear), and the network's share of the blend: fitted, never trained
    by steps."""

    def __init__(self, items: int, **options: Any):
        super().__init__(**options)
        self.matrix = self.add_weight(shape=(items, items), initializer="zeros", trainable=False, name="matrix")
        self.share = self.add_weight(shape=(), initializer="ones", trainable=False, name="share")
        self.built = True

    def call(self, multi_hot: tf.Tensor) -> tf.Tensor:
        return tf.linalg.matmul(multi_hot, self.matrix.value)


class SetModel(GenerativeModel):
    """Base of models of sets; a subclass defines `network_logits` and trains a network.

    Sets are rows of item ids int32 [batch, length], NO_ITEM where there is none, the newest item last.
    """

    representations = (SETS,)
    temperature = TEMPERATURE
    choosing_worth = 4.0  # sets that are learned in the time in which the blend is chosen by one, roughly

    def __init__(self, config: Any, example: SetSpecification, conditions: None, seed: int = 0):
        super().__init__(config, example, conditions, seed)
        if example.items > MOST_ITEMS:
            raise UserError(
                f"There are {example.items} items, and with more than {MOST_ITEMS} the table of what goes with what "
                "is too large.",
                "Raise --set core=... to leave rare items out, or group items into families.",
            )
        self.items = example.items
        self.top = min(TOP, example.items)
        self.ease = Ease(example.items, name="ease")
        self._choosing: tuple[Sets, Sets, np.ndarray] | None = None  # given, wanted, and EASE's scores of them

    # What a subclass adds.

    def network_logits(self, rows: tf.Tensor, multi_hot: tf.Tensor) -> tf.Tensor:
        """The network's logits of every item, float32 [batch, items], for rows of items, or the same as multi-hot."""
        raise NotImplementedError

    def begin_from(self, counts: np.ndarray) -> None:
        """May start the network from how many learned sets have both items of each pair, float32 [items, items]."""

    # Ranking.

    def multi_hot(self, rows: tf.Tensor) -> tf.Tensor:
        """float32 [batch, items]: 1 for each item of a row."""
        count = tf.shape(rows)[0]
        places = tf.where(rows >= 0)
        at = tf.stack([tf.cast(places[:, 0], tf.int32), tf.gather_nd(rows, places)], axis=1)
        return tf.minimum(tf.scatter_nd(at, tf.ones_like(at[:, 0], tf.float32), [count, self.items]), 1.0)

    def scores(self, rows: tf.Tensor) -> tf.Tensor:
        """Of every item, how well it goes with a row's, float32 [batch, items]; GIVEN for those."""
        return self.blended(rows, self.multi_hot(rows))

    def blended(self, rows: tf.Tensor | None, multi_hot: tf.Tensor) -> tf.Tensor:
        """`scores` where the row is multi-hot already; rows may be None of a model without order."""
        mixed = self.mixed(rows, multi_hot)
        # Where nothing is given, nothing is better than the commonest.
        nothing = tf.reduce_sum(multi_hot, axis=1, keepdims=True) < 0.5
        return tf.where(nothing, tf.constant(self.example.log_popularity)[None], mixed) + GIVEN * multi_hot

    def mixed(self, rows: tf.Tensor | None, multi_hot: tf.Tensor) -> tf.Tensor:
        """The two kinds of scores by their shares, standardised, float32 [batch, items]; of what is given too."""
        network = _standardised(self.network_logits(rows, multi_hot))
        linear = _standardised(self.ease(multi_hot))
        share = self.ease.share.value
        return share * network + (1.0 - share) * linear

    def best(self, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The ids of the `top` items that go best with each row, int32 [batch, top], and their scores."""
        scores, items = tf.math.top_k(self.scores(rows), self.top)
        return items, scores

    # Inventing.

    def sizes(self, seeds: tf.Tensor) -> tf.Tensor:
        """How many items each invented set has, int32 [batch]: as many as learned sets have."""
        counts = np.array(self.example.sizes[: MOST_INVENTED + 1], np.float64)
        counts[0] = 0.0
        counts[-1] += sum(self.example.sizes[MOST_INVENTED + 1 :])
        ends = tf.constant(np.cumsum(counts) / counts.sum(), tf.float32)
        with tf.name_scope(noise.SCOPE):
            point = noise.uniform(seeds, 1, _SIZE_STREAM)
            return tf.reduce_sum(tf.cast(point >= ends[None, :-1], tf.int32), axis=1)

    def invent(self, seeds: tf.Tensor, given: tf.Tensor | None = None, temperature: Any = TEMPERATURE) -> tf.Tensor:
        """Whole sets for int32 seeds [batch]: int32 [batch, MOST_INVENTED], NO_ITEM in front of their items.

        Each item is drawn from what came before, none twice: by the network's logits and a part of EASE's scores, as a
        product of two experts, since a network of few sets hardly knows which pairs there are. The first is drawn by
        how common items are.

        Args:
            given: int32 [batch, length], items that each set begins with, of more than MOST_INVENTED the last; it is as
                large as it would have been, or as large as they are.
            temperature: of all draws but the first of an empty set; less is nearer to the likeliest.
        """
        count = tf.shape(seeds)[0]
        sizes = self.sizes(seeds)
        rows = tf.fill([count, MOST_INVENTED], NO_ITEM)
        if given is not None:
            rows = tf.concat([rows, given], axis=1)[:, -MOST_INVENTED:]

        def add(place: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            there = tf.reduce_sum(tf.cast(rows >= 0, tf.int32), axis=1)
            multi_hot = self.multi_hot(rows)
            after = self.network_logits(rows, multi_hot) + _PULL * _standardised(self.ease(multi_hot))
            logits = tf.where((there > 0)[:, None], after / temperature,
                              tf.constant(self.example.log_popularity)[None])
            item = self._draw(seeds, place, logits + GIVEN * multi_hot)
            longer = tf.concat([rows[:, 1:], item[:, None]], axis=1)
            return place + 1, tf.where((there < sizes)[:, None], longer, rows)

        most = tf.reduce_max(sizes)
        return tf.while_loop(lambda place, rows: place < most, add, (tf.constant(0), rows))[1]

    def _draw(self, seeds: tf.Tensor, place: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """An item for each row by logits [batch, items], int32 [batch]."""
        ends = tf.cumsum(tf.nn.softmax(logits), axis=1)
        with tf.name_scope(noise.SCOPE):
            point = noise.uniform_positions(seeds, tf.reshape(place, [1, 1]), _ITEM_STREAM) * ends[:, -1:]
            point *= 1.0 - 2.0**-22  # below the end always, so that rounding can't choose what has no probability
            return tf.reduce_sum(tf.cast(point >= ends[:, :-1], tf.int32), axis=1)

    # The fit.

    def parts(self) -> Mapping[str, keras.layers.Layer]:
        return {**self.networks(), "ease": self.ease}

    def networks(self) -> Mapping[str, keras.layers.Layer]:
        """The trained layers, by name."""
        raise NotImplementedError

    def before_fit(self, examples: SetExamples) -> None:
        """Fits the linear part to all learned sets, with the settings that rank best for those that are there to choose
        by; and looks at these, so that `after_fit` can blend. Where a fit goes on, the linear part is there already."""
        learned, chosen_by = examples.learned, examples.chosen_by
        given, wanted = chosen_by.part(0, min(len(chosen_by), CHOSEN_BY)).split()
        if int(self.step.numpy()) == 0 and not np.any(self.ease.matrix.numpy()[:1]):
            counts = co_occurrences(learned, self.items)
            self.begin_from(counts)
            best, popularity = best_linear(learned, counts, given, wanted), np.diag(counts).copy()
            if best.size_power:
                del counts  # of two tables of all items one is enough
                counts = co_occurrences(learned, self.items, best.size_power)
            self.ease.matrix.assign(best.weights(counts, popularity))
        if len(given):
            linear = given.multi_hot(self.items) @ self.ease.matrix.numpy()
            self._choosing = given, wanted, standardised(linear)

    def after_fit(self, batches: tf.data.Dataset) -> None:
        """Chooses the network's share of the blend by sets that aren't learned; without any, half and half."""
        self.ease.share.assign(0.5 if self._choosing is None else self._best_share())

    def after_fit_seconds(self, examples: int, seconds_per_step: float) -> float:
        """The network looks once at each set that the blend is chosen by, and each share ranks all items for it."""
        sets = 0 if self._choosing is None else len(self._choosing[0])
        ranking = (len(_SHARES) + 2) * sets * self.items * _SECONDS_PER_SCORE
        return (5 + sets / self.config.batch_size) * seconds_per_step + 1.0 + ranking

    def _best_share(self) -> float:
        given, wanted, linear = self._choosing
        network = standardised(np.concatenate([
            self.logits_of(given.part(first, min(first + 256, len(given)))) for first in range(0, len(given), 256)
        ]))
        gains = np.stack([
            ndcg(ranks(masked(share * network + (1.0 - share) * linear, given), wanted)) for share in _SHARES
        ])
        # Halfway from the least share that is no worse than the best, beyond chance, to the best: EASE is never bad,
        # and of few sets to choose by the best is partly luck.
        best = int(np.argmax(gains.mean(axis=1)))
        lost = gains[best][None] - gains
        chance = lost.std(axis=1) / np.sqrt(lost.shape[1])
        least = int(np.argmax(lost.mean(axis=1) <= chance))
        return _SHARES[(least + best) // 2] if least else 0.0

    def logits_of(self, sets: Sets) -> np.ndarray:
        """The network's logits for sets, float32 [sets, items]."""
        if self._network is None:
            self._network = tf.function(
                lambda rows, multi_hot: self.network_logits(rows, multi_hot), reduce_retracing=True, autograph=False
            )
        rows = sets.rows(self.longest_row)
        return self._network(tf.constant(rows), tf.constant(sets.multi_hot(self.items))).numpy()

    _network: Any = None
    longest_row = 1  # items of a row that the network looks at; multi-hot has all of them

    def signatures(self) -> dict[str, Signature]:
        return {"generate": Signature(self.best, {"items": Kind.TOKENS}, {"items": Kind.TOKENS, "scores": Kind.LOGITS})}

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Scores float32 [batch, items] of rows int32 [batch, length]."""
        return self.scores(inputs)


def _standardised(scores: tf.Tensor) -> tf.Tensor:
    """As ranking.standardised, in a graph."""
    apart = scores - tf.reduce_mean(scores, axis=1, keepdims=True)
    deviation = tf.sqrt(tf.reduce_mean(tf.square(apart), axis=1, keepdims=True))
    return apart / tf.maximum(deviation, 1e-6)
