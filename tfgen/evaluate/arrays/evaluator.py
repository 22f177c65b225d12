"""Pictures before the evaluation: the groups that are looked at, who looks, and what is said of them."""

from collections.abc import Mapping

import numpy as np

from tfgen.evaluate.evaluator import METRICS_FORMAT, Examiner, Parts
from tfgen.evaluate.extractors import Extractor
from tfgen.evaluate.arrays.alarms import QUESTIONS, alarms_of
from tfgen.evaluate.arrays.metric_inputs import PictureEvidence
from tfgen.evaluate.arrays.features import open_extractor
from tfgen.evaluate.arrays.report_sections import neighbours_section, samples_section
from tfgen.evaluate.arrays.groups import Group, baseline_groups, sample_group
from tfgen.evaluate.arrays.reference_data import LEAST_UNSEEN, MOST_NEIGHBOURS, Material
from tfgen.evaluate.arrays.summary import in_words
from tfgen.evaluate.metrics import Evidence
from tfgen.evaluate.record import Alarm, Evaluation, MeasuredWith, Score
from tfgen.evaluate.request import EvaluateRequest
from tfgen.run import Run

DEFAULT_COUNT = 10_000

_UNSEEN = f"It needs {LEAST_UNSEEN} examples, with prompts it knows, that the model never saw: name them with --data."


class ImageExaminer(Examiner):
    """See Examiner."""

    missing = {
        "recognised": "It needs a classifier, so data with labels.",
        "unseen_scores": _UNSEEN,
        "training_scores": _UNSEEN,
    }

    def __init__(self, run: Run, request: EvaluateRequest):
        self.material = Material.of(run, request.holdout, request.seed)
        super().__init__(run, request)
        self.count = self.material.usable(request.count or DEFAULT_COUNT)
        self.extractor = open_extractor(request.extractor, self.material.training)
        place = str(run.path.resolve())
        self.pictures = PictureEvidence(place, self.model, self.material, self.extractor, self.count)
        words = run.vocabulary().longest
        modality = run.record["modality"]
        self.samples = sample_group(self.model, self.checkpoint, modality, self.count, request.seed, words)
        self._evidence = self.pictures.evidence_of_model(self.samples)

    def beginning(self) -> str:
        return f"Looking at {self.count} samples and as many real examples, by {_by(self.extractor)} ..."

    def evidence(self) -> Evidence:
        return self._evidence

    def baselines(self) -> dict[str, Evidence]:
        groups = [self.material.others(self.count), *baseline_groups(self.pictures.reference, self.request.seed)]
        return {group.name: self.pictures.evidence(group) for group in groups}

    def measured_with(self) -> MeasuredWith:
        material, extractor = self.material, self.extractor
        return MeasuredWith(
            tfgen_format=METRICS_FORMAT,
            extractor=extractor.name,
            extractor_hash=extractor.digest,
            resizer=extractor.resizer,
            reference=material.training.fingerprint,
            shape=tuple(int(side) for side in material.training.values.shape[1:]),
            count=self.count,
            seed=self.request.seed,
            holdout=material.holdout.fingerprint if material.holdout else None,
        )

    def alarms(self, scores: Mapping[str, Score], baselines: Mapping[str, Mapping[str, float]]) -> list[Alarm]:
        return alarms_of(scores, _chance(self._evidence), self.extractor.accuracy, self.material.holdout is not None)

    def notes(self) -> list[str]:
        material, wanted = self.material, self.request.count or DEFAULT_COUNT
        learned, again = len(material.training), self.pictures.learned_after_all
        notes = []
        if self.count < wanted:
            notes.append(f"{self.count} samples were scored: there are no more real examples to put beside them.")
        if material.holdout is None:
            notes.append(
                "No held-out examples: the column \"real\" holds other training examples, and what a VAE says is of "
                "those."
            )
        elif len(material.holdout) < self.count:
            notes.append("Fewer held-out examples than samples: the column \"real\" holds other training examples.")
        if again > 0:
            notes.append(f"{again:.1%} of the held-out examples are training examples too; copying skips them.")
        if learned > MOST_NEIGHBOURS:
            notes.append(f"Copies were looked for among {MOST_NEIGHBOURS} of {learned} training examples.")
        if self.extractor.name == "random":
            notes.append("Features are of random convolutions: scores rank models, and mean nothing by themselves.")
        return notes

    def in_words(self, evaluation: Evaluation) -> str:
        return in_words(evaluation)

    def parts(self, evaluation: Evaluation) -> Parts:
        return parts_of(self.run, evaluation, self.pictures, self.samples)


def parts_of(run: Run, evaluation: Evaluation, pictures: PictureEvidence, samples: Group) -> Parts:
    """What the report shows; `samples` are those that were scored."""
    data, measured = run.record["data"], evaluation.measured_with
    return Parts(
        data=f"{data['source']}, {data['count']:,} examples",
        sections=[samples_section(pictures, samples), neighbours_section(evaluation, pictures, samples)],
        on_losses="The losses of a GAN tell whether its two networks are in balance, not whether its samples are good; "
        "those of a VAE fall while it learns.",
        measured={
            "Samples, and as many real examples": f"{measured.count:,}",
            "Pictures": " × ".join(map(str, measured.shape)),
            "First seed": str(measured.seed),
            "Extractor": f"{measured.extractor} ({measured.extractor_hash})",
            "Pictures are resized by": measured.resizer,
        },
        baselines={
            "real": "other real examples: as good as it gets",
            "copies": "training examples again, as a model that only remembers would give",
            "noisy copies": "the same with some noise on them",
            "noise": "random pixels",
        },
        questions=QUESTIONS,
    )


def _by(extractor: Extractor) -> str:
    if extractor.accuracy is None:
        return f"the extractor {extractor.name}"
    return f"a classifier that is right on {extractor.accuracy:.1%} of unseen real ones"


def _chance(evidence: Evidence) -> float | None:
    """How often a sample would show its prompt if the two had nothing to do with each other; None without labels."""
    if "recognised" not in evidence:
        return None
    labels = int(max(evidence["asked"].max(), evidence["recognised"].max())) + 1
    asked, seen = (np.bincount(evidence[name], minlength=labels) for name in ("asked", "recognised"))
    return float((asked * seen).sum() / (asked.sum() * seen.sum()))
