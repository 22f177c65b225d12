"""What looks wrong in answers, and a reader should know before they trust them."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from tfgen.console import several
from tfgen.feedback.events import Event
from tfgen.feedback.preferences import Comparison

_ONE_SIDED = 0.8  # of a person's answers that pick the same place
_MOST = 0.8  # of all answers that are one person's
_ENOUGH = 20  # answers, before shares of them mean anything


class Said(NamedTuple):
    """An answer: who gave it, the ids of what was shown, and the places of what was picked."""

    who: str
    shown: tuple[str, ...]
    picked: tuple[int, ...]

    @classmethod
    def of_comparison(cls, comparison: Comparison) -> "Said":
        return cls(comparison.who, tuple(sample.id for sample in comparison.shown), comparison.picked)

    @classmethod
    def of_event(cls, event: Event) -> "Said":
        return cls(event.who, event.shown, event.picked)


def oddities(answers: Sequence[Said], named: bool = False) -> list[str]:
    """In sentences: who always picks the same place, contradicts themselves, or is nearly alone.

    named: say who it is. What is kept for good, such as a version's record, doesn't.
    """
    people: dict[str, list[Said]] = {}
    for each in answers:
        people.setdefault(each.who, []).append(each)
    found = []
    for who, own in people.items():
        person = who if named else "One person" if len(people) > 1 else "The person who answered"
        place, often = Counter(place for each in own for place in each.picked).most_common(1)[0]
        by_chance = sum(len(each.picked) / len(each.shown) for each in own) / len(own)
        if len(own) >= _ENOUGH and often / len(own) > max(_ONE_SIDED, 1.3 * by_chance):
            found.append(f"{person} picked place {place + 1} in {often} of {len(own)} answers.")
        against = _both_ways(own)
        if against:
            found.append(f"{person} judged {several(against, 'pair')} of samples both ways.")
        if len(people) > 1 and len(answers) >= _ENOUGH and len(own) > _MOST * len(answers):
            share = f"{len(own)} of {len(answers)} answers"
            found.append(f"{person} gave {share}, so what is learned is mostly that taste.")
    return found


def _both_ways(answers: Sequence[Said]) -> int:
    """How many pairs of samples one person judged one way, and then the other."""
    orders = {
        (each.shown[better], each.shown[worse])
        for each in answers
        for better in each.picked
        for worse in set(range(len(each.shown))) - set(each.picked)
    }
    return sum((worse, better) in orders for better, worse in orders) // 2
