"""Usefulness: what boosting that learned synthetic rows knows of real ones, which nobody learned from.

Predictions are structured arrays [n], a row for each held-out one: `truth`, a class or a number; `of_samples`, what a
model that learned samples says, and `of_real`, one that learned real rows: float64 [classes] of probabilities each, or
[1] of a number.
"""

import math
from collections.abc import Callable

import numpy as np

from tfgen.evaluate.metrics import metric
from tfgen.evaluate.metrics.copying import auc

LEAST = 50  # held-out rows
_DRAWS = 200  # of a bootstrap
_NORMAL = 1.959964  # 97.5 % of the normal distribution lie below

_NOTHING = dict.fromkeys(("f1", "auc", "r2"), math.nan)


def _half_widths(unseen_predictions: np.ndarray) -> dict[str, float]:
    return bootstrap(lambda places, _: scores_of_predictions(unseen_predictions[places]), len(unseen_predictions))


def _half_widths_of_gain(unseen_augmented: np.ndarray) -> dict[str, float]:
    def resampled(places: np.ndarray, generator: np.random.Generator) -> dict[str, float]:
        # Of the repeats, too: other samples, and other chances of the boosting, would give another gain.
        count = unseen_augmented["alone"].shape[1]
        return gains(unseen_augmented[places], generator.integers(0, count, count))

    return bootstrap(resampled, len(unseen_augmented))


@metric(
    least=LEAST, depends_on="target", half_widths=_half_widths,
    f1="higher", auc="higher", r2="higher", usefulness_lost="near 0",
)
def usefulness(unseen_predictions: np.ndarray) -> dict[str, float]:
    """Train on synthetic, test on real (Esteban et al. 2017): `f1` (macro) and `auc` for a class, `r2` for a number.

    `auc` of more than two classes is the mean over classes of each against the rest. `usefulness_lost` is the F1 or R2
    of boosting that learned as many real rows less that, on the same rows.
    """
    return scores_of_predictions(unseen_predictions)


@metric(
    least=LEAST, depends_on="target", half_widths=_half_widths_of_gain,
    augmentation="higher", augmentation_of_rarest="higher",
)
def augmentation(unseen_augmented: np.ndarray) -> dict[str, float]:
    """What samples add to real rows: F1 (macro) or R2 of boosting that learned both, less that of the real rows alone.

    The mean over repeats, on held-out rows. `augmentation_of_rarest` is the F1 of the rarest class. Intervals are from
    a bootstrap over rows and repeats.

    `unseen_augmented` [n] has `truth`; `rarest`, the rarest class of the real rows, -1 of a number; and what was said
    by `alone` and `augmented`, float64 [repeats].
    """
    return gains(unseen_augmented, np.arange(unseen_augmented["alone"].shape[1]))


def scores_of_predictions(rows: np.ndarray) -> dict[str, float]:
    """What `usefulness` gives, of any of the rows."""
    ours, theirs = (scores_of(rows["truth"], rows[name]) for name in ("of_samples", "of_real"))
    main = "r2" if math.isnan(ours["f1"]) else "f1"
    return {**ours, "usefulness_lost": theirs[main] - ours[main]}


def scores_of(truth: np.ndarray, said: np.ndarray) -> dict[str, float]:
    """F1 and AUC of classes [n] and probabilities [n, classes], or R2 of numbers [n] and [n, 1]; NaN for the rest."""
    if said.shape[1] == 1:
        return {**_NOTHING, "r2": r_squared(truth, said[:, 0])}
    labels = truth.astype(np.int64)
    there = np.unique(labels)
    looked_at = there if len(there) > 2 else there[-1:]
    of_classes = [auc(said[labels != each, each], said[labels == each, each]) for each in looked_at]
    return {
        **_NOTHING,
        "f1": f1(labels, said.argmax(axis=1)),
        "auc": float(np.mean(of_classes)) if len(there) > 1 else math.nan,
    }


def f1(truth: np.ndarray, said: np.ndarray) -> float:
    """The mean over classes that are there or are said, each counting the same (macro)."""
    each = f1_of_classes(truth, said)
    return float(np.nanmean(each)) if len(each) else math.nan


def f1_of_classes(truth: np.ndarray, said: np.ndarray) -> np.ndarray:
    """Of each class; NaN for one that is neither there nor said."""
    size = int(max(truth.max(initial=-1), said.max(initial=-1))) + 1
    right = np.bincount(truth[truth == said], minlength=size)
    both = np.bincount(truth, minlength=size) + np.bincount(said, minlength=size)
    return np.divide(2 * right, both, out=np.full(size, math.nan), where=both > 0)


def r_squared(truth: np.ndarray, said: np.ndarray) -> float:
    """1 less the share of the variance that is not explained; below 0, the mean would do better."""
    spread = np.sum((truth - truth.mean()) ** 2)
    return 1 - float(np.sum((truth - said) ** 2) / spread) if spread > 0 else math.nan


def gains(rows: np.ndarray, repeats: np.ndarray) -> dict[str, float]:
    """What `augmentation` gives, of any of the rows and repeats."""
    found = {"augmentation": [], "augmentation_of_rarest": []}
    rarest = int(rows["rarest"][0])
    for repeat in repeats:
        both = [rows[name][:, repeat] for name in ("augmented", "alone")]
        if rarest < 0:
            found["augmentation"].append(np.subtract(*(r_squared(rows["truth"], each) for each in both)))
            continue
        truth, said = rows["truth"].astype(np.int64), [each.astype(np.int64) for each in both]
        found["augmentation"].append(np.subtract(*(f1(truth, each) for each in said)))
        if (truth == rarest).any():
            found["augmentation_of_rarest"].append(np.subtract(*(f1_of_classes(truth, each)[rarest] for each in said)))
    return {name: float(np.mean(values)) if values else math.nan for name, values in found.items()}


def bootstrap(
    scores: Callable[[np.ndarray, np.random.Generator], dict[str, float]], count: int
) -> dict[str, float]:
    """Half the width of each score's 95 % interval, by drawing `count` rows again and again (Efron 1979).

    Args:
        scores: of the places of the rows that were drawn, int64 [count]; chance beyond that comes from the generator.
    """
    generator = np.random.default_rng(0)
    drawn = [scores(generator.integers(0, count, count), generator) for _ in range(_DRAWS)]
    found = {name: np.array([each[name] for each in drawn]) for name in drawn[0]}
    known = {name: values[np.isfinite(values)] for name, values in found.items()}
    return {name: _NORMAL * float(np.std(values, ddof=1)) for name, values in known.items() if len(values) > 1}
