"""The evaluation, top to bottom: look once, score, put baselines beside, raise alarms, say it in words, keep it."""

import math
from typing import TYPE_CHECKING

import numpy as np

from tfgen.catalog import METRICS
from tfgen.errors import UserError
from tfgen.evaluate.alarms import alarms_of
from tfgen.evaluate.evidence import Examiner
from tfgen.evaluate.extractors import Extractor
from tfgen.evaluate.features import open_extractor
from tfgen.evaluate.groups import baseline_groups, sample_group
from tfgen.evaluate.intervals import half_widths
from tfgen.evaluate.material import LEAST_UNSEEN, MOST_NEIGHBOURS, Material
from tfgen.evaluate.metrics import Evidence, Metric
from tfgen.evaluate.record import Evaluation, MeasuredWith, Score
from tfgen.evaluate.request import DEFAULT_COUNT, EvaluateRequest, check
from tfgen.evaluate.report import write_report
from tfgen.evaluate.words import in_words
from tfgen.restore import load_model_and_checkpoint
from tfgen.run import Run, now
from tfgen.talk import say

if TYPE_CHECKING:
    from tfgen.models.base import GenerativeModel

METRICS_FORMAT = 1  # raise it whenever a metric would give another number for the same samples


def evaluate(run: Run, request: EvaluateRequest) -> Evaluation:
    """Scores a run, and writes `evaluation.json` and `report.html` into it, unless only some metrics are asked for.

    Raises:
        UserError: the run has no weights, its data is gone, or the request can't work; nothing is written.
    """
    check(request)
    material = Material.of(run, request.holdout, request.seed)
    model, checkpoint = load_model_and_checkpoint(run)
    count = material.usable(request.count or DEFAULT_COUNT)
    extractor = open_extractor(request.extractor, material.training)
    say(f"Looking at {count} samples and as many real examples, by {_by(extractor)} ...")
    examiner = Examiner(str(run.path.resolve()), model, material, extractor, count)
    words = run.vocabulary().longest
    samples = sample_group(model, checkpoint, run.record["modality"], count, request.seed, words)
    metrics = {name: METRICS.load(name) for name in request.metrics or METRICS}
    evidence = examiner.evidence_of_model(samples)
    scores, left_out = _scores(metrics, evidence, bool(request.metrics))
    others = [material.others(count), *baseline_groups(examiner.reference, request.seed)]
    baselines = {group.name: _values(metrics, examiner.evidence(group)) for group in others}
    evaluation = Evaluation(
        run=run.name,
        checkpoint=checkpoint,
        step=int(model.step.numpy()),
        minutes=_minutes(run),
        parameters=sum(int(np.prod(variable.shape)) for variable in model.trained_variables()),
        created=now(),
        measured_with=_measured_with(material, extractor, count, request.seed),
        scores=scores,
        baselines=baselines,
        left_out=left_out,
        alarms=alarms_of(scores, _chance(evidence), extractor.accuracy, material.holdout is not None),
        notes=[*_notes_on_run(run, model), *_notes(material, count, request, extractor, examiner.learned_after_all)],
    )
    evaluation = in_words(evaluation)
    if not request.metrics:
        write_report(run, evaluation, examiner, samples)
        evaluation.write(run.path)
    return evaluation


def _measured_with(material: Material, extractor: Extractor, count: int, seed: int) -> MeasuredWith:
    return MeasuredWith(
        tfgen_format=METRICS_FORMAT,
        extractor=extractor.name,
        extractor_hash=extractor.digest,
        resizer=extractor.resizer,
        reference=material.training.fingerprint,
        shape=tuple(int(side) for side in material.training.values.shape[1:]),
        count=count,
        seed=seed,
        holdout=material.holdout.fingerprint if material.holdout else None,
    )


def _minutes(run: Run) -> float:
    history = run.history()
    return round(history[-1]["seconds"] / 60, 2) if history else 0.0


