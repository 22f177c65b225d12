"""Sequences before the evaluation: what is measured, in which order, and what is said of it."""

import hashlib
import math
from collections.abc import Mapping

from tfgen.evaluate.evaluator import METRICS_FORMAT, Evaluator, Parts
from tfgen.evaluate.metrics import Inputs
from tfgen.evaluate.metrics.membership import LEAST_DOCUMENTS
from tfgen.evaluate.metrics.prediction import bits
from tfgen.evaluate.record import Alarm, Evaluation, MeasuredWith, Score
from tfgen.evaluate.request import LEAST_COUNT, EvaluateRequest
from tfgen.evaluate.sequences.alarms import QUESTIONS, alarms_of
from tfgen.evaluate.sequences.metric_inputs import MOST_MATCHED, SequenceInputs
from tfgen.evaluate.sequences.ngram import MOST_TOKENS, ORDER, NGram
from tfgen.evaluate.sequences.reference_data import MOST_SEARCHED, ReferenceData
from tfgen.evaluate.sequences.report_sections import matches_section, positions_section, samples_section
from tfgen.evaluate.sequences.sampling import TEMPERATURE, length_for
from tfgen.evaluate.sequences.summary import in_words
from tfgen.run import Run

DEFAULT_COUNT = 200
_MOST_QUOTED = 200  # characters of the longest match in a note

_UNSEEN = "It needs text that the model never saw: name some with --data."
_MEMBERS = f"It needs {LEAST_DOCUMENTS} documents that the model never saw, and as many that it learned."


class SequenceEvaluator(Evaluator):
    """See Evaluator."""

    missing = {"unseen_texts": _UNSEEN, "unseen_scores": _MEMBERS, "training_scores": _MEMBERS}

    def __init__(self, run: Run, request: EvaluateRequest):
        self.data = ReferenceData(run, request.holdout)
        self.codec = self.data.codec
        super().__init__(run, request)
        self.count = request.count or _suitable_count(self.data)
        self.texts = SequenceInputs(
            self.model, self.data, self.count, request.seed, self.modality, self.sample_energy
        )

    @classmethod
    def may_be_compared(cls, runs: list[Run]) -> bool:
        """Data differs with the tokens, what they say doesn't: that is compared when both are known."""
        return True

    def beginning(self) -> str:
        unseen = int(self.data.unseen.units.sum())
        judged = f"{unseen:,} {self.codec.unit}s that it never saw" if unseen else "nothing that it never saw"
        length = length_for(self.model, self.codec)
        return f"Reading {judged}, and writing {self.count} samples of {length} tokens ..."

    def inputs(self) -> Inputs:
        return self.texts.of_model()

    def baselines(self) -> dict[str, Inputs]:
        real = {"real": self.texts.of_texts("real")} if self.texts.unseen is not None else {}
        groups = {**real, "n-gram": self.texts.of_ngram(), "copies": self.texts.of_texts("copies")}
        return self.texts.with_others(groups)

    def measured_with(self) -> MeasuredWith:
        reference, holdout = self.data.fingerprints()
        return MeasuredWith(
            tfgen_format=METRICS_FORMAT,
            extractor="none",
            extractor_hash="",
            resizer="none",
            reference=reference,
            shape=(length_for(self.model, self.codec),),
            count=self.count,
            seed=self.request.seed,
            holdout=holdout,
            modality=self.run.record["modality"],
            tokenizer=self._digest_of_tokens(),
            representation=self.codec.representation,
            unit=self.codec.unit,
        )

    def alarms(self, scores: Mapping[str, Score], baselines: Mapping[str, Mapping[str, float]]) -> list[Alarm]:
        counted = None
        if self.texts.unseen is not None and "bits_per_character" in scores:
            pairs = NGram(self.data.training_tokens(MOST_TOKENS).ids, self.codec.specification.vocabulary_size, 2)
            counted = bits(self.texts.pieces(self.texts.counted(pairs)))
        known = None if counted is None or math.isnan(counted) else counted
        return alarms_of(scores, baselines, known, self.codec.unit)

    def notes(self) -> list[str]:
        data, length = self.data, length_for(self.model, self.codec)
        how = f"at temperature {TEMPERATURE:g}, {length} tokens at the most"
        notes = [f"Samples begin from {data.opened_by}, {how}."]
        if 0 < data.exchanges < self.count:
            notes.append(f"The prompts that are held out, {data.exchanges}, come more than once.")
        learned, judged = data.training.training_units, int(data.unseen.units.sum())
        if not judged:
            notes.append("No held-out text: nothing says how well the model predicts what it never saw.")
        elif len(data.unseen) < data.unseen_all:
            notes.append(f"Of the unseen text, the first {judged:,} {data.codec.unit}s were predicted.")
        if len(data.values) > MOST_TOKENS:
            notes.append(f"The n-gram model counted the first {MOST_TOKENS:,} of {len(data.values):,} tokens.")
        if not self.request.metrics and self.texts.unseen_is_short:
            notes.append("The unseen text is too short for so many samples: the words of \"real\" are training text's.")
        if not self.request.metrics or "memorisation" in self.request.metrics:
            notes += self._on_matches(learned)
        return notes

    def in_words(self, evaluation: Evaluation) -> str:
        return in_words(evaluation)

    def parts(self, evaluation: Evaluation) -> Parts:
        return parts_of(self.run, evaluation, self.texts)

    def _digest_of_tokens(self) -> str:
        """Equal for codecs with the same tokens: of their files, or of what each id says."""
        files = [content for _, content in sorted(self.codec.files().items())]
        content = b"".join(files) or repr(self.codec.token_bytes()).encode()
        return hashlib.sha256(content).hexdigest()[:32]

    def _on_matches(self, learned: int) -> list[str]:
        searched = "all" if self.data.all_searched else f"the first {MOST_SEARCHED:,}"
        texts, found = self.texts.texts["samples"], self.texts.matches["samples"]
        size = f"{learned:,} {self.codec.unit}s"
        notes = [f"Copies were looked for in {searched} of the training text; to learn, it has {size}."]
        if len(texts) > MOST_MATCHED:
            notes.append(f"The first {MOST_MATCHED:,} of {len(texts):,} samples were looked for.")
        best = max(range(len(found)), key=lambda place: found[place].length)
        match = found[best]
        quoted = texts[best][match.start : match.start + match.length]
        real = [each.length for each in self.texts.matches.get("real", [])]
        usual = f" (in as many pieces of unseen text, {max(real):,})" if real else ""
        more = " ..." if len(quoted) > _MOST_QUOTED else ""
        notes.append(
            f"The longest match, of {match.length:,} characters{usual}, is in the sample of seed "
            f"{self.request.seed + best}: {quoted[:_MOST_QUOTED]!r}{more}"
        )
        return notes


