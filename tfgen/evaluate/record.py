"""An evaluation as it is kept: scores with what they were measured with, baselines, alarms, and words."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfgen import files
from tfgen.errors import UserError

FORMAT = 1
FILE = "evaluation.json"


@dataclass(frozen=True)
class Score:
    """One number, how far it may be off (95 %), and what is better."""

    metric: str
    value: float
    half_width: float | None
    better: str  # "lower", "higher" or "near 1"


@dataclass(frozen=True)
class Alarm:
    """A question that must be answered with no: raised, quiet, or not tested."""

    name: str
    state: str
    sentence: str
    advice: str = ""


@dataclass(frozen=True)
class MeasuredWith:
    """What a score depends on beside the model. Only records that agree in all of it can be compared,
    but for what only some scores depend on."""

    tfgen_format: int
    extractor: str  # what looked at the samples
    extractor_hash: str
    resizer: str
    reference: str  # fingerprint of the data that samples are compared with
    shape: tuple[int, ...]  # of an array; of a sequence, how many tokens it has at the most
    count: int  # samples, and real examples beside them
    seed: int
    holdout: str | None  # fingerprint
    modality: str = "image"
    tokenizer: str = ""  # hash; only what is counted in tokens depends on it (Metric.depends_on)
    representation: str = ""  # of records before version 2 of the metrics: not said
    unit: str = "character"  # that bits are counted by
    target: str = ""  # the column that is predicted; only its scores depend on it


@dataclass(frozen=True)
class Evaluation:
    """Everything that was found of one run."""

    run: str
    checkpoint: str
    step: int
    minutes: float  # of training
    parameters: int  # that were trained
    created: str
    measured_with: MeasuredWith
    scores: dict[str, Score]
    baselines: dict[str, dict[str, float]]  # the baseline's name to its scores
    left_out: dict[str, str]  # metrics, and why
    alarms: list[Alarm]
    notes: list[str]
    words: str = ""
    # What this evaluation cost, as tfgen.trust.energy.Energy has it; and "thousand_samples", what drawing those costs.
    energy: dict[str, Any] | None = None

    def __getitem__(self, name: str) -> Score:
        """A score by its own name, or by its metric's where that has one alone: `evaluation["frechet"].value`.

        Raises:
            KeyError: there is none; names those that there are.
        """
        if name in self.scores:
            return self.scores[name]
        if name in self.left_out:
            raise KeyError(f"{name!r} was left out: {self.left_out[name]}")
        found = [score for score in self.scores.values() if score.metric == name]
        if len(found) != 1:
            raise KeyError(f"no score named {name!r}; there are: {', '.join(self.scores)}")
        return found[0]

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists."""
        return {"format": FORMAT, **dataclasses.asdict(self)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Evaluation":
        """What `to_json` gave, also by way of a file."""
        fields = {key: part for key, part in value.items() if key != "format"}
        with_shape = {**fields["measured_with"], "shape": tuple(fields["measured_with"]["shape"])}
        return cls(
            **{
                **fields,
                "measured_with": MeasuredWith(**with_shape),
                "scores": {name: Score(**score) for name, score in fields["scores"].items()},
                "alarms": [Alarm(**alarm) for alarm in fields["alarms"]],
            }
        )

    def write(self, folder: Path) -> None:
        """Replaces the run's evaluation."""
        files.write_json(folder / FILE, self.to_json())

    @classmethod
    def read(cls, folder: Path) -> "Evaluation | None":
        """The run's evaluation; None where there is none, or one of another version."""
        try:
            value = json.loads((folder / FILE).read_text(encoding="utf-8"))
            return cls.from_json(value) if value["format"] == FORMAT else None
        except (OSError, ValueError, KeyError, TypeError):
            return None


_IN_WORDS = {
    "modality": "what they make",
    "representation": "how the data is represented",
    "unit": "what bits are counted by",
    "extractor": "the extractor",
    "extractor_hash": "the extractor's weights",
    "resizer": "how examples are resized",
    "reference": "the training data",
    "shape": "the samples' size",
    "count": "the number of samples",
    "seed": "the seed",
    "holdout": "the held-out data",
    "tfgen_format": "the version of the metrics",
}


def check_comparable(evaluations: list[Evaluation]) -> None:
    """Raises UserError where two were not measured alike; names what differs."""
    first, *others = evaluations
    for other in others:
        mine, its = dataclasses.asdict(first.measured_with), dataclasses.asdict(other.measured_with)
        different = [words for key, words in _IN_WORDS.items() if mine[key] != its[key]]
        if different:
            raise UserError(
                f"'{first.run}' and '{other.run}' were not measured alike: {', '.join(different)} differ.",
                "Scores that depend on it would mislead; evaluate runs on the same data with the same options.",
            )
