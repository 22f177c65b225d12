"""Runs beside each other: which is better, which differences mean something, and what quality cost."""

import dataclasses
import itertools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfgen import files
from tfgen.catalog import ENGINES, METRICS, MODALITIES
from tfgen.errors import UserError
from tfgen.evaluate.record import Evaluation, Score, check_comparable
from tfgen.evaluate.request import metrics_of
from tfgen.evaluate.score_descriptions import title_of
from tfgen.restore import open_codec
from tfgen.run import Run


@dataclass(frozen=True)
class Difference:
    """Of one score between two runs: it means something where it is larger than chance would make it, 95 % of times."""

    first: str
    second: str
    value: float  # the first's less the second's
    half_width: float | None  # of its 95 % confidence interval
    means_something: bool | None


@dataclass(frozen=True)
class Row:
    """One score of every run; None where a run doesn't have it."""

    score: str
    better: str
    values: list[float | None]
    differences: list[Difference]
    sentence: str
    title: str = ""  # as the score is called wherever it is shown


@dataclass(frozen=True)
class Comparison:
    """The runs' names, and a row for each score."""

    runs: list[str]
    rows: list[Row]
    evaluations: list[Evaluation]

    def plot(self, path: Path) -> bool:
        """Writes a PNG: quality against minutes of training and against size. See `plot`."""
        return plot(self.evaluations, path)

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists."""
        return {"runs": self.runs, "rows": [dataclasses.asdict(row) for row in self.rows]}


def check_runs(runs: list[Run]) -> None:
    """Raises UserError where runs can't be compared, whatever their scores; called before the work."""
    if len({run.path.resolve() for run in runs}) < len(runs) or len({run.name for run in runs}) < len(runs):
        raise UserError("Two of the runs have the same name.", "Name different runs.")
    modalities = {MODALITIES.load(run.record["modality"]).plural for run in runs}
    if len(modalities) > 1:
        raise UserError(
            f"The runs make different things ({' and '.join(sorted(modalities))}), and no score compares those.",
            "Evaluate each by itself.",
        )
    representations = {open_codec(run).representation for run in runs}
    if len(representations) > 1:
        raise UserError(
            f"The runs learned their data as {' and as '.join(sorted(representations))}, and no score compares those.",
            "Evaluate each by itself.",
        )
    if not ENGINES.load(f"evaluate/{representations.pop()}").may_be_compared(runs):
        raise UserError(
            "The runs learned different data, so their scores can't be compared.", "Evaluate each by itself."
        )


def compare(evaluations: list[Evaluation]) -> Comparison:
    """Every score of evaluations side by side. Raises UserError where they were not measured alike."""
    check_comparable(evaluations)
    names = [evaluation.run for evaluation in evaluations]
    scores = dict.fromkeys(score for evaluation in evaluations for score in evaluation.scores)
    return Comparison(names, [_row(score, evaluations) for score in scores], evaluations)


def _row(name: str, evaluations: list[Evaluation]) -> Row:
    having = {each.run: each.scores[name] for each in evaluations if name in each.scores}
    first = next(iter(having.values()))
    better, title = first.better, title_of(name, first.metric, evaluations[0].measured_with.unit)
    values = [having[each.run].value if each.run in having else None for each in evaluations]
    apart = _not_alike(name, evaluations)
    if apart:
        return Row(name, better, values, [], f"not comparable: the {apart} differs", title)
    pairs = itertools.combinations(having, 2)
    differences = [_difference(one, having[one], other, having[other]) for one, other in pairs]
    return Row(name, better, values, differences, _sentence(having, differences), title)


def _not_alike(name: str, evaluations: list[Evaluation]) -> str | None:
    """What this score depends on and is not the same for all that have it; None where it can be compared."""
    having = [each for each in evaluations if name in each.scores]
    measured, metric = having[0].measured_with, having[0].scores[name].metric
    # Of a record from before representations were named, it is the one that its modality had then.
    representation = measured.representation or MODALITIES.load(measured.modality).representations[0]
    entry = metrics_of(representation, measured.modality).get(metric)
    key = METRICS.load(entry).depends_on if entry else None
    return key if key and len({getattr(each.measured_with, key) for each in having}) > 1 else None


def _difference(first: str, one: Score, second: str, other: Score) -> Difference:
    value, apart = one.value - other.value, loss(one) - loss(other)
    if one.half_width is None or other.half_width is None:
        return Difference(first, second, value, None, None)
    half_width = math.hypot(one.half_width, other.half_width)
    return Difference(first, second, value, half_width, abs(apart) > half_width)


def _sentence(having: dict[str, Score], differences: list[Difference]) -> str:
    """Which run is best, and which can't be told from it."""
    best = min(having, key=lambda run: loss(having[run]))
    of_best = [each for each in differences if best in (each.first, each.second)]
    if not of_best:
        return "only this run has it"
    if any(each.means_something is None for each in of_best):
        return "too few samples to say"
    unclear = [each.first if each.second == best else each.second for each in of_best if not each.means_something]
    if not unclear:
        return f"{best} is best"
    if len(unclear) == len(of_best):
        return "none"
    return f"{best} is best, but {', '.join(unclear)} may be as good"


def loss(score: Score) -> float:
    """A number that is lower for a better value."""
    if score.better == "higher":
        return -score.value
    if score.better.startswith("near "):
        return abs(score.value - float(score.better.removeprefix("near ")))
    return score.value


def plot(evaluations: list[Evaluation], path: Path) -> bool:
    """Writes a PNG: quality against minutes of training, and against the number of parameters.

    False, and nothing is written, where the runs have no score in common.
    """
    from matplotlib.figure import Figure

    common = [name for name in evaluations[0].scores if all(name in each.scores for each in evaluations)]
    if not common:
        return False
    name = next((each for each in ("frechet_distance", "kernel_distance") if each in common), common[0])
    figure = Figure(figsize=(10, 4), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for evaluation in evaluations:
        score = evaluation.scores[name]
        for panel, place in zip(axes, (evaluation.minutes, evaluation.parameters), strict=True):
            panel.errorbar(place, score.value, yerr=score.half_width, fmt="o", capsize=3, label=evaluation.run)
    floor = evaluations[0].baselines.get("real", {}).get(name)  # the same for all
    for panel, what in zip(axes, ("minutes of training", "parameters"), strict=True):
        panel.set_xlabel(what)
        panel.grid(alpha=0.3)
        if floor is not None and floor > 0:
            panel.axhline(floor, color="grey", linestyle=":", label="real examples")
    _from_zero_or_log(axes[0], [evaluation.scores[name].value for evaluation in evaluations])
    axes[0].set_xlim(left=0)
    axes[0].set_ylabel(title_of(name))
    axes[1].legend()
    with files.open_atomically(path) as file:
        figure.savefig(file, format="png", dpi=110)
    return True


def _from_zero_or_log(axes: Any, values: list[float]) -> None:
    """A logarithmic axis where values differ tenfold, else one that begins at 0."""
    if min(values) > 0 and max(values) > 10 * min(values):
        axes.set_yscale("log")
    elif np.min(values) >= 0:
        axes.set_ylim(bottom=0)