def _suitable_count(data: ReferenceData) -> int:
    """As many samples as there are unseen answers to set beside them, if those aren't too few or more than usual."""
    return data.exchanges if LEAST_COUNT <= data.exchanges < DEFAULT_COUNT else DEFAULT_COUNT


def parts_of(run: Run, evaluation: Evaluation, texts: SequenceInputs) -> Parts:
    """What the report shows."""
    data, measured = run.record["data"], evaluation.measured_with
    seed, codec = measured.seed, texts.data.codec
    units = texts.data.training.training_units
    sections = [samples_section(texts, seed), matches_section(texts, seed), positions_section(texts)]
    return Parts(
        data=f"{data['source']}, {units:,} {codec.unit}s to learn",
        sections=[section for section in sections if section],
        on_losses="Nats for each token: of training text as it came, and of text that was set aside where it was "
        "measured. Where the second rises while the first falls, the model begins to learn by heart.",
        measured={
            "Samples": f"{measured.count:,} of at most {measured.shape[0]} tokens, from {texts.data.opened_by}",
            "Drawn with": f"temperature {TEMPERATURE:g}; all tokens allowed; seeds from {seed}",
            "Tokens, for all but bits": f"{codec.specification.vocabulary_size:,} different ({measured.tokenizer})",
            "Windows": f"{texts.model.context} tokens, side by side",
            "Unit of bits": codec.unit,
        },
        baselines={
            "real": "unseen text in pieces as long as the samples, or the unseen answers to the same prompts",
            "n-gram": f"a model that counts sequences of {ORDER} tokens, and what it writes",
            "copies": "pieces of the training text (of its answers, where it has prompts), as a model that only "
            "remembers would give",
            **{name: words for name, (words, _) in texts.others.items() if words},
        },
        questions=QUESTIONS,
    )
