"""Alarms on rows. Each has been seen to go off on samples that deserve it (tests/evaluate/test_rows.py)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfgen.evaluate.alarms import Scores, alarm_of, not_tested, value_of
from tfgen.evaluate.metrics.resemblance import is_number
from tfgen.evaluate.record import Alarm
from tfgen.evaluate.rows.boosting import Giveaway
from tfgen.evaluate.statistics import wilson
from tfgen.representations.rows.columns import Column

MORE_COPIES = 0.01  # of the samples, beyond what held-out rows have
MOST_CLOSENESS = 0.6
MOST_MEMBERSHIP = 0.7
MOST_LEAKED = 0.1  # of an attack: how much more often it works on learned rows
LEAST_VARIETY = 0.25  # of a real column's
MOST_DETECTED = 0.9
LEAST_EXPECTED = 10  # of a category among so many samples: by chance it is lost once in 20,000 times

_PARTS = 20  # that a number is cut into, to see how varied it is
_NAMED = 3  # columns or categories that are named
_TOO_CLOSE = "Don't publish the samples as anonymous; train for fewer steps, on more rows, or with a smaller --size."

QUESTIONS = {
    "copying": "Are samples copies of rows that were learned?",
    "memorised": "Can anybody tell who was in the data?",
    "collapse": "Has a column lost its variety?",
    "detectable": "Are samples told from real rows at once?",
    "category lost": "Is there something that never comes?",
}


@dataclass(frozen=True)
class Found:
    """What is known of the columns, beside the scores."""

    held_out: int  # rows
    samples: int
    real_copies: float | None  # the share of held-out rows that were learned too; None without any
    unique: Sequence[str]  # numbers that are different in nearly every row
    collapsed: Sequence[str]
    lost: Sequence[str]  # "column: category"
    giveaway: Giveaway | None  # what tells samples from real rows the most


def alarms_of(scores: Scores, found: Found) -> list[Alarm]:
    """Every alarm, raised or quiet."""
    copying, memorised = _copying(scores, found), _memorised(scores)
    return [copying, memorised, _collapse(found), _detectable(scores, found), _lost(found)]


def collapsed_columns(real: np.ndarray, generated: np.ndarray) -> list[str]:
    """The columns whose variety is less than a quarter of the real one's: Simpson's index, that two rows differ.

    Numbers are cut into twentieths of the real rows. Columns that are nearly constant in the real rows don't count.
    """
    found = []
    for name in real.dtype.names:
        edges = None
        if is_number(real, name):
            known = real[name][~np.isnan(real[name])]
            if not len(known):
                continue
            edges = np.unique(np.quantile(known, np.linspace(0, 1, _PARTS + 1)[1:-1]))
        usual, there = (_variety(table[name], edges) for table in (real, generated))
        if usual >= 0.1 and there < LEAST_VARIETY * usual:
            found.append(name)
    return found


def _variety(values: np.ndarray, edges: np.ndarray | None) -> float:
    if edges is None:
        codes = values.astype(np.int64) + 1
    else:
        # Values on an edge are of their own, so that a column with one frequent value isn't one part.
        codes = np.where(
            np.isnan(values), 0, 1 + np.searchsorted(edges, values, "left") + np.searchsorted(edges, values, "right")
        )
    shares = np.bincount(codes) / max(len(codes), 1)
    return 1 - float((shares**2).sum())


def lost_categories(real: np.ndarray, generated: np.ndarray, columns: Sequence[Column]) -> list[str]:
    """Those of which at least 10 were to be expected among the samples, and there is none; the commonest first."""
    found = []
    for column in columns:
        if not column.is_categorical:
            continue
        size = len(column.categories)
        counts, there = (np.bincount(table[column.name] + 1, minlength=size + 1)[1:] for table in (real, generated))
        expected = counts / len(real) * len(generated)
        lost = np.flatnonzero((expected >= LEAST_EXPECTED) & (there == 0))
        found += [(float(expected[place]), f"{column.name}: {column.categories[place]}") for place in lost]
    return [words for _, words in sorted(found, reverse=True)]


def _copying(scores: Scores, found: Found) -> Alarm:
    copied = value_of(scores, "copied_rows")
    if math.isnan(copied):
        return not_tested("copying", "The metric copies was left out.")
    if found.real_copies is None:
        return not_tested("copying", "It needs rows that the model never saw: name some with --data.")
    low, usual = wilson(copied, found.samples)[0], wilson(found.real_copies, found.held_out)[1]
    blind = ""
    if found.unique:
        blind = f" But {_named(found.unique)} differs in nearly every row: a copy but for it is none."
    sentence = f"{copied:.1%} of the samples are rows that were learned, of held-out rows {found.real_copies:.1%}."
    raised = low > usual + MORE_COPIES
    if not raised and copied > found.real_copies + 10 * MORE_COPIES:
        return not_tested("copying", f"Too few held-out rows to tell: {sentence}")
    return alarm_of("copying", raised, sentence, sentence + blind, _TOO_CLOSE)


def _memorised(scores: Scores) -> Alarm:
    """By any of five attacks, at the better end of its interval; unsure where only the value itself is too high."""
    names = {
        "closeness": (MOST_CLOSENESS, "learned rows lie nearer to the samples than others {:.0%} of the time"),
        "membership": (MOST_MEMBERSHIP, "its likelihood tells learned rows from others {:.0%} of the time"),
        "attribute_inference": (MOST_LEAKED, "secret cells of learned rows are guessed more often, by {:.0%} of them"),
        "singling_out_by_one": (MOST_LEAKED, "values of learned rows are found in the samples, and single them out"),
        "singling_out_by_several": (MOST_LEAKED, "learned rows are singled out more often, by {:.0%} of predicates"),
    }
    known = {name: scores[name] for name in names if name in scores}
    if not known:
        return not_tested("memorised", "It needs 100 rows that the model never saw: name some with --data.")
    high = {name: score for name, score in known.items() if score.value > names[name][0]}
    sure = {name for name, score in high.items() if score.value - _unsure(score.half_width) > _start(name)}
    words = "; ".join(names[name][1].format(score.value) for name, score in high.items()) or "nothing."
    words = words[0].upper() + words[1:] + "."
    if high and not sure:
        return not_tested("memorised", f"Too few to tell: {words[0].lower()}{words[1:]}")
    quiet = "No attack that was tried does much better on learned rows than on others."
    loud = f"The samples or the model give away who was in the data. {words}"
    return alarm_of("memorised", bool(sure), loud, quiet, _TOO_CLOSE)


def _start(name: str) -> float:
    """What chance alone gives, with some air."""
    return 0.53 if name in ("closeness", "membership") else 0.02


def _unsure(half_width: float | None) -> float:
    return math.inf if half_width is None else half_width


def _collapse(found: Found) -> Alarm:
    which = _named(found.collapsed)
    return alarm_of(
        "collapse",
        bool(found.collapsed),
        f"Less than a quarter of the variety is left of {which}.",
        "Every column is about as varied as in the data.",
        "Train longer; for a GAN begin with another --seed, for a VAE lower beta.",
    )


def _detectable(scores: Scores, found: Found) -> Alarm:
    if "detectability" not in scores:
        return not_tested("detectable", "The metric detectability was left out, or there are too few held-out rows.")
    score = scores["detectability"]
    low = score.value - _unsure(score.half_width)
    by, advice = "", "Train longer, or with a larger --size."
    if found.giveaway is not None and found.giveaway.alone > 0.6:
        by = f"; '{found.giveaway.name}' alone does {found.giveaway.alone:.0%} of the time"
        advice = f"Look at '{found.giveaway.name}' below: is it read as what it is (tfgen data)? Else train longer."
    elif found.giveaway is not None:
        by = f", the most by what goes together with '{found.giveaway.name}'"
    sentence = f"Boosting tells a sample from a real row {score.value:.0%} of the time{by}."
    if score.value > MOST_DETECTED >= low:
        return not_tested("detectable", f"Too few to tell: {sentence[0].lower()}{sentence[1:]}")
    return alarm_of("detectable", low > MOST_DETECTED, sentence, sentence, advice)


def _lost(found: Found) -> Alarm:
    return alarm_of(
        "category lost",
        bool(found.lost),
        f"Never among {found.samples:,} samples, though ten or more were to be expected: {_named(found.lost)}.",
        "Every category that is to be expected comes.",
        "Train longer; for a GAN begin with another --seed. Draw the rare ones on purpose by a condition.",
    )


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(f"'{name}'" for name in names[:_NAMED]) + more
