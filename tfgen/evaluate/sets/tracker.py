"""A cheap score while a model learns: how far its rankings are from the best there could be."""

from typing import Any

import numpy as np

from tfgen.evaluate.tracker import Tracker
from tfgen.models.sets.base import CHOSEN_BY
from tfgen.models.sets.ranking import masked, ndcg, ranks
from tfgen.representations.sets.examples import SetExamples
from tfgen.representations.sets.ranker import Ranker

_MOST = 1000  # sets


class SetTracker(Tracker):
    """1 less the normalised discounted cumulative gain of the blend on the sets to choose by, of 100 items."""

    name = "ranking_loss"

    def __init__(self, model: Any, examples: SetExamples):
        if not examples.holds_out:
            raise ValueError("nothing is held out, so there is nothing to measure by")
        self.model = model
        chosen_by = examples.chosen_by
        self._given, self._wanted = chosen_by.part(0, min(len(chosen_by), _MOST)).split()
        self._choosing = min(len(chosen_by), CHOSEN_BY)
        self._ranker = Ranker(model)

    def measure(self) -> float:
        scores = masked(self._ranker.scores(self._given), self._given)
        return 1.0 - float(np.mean(ndcg(ranks(scores, self._wanted))))

    def beside(self) -> dict[str, float]:
        """The network's share of the blend."""
        return {"network_share": round(float(self.model.ease.share.numpy()), 4)}

    def steps_worth(self, settings: Any) -> float:
        # The share of the blend is chosen anew before each measurement.
        return (len(self._given) + self.model.choosing_worth * self._choosing) / settings.batch_size
