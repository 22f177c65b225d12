"""The evidence on pictures: features, labels, neighbours, and what the model says."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tfgen.catalog import EXTRACTORS, MODALITIES
from tfgen.evaluate.metric_inputs import LazyEvidence
from tfgen.evaluate.extractors import Extractor
from tfgen.evaluate.arrays.features import Seen, look
from tfgen.evaluate.arrays.groups import Group
from tfgen.evaluate.arrays.reference_data import Material
from tfgen.evaluate.statistics import nearest
from tfgen.console import Preparation

_NEIGHBOURED = 2000  # samples, and unseen examples, whose nearest training examples are looked for
_MEASURED = 1000  # examples that the model is asked about; a variational bound decodes each 64 times
_AT_ONCE = 50


class PictureEvidence:
    """Collects the evidence on a model's samples, and on any other group in their place."""

    def __init__(self, place: str, model: Any, material: Material, extractor: Extractor, count: int):
        self.place = place  # of the run, for the cache
        self.model = model
        self.material = material
        self.extractor = extractor
        self.reference = material.reference(count)
        # Copies are told from likenesses by random convolutions: a classifier overlooks what isn't its business.
        prefix = MODALITIES.load(material.training.modality).extractors
        self.detail = EXTRACTORS.load(f"{prefix}/random")(material.training)
        self._seen: dict[tuple[str, str, int], Seen] = {}
        self._nearest: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self.learned_after_all = 0.0  # the share of held-out examples that are training examples too
        self._encode = MODALITIES.load(material.training.modality).encode

    def evidence(self, group: Group) -> LazyEvidence:
        """All that this group gives as the samples of a model that makes it."""
        makers = {
            "real": lambda: self.look(self.reference).features,
            "generated": lambda: self.look(group).features,
            "unseen_nearest": self._unseen_nearest,
        }
        # Real examples would be compared with themselves, and noise is no copy of anything.
        if group.name in ("samples", "copies"):
            makers["generated_nearest"] = lambda: self.nearest(group)[1][:, :2]
        if self.material.training.prompt_kind == "labels":
            makers["real_prompts"] = lambda: self.reference.prompts
            makers["asked"] = lambda: group.prompts
            if self.extractor.labels:
                makers["recognised"] = lambda: self.look(group).recognised
        return LazyEvidence({"real_prompts": _none(self.reference), "asked": _none(group), **makers})

    def evidence_of_model(self, group: Group) -> LazyEvidence:
        """The same for the model's own samples, and what the model says of real examples."""
        unseen = self.material.unseen(_MEASURED, with_prompts=True)
        makers = dict(self.evidence(group)._makers)
        for name, measure in self.model.measurements().items():
            if name != "scores":
                makers[name] = lambda measure=measure: self._measure(measure, unseen or self.reference.first(_MEASURED))
            elif unseen is not None:
                learned = self.reference.first(len(unseen))
                makers["training_scores"] = lambda measure=measure: self._measure(measure, learned)
                makers["unseen_scores"] = lambda measure=measure: self._measure(measure, unseen)
        return LazyEvidence(makers)

    def look(self, group: Group, extractor: Extractor | None = None) -> Seen:
        """What the extractor sees of a group; each is looked at once."""
        extractor = extractor or self.extractor
        key = (group.name, extractor.name, len(group))
        if key not in self._seen:
            self._seen[key] = look(extractor, group, self.place, Preparation().show)
        return self._seen[key]

    def nearest(self, group: Group) -> tuple[np.ndarray, np.ndarray]:
        """The places among `material.neighbours()` of the three nearest of each of the first, and the distances."""
        if group.name not in self._nearest:
            rows = self.look(group.first(_NEIGHBOURED), self.detail).features
            among = self.look(self.material.neighbours(), self.detail).features
            self._nearest[group.name] = nearest(np.asarray(rows), among, 3)
        return self._nearest[group.name]

    def _unseen_nearest(self) -> np.ndarray:
        """For held-out examples that really are; without any, for training examples among the rest of those.

        Leaving one out is as good: with it left out, an example is as new to the others as any.
        """
        unseen = self.material.unseen(_NEIGHBOURED)
        if unseen is not None:
            apart = self.nearest(unseen)[1][:, :2]
            self.learned_after_all = float(np.mean(apart[:, 0] == 0))
            return apart[apart[:, 0] > 0]
        return self.nearest(self.material.neighbours())[1][:, 1:]

    def _measure(self, measure: Callable, group: Group) -> np.ndarray:
        """A model's word on each example of a group."""
        import tensorflow as tf

        function = tf.function(
            lambda values, index: measure(self._encode(values), self.model.prompts_of(index)), reduce_retracing=True
        )
        return np.concatenate(
            [
                function(
                    tf.constant(group.read(start, min(start + _AT_ONCE, len(group)))),
                    tf.constant(group.prompts[start:start + _AT_ONCE], tf.int32),
                ).numpy()
                for start in range(0, len(group), _AT_ONCE)
            ]
        )


def _none(group: Group) -> Callable[[], np.ndarray]:
    """No prompt that counts, for every member of a group."""
    return lambda: np.full(len(group), -1)
