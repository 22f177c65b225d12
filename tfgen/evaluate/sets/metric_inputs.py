"""What metrics ask for of sets: rankings of held-out people's items, and lifts of pairs, of a model and of others."""

from collections.abc import Callable
from functools import cache, cached_property, lru_cache

import numpy as np

from tfgen.evaluate.metric_inputs import LazyInputs
from tfgen.evaluate.metrics import Inputs
from tfgen.evaluate.sets.baselines import NearestItems, PublishedEase, independent_sets
from tfgen.evaluate.sets.reference_data import ReferenceData
from tfgen.models.sets.base import MOST_INVENTED, SetModel
from tfgen.models.sets.ease import co_occurrences
from tfgen.models.sets.ranking import masked, ranks
from tfgen.representations.sets.ranker import Ranker
from tfgen.representations.sets.sets import Sets
from tfgen.trust.energy import SampleEnergy

REAL, INDEPENDENT = "real", "independent"
MODEL, EASE, NEAREST, POPULAR, RANDOM = "model", "ease", "nearest items", "popularity", "random"
RANKED_TOP = 20
_PAIRS = 2000  # the commonest
_EXPECTED = 2.0  # times that a pair comes among as many learned sets as are compared, at the least


class SetInputs:
    """Each is made once, when it is first asked for.

    count: invented sets. As many of them as there are held-out ones are compared with these.
    """

    def __init__(
        self, model: SetModel, data: ReferenceData, count: int, seed: int, energy: SampleEnergy | None = None
    ):
        self.sample_energy = energy or SampleEnergy()
        self.model, self.data, self.count, self.seed = model, data, count, seed
        self.items = len(data.names)
        self.compared = min(count, len(data.unseen))
        self.ranker = Ranker(model)
        self.shares = np.bincount(data.learned.items, minlength=self.items) / max(len(data.learned), 1)
        self.ranks_of: Callable[[str], np.ndarray] = cache(self._ranks_of)
        self.scores_of: Callable[[str], np.ndarray] = lru_cache(1)(self._scores_of)  # the last: each is large
        self.best_of: Callable[[str], np.ndarray] = cache(self._best_of)

    def of_model(self) -> Inputs:
        """Everything, of the model."""
        return LazyInputs({**self._of_ranking(MODEL), **self._of_sets(lambda: self.invented.part(0, self.compared))})

    def of_ranking(self, name: str) -> Inputs:
        """What is known of another ranking."""
        return LazyInputs(self._of_ranking(name))

    def of_sets(self, name: str) -> Inputs:
        """What is known of other sets: held-out ones, or items drawn by themselves."""
        if name == REAL:
            return LazyInputs(self._of_sets(lambda: self._compared))
        return LazyInputs(
            self._of_sets(lambda: independent_sets(self.data.learned, self._compared, self.items, self.seed))
        )

    def _of_ranking(self, name: str) -> dict[str, Callable[[], np.ndarray]]:
        return {
            "target_ranks": lambda: self.ranks_of(name),
            "ease_ranks": lambda: self.ranks_of(EASE),
            "nearest_ranks": lambda: self.ranks_of(NEAREST),
            "popular_ranks": lambda: self.ranks_of(POPULAR),
            "suggested_shares": lambda: self.shares[self.best_of(name)],
            "wanted_shares": self._wanted_shares,
            "ever_suggested": lambda: np.isin(np.arange(self.items), self.best_of(name)),
        }

    def _of_sets(self, sets: Callable[[], Sets]) -> dict[str, Callable[[], np.ndarray]]:
        return {
            "reference_lifts": lambda: self._lifts_of(_cut(self.data.learned)),
            "sample_lifts": lambda: self._lifts_of(sets()),
        }

    # Rankings.

    def _scores_of(self, name: str) -> np.ndarray:
        given = self.data.given
        if name == MODEL:
            scores = self.ranker.scores(given)
        elif name == EASE:
            scores = PublishedEase(self.data.learned, self.data.choosing, self.items).scores(given)
        elif name == NEAREST:
            scores = self.nearest.scores(given)
        elif name == POPULAR:
            scores = np.tile(self.shares.astype(np.float32), [len(given), 1])
        else:
            scores = np.random.default_rng([self.seed, 2]).random([len(given), self.items], np.float32)
        return masked(scores, given)

    @cached_property
    def nearest(self) -> NearestItems:
        return NearestItems(self.data.learned, self.data.choosing, self.items)

    def _ranks_of(self, name: str) -> np.ndarray:
        return ranks(self.scores_of(name), self.data.wanted)

    def _best_of(self, name: str) -> np.ndarray:
        """The first suggestions, int [sets, at most 20]."""
        return np.argsort(-self.scores_of(name), axis=1, kind="stable")[:, :RANKED_TOP]

    def _wanted_shares(self) -> np.ndarray:
        wanted = self.data.wanted
        return np.add.reduceat(self.shares[wanted.items], wanted.starts[:-1]) / wanted.sizes

    # Pairs.

    @cached_property
    def invented(self) -> Sets:
        """The sets that the model makes, with seeds from the evaluation's on."""
        seeds = np.arange(self.seed, self.seed + self.count, dtype=np.int32)
        self.ranker.invented(seeds[:1])  # traces its graph
        with self.sample_energy.of(len(seeds)):
            return Sets.of(self.ranker.invented(seeds))

    @cached_property
    def _compared(self) -> Sets:
        """As many held-out sets, no larger than invented ones are."""
        return _cut(self.data.unseen.part(0, self.compared))

    @cached_property
    def _pairs(self) -> np.ndarray:
        """The commonest pairs of the learned sets, int64 [k, 2]."""
        counts = np.triu(self._counts(_cut(self.data.learned)), 1)
        order = np.argsort(-counts, axis=None, kind="stable")[:_PAIRS]
        expected = counts.ravel()[order] * self.compared / max(len(self.data.learned), 1)
        return np.stack(np.unravel_index(order[expected >= _EXPECTED], counts.shape), axis=1)

    def _lifts_of(self, sets: Sets) -> np.ndarray:
        """The logarithm of each pair's lift, half a set added to every count, [k]."""
        counts, pairs = self._counts(sets), self._pairs
        alone = np.diag(counts) + 0.5
        together = counts[pairs[:, 0], pairs[:, 1]] + 0.5
        return np.log(together * len(sets) / (alone[pairs[:, 0]] * alone[pairs[:, 1]]))

    def _counts(self, sets: Sets) -> np.ndarray:
        return co_occurrences(sets, self.items)


def _cut(sets: Sets) -> Sets:
    """The sets, of each no more items than an invented one may have: its last."""
    rows = sets.rows(min(MOST_INVENTED, int(sets.sizes.max(initial=1))))
    there = rows >= 0
    starts = np.concatenate([[0], np.cumsum(there.sum(axis=1))]).astype(np.int64)
    return Sets(rows[there], starts)
