"""How far a score may be off: from the spread of scores of parts of the evidence, whose rows stand in random order."""

import numpy as np

from tfgen.evaluate.metrics import Evidence, Metric

PARTS = 10
_LEAST_OF_A_PART = 20  # rows
_MOST_ROWS = 50_000
_STUDENT = {5: 2.776, 10: 2.262}  # 97.5 % of Student's distribution lie below, by the number of parts


def half_widths(metric: Metric, evidence: Evidence) -> dict[str, float]:
    """Half the width of each score's 95 % confidence interval; nothing where there is too little evidence.

    The chances of samples and of examples both count.
    """
    evidence = metric.taken(evidence)
    rows = min(len(each) for each in evidence.values())
    # Of very many rows the first ones tell how much the score varies, and by how much less with all of them.
    looked_at = {name: each[:_MOST_ROWS] for name, each in evidence.items()}
    share = min(1.0, _MOST_ROWS / rows)
    parts = PARTS if rows >= PARTS * _LEAST_OF_A_PART else PARTS // 2
    if rows < parts * _LEAST_OF_A_PART:
        return {}
    variances = (_variances_by_parts if metric.mean_of_rows else _variances_by_jackknife)(metric, looked_at, parts)
    return {name: float(_STUDENT[parts] * np.sqrt(share * variance)) for name, variance in variances.items()}


def _variances_by_parts(metric: Metric, evidence: Evidence, parts: int) -> dict[str, float]:
    """Of a mean over rows: a tenth of the variance between the scores of tenths (batch means)."""
    each = [metric.function(**{name: evidence[name][part::parts] for name in metric.needs}) for part in range(parts)]
    return {name: np.var([scores[name] for scores in each], ddof=1) / parts for name in metric.scores}


def _variances_by_jackknife(metric: Metric, evidence: Evidence, parts: int) -> dict[str, float]:
    """Of any smooth function of the evidence: leaving out one tenth in turn (Efron & Tibshirani 1993, chapter 11)."""
    each = []
    for part in range(parts):
        kept = {name: np.arange(len(evidence[name])) % parts != part for name in metric.needs}
        each.append(metric.function(**{name: evidence[name][kept[name]] for name in metric.needs}))
    return {name: np.var([scores[name] for scores in each]) * (parts - 1) for name in metric.scores}
