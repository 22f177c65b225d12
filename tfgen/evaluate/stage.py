"""The evaluation, top to bottom: look once, score, put baselines beside, raise alarms, say it in words, keep it."""

import dataclasses
import math
from collections import ChainMap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tfgen.catalog import ENGINES, METRICS
from tfgen.console import say
from tfgen.evaluate import canaries
from tfgen.evaluate.evaluator import NOT_GIVEN, not_measured
from tfgen.evaluate.intervals import half_widths
from tfgen.evaluate.metrics import REAL, Inputs, Metric, are_numbers
from tfgen.evaluate.record import Evaluation, Score
from tfgen.evaluate.report import write_report
from tfgen.evaluate.request import EvaluateRequest, check, metrics_of
from tfgen.restore import open_codec
from tfgen.run import Run, now
from tfgen.trust.energy import Energy, Meter, energy_of
from tfgen.trust.privacy import Account, attacks_in_words

if TYPE_CHECKING:
    from tfgen.models.base import GenerativeModel


def evaluate(run: Run, request: EvaluateRequest) -> Evaluation:
    """Scores a run, and writes `evaluation.json` and `report.html` into it, unless only some metrics are asked for.

    Raises:
        UserError: the run has no weights, its data is gone, or the request can't work; nothing is written.
    """
    representation, modality = open_codec(run).representation, run.record["modality"]
    check(request, representation, modality)
    with Meter() as meter:
        return _evaluate(run, request, representation, modality, meter)


def _evaluate(run: Run, request: EvaluateRequest, representation: str, modality: str, meter: Meter) -> Evaluation:
    evaluator = ENGINES.load(f"evaluate/{representation}")(run, request)
    say(evaluator.beginning())
    known = metrics_of(representation, modality)
    metrics = {name: METRICS.load(known[name]) for name in request.metrics or known}
    inputs = ChainMap(canaries.inputs_of(run, evaluator), evaluator.inputs())
    scores, left_out = _scores(metrics, inputs, evaluator.missing, bool(request.metrics))
    baselines = {name: _values(metrics, inputs) for name, inputs in evaluator.baselines().items()}
    model = evaluator.model
    evaluation = Evaluation(
        run=run.title,
        checkpoint=evaluator.checkpoint,
        step=int(model.step.numpy()),
        minutes=_minutes(run),
        parameters=sum(int(np.prod(variable.shape)) for variable in model.trained_variables()),
        created=now(),
        measured_with=evaluator.measured_with(),
        scores=_with_floor(scores, baselines.get("real", {})),
        baselines=baselines,
        left_out=left_out,
        alarms=[
            *evaluator.alarms(scores, baselines), *evaluator.own_alarms(scores, baselines),
            *canaries.alarms_of(run, scores),
        ],
        notes=[*_notes_on_run(run, model), *evaluator.notes()],
    )
    words = [evaluator.in_words(evaluation), *_on_privacy(run, scores), *canaries.words_of(run, scores)]
    evaluation = dataclasses.replace(evaluation, words=" ".join(filter(None, words)))
    parts = None if request.metrics else evaluator.parts(evaluation)
    energy = _energy(run, request, meter.spent(), evaluator.sample_energy.thousand())
    evaluation = dataclasses.replace(evaluation, energy=energy)
    if parts is not None:
        questions = {**parts.questions, **evaluator.own_questions, canaries.NAME: canaries.QUESTION}
        write_report(run, evaluation, dataclasses.replace(parts, questions=questions))
        evaluation.write(run.results)
    return evaluation


def _energy(run: Run, request: EvaluateRequest, spent: Energy, thousand: Energy | None) -> dict[str, Any]:
    """What the evaluation cost, and what a thousand samples cost, as plain JSON."""
    fitted = energy_of(run.record) or Energy()
    carbon = fitted.carbon if request.carbon is None else request.carbon
    own, samples = (each and dataclasses.replace(each, carbon=carbon) for each in (spent, thousand))
    return {**own.to_json(), "thousand_samples": samples and samples.to_json()}


def _on_privacy(run: Run, scores: Mapping[str, Score]) -> list[str]:
    """Of a private run, what its epsilon allows attacks, beside what those that were tried have found."""
    if "privacy" not in run.record:
        return []
    found = {name: (score.value, score.half_width or 0.0) for name, score in scores.items()}
    better = "What is weak gets better by a larger epsilon or more examples: a longer fit has more noise in each step."
    return [attacks_in_words(Account.from_json(run.record["privacy"]), found), better]


def _minutes(run: Run) -> float:
    history = run.history()
    return round(history[-1]["seconds"] / 60, 2) if history else 0.0


def _scores(
    metrics: Mapping[str, Metric], inputs: Inputs, missing: Mapping[str, str], asked: bool
) -> tuple[dict[str, Score], dict[str, str]]:
    """The scores with their intervals, and why a metric was left out."""
    scores, left_out = {}, {}
    for name, metric in metrics.items():
        why = _why_not(metric, inputs, missing)
        known = {} if why is not None else _known(metric, inputs)
        if not known:
            left_out[name] = why or "There is nothing that it could measure: what it looks at is empty, or all alike."
            continue
        widths = half_widths(metric, inputs)
        for score, value in known.items():
            scores[score] = Score(name, value, widths.get(score), metric.scores[score])
    if asked and not scores:
        name, why = next(iter(left_out.items()))
        raise not_measured(name, why)
    return scores, left_out


def _with_floor(scores: Mapping[str, Score], real: Mapping[str, float]) -> dict[str, Score]:
    """The scores; "near real" becomes the number that real examples have, or "higher" where that isn't known."""
    found = {}
    for name, score in scores.items():
        known = f"near {real[name]:.3g}" if name in real else "higher"
        found[name] = dataclasses.replace(score, better=known) if score.better == REAL else score
    return found


def _values(metrics: Mapping[str, Metric], inputs: Inputs) -> dict[str, float]:
    """The scores of a baseline."""
    return {
        score: value
        for metric in metrics.values()
        if _why_not(metric, inputs, {}) is None
        for score, value in _known(metric, inputs).items()
    }


def _known(metric: Metric, inputs: Inputs) -> dict[str, float]:
    """The scores that are numbers."""
    return {name: value for name, value in metric(inputs).items() if math.isfinite(value)}


def _why_not(metric: Metric, inputs: Inputs, missing: Mapping[str, str]) -> str | None:
    """Why a metric can't be had, as a sentence; None where it can."""
    for need in metric.needs:
        if need not in inputs:
            return missing.get(need, NOT_GIVEN)
        if len(inputs[need]) < metric.least:
            there = f"there are {len(inputs[need])}"
            if "judged" in need:
                half = f"{2 * metric.least} samples and as many real examples: half to learn from, half to judge"
                return f"It needs {half}; there are {len(inputs[need])} to judge."
            if need.startswith("unseen"):
                return f"It needs {metric.least} examples that the model never saw; {there}."
            return f"It needs {metric.least} {metric.rows}; {there}."
        if not are_numbers(inputs[need][: metric.most]):
            return "Some of what it looks at are no numbers: look at the samples, and fit with a lower learning_rate."
    return None


def _notes_on_run(run: Run, model: "GenerativeModel") -> list[str]:
    if run.record["status"] == "finished":
        return []
    return [f"The fit has not finished: these are the weights of step {int(model.step.numpy())}, as good as they are."]
