"""Did my feedback help? What was said, who agrees with whom, and what was learned from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from tfgen import versions
from tfgen.console import command_line
from tfgen.feedback.events import Event
from tfgen.feedback.oddities import Said, oddities
from tfgen.feedback.store import Store
from tfgen.run import BASE, Run

NEWEST = 10_000  # answers of a run, at the most, that are looked at one by one
_ENOUGH = 20  # cases that two people judged, before their agreement means anything
_CHANGES = 3  # of what was measured before and after, that a sentence names


@dataclass(frozen=True)
class FeedbackReport:
    """What was said of a run: counts[kind][person]; agreements (person, person, same, of how many); what stands out;
    the versions that were learned from it, oldest first; and blind comparisons (version, other, how often the version
    was preferred, ties counted half, of how many)."""

    run: str
    counts: Mapping[str, Mapping[str, int]]
    agreements: Sequence[tuple[str, str, int, int]] = ()
    remarks: Sequence[str] = ()
    versions: Sequence[Mapping[str, Any]] = field(default_factory=list)
    blind: Sequence[tuple[str, str, float, int]] = ()

    def lines(self) -> list[str]:
        """The report in sentences."""
        if not self.counts:
            return [f"Nothing was said of '{self.run}' yet. Begin with: {command_line('steer', self.run)}"]
        people = sorted({who for each in self.counts.values() for who in each})
        totals = {kind: sum(each.values()) for kind, each in self.counts.items()}
        said = ", ".join(f"{total} {_NOUNS[kind][total > 1]}" for kind, total in totals.items())
        lines = [f"Said: {said}, by {_listed(people)}."]
        for who, other, same, of in self.agreements:
            lines.append(f"{who} and {other} picked the same in {same} of {of} cases that both judged.")
        lines += self.remarks
        for new, old, wins, of in self.blind:
            lines.append(f"Side by side and blind, {new} was preferred to {old} in {wins:g} of {of} pairs.")
        learned = [_learned(each) for each in self.versions]
        lines += learned or [f"Nothing was learned from it yet: {command_line('tune', self.run)}"]
        return [*lines, f"To be asked what would teach most: {command_line('feedback', 'ask', self.run)}"]

    def to_json(self) -> dict[str, Any]:
        return {
            "run": self.run,
            "counts": {kind: dict(people) for kind, people in self.counts.items()},
            "agreements": [list(each) for each in self.agreements],
            "remarks": list(self.remarks),
            "versions": [dict(each) for each in self.versions],
            "blind": [list(each) for each in self.blind],
        }


_NOUNS = {
    "pick": ("pick", "picks"),
    "pair": ("comparison of two", "comparisons of two"),
    "rating": ("rating", "ratings"),
    "thumb": ("thumb", "thumbs"),
    "edit": ("edit", "edits"),
    "tag": ("tagging", "taggings"),
    "none": ("answer \"none\"", "answers \"none\""),
    "skip": ("skip", "skips"),
}


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _learned(version: Mapping[str, Any]) -> str:
    """What a version was learned from and how it did, in a sentence."""
    sentence = f"{version['name']} ({version['kind']}, {version['created'][:10]}, from {version['parent']})"
    held_out, win_rate = version.get("held_out"), version.get("win_rate")
    if held_out:
        sentence += f": {held_out['right']} of {held_out['count']} answers that were held out are predicted"
    if win_rate:
        sentence += f"; by a judge of half of the answers preferred in {win_rate[0]:.0%} ({win_rate[1]:.0%} to "
        sentence += f"{win_rate[2]:.0%})"
    before, after = version.get("before", {}), version.get("after", {})
    changes = [f"{name} {before[name]:.3g} to {after[name]:.3g}" for name in after if name in before]
    if changes:
        sentence += f"; {', '.join(changes[:_CHANGES])}"
    if version.get("concerns"):
        sentence += "; kept apart"
    return f"{sentence}."


def report(store: Store, run: Run) -> FeedbackReport:
    """The report on a run."""
    counts: dict[str, dict[str, int]] = {}
    for (kind, who), count in sorted(store.counts(run.name).items()):
        counts.setdefault(kind, {})[who] = count
    learned = [{"name": each.name, **each.record} for each in versions.every(run)]
    answers = store.events(run=run.name, kinds=("pick", "pair"), limit=NEWEST)
    agreements = _agreements(answers)
    remarks, blind = _remarks(answers, agreements), _blind(store, answers, [BASE, *(each["name"] for each in learned)])
    return FeedbackReport(run.name, counts, agreements, remarks, learned, blind)


def _blind(store: Store, answers: Sequence[Event], order: Sequence[str]) -> list[tuple[str, str, float, int]]:
    """What `tfgen tune --blind` has found: of two versions, by their order, how often the later one was preferred."""
    pairs = [event for event in answers if event.session.startswith("blind-")]
    samples = store.samples({each for event in pairs for each in event.shown})
    found: dict[tuple[str, str], list[float]] = {}
    for event in pairs:
        names = [samples[each].version.partition(":")[0] for each in event.shown]
        if len(set(names)) == 2 and set(names) <= set(order):
            new, old = sorted(names, key=order.index, reverse=True)
            won = 0.5 if len(event.picked) == 2 else float(names[event.picked[0]] == new)
            found.setdefault((new, old), []).append(won)
    return [(new, old, sum(won), len(won)) for (new, old), won in found.items()]


def _agreements(answers: Sequence[Event]) -> list[tuple[str, str, int, int]]:
    """How often two people who judged the same samples picked the same: (one, the other, same, of)."""
    judged: dict[frozenset, dict[str, frozenset]] = {}
    for event in answers:  # oldest first, so a person's newest answer counts
        judged.setdefault(frozenset(event.shown), {})[event.who] = frozenset(event.shown[each] for each in event.picked)
    found: dict[tuple[str, str], list[bool]] = {}
    for picks in judged.values():
        for who, other in combinations(sorted(picks), 2):
            found.setdefault((who, other), []).append(picks[who] == picks[other])
    return [(who, other, sum(same), len(same)) for (who, other), same in sorted(found.items())]


def _remarks(answers: Sequence[Event], agreements: Sequence[tuple[str, str, int, int]]) -> list[str]:
    """What a reader should know before they trust the answers."""
    remarks = oddities([Said.of_event(event) for event in answers], named=True)
    for who, other, same, of in agreements:
        if of >= _ENOUGH and same < 0.5 * of:
            remarks.append(f"{who} and {other} picked the same in only {same} of {of} cases.")
    return remarks
