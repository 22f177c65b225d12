"""The metric inputs of arrays: features, labels, neighbours, and what the model says."""

from collections.abc import Callable, Mapping
from functools import cache, cached_property
from typing import Any

import numpy as np

from tfgen.catalog import EXTRACTORS
from tfgen.console import Preparation
from tfgen.evaluate.arrays.features import Seen, look
from tfgen.evaluate.arrays.groups import Group
from tfgen.evaluate.arrays.reference_data import ReferenceData
from tfgen.evaluate.extractors import Extractor
from tfgen.evaluate.metric_inputs import LazyInputs, with_others
from tfgen.evaluate.statistics import nearest
from tfgen.modalities.base import Modality
from tfgen.representations.arrays.codec import ArrayCodec

_NEIGHBOURED = 2000  # samples, and unseen examples, whose nearest training examples are looked for
_MEASURED = 1000  # examples that the model is asked about; a variational bound decodes each 64 times
_AT_ONCE = 50


class ArrayInputs:
    """Collects the inputs from a model's samples, and from any other group in their place."""

    def __init__(
        self, place: str, model: Any, reference_data: ReferenceData, extractor: Extractor, count: int,
        modality: Any = Modality,
    ):
        self.modality = modality
        self.place = place  # of the run, for the cache
        self.model = model
        self.data = reference_data
        self.extractor = extractor
        self.reference = reference_data.reference(count)
        # Copies are told from likenesses by random features: a classifier overlooks what isn't its business.
        self.detail = EXTRACTORS.load("random")(reference_data.training)
        self._seen: dict[tuple[str, str, int], Seen] = {}
        self._judged: dict[tuple[str, bool], np.ndarray] = {}
        self._nearest: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self.learned_after_all = 0.0  # the share of held-out examples that are training examples too

    def of_group(self, group: Group) -> LazyInputs:
        """All that this group gives as the samples of a model that makes it."""
        makers = {
            "real": lambda: self.look(self.reference).features,
            "generated": lambda: self.look(group).features,
            "unseen_nearest": self._unseen_nearest,
        }
        # Each takes a network of its own; noise is told from anything.
        if group.name in ("samples", "real", "copies"):
            for eye in (False, True):
                names = [f"{side}_judged{'_by_eye' if eye else ''}" for side in ("real", "generated")]
                for column, name in enumerate(names):
                    makers[name] = lambda eye=eye, column=column: self.judged(group, eye)[:, column]
        # Real examples would be compared with themselves, and noise is no copy of anything.
        if group.name in ("samples", "copies"):
            makers["generated_nearest"] = lambda: self.nearest(group)[1][:, :2]
        if self.data.training.prompt_kind == "labels":
            makers["real_prompts"] = lambda: self.reference.prompts
            makers["asked"] = lambda: group.prompts
            if self.extractor.labels:
                makers["recognised"] = lambda: self.look(group).recognised
        # A modality may ask for the samples several times, and a model makes them anew each time.
        few = group.first(self.modality.metric_samples or len(group))
        samples = cache(lambda: np.concatenate(list(few.blocks())))
        makers |= self._own(samples, lambda: self._prompts_of(few))
        return LazyInputs({"real_prompts": _none(self.reference), "asked": _none(group), **makers})

    @cached_property
    def others(self) -> Mapping[str, tuple[str, Any]]:
        """See Modality.others."""
        return self.modality.others(self.data.training, len(self.reference), self.data.seed)

    def with_others(self, groups: Mapping[str, LazyInputs]) -> dict[str, LazyInputs]:
        """See metric_inputs.with_others; those of `others` were made without prompts."""
        without = [""] * len(self.reference)
        return with_others(groups, self.others, lambda values: self._own(lambda: values, lambda: without))

    def _own(self, samples: Callable[[], Any], prompts: Callable[[], list[str]]) -> dict[str, Callable]:
        """What metrics of this kind of data alone ask of some stored values."""
        return dict(self.modality.metric_inputs(self.data.training, samples, prompts))

    def _prompts_of(self, group: Group) -> list[str]:
        known = [*self.data.training.prompts, ""]  # a place of -1 is none
        return [known[place] for place in group.prompts]

    def of_model(self, group: Group, many: Group) -> LazyInputs:
        """The same for the model's own samples, and what the model says of real examples; copies are looked for in
        `many` samples, which may be more than there are examples to compare with."""
        unseen = self.data.unseen(_MEASURED, with_prompts=True)
        makers = {**self.of_group(group).makers, "generated_nearest": lambda: self.nearest(many)[1][:, :2]}
        for name, measure in self.model.measurements().items():
            if name != "scores":
                makers[name] = lambda measure=measure: self._measure(measure, unseen or self.reference.first(_MEASURED))
            elif unseen is not None:
                learned = self.reference.first(len(unseen))
                makers["training_scores"] = lambda measure=measure: self._measure(measure, learned)
                makers["unseen_scores"] = lambda measure=measure: self._measure(measure, unseen)
        return LazyInputs(makers)

    def look(self, group: Group, extractor: Extractor | None = None) -> Seen:
        """What the extractor sees of a group; each is looked at once."""
        extractor = extractor or self.extractor
        key = (group.name, extractor.name, len(group))
        if key not in self._seen:
            self._seen[key] = look(extractor, group, self.place, Preparation().show)
        return self._seen[key]

    def judged(self, group: Group, by_eye: bool) -> np.ndarray:
        """Logits [n, 2] by which a network tells the second halves of the reference and of this group."""
        from tfgen.evaluate.arrays.detector import judge

        key = (group.name, by_eye)
        if key not in self._judged:
            place = self.place if group.name == "samples" else self.data.training.fingerprint  # alike for every run
            self._judged[key] = judge(self.reference, group, self.data.training.codec, by_eye, place)
        return self._judged[key]

    def nearest(self, group: Group) -> tuple[np.ndarray, np.ndarray]:
        """The places among `data.neighbours()` of the three nearest of each of the first, and the distances."""
        if group.name not in self._nearest:
            rows = self.look(group.first(_NEIGHBOURED), self.detail).features
            among = self.look(self.data.neighbours(), self.detail).features
            self._nearest[group.name] = nearest(np.asarray(rows), among, 3)
        return self._nearest[group.name]

    def _unseen_nearest(self) -> np.ndarray:
        """For held-out examples that really are; without any, for training examples among the rest of those.

        Leaving one out is as good: with it left out, an example is as new to the others as any.
        """
        unseen = self.data.unseen(_NEIGHBOURED)
        if unseen is not None:
            apart = self.nearest(unseen)[1][:, :2]
            self.learned_after_all = float(np.mean(apart[:, 0] == 0))
            return apart[apart[:, 0] > 0]
        return self.nearest(self.data.neighbours())[1][:, 1:]

    def _measure(self, measure: Callable, group: Group) -> np.ndarray:
        return measured(self.model, self.data.training.codec, measure, group)


def measured(model: Any, codec: ArrayCodec, measure: Callable, group: Group) -> np.ndarray:
    """A model's word on each example of a group, [n, ...]: what one of its measurements says."""
    import tensorflow as tf

    function = tf.function(
        lambda values, index: measure(codec.encode(values), model.prompts_of(index)),
        reduce_retracing=True,
        autograph=False,
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
