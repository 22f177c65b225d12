"""Rows before the evaluation: what is measured, in which order, and what is said of it."""

import hashlib
import json
from collections.abc import Mapping

from tfgen.evaluate.evaluator import METRICS_FORMAT, Evaluator, Parts
from tfgen.evaluate.metrics import Inputs
from tfgen.evaluate.metrics.resemblance import MOST_PAIRS, pairs_looked_at
from tfgen.evaluate.record import Alarm, Evaluation, MeasuredWith, Score
from tfgen.evaluate.request import EvaluateRequest
from tfgen.evaluate.rows.alarms import QUESTIONS, Found, alarms_of, collapsed_columns, lost_categories
from tfgen.evaluate.rows.baselines import BASELINES
from tfgen.evaluate.rows.boosting import NOT_INSTALLED, Giveaway, is_installed, target_of
from tfgen.evaluate.rows.metric_inputs import REAL, SAMPLES, RowInputs
from tfgen.evaluate.rows.reference_data import MOST, ReferenceData
from tfgen.evaluate.rows.report_sections import (
    giveaways_section, marginals_section, pairs_section, privacy_section, samples_section, usefulness_section,
)
from tfgen.evaluate.rows.summary import in_words
from tfgen.evaluate.rows.tables import are_among, as_table, unique_columns
from tfgen.restore import open_codec
from tfgen.run import Run

_UNSEEN = "It needs rows that the model never saw: name some with --data."
_HELD_OUT = (
    "unseen_told", "unseen_predictions", "unseen_augmented", "unseen_apart", "unseen_guessed", "predicates",
)


