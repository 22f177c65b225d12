"""The metric inputs of rows: tables, what boosting says of them, what attacks find, and what the model says."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from tfgen.evaluate.metric_inputs import LazyInputs
from tfgen.evaluate.rows import boosting
from tfgen.evaluate.rows.attacks import guessed, predicates_on, secrets_of
from tfgen.evaluate.rows.baselines import BASELINES
from tfgen.evaluate.rows.boosting import Giveaway, Target, augment, giveaways, predict, tell_apart, wanted
from tfgen.evaluate.rows.reference_data import ReferenceData
from tfgen.evaluate.rows.tables import Distances, Nearest, are_among, as_table, missing
from tfgen.representations.rows.columns import Rows
from tfgen.trust.energy import SampleEnergy

MOST_ATTACKED = 2000  # rows of either side
MOST_SEARCHED = 20_000  # samples among which their nearest are looked for
MOST_TESTED = 20_000  # held-out rows that are predicted
MOST_ASKED = 10_000  # rows of either side whose likelihood the model is asked for
SAMPLES, REAL = "samples", "real"

# Groups of which more is measured than columns and their pairs, since that takes longer.
BOOSTED = (SAMPLES, REAL, "independent", "copula")
ATTACKED = (SAMPLES, *BASELINES)


class RowInputs:
    """Makes each part of it once, when it is first asked for."""

    def __init__(
        self, model: Any, codec: Any, modality: Any, data: ReferenceData, target: Target | None, count: int, seed: int,
        energy: SampleEnergy,
    ):  # fmt: skip
        self.sample_energy = energy
        self.model, self.codec, self.modality = model, codec, modality
        self.data, self.target = data, target
        self.count, self.seed = count, seed
        self.training, self.unseen = as_table(data.training), as_table(data.unseen)
        self._made: dict[Any, Any] = {}

    # Rows.

    @cached_property
    def samples(self) -> Rows:
        """Samples `seed`, `seed + 1`, ..., as `tfgen generate` makes them: what holds in the data holds in them."""
        from tfgen.representations.rows.sampler import RowSampler

        sampler = RowSampler(self.model, self.codec)
        sampler(np.array([self.seed], np.int64).astype(np.int32))  # traces its graph
        with self.sample_energy.of(self.count):
            return rows_of_seeds(sampler, self.codec, self.modality, self.seed, self.count)

    def group(self, name: str) -> np.ndarray:
        """The table of samples, or of what stands in their place, in a random order."""
        return self._once(("group", name), lambda: self._group(name))

    def _group(self, name: str) -> np.ndarray:
        if name == SAMPLES:
            return as_table(self.samples)
        if name == REAL:
            return self.unseen if len(self.unseen) else self.training[1::2]
        generator = np.random.default_rng([self.seed, 1, list(BASELINES).index(name)])
        return BASELINES[name](self.training, self.count, generator)

    def reference(self, name: str) -> np.ndarray:
        """The rows that a group is compared with: those learned; where real ones can only be these, the other half."""
        return self.training[::2] if name == REAL and not len(self.unseen) else self.training

    # By name, for the metrics.

    def of_group(self, name: str) -> LazyInputs:
        """All that this group gives as the samples of a model that makes it."""
        makers: dict[str, Callable[[], np.ndarray]] = {
            "real_rows": lambda: self.reference(name),
            "generated_rows": lambda: self.group(name),
            "are_copies": lambda: are_among(self.group(name), self.reference(name)),
        }
        if len(self.unseen) and boosting.is_installed() and name in BOOSTED:
            makers["unseen_told"] = lambda: self.told(name)[0]
            makers["generated_told"] = lambda: self.told(name)[1]
            if self.target is not None:
                makers["unseen_predictions"] = lambda: self.predictions(name)
        if len(self.unseen) and name in ATTACKED:
            makers["training_apart"] = lambda: self.nearest(name)[0].apart
            makers["unseen_apart"] = lambda: self.nearest(name)[1].apart
            makers["training_guessed"] = lambda: _shares(self.guessed(name)[0])
            makers["unseen_guessed"] = lambda: _shares(self.guessed(name)[1])
            makers["predicates"] = lambda: np.concatenate(list(self.predicates(name).values()))
            makers["of_several"] = lambda: np.concatenate(
                [np.full(len(each), kind == "multivariate") for kind, each in self.predicates(name).items()]
            )
        return LazyInputs(makers)

    def of_model(self) -> LazyInputs:
        """The same of the model's samples, and what the model says of real rows."""
        makers = dict(self.of_group(SAMPLES).makers)
        if len(self.unseen) and boosting.is_installed() and self.target is not None:
            makers["unseen_augmented"] = lambda: self.augmented
        if "likelihood" in self.model.measurements() and len(self.unseen):
            makers["training_nats"] = lambda: self.nats[0]
            makers["unseen_nats"] = lambda: self.nats[1]
        return LazyInputs(makers)

    # What boosting says.

    def told(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """How sure boosting is that held-out rows, and those of a group, are made; real ones are learned rows here."""
        generated = self.training if name == REAL else self.group(name)
        return self._once(("told", name), lambda: tell_apart(self.unseen, generated, self.seed))

    @cached_property
    def giveaways(self) -> list[Giveaway]:
        """Which columns tell samples from held-out rows, the most telling first."""
        return giveaways(self.unseen, self.group(SAMPLES), self.seed)

    @cached_property
    def _tested(self) -> np.ndarray:
        rows = self.unseen[:MOST_TESTED]
        return rows[~missing(rows, self.target.name)]

    def predictions(self, name: str) -> np.ndarray:
        """Of each held-out row what boosting says that learned a group, and that learned as many real rows."""
        learned = self.training if name == REAL else self.group(name)[: len(self.training)]
        said = self._once(("said", name), lambda: predict(learned, self._tested, self.target))
        by_real = self._once(("said", REAL), lambda: predict(self.training, self._tested, self.target))
        width = (said.shape[1],)
        fields = [("truth", np.float64), ("of_samples", np.float64, width), ("of_real", np.float64, width)]
        found = np.empty(len(said), fields)
        found["truth"], found["of_samples"], found["of_real"] = wanted(self._tested, self.target), said, by_real
        return found

    @cached_property
    def augmented(self) -> np.ndarray:
        """Of each held-out row what boosting says that learned real rows, and that learned samples beside them."""
        said = augment(self.training, self.group(SAMPLES), self._tested, self.target, self.seed)
        repeats = (said.shape[1],)
        fields = [("truth", np.float64), ("rarest", np.int64), ("alone", np.float64, repeats)]
        found = np.empty(len(said), [*fields, ("augmented", np.float64, repeats)])
        found["truth"], found["rarest"] = wanted(self._tested, self.target), -1
        found["alone"], found["augmented"] = said[..., 0], said[..., 1]
        if self.target.is_category:
            found["rarest"] = self.rarest
        return found

    @cached_property
    def rarest(self) -> int:
        """The rarest class of the target among the rows that were learned."""
        counts = np.bincount(wanted(self.training, self.target), minlength=self.target.classes)
        return int(np.where(counts > 0, counts, len(self.training) + 1).argmin())

    # What attacks find.

    @cached_property
    def distances(self) -> Distances:
        """Between rows, by the ranks of those that were learned."""
        return Distances(self.training)

    @cached_property
    def attacked(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows that were learned, and as many that were not."""
        count = min(len(self.training), len(self.unseen), MOST_ATTACKED)
        return self.training[:count], self.unseen[:count]

    @cached_property
    def secrets(self) -> list[str]:
        """The columns that are guessed."""
        return secrets_of(self.training, self.seed)

    def nearest(self, name: str) -> tuple[Nearest, Nearest]:
        """For each of those rows the nearest of a group, by all columns and by all but each secret."""
        among = self.group(name)[:MOST_SEARCHED]
        return self._once(
            ("nearest", name),
            lambda: tuple(self.distances.nearest(rows, among, self.secrets) for rows in self.attacked),
        )

    def guessed(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Which secrets of each of them are guessed from the nearest row of a group: float64 [n, secrets] twice."""
        sides = zip(self.attacked, self.nearest(name), strict=True)
        return tuple(guessed(rows, self.group(name), nearest.without) for rows, nearest in sides)

    def predicates(self, name: str) -> dict[str, np.ndarray]:
        """bool [predicates, 2 m] by their kind: of which learned rows, and of which others, they are true."""
        return self._once(
            ("predicates", name),
            lambda: predicates_on(self.group(name), self.training, self.unseen, self.seed),
        )

    # What the model says.

    @cached_property
    def nats(self) -> tuple[np.ndarray, np.ndarray]:
        """What each row that was learned costs, and each that was not."""
        ask = Likelihood(self.model)
        count = min(len(self.data.unseen), len(self.data.training), MOST_ASKED)
        sides = (self.data.training, self.data.unseen)
        return tuple(ask(self.codec.encode(rows.take(slice(0, count)))) for rows in sides)

    def _once(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]


def rows_of_seeds(sampler: Any, codec: Any, modality: Any, first: int, count: int) -> Rows:
    """What a RowSampler makes of so many seeds, with what holds in the data put right."""
    from tfgen.representations.rows.conditions import no_conditions
    from tfgen.representations.rows.constrained import enforce_constraints

    seeds = np.arange(first, first + count, dtype=np.int64).astype(np.int32)
    rows = sampler(seeds)
    if modality.holds(rows, codec).all():
        return rows
    return enforce_constraints(modality, codec, sampler, seeds, no_conditions(codec), rows)[0]


class Likelihood:
    """Minus a model's log-likelihood of rows of tokens [n, columns], in nats [n]; block by block, all of one size."""

    _BLOCK = 1024

    def __init__(self, model: Any):
        import tensorflow as tf

        self._function = tf.function(model.measurements()["likelihood"], reduce_retracing=True, autograph=False)

    def __call__(self, tokens: np.ndarray) -> np.ndarray:
        import tensorflow as tf

        found = []
        for start in range(0, len(tokens), self._BLOCK):
            block = np.asarray(tokens[start : start + self._BLOCK], np.int32)
            padded = np.resize(block, (self._BLOCK, block.shape[1]))
            found.append(-np.asarray(self._function(tf.constant(padded)))[: len(block)])
        return np.concatenate(found).astype(np.float64) if found else np.zeros(0)


def _shares(found: np.ndarray) -> np.ndarray:
    """The share of each row's secrets that were guessed; rows that have none don't count."""
    known = np.isfinite(found)
    some = known.any(axis=1)
    return np.nansum(found[some], axis=1) / known[some].sum(axis=1)
