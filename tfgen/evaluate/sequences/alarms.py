"""Alarms on texts. Each has been seen to go off on a model that deserves it (tests/evaluate)."""

import math
from collections.abc import Mapping

from tfgen.evaluate.alarms import Scores, alarm_of, not_tested, value_of
from tfgen.evaluate.record import Alarm
from tfgen.evaluate.score_descriptions import number

MOST_COPIED = 0.05  # of all pieces of 50 characters, beyond twice what real text has
LONG_MATCH = 50.0  # characters: what more than one in twenty samples has, and twice what real text has
MOST_REPETITION = 0.1  # beyond twice what real text has
MOST_GAP = 1.3  # times the bits of training text
MOST_MEMBERSHIP = 0.7

QUESTIONS = {
    "copying": "Are the samples copies of the training text?",
    "repeats itself": "Do samples say the same again and again?",
    "overfit": "Does the model know its training text by heart?",
    "hasn't learned": "Is it no better than counting?",
}

_NO_HOLDOUT = "It needs text that the model never saw: name some with --data."
_SMALLER = "Train for fewer steps, on more text, with a smaller --size, or with --set dropout=0.2."


def alarms_of(
    scores: Scores, baselines: Mapping[str, Mapping[str, float]], counted: float | None, unit: str = "character"
) -> list[Alarm]:
    """Every alarm, raised or quiet.

    Args:
        counted: bits per unit of a model that counts pairs of tokens; None without unseen text.
        unit: what bits are counted by.
    """
    real = baselines.get("real", {})
    return [
        _copying(scores, real),
        _repeats(scores, real),
        _overfit(scores, unit),
        _learned(scores, baselines, counted, unit),
    ]


def _copying(scores: Scores, real: Mapping[str, float]) -> Alarm:
    """By how much is copied at all, or by how long the copies of one sample in twenty are."""
    copied, long = value_of(scores, "copied_windows"), value_of(scores, "longest_match_95")
    if math.isnan(long):
        return not_tested("copying", "The metric memorisation was left out, or the samples are empty.")
    usual, usual_long = real.get("copied_windows", 0.0), real.get("longest_match_95", 0.0)
    beside = f" ({usual:.1%} in unseen text)" if "copied_windows" in real else ""
    beside_longest = f" ({usual_long:.0f} in unseen text)" if "longest_match_95" in real else ""
    longest = f"he longest matches of one sample in twenty have {long:.0f} characters or more{beside_longest}"
    pieces = f"{copied:.1%} of all pieces of 50 characters in the samples stand word for word in the training text"
    short = math.isnan(copied)
    return alarm_of(
        "copying",
        copied > MOST_COPIED + 2 * usual or long > max(LONG_MATCH, 2 * usual_long),
        f"T{longest}." if short else f"{pieces}{beside}; t{longest}.",
        f"T{longest}, and no sample is long enough for more." if short else f"{pieces}{beside}.",
        "Don't publish the samples as new or private; train for fewer steps, or on more text.",
    )


def _repeats(scores: Scores, real: Mapping[str, float]) -> Alarm:
    repeated = value_of(scores, "repetition")
    if math.isnan(repeated):
        return not_tested("repeats itself", "The metric repetition was left out, or the samples are too short for it.")
    usual = real.get("repetition", 0.0)
    beside = f" ({usual:.1%} in real text)" if real else ""
    return alarm_of(
        "repeats itself",
        repeated > MOST_REPETITION + 2 * usual,
        f"{repeated:.0%} of the sequences of four words in a sample have been there before{beside}.",
        f"{repeated:.1%} of the sequences of four words in a sample have been there before{beside}.",
        "Train longer, or on text that repeats itself less (tfgen data); to write, use --repetition-penalty 1.2.",
    )


def _overfit(scores: Scores, unit: str) -> Alarm:
    """By the loss of unseen text as a multiple of that of training text, or by telling documents apart."""
    unseen, gap = value_of(scores, "bits_per_character"), value_of(scores, "generalisation_gap")
    membership = value_of(scores, "membership")
    if math.isnan(gap) or math.isnan(unseen):
        return not_tested("overfit", _NO_HOLDOUT)
    told = "" if math.isnan(membership) else f", and tells which it learned {membership:.0%} of the time"
    sentence = f"Unseen text costs {number(unseen)} bits per {unit}, training text {number(unseen - gap)}{told}."
    raised = unseen > MOST_GAP * (unseen - gap) or membership > MOST_MEMBERSHIP
    return alarm_of("overfit", raised, f"The model knows its training text by heart. {sentence}", sentence, _SMALLER)


def _learned(
    scores: Scores, baselines: Mapping[str, Mapping[str, float]], counted: float | None, unit: str
) -> Alarm:
    """Worse than counting which token follows which; the n-gram model of the table is a much harder test."""
    bits = value_of(scores, "bits_per_character")
    if math.isnan(bits) or counted is None:
        return not_tested("hasn't learned", _NO_HOLDOUT)
    ngram = baselines.get("n-gram", {}).get("bits_per_character")
    more = f", a count of longer sequences {number(ngram)}" if ngram is not None else ""
    sentence = (
        f"Unseen text costs the model {number(bits)} bits per {unit}; a count of pairs of tokens needs "
        f"{number(counted)}{more}."
    )
    return alarm_of(
        "hasn't learned", bits > counted, f"The model is worse than a count of pairs. {sentence}", sentence,
        "Train longer; if it doesn't help, halve learning_rate.",
    )
