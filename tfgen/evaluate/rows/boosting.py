"""Gradient boosting of trees, by scikit-learn: what can be learned from rows, and what tells them from real ones."""

import functools
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfgen.errors import UserError, unknown
from tfgen.evaluate.metrics.copying import auc
from tfgen.evaluate.metrics.resemblance import is_number
from tfgen.evaluate.rows.tables import missing

MOST_CLASSES = 20  # of a target; the others are one
MOST_JUDGED = 10_000  # rows of either side that are told apart
FOLDS = 5
REPEATS = 4  # of augmentation, each with other samples and other chances of the boosting
_PART = 0.8  # of the samples in each, and of the columns that are looked at where a tree branches
_MOST_CATEGORIES = 254  # that a tree can tell apart
_TARGETS = ("target", "label", "class", "income", "y", "outcome", "diagnosis", "default", "churn", "survived")
_BINS = 64


def is_installed() -> bool:
    """Whether scikit-learn is there; it is not imported."""
    return importlib.util.find_spec("sklearn") is not None


NOT_INSTALLED = "It needs scikit-learn: pip install 'tfgen[tables]'"


def _ensemble() -> Any:
    try:
        from sklearn import ensemble
    except ImportError as error:
        raise UserError("Gradient boosting needs scikit-learn.", "Install it: pip install 'tfgen[tables]'") from error
    return ensemble


def _in_one_thread(function: Callable[..., Any]) -> Callable[..., Any]:
    """Trees are grown in many short turns, after each of which all threads wait for the last.

    Where anybody else uses the processor, two threads were seen to take 40 times as long as one.
    """

    @functools.wraps(function)
    def limited(*arguments: Any, **options: Any) -> Any:
        _ensemble()  # only what is loaded already can be limited
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1, user_api="openmp"):
            return function(*arguments, **options)

    return limited


@dataclass(frozen=True)
class Target:
    """What is predicted of a row from its other columns."""

    name: str
    classes: int  # of a category; 0 of a number
    guessed: bool  # nobody named it

    @property
    def is_category(self) -> bool:
        return self.classes > 0


def check_target(named: str, learned: Sequence[str]) -> None:
    """Raises UserError, with the nearest name, where no column that is learned has this one."""
    if named not in learned:
        raise unknown("column to predict", named, learned)


def target_of(table: np.ndarray, named: str | None = None) -> Target | None:
    """The column named; else the last one if it is a category of few, else one that is called like a target, else the
    last number. None where there is nothing to predict.

    Raises:
        UserError: there is no such column among those that are learned.
    """
    names = table.dtype.names
    if named is not None:
        check_target(named, names)
        return Target(named, _classes(table, named), False)
    if len(names) < 2:
        return None
    for name in (names[-1], *(each for each in names if each.casefold() in _TARGETS)):
        if 2 <= _classes(table, name) <= MOST_CLASSES:
            return Target(name, _classes(table, name), True)
    likely = [each for each in names if each.casefold() in _TARGETS]
    numbers = likely or [each for each in names if is_number(table, each)][-1:] or [names[-1]]
    return Target(numbers[0], _classes(table, numbers[0]), True)


def _classes(table: np.ndarray, name: str) -> int:
    """How many categories are there, at most MOST_CLASSES and one for the rest; 0 of a number."""
    if is_number(table, name):
        return 0
    return min(int(table[name].max(initial=-1)) + 1, MOST_CLASSES + 1)


def wanted(table: np.ndarray, target: Target) -> np.ndarray:
    """What is to be predicted, of rows that have it: int64 or float64 [n]."""
    values = table[target.name][~missing(table, target.name)]
    return np.minimum(values, target.classes - 1).astype(np.int64) if target.is_category else values


@_in_one_thread
def predict(learned: np.ndarray, rows: np.ndarray, target: Target, seed: int | None = None) -> np.ndarray:
    """What boosting that learned one table says of rows of another that have the target.

    float64 [n, classes] of probabilities for a category, [n, 1] for a number. Categories that it never saw have
    probability 0.

    Args:
        seed: where it is given, boosting has chances of its own, by which it may do better or worse.
    """
    learned = learned[~missing(learned, target.name)]
    rows = rows[~missing(rows, target.name)]
    values = wanted(learned, target)
    found = np.zeros([len(rows), max(target.classes, 1)])
    if len(np.unique(values)) < 2:
        if len(values):
            found[:, int(values[0]) if target.is_category else 0] = 1.0 if target.is_category else values[0]
        return found
    others = [name for name in learned.dtype.names if name != target.name]
    model = _boosting(target.is_category, learned, others, seed).fit(_features(learned, others), values)
    if not target.is_category:
        return model.predict(_features(rows, others))[:, None]
    found[:, model.classes_] = model.predict_proba(_features(rows, others))
    return found


