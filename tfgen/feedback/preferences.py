"""What people said, as what a model can learn from: comparisons, texts as they should have been, and lone judgements."""

from dataclasses import dataclass

from tfgen.feedback.events import Sample


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
    """All that was said of a run's samples and not taken back, by those who count."""

    comparisons: tuple[Comparison, ...] = ()
    edits: tuple[Edit, ...] = ()
    watermark: str = ""  # the newest event among them
