"""Gaussian mixtures over latents: where a VAE's samples start, one mixture for each common prompt and one for all.

Rare prompts, such as captions, share the mixture for all, but not its weights: a component is drawn the more often, the
more often the prompt's words stood beside its latents (naive Bayes). Drawn without regard to the words, latents and
prompt would contradict each other, and the decoder has never seen such pairs. With an encoder of captions, that mixture
is one of what is left of the latents when a linear function of the condition is taken away: what was said in another
order lies elsewhere, though its words are the same.
"""

import time
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from tfgen.models import noise
from tfgen.models.expectation import Mixture, fit_mixture, responsibilities
from tfgen.representations.arrays.conditions import Conditions

_ENOUGH_EXAMPLES = 200  # for a mixture of a prompt's own
_MOST_MIXTURES = 64
_ENOUGH_LATENTS = 40000  # to fit one mixture
_MOST_FEATURES = 2**26  # floats that one fit may hold
_REHEARSAL = 2000  # latents
_REHEARSED_ROWS = 256  # conditions
_ITERATIONS = 5  # more change the samples by less than another seed does
_LARGEST_AFFINITY = 8.0  # of a word to a component: the logarithm of how many times as common it is there
_AFFINITY_STEP = 1 / 64  # logarithms are multiples of it, so that float16 keeps them exactly: the same component
_SMALLEST_WEIGHT = 1e-6
_LARGEST_TILT = 16.0  # of a weight's logarithm below the others': e^-16 is as good as never
_RIDGE = 0.1  # of the squared weights of the condition, beside squared errors of latents; less changes nothing
_MOST_PRODUCTS = 2**38  # that the fit of these weights may take: ten seconds or so


