"""What the evaluation asks of a representation: one subclass each, in catalog.ENGINES."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tfgen.catalog import METRICS
from tfgen.errors import UserError
from tfgen.evaluate.alarms import alarm_of, not_tested
from tfgen.evaluate.metrics import Inputs
from tfgen.evaluate.record import Alarm, Evaluation, MeasuredWith, Score
from tfgen.evaluate.request import EvaluateRequest, metrics_of
from tfgen.restore import load_model_and_checkpoint, open_codec, open_modality
from tfgen.run import Run
from tfgen.trust.energy import SampleEnergy

NOT_GIVEN = "This model doesn't give what it needs."
NO_CANARIES = "None were planted among the data: fit with --canaries 100."
METRICS_FORMAT = 3  # raise it whenever a metric would give another number for the same samples


@dataclass(frozen=True)
class Parts:
    """What the report shows of one representation. What is in `sections` is HTML; all else is plain text."""

    data: str  # what was learned, and how much of it
    sections: list[str]  # what was made, and what it was taken from
    on_losses: str
    measured: Mapping[str, str]  # what scores depend on, and how it was
    baselines: Mapping[str, str]  # what each is
    questions: Mapping[str, str] = field(default_factory=dict)  # what each alarm answers


def not_measured(name: str, why: str) -> UserError:
    """The answer to who asked for a metric that this run can't give."""
    return UserError(f"The metric '{name}' can't be measured for this run: {why}", "Leave --metric out.")


class Evaluator:
    """Collects the metric inputs of a run, and knows how inputs of its kind are judged.

    A subclass opens the run's data before the model, which takes longer, and defines what follows. The methods are
    asked in their order.
    """

    # Inputs that a run may not have, and the sentence that says what it would take.
    missing: Mapping[str, str] = {}
    # Inputs that a model gives itself (GenerativeModel.measurements), and not every model does.
    model_inputs: frozenset[str] = frozenset()

    def __init__(self, run: Run, request: EvaluateRequest):
        self.run = run
        self.request = request
        self.modality = open_modality(run)
        self.missing = {"canaries": NO_CANARIES, **self.missing, **self.modality.missing_inputs}
        self.own_questions: dict[str, str] = {}
        self.sample_energy = SampleEnergy()
        self.model: Any
        self.model, self.checkpoint = load_model_and_checkpoint(run)
        self._check_metrics(request, self.model_inputs - self.model.measurements().keys())

    def _check_metrics(self, request: EvaluateRequest, not_given: frozenset[str]) -> None:
        """Raises UserError where none of the metrics that were asked for can be had of this model: before the work."""
        if not not_given or not request.metrics:
            return
        known = metrics_of(open_codec(self.run).representation, self.run.record["modality"])
        if all(not_given & set(METRICS.load(known[name]).needs) for name in request.metrics):
            raise not_measured(request.metrics[0], NOT_GIVEN)

    @classmethod
    def may_be_compared(cls, runs: list[Run]) -> bool:
        """Whether the runs' data doesn't forbid it from the start; asked before the work."""
        return len({run.record["data"]["fingerprint"] for run in runs}) == 1

    def beginning(self) -> str:
        """A line for who waits: what is being looked at."""
        raise NotImplementedError

    def inputs(self) -> Inputs:
        """All that metrics may ask for of the model and its samples."""
        raise NotImplementedError

    def baselines(self) -> dict[str, Inputs]:
        """The same of others in the model's place, by their names; the column "real" is the floor."""
        raise NotImplementedError

    def measured_with(self) -> MeasuredWith:
        """What the scores depend on beside the model."""
        raise NotImplementedError

    def alarms(self, scores: Mapping[str, Score], baselines: Mapping[str, Mapping[str, float]]) -> list[Alarm]:
        """Every alarm, raised, quiet or not tested."""
        raise NotImplementedError

    def own_alarms(
        self, scores: Mapping[str, Score], baselines: Mapping[str, Mapping[str, float]]
    ) -> list[Alarm]:
        """The alarms that this kind of data alone has."""
        margins = {name: score.half_width for name, score in scores.items() if score.half_width is not None}
        found = self.modality.concerns({name: score.value for name, score in scores.items()}, baselines, margins)
        self.own_questions = {each.name: each.question for each in found}
        return [
            not_tested(each.name, each.sentence) if each.raised is None
            else alarm_of(each.name, each.raised, each.sentence, each.sentence, each.advice)
            for each in found
        ]

    def notes(self) -> list[str]:
        """What a reader of the scores must know, in sentences."""
        raise NotImplementedError

    def in_words(self, evaluation: Evaluation) -> str:
        """A paragraph: what is good, what is weak, what to change."""
        raise NotImplementedError

    def parts(self, evaluation: Evaluation) -> Parts:
        """What the report shows."""
        raise NotImplementedError