class RowEvaluator(Evaluator):
    """See Evaluator."""

    def __init__(self, run: Run, request: EvaluateRequest):
        self.data = ReferenceData.of(run, request.holdout, request.seed)
        # Before the model loads, since a column that isn't there is a mistake of a moment.
        self.target = target_of(as_table(self.data.training), request.target)
        super().__init__(run, request)
        self.count = request.count or len(self.data.training)
        self.codec = open_codec(run)
        self.rows = RowInputs(
            self.model, self.codec, self.modality, self.data, self.target, self.count, request.seed, self.sample_energy
        )
        self.missing = {**self.missing, **self._missing()}

    def _missing(self) -> dict[str, str]:
        found = {}
        if self.target is None:
            found = dict.fromkeys(("unseen_predictions", "unseen_augmented"), "There is no column to predict.")
        if not is_installed():
            found |= dict.fromkeys(("unseen_told", "unseen_predictions", "unseen_augmented"), f"{NOT_INSTALLED}.")
        if not len(self.data.unseen):
            found |= dict.fromkeys(_HELD_OUT, _UNSEEN)
        likelihood = "likelihood" in self.model.measurements()
        why = _UNSEEN if likelihood else "This model can't say how likely a row is."
        return {**found, "unseen_nats": why}

    def beginning(self) -> str:
        unseen = len(self.data.unseen)
        beside = f", {unseen:,} of them that it never saw" if unseen else ", none that it never saw"
        return f"Drawing {self.count:,} rows, and looking at {len(self.data.training) + unseen:,} real ones{beside} ..."

    def inputs(self) -> Inputs:
        return self.rows.of_model()

    def baselines(self) -> dict[str, Inputs]:
        return {name: self.rows.of_group(name) for name in (REAL, *BASELINES)}

    def measured_with(self) -> MeasuredWith:
        return MeasuredWith(
            tfgen_format=METRICS_FORMAT,
            extractor="none",
            extractor_hash="",
            resizer="none",
            reference=self.data.fingerprint,
            shape=(len(self.rows.training.dtype.names),),
            count=self.count,
            seed=self.request.seed,
            holdout=self.data.holdout,
            modality=self.run.record["modality"],
            tokenizer=self._digest_of_tokens(),
            representation=self.codec.representation,
            target="" if self.target is None else self.target.name,
        )

    def alarms(self, scores: Mapping[str, Score], baselines: Mapping[str, Mapping[str, float]]) -> list[Alarm]:
        training, samples = self.rows.training, self.rows.group(SAMPLES)
        columns = [column for column, _ in self.data.training]
        found = Found(
            held_out=len(self.data.unseen),
            samples=self.count,
            real_copies=float(are_among(self.rows.unseen, training).mean()) if len(self.data.unseen) else None,
            unique=unique_columns(training),
            collapsed=collapsed_columns(training, samples),
            lost=lost_categories(training, samples, columns),
            giveaway=self._giveaway(scores),
        )
        return alarms_of(scores, found)

    def notes(self) -> list[str]:
        data, notes = self.data, []
        if not len(data.unseen):
            notes.append(
                "No held-out rows: the column \"real\" sets one half of the learned rows beside the other, and nothing "
                "is known of privacy, usefulness or detectability. Name some with --data."
            )
        if self.target is not None and len(data.unseen) and is_installed():
            how = "; another is chosen with --target" if self.target.guessed else ""
            notes.append(f"Usefulness is that of predicting '{self.target.name}' from the other columns{how}.")
        if data.learned > MOST:
            notes.append(f"Of {data.learned:,} learned rows, {MOST:,} were looked at.")
        names = self.rows.training.dtype.names
        if len(pairs_looked_at(names)) < len(names) * (len(names) - 1) // 2:
            notes.append(f"Of {len(names) * (len(names) - 1) // 2:,} pairs of columns, {MOST_PAIRS:,} were looked at.")
        unique = unique_columns(self.rows.training)
        if unique:
            notes.append(f"'{unique[0]}' differs in nearly every row, so exact copies say little here.")
        left = [column.name for column in data.columns if not column.is_learned]
        if left:
            notes.append(f"Not learned, and not judged: {', '.join(left)}.")
        return notes

    def in_words(self, evaluation: Evaluation) -> str:
        return in_words(evaluation, self.target, self._giveaway(evaluation.scores))

    def parts(self, evaluation: Evaluation) -> Parts:
        return parts_of(self.run, evaluation, self.rows)

    def _giveaway(self, scores: Mapping[str, Score]) -> Giveaway | None:
        return self.rows.giveaways[0] if "detectability" in scores else None

    def _digest_of_tokens(self) -> str:
        """Equal for codecs that make the same tokens of the same rows."""
        state = json.dumps(self.codec.to_json(), sort_keys=True, default=str)
        content = b"".join(content for _, content in sorted(self.codec.files().items()))
        return hashlib.sha256(state.encode() + content).hexdigest()[:32]


def parts_of(run: Run, evaluation: Evaluation, rows: RowInputs) -> Parts:
    """What the report shows."""
    measured, unseen = evaluation.measured_with, len(rows.data.unseen)
    sections = [
        samples_section(rows),
        marginals_section(rows),
        pairs_section(rows),
        giveaways_section(evaluation, rows),
        usefulness_section(evaluation, rows),
        privacy_section(evaluation, rows),
    ]
    return Parts(
        data=f"{run.record['data']['source']}, {rows.data.learned:,} rows of {measured.shape[0]} columns to learn",
        sections=[section for section in sections if section],
        on_losses="Of a likelihood in nats per row: of learned rows as they came, and of held-out ones where it was "
        "measured. Where the second rises while the first falls, the model begins to learn by heart.",
        measured={
            "Samples": f"{measured.count:,}, with seeds from {measured.seed}",
            "Learned rows that were looked at": f"{len(rows.data.training):,}",
            "Held-out rows": f"{unseen:,}",
            "Column to predict": measured.target or "none",
            "Tokens, for nats": measured.tokenizer,
        },
        baselines={
            "real": "held-out rows: as good as it gets; without any, one half of the learned rows beside the other",
            "copies": "learned rows drawn again, as a model that only remembers would give",
            "independent": "each column drawn by itself, so that nothing goes together",
            "copula": "a Gaussian copula: the right columns, and correlations of their ranks",
            "interpolated": "SMOTE: somewhere between a learned row and one of its nearest",
        },
        questions=QUESTIONS,
    )
