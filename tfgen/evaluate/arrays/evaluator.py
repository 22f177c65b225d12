"""Arrays before the evaluation: the groups that are looked at, who looks, and what is said of them."""

from collections.abc import Mapping

import numpy as np

from tfgen.evaluate.arrays.alarms import QUESTIONS, Told, alarms_of
from tfgen.evaluate.arrays.features import open_extractor
from tfgen.evaluate.arrays.groups import Group, baseline_groups, sample_group
from tfgen.evaluate.arrays.metric_inputs import ArrayInputs
from tfgen.evaluate.arrays.reference_data import LEAST_UNSEEN, MOST_NEIGHBOURS, ReferenceData
from tfgen.evaluate.arrays.report_sections import convincing_section, neighbours_section, samples_section
from tfgen.evaluate.arrays.summary import in_words
from tfgen.evaluate.evaluator import METRICS_FORMAT, Evaluator, Parts
from tfgen.evaluate.extractors import Extractor
from tfgen.evaluate.metrics import Inputs
from tfgen.evaluate.record import Alarm, Evaluation, MeasuredWith, Score
from tfgen.evaluate.request import EvaluateRequest
from tfgen.run import Run

DEFAULT_COUNT = 10_000
_SEARCHED = 400  # samples that are looked at for copies, however few real examples there are

_UNSEEN = f"It needs {LEAST_UNSEEN} examples, with prompts it knows, that the model never saw: name them with --data."


class ArrayEvaluator(Evaluator):
    """See Evaluator."""

    missing = {
        "recognised": "It needs a classifier, so data with labels.",
        "unseen_scores": _UNSEEN,
        "training_scores": _UNSEEN,
    }
    model_inputs = frozenset({"log_weights", "reconstruction_errors", "latent_kl"})

    def __init__(self, run: Run, request: EvaluateRequest):
        self.data = ReferenceData.of(run, request.holdout, request.seed)
        super().__init__(run, request)
        self.codec = self.data.training.codec
        self.count = self.data.usable(request.count or DEFAULT_COUNT)
        self.extractor = open_extractor(request.extractor, self.data.training)
        place = str(run.path.resolve())
        self.arrays = ArrayInputs(place, self.model, self.data, self.extractor, self.count, self.modality)
        searched = max(self.count, _SEARCHED)
        self.searched = sample_group(
            self.model, self.codec, self.checkpoint, searched, request.seed, self.sample_energy
        )
        self.samples = self.searched.first(self.count)
        self._inputs = self.arrays.of_model(self.samples, self.searched)

    def beginning(self) -> str:
        return f"Looking at {self.count} samples and as many real examples, by {_by(self.extractor)} ..."

    def inputs(self) -> Inputs:
        return self._inputs

    def baselines(self) -> dict[str, Inputs]:
        naive = baseline_groups(self.arrays.reference, self.codec, self.request.seed)
        groups = {group.name: self.arrays.of_group(group) for group in (self.data.others(self.count), *naive)}
        return self.arrays.with_others(groups)

    def measured_with(self) -> MeasuredWith:
        data, extractor = self.data, self.extractor
        return MeasuredWith(
            tfgen_format=METRICS_FORMAT,
            extractor=extractor.name,
            extractor_hash=extractor.digest,
            resizer=extractor.resizer,
            reference=data.training.fingerprint,
            shape=tuple(int(side) for side in data.training.values.shape[1:]),
            count=self.count,
            seed=self.request.seed,
            holdout=data.holdout.fingerprint if data.holdout else None,
            modality=self.run.record["modality"],
            representation=self.codec.representation,
        )

    def alarms(self, scores: Mapping[str, Score], baselines: Mapping[str, Mapping[str, float]]) -> list[Alarm]:
        told = Told(_chance(self._inputs), self.extractor.accuracy, self.extractor.judged_by)
        unseen = len(self._inputs["unseen_nearest"]) if "copied" in scores else 0
        return alarms_of(scores, told, unseen, self.data.holdout is not None, self.modality.plural)

    def notes(self) -> list[str]:
        data, wanted = self.data, self.request.count or DEFAULT_COUNT
        learned, again = len(data.training), self.arrays.learned_after_all
        notes = []
        if self.count < wanted:
            notes.append(f"{self.count} samples were scored: there are no more real examples to put beside them.")
        if data.holdout is None:
            notes.append(
                "No held-out examples: the column \"real\" holds other training examples, and what a VAE says is of "
                "those."
            )
        elif len(data.holdout) < self.count:
            notes.append("Fewer held-out examples than samples: the column \"real\" holds other training examples.")
        if again > 0:
            notes.append(f"{again:.1%} of the held-out examples are training examples too; copying skips them.")
        if learned > MOST_NEIGHBOURS:
            notes.append(f"Copies were looked for among {MOST_NEIGHBOURS} of {learned} training examples.")
        if self.extractor.name == "random":
            notes.append("Features are of random weights: scores rank models, and mean nothing by themselves.")
        return notes

    def in_words(self, evaluation: Evaluation) -> str:
        return in_words(evaluation, self.modality.plural)

    def parts(self, evaluation: Evaluation) -> Parts:
        return parts_of(self.run, evaluation, self.modality, self.arrays, self.samples, self.searched)


def parts_of(
    run: Run, evaluation: Evaluation, modality: type, inputs: ArrayInputs, samples: Group, searched: Group
) -> Parts:
    """What the report shows; `samples` are those that were scored, `searched` those that were looked at for copies."""
    data, measured = run.record["data"], evaluation.measured_with
    return Parts(
        data=f"{data['source']}, {data['count']:,} examples",
        sections=[
            samples_section(modality, inputs, samples),
            convincing_section(modality, evaluation, inputs, samples),
            neighbours_section(modality, evaluation, inputs, searched),
        ],
        on_losses="The losses of a GAN tell whether its two networks are in balance, not whether its samples are "
        "good; those of a VAE fall while it learns.",
        measured={
            "Samples, and as many real examples": f"{measured.count:,}",
            "Shape of an example": " × ".join(map(str, measured.shape)),
            "First seed": str(measured.seed),
            "Extractor": f"{measured.extractor} ({measured.extractor_hash})",
            "Resized by": measured.resizer,
        },
        baselines={
            "real": "other real examples: as good as it gets",
            "copies": "training examples again, as a model that only remembers would give",
            "noisy copies": "the same with some noise on them",
            "noise": "random values",
            **{name: words for name, (words, _) in inputs.others.items() if words},
        },
        questions=QUESTIONS,
    )


def _by(extractor: Extractor) -> str:
    if extractor.accuracy is None:
        return f"the extractor {extractor.name}"
    return f"a classifier that is right on {extractor.accuracy:.1%} of {extractor.judged_by} unseen real ones"


def _chance(inputs: Inputs) -> float | None:
    """How often a sample would show its prompt if the two had nothing to do with each other; None without labels."""
    if "recognised" not in inputs:
        return None
    known = inputs["asked"] >= 0
    if not known.any():
        return None
    asked, recognised = inputs["asked"][known], inputs["recognised"][known]
    labels = int(max(asked.max(), recognised.max())) + 1
    asked, seen = (np.bincount(places, minlength=labels) for places in (asked, recognised))
    return float((asked * seen).sum() / (asked.sum() * seen.sum()))
