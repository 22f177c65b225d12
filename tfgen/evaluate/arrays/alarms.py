"""Alarms on arrays. Each has been seen to go off on a model that deserves it (tests/evaluate)."""

import math
from typing import NamedTuple

from tfgen.evaluate.alarms import Scores, alarm_of, not_tested, value_of
from tfgen.evaluate.record import Alarm
from tfgen.evaluate.statistics import wilson

LEAST_DIVERSITY = 0.5  # of the real examples' spread within a prompt
LEAST_RECALL, GOOD_PRECISION = 0.1, 0.5  # samples that are right, but few different ones
MOST_COPIED = 0.1  # ten times what a perfect model has; blurred samples come to a third of it
LEAST_ADHERENCE = 0.3  # of the way from chance to what real examples reach
LEAST_TOLD = 0.1  # of the way from chance to certainty that a classifier must come with real examples
MOST_MEMBERSHIP = 0.7

_SURE = 0.02  # how seldom chance alone may raise an alarm on copying


class Told(NamedTuple):
    """How well prompts can be told from examples: the adherence of samples that know nothing of theirs (None without
    labels), that of real examples which the classifier was not fitted to, and how many those were."""

    chance: float | None
    of_real: float | None
    judged_by: int

    @property
    def least(self) -> float:
        """What real examples must reach, for labels to have to do with them."""
        return self.chance + LEAST_TOLD * (1 - self.chance)

    def interval(self) -> tuple[float, float]:
        """Between which values the adherence of all real examples lies (Wilson 1927)."""
        return wilson(self.of_real, max(self.judged_by, 1))


QUESTIONS = {
    "collapse": "Are the samples too much alike?",
    "copying": "Are the samples copies of training examples?",
    "prompt ignored": "Do the samples ignore what was asked for?",
    "overfit": "Does the model know its training examples by heart?",
}

_LOOK = "Look whether the labels belong to the {plural} (tfgen data); else train longer, or raise prompt_dim."


def alarms_of(scores: Scores, told: Told, unseen: int, holdout: bool, plural: str) -> list[Alarm]:
    """Every alarm, raised or quiet.

    Args:
        unseen: new real examples whose nearest training examples samples are compared with.
        holdout: whether there were examples that the model never saw.
        plural: what the examples are called.
    """
    ignored = _prompt_ignored(scores, told, plural)
    return [_collapse(scores), _copying(scores, unseen, plural), ignored, _overfit(scores, holdout)]


def _collapse(scores: Scores) -> Alarm:
    diversity = value_of(scores, "diversity")
    if math.isnan(diversity):
        return not_tested("collapse", "The metric diversity was left out.")
    narrow = value_of(scores, "recall") < LEAST_RECALL and value_of(scores, "precision") > GOOD_PRECISION
    unsure = scores["diversity"].half_width or 0.0
    if not narrow and LEAST_DIVERSITY <= diversity < LEAST_DIVERSITY + unsure:
        vary = f"samples of one prompt vary {diversity:.2f} times as much as real examples do"
        return not_tested("collapse", f"Too few to tell: {vary}, give or take {unsure:.2f}. Look at the samples.")
    return alarm_of(
        "collapse",
        diversity < LEAST_DIVERSITY or narrow,
        f"The samples are too much alike: within a prompt they vary {diversity:.2f} times as much as real examples do"
        + (f", and cover {value_of(scores, 'recall'):.0%} of them." if narrow else "."),
        f"Samples of one prompt vary {diversity:.2f} times as much as real examples do.",
        "For a GAN raise r1 fourfold, halve learning_rate, or begin with another --seed; for a VAE lower beta.",
    )


def _copying(scores: Scores, unseen: int, plural: str) -> Alarm:
    copied = value_of(scores, "copied")
    if math.isnan(copied):
        return not_tested("copying", "The metric copying was left out, or there are too few examples for it.")
    # The nearest of few new examples may by chance be less near than many: 1 - chance^(1/n) of samples or more.
    by_chance = 1 - _SURE ** (1 / unseen)
    if MOST_COPIED < copied <= by_chance:
        near = f"{copied:.0%} of the samples are as near to a training example as the nearest of {unseen} new {plural}"
        return not_tested("copying", f"Too few to tell: {near}, and chance alone may do that.")
    return alarm_of(
        "copying",
        copied > MOST_COPIED,
        f"{copied:.0%} of the samples are as near to one training example as only 1% of new real examples are.",
        f"{copied:.1%} of the samples are suspiciously near to one training example; 1% is usual.",
        "Don't publish the samples as new or private; train for fewer steps, or on more examples.",
    )


def _prompt_ignored(scores: Scores, told: Told, plural: str) -> Alarm:
    adherence, (chance, of_real, judged_by) = value_of(scores, "prompt_adherence"), told
    if math.isnan(adherence) or chance is None or of_real is None:
        return not_tested("prompt ignored", "There is no classifier that could tell: it needs data with labels.")
    low, high = told.interval()
    if low < told.least <= high:
        return not_tested(
            "prompt ignored",
            f"Too few to tell: the classifier was judged by {judged_by} {plural} alone and recognised {of_real:.0%} of "
            f"them; {chance:.0%} would be by chance.",
        )
    if high < told.least:
        return Alarm(
            "prompt ignored",
            "raised",
            f"Labels and {plural} have nothing to do with each other: only {of_real:.0%} of the real examples are "
            f"recognised, and {chance:.0%} would be by chance.",
            _LOOK.format(plural=plural),
        )
    return alarm_of(
        "prompt ignored",
        adherence < chance + LEAST_ADHERENCE * (of_real - chance),
        f"{adherence:.0%} of the samples show what their prompt asked for; {chance:.0%} would by chance.",
        f"{adherence:.1%} of the samples show what their prompt asked for ({of_real:.1%} of the real examples).",
        _LOOK.format(plural=plural),
    )


def _overfit(scores: Scores, holdout: bool) -> Alarm:
    membership = value_of(scores, "membership")
    if not holdout:
        return not_tested("overfit", "It needs examples that the model never saw: name them with --data.")
    if math.isnan(membership):
        return not_tested("overfit", "There are too few held-out examples with prompts that the model knows.")
    return alarm_of(
        "overfit",
        membership > MOST_MEMBERSHIP,
        f"The model tells its training examples from unseen ones: it is right {membership:.0%} of the time.",
        f"The model hardly tells training examples from unseen ones: it is right {membership:.0%} of the time.",
        "Train for fewer steps, on more examples, or with a smaller --size.",
    )
