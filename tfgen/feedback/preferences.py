"""What people said, as what a model can learn from: comparisons, and texts as they should have been."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tfgen.feedback.events import Event, Sample, run_digest
from tfgen.run import Run


@dataclass(frozen=True)
class Comparison:
    """One answer: what was shown, and the places of what was better than all the rest of it.

    weight: how much it counts, so that a pick of many is worth no more than its pairs together.
    """

    shown: tuple[Sample, ...]
    picked: tuple[int, ...]
    who: str = ""
    session: str = ""
    event: str = ""
    weight: float = 1.0

    @property
    def rest(self) -> tuple[int, ...]:
        """The places of what was not picked."""
        return tuple(place for place in range(len(self.shown)) if place not in self.picked)

    def pairs(self) -> list[tuple[Sample, Sample, float]]:
        """(better, worse, weight) for each of the picked against each of the rest; the weights add up to `weight`."""
        share = self.weight / max(len(self.picked) * len(self.rest), 1)
        return [(self.shown[better], self.shown[worse], share) for better in self.picked for worse in self.rest]


@dataclass(frozen=True)
class Edit:
    """A sample, and what a person made of it."""

    sample: Sample
    text: str
    who: str = ""
    event: str = ""


@dataclass(frozen=True)
class Preferences:
    """All that was said of a run's samples and not taken back.

    left_out: answers about samples of other weights, which can't be made again.
    repeated: answers in which a person judged the same samples again; the newest counts.
    """

    comparisons: tuple[Comparison, ...] = ()
    edits: tuple[Edit, ...] = ()
    watermark: str = ""  # the newest event among them
    left_out: int = 0
    repeated: int = 0


def preferences_of(store: Any, run: Run, who: str | None = None) -> Preferences:
    """What people, or one of them, said of a run's samples, of all its versions.

    Samples of arrays count where the run still has the weights that made them; sequences are kept as text, and always
    count. A rating is compared with the one before it, of the same person and prompt, that differs.
    """
    digest = run_digest(run)
    events = store.events(either=(run.name, digest), who=who)
    samples = store.samples({each for event in events for each in event.shown})
    usable, left_out = [], 0
    for event in events:
        shown = [samples[each] for each in event.shown if each in samples]
        if shown and all(sample.digest == digest or sample.content is not None for sample in shown):
            usable.append((event, tuple(shown)))
        else:
            left_out += 1
    answers = _answers(usable)
    newest = {(answer.who, frozenset(sample.id for sample in answer.shown)): answer for answer in answers}
    comparisons = (*newest.values(), *_from_values(usable))
    edits = tuple(
        Edit(shown[0], event.payload["text"], event.who, event.id) for event, shown in usable if event.kind == "edit"
    )
    watermark = max((event.id for event, _ in usable), default="")
    return Preferences(comparisons, edits, watermark, left_out, len(answers) - len(newest))


def _answers(usable: Iterable[tuple[Event, tuple[Sample, ...]]]) -> list[Comparison]:
    """Picks among several, but for those in which all were equally good; "none" prefers what was kept from before."""
    answers = []
    for event, shown in usable:
        picked = event.picked if event.kind in ("pick", "pair") else ()
        if event.kind == "none" and "kept" in event.payload.get("arms", ()):
            picked = (list(event.payload["arms"]).index("kept"),)
        if picked and len(picked) < len(shown):
            answers.append(Comparison(shown, picked, event.who, event.session, event.id))
    return answers


def _from_values(usable: Iterable[tuple[Event, tuple[Sample, ...]]]) -> list[Comparison]:
    """Ratings and thumbs, each against the last one of the same person, scale and prompt that differs from it.

    Each is used once: two comparisons that share a sample would each foretell the other, by chance too.
    """
    newest: dict[tuple[str, str, str], Event] = {}
    samples = {}
    for event, (sample, *_) in usable:
        if event.kind in ("rating", "thumb"):
            # A second opinion takes the first one's place, and a turn of its own.
            newest.pop((event.kind, event.who, sample.id), None)
            newest[event.kind, event.who, sample.id] = event
            samples[sample.id] = sample
    comparisons = []
    waiting: dict[tuple[str, str, str], list[tuple[int, Sample]]] = {}
    for (kind, who, place), event in newest.items():
        sample, value = samples[place], event.payload["value"]
        others = waiting.setdefault((kind, who, sample.prompt), [])
        other = next((each for each in reversed(others) if each[0] != value), None)
        if other is None:
            others.append((value, sample))
            continue
        others.remove(other)
        better = 0 if value > other[0] else 1
        comparisons.append(Comparison((sample, other[1]), (better,), who, event.session, event.id))
    return comparisons
