"""Alarms: what a good score can hide, in words; which there are, each kind of data says in a module of its own."""

import math
from collections.abc import Mapping

from tfgen.evaluate.record import Alarm, Score

Scores = Mapping[str, Score]


def value_of(scores: Scores, name: str) -> float:
    """Not-a-number, with which every comparison is false, where there is no such score."""
    return scores[name].value if name in scores else math.nan


def alarm_of(name: str, raised: bool, loud: str, quiet: str, advice: str) -> Alarm:
    return Alarm(name, "raised", loud, advice) if raised else Alarm(name, "quiet", quiet)


def not_tested(name: str, why: str) -> Alarm:
    return Alarm(name, "not tested", why)
