"""Alarms: what a good score can hide. Each has been seen to go off on a model that deserves it (tests/evaluate)."""

import math
from collections.abc import Mapping

from tfgen.evaluate.record import Alarm, Score

LEAST_DIVERSITY = 0.5  # of the real examples' spread within a prompt
LEAST_RECALL, GOOD_PRECISION = 0.1, 0.5  # pictures that are right, but few different ones
MOST_COPIED = 0.1  # ten times what a perfect model has; blurred samples come to a third of it
LEAST_ADHERENCE = 0.3  # of the way from chance to what real examples reach
LEAST_TOLD = 0.1  # of the way from chance to certainty that a classifier must come with real examples
MOST_MEMBERSHIP = 0.7

Scores = Mapping[str, Score]

_LOOK = "Look whether the labels belong to the pictures (tfgen data); else train longer, or raise prompt_dim."


def alarms_of(scores: Scores, chance: float | None, adherence_of_real: float | None, holdout: bool) -> list[Alarm]:
    """Every alarm, raised or quiet.

    Args:
        chance: the adherence of samples that know nothing of their prompts; None without labels.
        adherence_of_real: how many real examples, that it was not fitted to, the classifier recognises.
        holdout: whether there were examples that the model never saw.
    """
    return [_collapse(scores), _copying(scores), _prompt_ignored(scores, chance, adherence_of_real),
            _overfit(scores, holdout)]


def _value(scores: Scores, name: str) -> float:
    """Not-a-number, with which every comparison is false, where there is no such score."""
    return scores[name].value if name in scores else math.nan


def _alarm(name: str, raised: bool, loud: str, quiet: str, advice: str) -> Alarm:
    return Alarm(name, "raised", loud, advice) if raised else Alarm(name, "quiet", quiet)


def _not_tested(name: str, why: str) -> Alarm:
    return Alarm(name, "not tested", why)


def _collapse(scores: Scores) -> Alarm:
    diversity = _value(scores, "diversity")
    if math.isnan(diversity):
        return _not_tested("collapse", "The metric diversity was left out.")
    narrow = _value(scores, "recall") < LEAST_RECALL and _value(scores, "precision") > GOOD_PRECISION
    return _alarm(
        "collapse",
        diversity < LEAST_DIVERSITY or narrow,
        f"The samples are too much alike: within a prompt they vary {diversity:.2f} times as much as real examples do"
        + (f", and cover {_value(scores, 'recall'):.0%} of them." if narrow else "."),
        f"Samples of one prompt vary {diversity:.2f} times as much as real examples do.",
        "For a GAN raise r1 fourfold, halve learning_rate, or begin with another --seed; for a VAE lower beta.",
    )


def _copying(scores: Scores) -> Alarm:
    copied = _value(scores, "copied")
    if math.isnan(copied):
        return _not_tested("copying", "The metric copying was left out, or there are too few examples for it.")
    return _alarm(
        "copying",
        copied > MOST_COPIED,
        f"{copied:.0%} of the samples are as near to one training example as only 1% of new real examples are.",
        f"{copied:.1%} of the samples are suspiciously near to one training example; 1% is usual.",
        "Don't publish the samples as new or private; train for fewer steps, or on more examples.",
    )


def _prompt_ignored(scores: Scores, chance: float | None, of_real: float | None) -> Alarm:
    adherence = _value(scores, "prompt_adherence")
    if math.isnan(adherence) or chance is None or of_real is None:
        return _not_tested("prompt ignored", "There is no classifier that could tell: it needs data with labels.")
    if of_real < chance + LEAST_TOLD * (1 - chance):
        return Alarm(
            "prompt ignored",
            "raised",
            f"Labels and pictures have nothing to do with each other: only {of_real:.0%} of the real examples are "
            f"recognised, and {chance:.0%} would be by chance.",
            _LOOK,
        )
    return _alarm(
        "prompt ignored",
        adherence < chance + LEAST_ADHERENCE * (of_real - chance),
        f"{adherence:.0%} of the samples show what their prompt asked for; {chance:.0%} would by chance.",
        f"{adherence:.1%} of the samples show what their prompt asked for ({of_real:.1%} of the real examples).",
        _LOOK,
    )


def _overfit(scores: Scores, holdout: bool) -> Alarm:
    membership = _value(scores, "membership")
    if not holdout:
        return _not_tested("overfit", "It needs examples that the model never saw: name them with --data.")
    if math.isnan(membership):
        return _not_tested("overfit", "There are too few held-out examples with prompts that the model knows.")
    return _alarm(
        "overfit",
        membership > MOST_MEMBERSHIP,
        f"The model tells its training examples from unseen ones: it is right {membership:.0%} of the time.",
        f"The model hardly tells training examples from unseen ones: it is right {membership:.0%} of the time.",
        "Train for fewer steps, on more examples, or with a smaller --size.",
    )
