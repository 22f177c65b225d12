"""How far a score may be off: from the spread of scores of parts of the inputs, whose rows stand in random order."""

import numpy as np

from tfgen.evaluate.metrics import Inputs, Metric

PARTS = 10
_LEAST_OF_A_PART = 20  # rows
_MOST_ROWS = 10_000  # of which a distance is taken ten times
_STUDENT = {5: 2.776, 10: 2.262}  # 97.5 % of Student's distribution lie below, by the number of parts


def half_widths(metric: Metric, inputs: Inputs) -> dict[str, float]:
    """Half the width of each score's 95 % confidence interval; nothing where there is too little inputs.

    The chances of samples and of examples both count.
    """
    inputs = metric.taken(inputs)
    if metric.half_widths is not None:
        return {name: width for name, width in metric.half_widths(**inputs).items() if np.isfinite(width)}
    rows = min(len(each) for each in inputs.values())
    parts = PARTS if rows >= PARTS * _LEAST_OF_A_PART else PARTS // 2
    if rows < parts * _LEAST_OF_A_PART:
        return {}
    variances = (_variances_by_parts if metric.mean_of_rows else _variances_by_jackknife)(metric, inputs, parts)
    # Where a part has nothing to measure, nothing is known of the spread.
    known = {name: variance for name, variance in variances.items() if np.isfinite(variance)}
    return {name: float(_STUDENT[parts] * np.sqrt(variance)) for name, variance in known.items()}


def _variances_by_parts(metric: Metric, inputs: Inputs, parts: int) -> dict[str, float]:
    """Of a mean over rows: a tenth of the variance between the scores of tenths (batch means)."""
    each = [metric.function(**{name: inputs[name][part::parts] for name in metric.needs}) for part in range(parts)]
    return {name: np.var([scores[name] for scores in each], ddof=1) / parts for name in metric.scores}


def _variances_by_jackknife(metric: Metric, inputs: Inputs, parts: int) -> dict[str, float]:
    """Of any smooth function of the inputs: leaving out one tenth in turn (Efron & Tibshirani 1993, chapter 11).

    Of many rows only the first are taken, and the variance falls as one over the number of rows: near 0, where that of
    a distance falls faster, the interval is too wide rather than too narrow.
    """
    share = min(1.0, _MOST_ROWS / min(len(each) for each in inputs.values()))
    inputs = {name: each[:_MOST_ROWS] for name, each in inputs.items()}
    each = []
    for part in range(parts):
        kept = {name: np.arange(len(inputs[name])) % parts != part for name in metric.needs}
        each.append(metric.function(**{name: inputs[name][kept[name]] for name in metric.needs}))
    return {name: share * np.var([scores[name] for scores in each]) * (parts - 1) for name in metric.scores}
