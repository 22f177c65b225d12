"""A cheap score while a model learns: the Fréchet distance in random features, from few samples."""

from typing import Any

import numpy as np

from tfgen.catalog import EXTRACTORS
from tfgen.evaluate.arrays.groups import Group, real_group, sample_group
from tfgen.evaluate.metrics.frechet import LEAST_SAMPLES, distance_of_moments
from tfgen.evaluate.statistics import Moments
from tfgen.evaluate.tracker import Tracker
from tfgen.representations.arrays.examples import ArrayExamples

_SAMPLING = 0.25  # of a training step's time, for as many examples


class ArrayTracker(Tracker):
    """Measures a model's distance to its training data; the same weights give the same number."""

    name = "distance"  # in the reports of a fit

    def __init__(self, model: Any, examples: ArrayExamples):
        self._extractor = EXTRACTORS.load("random")(examples)
        real = len(examples.values)  # canaries that may be learned beside them are no data
        count = min(LEAST_SAMPLES, real)
        places = np.random.default_rng(0).permutation(real)[:count]
        self._real = self._moments(real_group("tracked", examples, places, examples.prompt_index, 0))
        self._samples = sample_group(model, examples.codec, "", count, 0)

    def steps_worth(self, settings: Any) -> float:
        """How many training steps are about as much work as a measurement."""
        return _SAMPLING * len(self._samples) / settings.batch_size

    def measure(self) -> float:
        """The distance of samples by the model as it is now."""
        return distance_of_moments(self._real, self._moments(self._samples))

    def _moments(self, group: Group) -> Moments:
        moments = None
        for block in group.blocks():
            features = self._extractor.look(block)
            moments = moments or Moments(features.shape[1])
            moments.add(features)
        return moments