@_in_one_thread
def tell_apart(real: np.ndarray, generated: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """How sure boosting that learned from the others is that a row is synthetic: float64 [n] of real rows, and of as
    many generated ones, by cross-validation."""
    count = min(len(real), len(generated), MOST_JUDGED)
    features, made = _both(real[:count], generated[:count])
    fold = np.random.default_rng([seed, 4]).permutation(count) % FOLDS
    fold, scores = np.concatenate([fold, fold]), np.zeros(2 * count)
    for each in range(FOLDS if count >= 2 * FOLDS else 0):
        rest = fold != each
        model = _boosting(True, real, real.dtype.names).fit(features[rest], made[rest])
        scores[~rest] = model.predict_proba(features[~rest])[:, 1]
    return scores[:count], scores[count:]


@dataclass(frozen=True)
class Giveaway:
    """How far one column tells synthetic rows from real ones."""

    name: str
    alone: float  # AUC by this column and no other
    lost: float  # AUC that is lost by all columns where this one is shuffled (Breiman 2001)


@_in_one_thread
def giveaways(real: np.ndarray, generated: np.ndarray, seed: int = 0) -> list[Giveaway]:
    """What tells most first: half of the rows are learned from, the others are judged."""
    count = min(len(real), len(generated), MOST_JUDGED) // 2 * 2
    features, made = _both(real[:count], generated[:count])
    learned = np.arange(2 * count) % 2 == 0
    model = _boosting(True, real, real.dtype.names).fit(features[learned], made[learned])
    judged, truth = features[~learned], made[~learned]
    whole = _auc(model.predict_proba(judged)[:, 1], truth)
    generator, found = np.random.default_rng([seed, 5]), []
    for place, name in enumerate(real.dtype.names):
        shuffled = judged.copy()
        shuffled[:, place] = judged[generator.permutation(len(judged)), place]
        alone = _alone(features[:, place], made, learned, is_number(real, name))
        found.append(Giveaway(name, alone, whole - _auc(model.predict_proba(shuffled)[:, 1], truth)))
    return sorted(found, key=lambda each: -max(each.alone - 0.5, each.lost))


def augment(training: np.ndarray, generated: np.ndarray, rows: np.ndarray, target: Target, seed: int) -> np.ndarray:
    """What boosting says of rows that have the target, after it learned all real rows, and these with samples beside.

    float64 [n, REPEATS, 2]; places of classes, or numbers. Beside a part of the real rows, samples would win by what
    they say of the others.
    """
    generator, found = np.random.default_rng([seed, 6]), []
    count = min(len(training), max(1, int(_PART * len(generated))))
    for repeat in range(REPEATS):
        both = np.concatenate([training, generated[generator.permutation(len(generated))[:count]]])
        said = [predict(learned, rows, target, repeat) for learned in (training, both)]
        found.append([each.argmax(axis=1) if target.is_category else each[:, 0] for each in said])
    return np.transpose(np.array(found, np.float64), (2, 0, 1))


def _boosting(category: bool, table: np.ndarray, names: Sequence[str], seed: int | None = None) -> Any:
    kind = "HistGradientBoostingClassifier" if category else "HistGradientBoostingRegressor"
    categories = [not is_number(table, name) for name in names]
    chance = {"random_state": 0} if seed is None else {"random_state": seed, "max_features": _PART}
    return getattr(_ensemble(), kind)(categorical_features=categories, early_stopping=False, **chance)


def _features(table: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """float64 [n, columns]; NaN where a cell is missing or no number. Rare categories are one: trees take no more."""
    columns = [
        np.where(np.isfinite(table[name]), table[name], np.nan) if is_number(table, name)
        else np.where(table[name] < 0, np.nan, np.minimum(table[name], _MOST_CATEGORIES - 1))
        for name in names
    ]
    return np.stack(columns, axis=1).astype(np.float64)


def _both(real: np.ndarray, generated: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The features of both, and which are generated."""
    made = np.repeat([0, 1], [len(real), len(generated)])
    return np.concatenate([_features(each, real.dtype.names) for each in (real, generated)]), made


def _auc(scores: np.ndarray, made: np.ndarray) -> float:
    return auc(scores[made == 0], scores[made == 1])


def _alone(values: np.ndarray, made: np.ndarray, learned: np.ndarray, number: bool) -> float:
    """By the share of synthetic rows among those that are learned and have the same value, or lie in the same bin; a
    number of few values is looked at value by value."""
    known = values[~np.isnan(values)]
    distinct = np.unique(known)
    if number and len(distinct) > _BINS:
        edges = np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1]))
        codes = np.searchsorted(edges, values, side="right")
    else:
        codes = np.searchsorted(distinct, values)
    codes = np.where(np.isnan(values), codes.max(initial=0) + 1, codes)
    size = int(codes.max(initial=0)) + 1
    seen = np.bincount(codes[learned], minlength=size)
    share = (np.bincount(codes[learned], made[learned], size) + 1) / (seen + 2)
    return _auc(share[codes[~learned]], made[~learned])