class MixturePrior(keras.layers.Layer):
    """Full-covariance mixtures as tensors, so that sampling from them is part of every exported graph.

    Until `fit` is called each mixture is the standard normal. Mixture 0 serves every prompt without one of its own.
    condition_size: of the conditions that move mixture 0; 0 for none.
    """

    def __init__(self, components: int, latent_dim: int, conditions: Conditions, condition_size: int = 0, **kwargs):
        super().__init__(**kwargs)
        counts = np.asarray(conditions.prompt_counts or (0,))
        common = [int(place) for place in np.argsort(-counts, kind="stable") if counts[place] >= _ENOUGH_EXAMPLES]
        self.prompt_places = common[:_MOST_MIXTURES]
        self.components = components
        words = [conditions.prompt_words[place] for place in self.prompt_places]
        # Word ids are never negative, so nothing matches mixture 0.
        self._prompt_words = tf.constant([[-1] * conditions.longest, *words], tf.int32)
        mixtures, shape = len(words) + 1, (max(components, 1), latent_dim)
        self.ends = self._fixed("ends", np.tile(np.linspace(0, 1, shape[0] + 1)[1:], [mixtures, 1]))
        self.means = self._fixed("means", np.zeros([mixtures, *shape]))
        self.factors = self._fixed("factors", np.tile(np.eye(latent_dim), [mixtures, shape[0], 1, 1]))
        # Of word ids to the components of mixture 0; id 0 pads. The last row holds the logarithms of their weights.
        self._once = conditions.in_order  # a word that comes twice says no more of a component
        self._all_prompt_words = np.asarray(conditions.prompt_words, np.int64).reshape(-1, conditions.longest)
        if self._once:
            self._all_prompt_words = np.where(_repeated(self._all_prompt_words), 0, self._all_prompt_words)
        shared = len(words) < len(conditions.prompt_words)
        rows = conditions.vocabulary_size + 2
        self.affinities = self._fixed("affinities", np.zeros([rows, shape[0]])) if shared else None
        moves = condition_size and shared
        self.moves = self._fixed("moves", np.zeros([condition_size, latent_dim])) if moves else None

    def _fixed(self, name: str, value: np.ndarray) -> keras.Variable:
        start = keras.initializers.Constant(value)
        return self.add_weight(shape=value.shape, initializer=start, trainable=False, name=name)

    def sample(
        self,
        deviations: tf.Tensor,
        seeds: tf.Tensor,
        prompts: tf.Tensor,
        condition: tf.Tensor | None = None,
        tilt: "Tilt | None" = None,
    ) -> tf.Tensor:
        """Latents [batch, latent_dim]: standard normal `deviations` of that shape, within the component that each int32
        seed [batch] draws for its word ids [batch, words], moved by their condition [batch, condition_size]; of the
        tilted mixtures where there is a `tilt`."""
        with tf.name_scope(noise.SCOPE):  # the means and factors of one seed are not for 8 bits either
            mixture = self._mixture_of(prompts)
            if tilt is None:
                ends = tf.gather(tf.cast(tf.round(self.ends.value * noise.INTEGERS), tf.int32), mixture)
            else:
                ends = tf.gather(tilt.ends, tilt.row(prompts))
            draw = noise.integers(seeds, 1, stream=5)
            component = tf.reduce_sum(tf.cast(draw >= ends[:, :-1], tf.int32), axis=1)
            if self.affinities is not None:
                component = tf.where(mixture == 0, self._component_by_words(seeds, prompts, tilt), component)
            place = mixture * self.means.shape[1] + component
            dim = self.means.shape[2]
            means = tf.gather(tf.reshape(self.means.value, [-1, dim]), place)
            factors = tf.gather(tf.reshape(self.factors.value, [-1, dim, dim]), place)
            if tilt is not None:
                pull = tf.gather(tilt.pull, tilt.row(prompts))
                deviations = deviations + tf.reduce_sum(factors * pull[:, :, None], axis=1)
            latents = means + tf.reduce_sum(factors * deviations[:, None, :], axis=2)
            return latents + self._moved(mixture, condition)

    def mean(
        self,
        prompts: tf.Tensor,
        deviations: tf.Tensor,
        condition: tf.Tensor | None = None,
        tilt: "Tilt | None" = None,
    ) -> tf.Tensor:
        """The mean [batch, latent_dim] of what `sample` makes of the mean of its deviations, for word ids."""
        mixture = self._mixture_of(prompts)
        factors, deviations = tf.gather(self.factors.value, mixture), deviations[:, None, :]
        ends = tf.gather(self.ends.value, mixture)
        if tilt is not None:
            ends = tf.cast(tf.gather(tilt.ends, tilt.row(prompts)), tf.float32) / noise.INTEGERS
            pull = tf.gather(tilt.pull, tilt.row(prompts))
            deviations += tf.linalg.matvec(factors, pull[:, None, :], transpose_a=True)
        weights = ends - tf.pad(ends, [[0, 0], [1, 0]])[:, :-1]
        if self.affinities is not None:
            weights = tf.where(mixture[:, None] == 0, self._shares_by_words(prompts, tilt), weights)
        moved = tf.linalg.matvec(factors, deviations)
        mean = tf.reduce_sum(weights[:, :, None] * (tf.gather(self.means.value, mixture) + moved), axis=1)
        return mean + self._moved(mixture, condition)

    def _moved(self, mixture: tf.Tensor, condition: tf.Tensor | None) -> tf.Tensor | float:
        """How far the condition moves latents, [batch, latent_dim]; mixtures of a prompt's own stay where they are."""
        if self.moves is None:
            return 0.0
        return tf.cast(tf.equal(mixture, 0), tf.float32)[:, None] * tf.matmul(condition, self.moves.value)

    def _mixture_of(self, prompts: tf.Tensor) -> tf.Tensor:
        """The place of the mixture that serves each prompt, int32 [batch]."""
        return matching_row(prompts, self._prompt_words)

    def _shares_by_words(self, prompts: tf.Tensor, tilt: "Tilt | None" = None) -> tf.Tensor:
        """How probable each component of mixture 0 is beside these words, [batch, components]."""
        if self._once:
            prompts = tf.where(_repeated(prompts), 0, prompts)
        ids = tf.pad(prompts, [[0, 0], [0, 1]], constant_values=self.affinities.shape[0] - 1)
        logits = tf.reduce_sum(tf.gather(self.affinities.value, ids), axis=1)
        if tilt is not None:
            logits += tf.gather(tilt.logits, tilt.row(prompts))
        return tf.nn.softmax(logits, axis=1)

    def _component_by_words(self, seeds: tf.Tensor, prompts: tf.Tensor, tilt: "Tilt | None") -> tf.Tensor:
        """A component of mixture 0 for each row of word ids, int32 [batch].

        Compared as floats below 1: the constant that would make integers of them is too large for float16.
        """
        ends = tf.cumsum(self._shares_by_words(prompts, tilt), axis=1)[:, :-1]
        return tf.reduce_sum(tf.cast(noise.uniform(seeds, 1, stream=5) >= ends, tf.int32), axis=1)

    def shares(self, prompts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which mixture serves each row of word ids [n, words], [n], and how probable its components are, [n, k]."""
        prompts = np.asarray(prompts, np.int32)
        mixture = self._mixture_of(tf.constant(prompts)).numpy()
        shares = np.diff(self.ends.numpy().astype(np.float64), axis=1, prepend=0.0)[mixture]
        if self.affinities is not None:
            shared = mixture == 0
            shares[shared] = self._shares_by_words(tf.constant(np.maximum(prompts[shared], 0))).numpy()
        return mixture, shares

    def fit(
        self, latents: np.ndarray, prompt_places: np.ndarray, seed: int, conditions: np.ndarray | None = None
    ) -> None:
        """Fits every mixture by expectation maximisation.

        Args:
            latents: [examples, latent_dim].
            prompt_places: int [examples], each example's prompt, as in Conditions.
            conditions: [prompts, condition_size], where conditions move the prior.

        Raises:
            ValueError: the latents are not numbers.
        """
        if not np.all(np.isfinite(latents)):
            raise ValueError("latents are not numbers")
        ends, means, factors = (variable.numpy() for variable in (self.ends, self.means, self.factors))
        for place, own in self._shares(latents, prompt_places):
            if place == 0 and self.moves is not None:
                # -1, for no prompt, finds the zeros at the end.
                known = np.pad(conditions, [[0, 1], [0, 0]])[prompt_places[: len(own)]]
                own = own - self._fit_moves(own, known)
            count = min(self.components, max(1, len(own) // latents.shape[1]))
            mixture = fit_mixture(own, count, seed, _ITERATIONS)
            means[place, :count], factors[place, :count] = mixture.means, mixture.factors
            ends[place] = 1.0  # components without weight are never drawn
            ends[place, : count - 1] = np.cumsum(mixture.weights)[:-1]
            if place == 0 and self.affinities is not None:
                self._fit_affinities(mixture, own, prompt_places[: len(own)])
        for variable, value in ((self.ends, ends), (self.means, means), (self.factors, factors)):
            variable.assign(value)

    def _fit_moves(self, latents: np.ndarray, conditions: np.ndarray) -> np.ndarray:
        """Least squares of latents on conditions, with a ridge (Hoerl & Kennard, 1970); gives what they explain,
        [examples, latent_dim]. The constant term is left to the mixture's means."""
        rows = _rows_for_moves(*conditions.shape)
        middles = conditions[:rows].mean(axis=0), latents[:rows].mean(axis=0)
        known, wanted = conditions[:rows] - middles[0], latents[:rows] - middles[1]
        squares = (known.T @ known).astype(np.float64) + _RIDGE * np.eye(known.shape[1])
        moves = np.linalg.solve(squares, known.T @ wanted).astype(np.float32)
        self.moves.assign(moves)
        return conditions @ moves

    def _fit_affinities(self, mixture: Mixture, latents: np.ndarray, prompt_places: np.ndarray) -> None:
        """log p(word | component) / p(word), with one pseudo-example of the usual words in each component."""
        shares = responsibilities(mixture, latents)[prompt_places >= 0]
        words = self._all_prompt_words[prompt_places[prompt_places >= 0]]
        beside = np.zeros([self.affinities.shape[0] - 1, shares.shape[1]])
        for column in words.T:
            np.add.at(beside, column, shares)
        usual = beside.sum(axis=1, keepdims=True) / max(len(words), 1)
        often = (beside + usual) / (shares.sum(axis=0) + 1.0)
        affinities = np.zeros(self.affinities.shape)
        affinities[-1] = np.log(_SMALLEST_WEIGHT)  # of components that aren't in use
        affinities[-1, : len(mixture.weights)] = np.log(np.maximum(mixture.weights, _SMALLEST_WEIGHT))
        with np.errstate(divide="ignore", invalid="ignore"):
            logarithms = np.where(usual > 0, np.log(often / usual), 0.0)
        affinities[1:-1, : shares.shape[1]] = np.clip(logarithms[1:], -_LARGEST_AFFINITY, _LARGEST_AFFINITY)
        self.affinities.assign(np.rint(affinities / _AFFINITY_STEP) * _AFFINITY_STEP)

    def fit_seconds(self, latents: int) -> float:
        """How long `fit` will take for so many latents, from a rehearsal on noise."""
        size = self.means.shape[2]
        rows = min(_REHEARSAL, _enough(size))
        points = np.random.default_rng(0).standard_normal([rows, size]).astype(np.float32)
        fit_mixture(points[:64], 2, 0, 2)  # traces the graphs
        began = time.perf_counter()
        fit_mixture(points, max(1, min(self.components, rows // 2)), 0, _ITERATIONS)
        own = min(latents, len(self.prompt_places) * _enough(size))
        seconds = (time.perf_counter() - began) * (own + min(latents, _enough(size))) / rows
        return seconds + self._moves_seconds(min(latents, _enough(size)))

    def _moves_seconds(self, latents: int) -> float:
        """How long `_fit_moves` will take, from some of its products."""
        if self.moves is None:
            return 0.0
        size = self.moves.shape[0]
        known = np.ones([min(latents, _REHEARSED_ROWS), size], np.float32)
        began = time.perf_counter()
        known.T @ known
        rows = _rows_for_moves(latents, size) + size / 3  # the second for solving
        return (time.perf_counter() - began) * rows / len(known)

    def _shares(self, latents: np.ndarray, prompt_places: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """The place of each mixture and the latents that it is for."""
        size = latents.shape[1]
        enough = _enough(size)
        yield 0, latents[:enough]
        for mixture, place in enumerate(self.prompt_places, 1):
            own = latents[prompt_places == place]
            yield mixture, (own if len(own) > 2 * size else latents)[:enough]


class Tilt:
    """A mixture's density times exp(pull . z), made a density again: that is a mixture too.

    Of component k with weight w, mean m and covariance S, the mean becomes m + S pull, and the weight
    w exp(pull . m + pull . S pull / 2) over its sum; the covariance stays. The thresholds that draw a component are
    made whole numbers here, not in the graph, so that a seed draws the same one in every runtime.

    mixture: as it was fitted. words: int32 [rows, words], of row 0 what matches nothing; it serves the prompts without
    a row, and those have no mixture of their own. pull: float [rows, latent_dim].
    """

    def __init__(self, mixture: MixturePrior, words: np.ndarray, pull: np.ndarray):
        served, shares = mixture.shares(words)
        if set(served) != set(range(len(mixture.prompt_places) + 1)):
            raise ValueError("a prompt with a mixture of its own has no row of its own")
        means, factors = mixture.means.numpy(), mixture.factors.numpy()
        # A row at a time: factors of every row would not fit where many rows share one mixture.
        along = np.stack([np.einsum("kij,i->kj", factors[own], each) for own, each in zip(served, pull, strict=True)])
        logits = np.einsum("rkd,rd->rk", means[served], pull) + 0.5 * np.sum(np.square(along), axis=2)
        used = shares > 0
        logits = np.where(used, logits - np.max(np.where(used, logits, -np.inf), axis=1, keepdims=True), 0.0)
        logits = np.rint(np.maximum(logits, -_LARGEST_TILT) / _AFFINITY_STEP) * _AFFINITY_STEP
        tilted = shares * np.exp(logits)
        tilted /= tilted.sum(axis=1, keepdims=True)
        ends = np.rint(np.cumsum(tilted, axis=1) * noise.INTEGERS)
        ends[np.cumsum(used[:, ::-1], axis=1)[:, ::-1] <= 1] = noise.INTEGERS  # from the last one in use on
        ratio = np.log(np.maximum(tilted, 1e-30)) - np.log(np.maximum(shares, 1e-30))
        # KL divergence from the mixture, over component and latent together, in nats, [rows].
        self.nats = np.sum(tilted * (ratio + 0.5 * np.sum(np.square(along), axis=2)), axis=1)
        self._words = tf.constant(words, tf.int32)
        self.pull, self.logits = tf.constant(pull, tf.float32), tf.constant(logits, tf.float32)
        self.ends = tf.constant(ends, tf.int32)

    def row(self, prompts: tf.Tensor) -> tf.Tensor:
        """The row that serves each prompt, int32 [batch]."""
        return matching_row(prompts, self._words)


def _rows_for_moves(rows: int, size: int) -> int:
    """How many of the rows of conditions [rows, size] the least squares take."""
    return max(1, min(rows, _MOST_PRODUCTS // size**2))


def _repeated(ids: np.ndarray | tf.Tensor) -> np.ndarray | tf.Tensor:
    """Whether each of the ids [batch, words] stood further in front in its row already, bool [batch, words]."""
    earlier = np.tri(ids.shape[1], k=-1, dtype=bool)
    same = ids[:, :, None] == ids[:, None, :]
    return (same & earlier).any(axis=2) if isinstance(ids, np.ndarray) else tf.reduce_any(same & earlier, axis=2)


def matching_row(prompts: tf.Tensor, table: tf.Tensor) -> tf.Tensor:
    """The row of `table` [rows, words] that equals each prompt's ids [batch, words], int32 [batch]; else the first."""
    same = tf.reduce_all(tf.equal(prompts[:, None, :], table[None, :, :]), axis=2)
    return tf.argmax(tf.cast(same, tf.int32), axis=1, output_type=tf.int32)


def _enough(size: int) -> int:
    """How many latents of this size one mixture is fitted to at the most."""
    return min(_ENOUGH_LATENTS, max(64, _MOST_FEATURES // size**2))
