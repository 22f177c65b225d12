"""Direct preference optimisation with replay: what was preferred becomes likelier than what was not, and the training
text stays as likely as it was.

Rafailov et al. 2023, equation 7, with the label smoothing that Mitchell 2023 calls conservative, and ratios that are
divided by the length, as in Meng et al. 2024. In place of an early stop, what was learned is mixed with the start as
weights (Wortsman et al. 2022): the loss grows with the square of the way, what was learned nearly in proportion.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfgen.tuning.sequence_windows import Windows

_TOKENS_AT_ONCE = 2**14
_MOST_PAIRS = 16  # in a step
_CLIP = 1.0
_HALVINGS = 6


@dataclass(frozen=True)
class PreferenceConfig:
    """How it is learned.

    beta: how much of a margin between log-ratios counts as learned: less for a larger one.
    smoothing: the share of answers that are taken to be mistaken.
    replay: the weight of the training text's cross entropy.
    learning_rate: at the most; a model with a lower one of its own keeps that.
    epochs: of the pairs.
    """

    beta: float = 0.1
    smoothing: float = 0.1
    replay: float = 1.0
    learning_rate: float = 1e-3
    epochs: int = 5
    least_steps: int = 40
    most_steps: int = 400


@dataclass(frozen=True)
class Lessons:
    """What is learned: `windows` of n texts, and the log-probabilities [n] that they have before, in nats.

    pairs: int [m, 2], the places of the better and the worse text; weights: of each pair. texts: int [k], the places of
    those that are learned as they are.
    """

    windows: Windows
    before: np.ndarray
    pairs: np.ndarray
    weights: np.ndarray
    texts: np.ndarray


class _Objective:
    """The loss of some pairs and texts, and of training text beside them; all shapes are fixed."""

    def __init__(self, model: Any, lessons: Lessons, config: PreferenceConfig):
        import tensorflow as tf

        self._model, self._config = model, config
        self._has_pairs, self._has_texts = len(lessons.pairs) > 0, len(lessons.texts) > 0
        self._tokens, self._counted = (tf.constant(values) for values in lessons.windows)
        self._before = tf.constant(lessons.before, tf.float32)
        self._lengths = tf.constant(np.maximum(lessons.windows.lengths, 1), tf.float32)
        self._usual = tf.reduce_mean(self._lengths)

    def __call__(self, pairs: Any, weights: Any, texts: Any, replayed: Any, learned: Any) -> Any:
        """The loss of pairs int32 [m, 2] with weights [m], of the places of texts int32 [m], and of training text as
        a fit has it. One place is as good as another where there are no pairs, or no texts."""
        import tensorflow as tf

        inside = tf.cast(learned, tf.float32)
        each = self._model.losses(replayed) * inside
        loss = self._config.replay * tf.reduce_sum(each) / tf.maximum(tf.reduce_sum(inside), 1.0)
        if self._has_pairs:
            margins = self._config.beta * (self._gained(pairs[:, 0]) - self._gained(pairs[:, 1]))
            smoothing = self._config.smoothing
            losses = (1 - smoothing) * tf.nn.softplus(-margins) + smoothing * tf.nn.softplus(margins)
            loss += tf.reduce_mean(losses * weights)
        if self._has_texts:
            nats = -tf.reduce_sum(self._log_probabilities(texts))
            loss += nats / tf.reduce_sum(tf.gather(self._lengths, texts))
        return loss

    def _gained(self, places: Any) -> Any:
        """The logarithm of how many times likelier texts became, each as if it were as long as the mean."""
        import tensorflow as tf

        ratios = self._log_probabilities(places) - tf.gather(self._before, places)
        return ratios / tf.gather(self._lengths, places) * self._usual

    def _log_probabilities(self, places: Any) -> Any:
        import tensorflow as tf

        tokens, counted = tf.gather(self._tokens, places), tf.gather(self._counted, places)
        rows, width = places.shape[0], tokens.shape[2]
        losses = self._model.losses(tf.reshape(tokens, [-1, width]))
        inside = tf.cast(tf.reshape(counted, [-1, width - 1]), tf.float32)
        return -tf.reduce_sum(tf.reshape(losses * inside, [rows, -1]), axis=1)


def learn(model: Any, lessons: Lessons, examples: Any, config: PreferenceConfig, seed: int = 0) -> list[np.ndarray]:
    """The weights of `model.trained_variables()` after learning; the model has them then.

    Args:
        lessons: of at least one pair or text.
        examples: the run's SequenceExamples, of which the training part is replayed.
    """
    import tensorflow as tf

    _, windows, width = lessons.windows.tokens.shape
    at_once = int(np.clip(_TOKENS_AT_ONCE // (2 * windows * (width - 1)), 1, _MOST_PAIRS))
    longest = max(len(lessons.pairs), len(lessons.texts))
    steps = int(np.clip(config.epochs * longest // at_once, config.least_steps, config.most_steps))
    variables, objective = model.trained_variables(), _Objective(model, lessons, config)
    rate = min(config.learning_rate, model.config.learning_rate)
    adam = tf.keras.optimizers.Adam(rate, beta_2=0.99, global_clipnorm=_CLIP)
    adam.build(variables)

    @tf.function(jit_compile=model.jit_compile, autograph=False)
    def step(*batch: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            loss = objective(*batch)
        # An embedding's gradient comes as slices, which XLA and the optimizer would each treat in a way of their own.
        adam.apply([tf.convert_to_tensor(each) for each in tape.gradient(loss, variables)], variables)

    pairs = lessons.pairs if len(lessons.pairs) else np.zeros([1, 2], np.int32)
    weights = lessons.weights / lessons.weights.mean() if len(lessons.pairs) else np.ones(1)
    texts = lessons.texts if len(lessons.texts) else np.zeros(1, np.int32)
    of_pairs, of_texts = (_order(len(part), [steps, at_once], [seed, salt]) for salt, part in ((1, pairs), (2, texts)))
    rows = max(2, min(model.config.batch_size, _TOKENS_AT_ONCE // model.context))
    replayed = examples.batches(dataclasses.replace(model.config, batch_size=rows), seed, 0, steps)
    for own, others, (tokens, learned) in zip(of_pairs, of_texts, replayed, strict=True):
        some = pairs[own], weights[own].astype(np.float32), texts[others]
        step(*map(tf.constant, some), tokens, learned)
    return [variable.numpy() for variable in variables]


def as_far_as(
    variables: Sequence[Any],
    start: Sequence[np.ndarray],
    end: Sequence[np.ndarray],
    lost: Callable[[], float],
    bound: float,
) -> float:
    """Moves variables from the start towards the end as far as `lost()` is at most `bound`; gives the share of the way.

    0 where even the smallest part of the way costs more.
    """

    def move(share: float) -> None:
        for variable, first, last in zip(variables, start, end, strict=True):
            variable.assign(first + share * (last - first))

    low, high = 0.0, 1.0
    move(high)
    if lost() <= bound:
        return high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        move(middle)
        low, high = (middle, high) if lost() <= bound else (low, middle)
    move(low)
    return low


def _order(count: int, shape: Sequence[int], seed: Sequence[int]) -> np.ndarray:
    """Places of `count` things, each once in every round."""
    generator, wanted = np.random.default_rng(list(seed)), int(np.prod(shape))
    rounds = [generator.permutation(count) for _ in range(-(-wanted // count))]
    return np.concatenate(rounds)[:wanted].reshape(shape)