def _by(extractor: Extractor) -> str:
    if extractor.accuracy is None:
        return f"the extractor {extractor.name}"
    return f"a classifier that is right on {extractor.accuracy:.1%} of unseen real ones"


def _scores(
    metrics: dict[str, Metric], evidence: Evidence, asked: bool
) -> tuple[dict[str, Score], dict[str, str]]:
    """The scores with their intervals, and why a metric was left out."""
    scores, left_out = {}, {}
    for name, metric in metrics.items():
        why = _why_not(metric, evidence)
        if why is not None:
            left_out[name] = why
            continue
        widths = half_widths(metric, evidence)
        for score, value in _known(metric, evidence).items():
            scores[score] = Score(name, value, widths.get(score), metric.scores[score])
    if asked and not scores:
        name, why = next(iter(left_out.items()))
        raise UserError(f"The metric '{name}' can't be measured for this run: {why}", "Leave --metric out.")
    return scores, left_out


def _values(metrics: dict[str, Metric], evidence: Evidence) -> dict[str, float]:
    """The scores of a baseline."""
    return {
        score: value
        for metric in metrics.values()
        if _why_not(metric, evidence) is None
        for score, value in _known(metric, evidence).items()
    }


def _known(metric: Metric, evidence: Evidence) -> dict[str, float]:
    """The scores that are numbers."""
    return {name: value for name, value in metric(evidence).items() if math.isfinite(value)}


def _why_not(metric: Metric, evidence: Evidence) -> str | None:
    """Why a metric can't be had, as a sentence; None where it can."""
    for need in metric.needs:
        if need not in evidence:
            return _MISSING.get(need, "This model doesn't give what it needs.")
        if len(evidence[need]) < metric.least:
            there = f"there are {len(evidence[need])}"
            if need.startswith("unseen"):
                return f"It needs {metric.least} examples that the model never saw; {there}."
            return f"It needs {metric.least} samples and as many real examples; {there}."
    return None


_UNSEEN = f"It needs {LEAST_UNSEEN} examples, with prompts it knows, that the model never saw: name them with --data."
_MISSING = {
    "recognised": "It needs a classifier, so data with labels.",
    "unseen_scores": _UNSEEN,
    "training_scores": _UNSEEN,
}


def _chance(evidence: Evidence) -> float | None:
    """How often a sample would show its prompt if the two had nothing to do with each other; None without labels."""
    if "recognised" not in evidence:
        return None
    labels = int(max(evidence["asked"].max(), evidence["recognised"].max())) + 1
    asked, seen = (np.bincount(evidence[name], minlength=labels) for name in ("asked", "recognised"))
    return float((asked * seen).sum() / (asked.sum() * seen.sum()))


def _notes_on_run(run: Run, model: "GenerativeModel") -> list[str]:
    if run.record["status"] == "finished":
        return []
    return [f"The fit has not finished: these are the weights of step {int(model.step.numpy())}, as good as they are."]


def _notes(
    material: Material, count: int, request: EvaluateRequest, extractor: Extractor, learned_after_all: float
) -> list[str]:
    notes = []
    if count < (request.count or DEFAULT_COUNT):
        notes.append(f"{count} samples were scored: there are no more real examples to put beside them.")
    if material.holdout is None:
        notes.append(
            "No held-out examples: the column \"real\" holds other training examples, and what a VAE says is of those."
        )
    elif len(material.holdout) < count:
        notes.append("Fewer held-out examples than samples: the column \"real\" holds other training examples.")
    if learned_after_all > 0:
        notes.append(f"{learned_after_all:.1%} of the held-out examples are training examples too; copying skips them.")
    if len(material.training) > MOST_NEIGHBOURS:
        notes.append(f"Copies were looked for among {MOST_NEIGHBOURS} of {len(material.training)} training examples.")
    if extractor.name == "random":
        notes.append("Features are of random convolutions: scores rank models, and mean nothing by themselves.")
    return notes
