"""Sets before the evaluation: what is measured, in which order, and what is said of it."""

import hashlib
import json
from collections.abc import Mapping

from tfgen.evaluate.alarms import Scores, alarm_of, not_tested, value_of
from tfgen.evaluate.evaluator import METRICS_FORMAT, Evaluator, Parts
from tfgen.evaluate.metrics import Inputs
from tfgen.evaluate.record import Alarm, Evaluation, MeasuredWith, Score
from tfgen.evaluate.request import EvaluateRequest
from tfgen.evaluate.score_descriptions import number, percent
from tfgen.evaluate.sets.metric_inputs import EASE, INDEPENDENT, NEAREST, POPULAR, RANDOM, REAL, SetInputs
from tfgen.evaluate.sets.reference_data import ReferenceData
from tfgen.evaluate.sets.report_sections import commonest_section, invented_section, suggestions_section
from tfgen.evaluate.summary import paragraph
from tfgen.restore import open_codec
from tfgen.run import Run

QUESTIONS = {
    "no better than the commonest": "Would the commonest items for everybody do as well?",
    "worse than EASE": "Would the best linear ranking do better?",
    "unrelated": "Are invented ones items that don't go together?",
}
_HARDLY_WORSE = -0.01  # a gain that is as good as none
_LEAST_LIFTS = 0.5  # of what held-out sets have: below it, invented ones hardly know what goes together
_LEAST_REAL = 0.1  # of held-out sets' own lifts: below it, so few of them say nothing
_MORE = "give more data: rare items with few neighbours can't be learned"


class SetEvaluator(Evaluator):
    """See Evaluator."""

    missing = {}

    def __init__(self, run: Run, request: EvaluateRequest):
        self.data = ReferenceData.of(run, request.holdout, request.seed)
        super().__init__(run, request)
        self.codec = open_codec(run)
        self.count = request.count or len(self.data.unseen)
        self.sets = SetInputs(self.model, self.data, self.count, request.seed, self.sample_energy)

    def beginning(self) -> str:
        plural = self.codec.specification.plural
        return (
            f"Ranking {len(self.data.names):,} items for {len(self.data.given):,} {plural} that it never saw, and "
            f"inventing {self.count:,} ..."
        )

    def inputs(self) -> Inputs:
        return self.sets.of_model()

    def baselines(self) -> dict[str, Inputs]:
        ranked = {name: self.sets.of_ranking(name) for name in (EASE, NEAREST, POPULAR, RANDOM)}
        return {**ranked, **{name: self.sets.of_sets(name) for name in (REAL, INDEPENDENT)}}

    def measured_with(self) -> MeasuredWith:
        return MeasuredWith(
            tfgen_format=METRICS_FORMAT,
            extractor="none",
            extractor_hash="",
            resizer="none",
            reference=self.data.fingerprint,
            shape=(len(self.data.names),),
            count=self.count,
            seed=self.request.seed,
            holdout=self.data.holdout,
            modality=self.run.record["modality"],
            tokenizer=self._digest_of_items(),
            representation=self.codec.representation,
        )

    def _digest_of_items(self) -> str:
        """Equal for runs that know the same items, as commonly."""
        state = json.dumps(self.codec.to_json(), sort_keys=True)
        return hashlib.sha256(state.encode()).hexdigest()[:32]

    def alarms(self, scores: Scores, baselines: Mapping[str, Mapping[str, float]]) -> list[Alarm]:
        plural = self.codec.specification.plural
        return [_popular(scores, plural), _worse_than_ease(scores, plural), _unrelated(scores, baselines, plural)]

    def notes(self) -> list[str]:
        how = "the last fifth, by time" if self.codec.specification.ordered else "a fifth, by chance"
        return [
            f"Of each held-out one, {how}, is to be guessed from the others. The baseline \"nearest items\" looks at "
            f"{self.sets.nearest.neighbours} neighbours of each item, as many as rank best; \"ease\" is EASE as it was "
            "published, with the penalty that ranks best. The model's own linear part builds on that, and its "
            f"network has a share of {float(self.model.ease.share.numpy()):.2f}.",
            f"Lifts are of {self.sets.compared:,} invented ones, and \"real\" are as many held-out ones in their "
            "place: more of a pair's lift can't be found in so few.",
        ]

    def in_words(self, evaluation: Evaluation) -> str:
        good, weak, change = [], [], []
        plural = self.codec.specification.plural
        longer = f"train longer, on more {plural}, or with a larger --size"
        scores, baselines = evaluation.scores, evaluation.baselines
        if "gain_over_ease" in scores:
            gains = [
                ("EASE", scores["gain_over_ease"]), ("nearest items", scores["gain_over_nearest"]),
                ("the commonest", scores["gain_over_popular"]),
            ]  # fmt: skip
            told = ", ".join(f"{_signed(score.value)} over {name}" for name, score in gains)
            value = f"NDCG@100 {number(scores['ndcg_at_100'].value)}: {told}"
            is_useful = gains[2][1].value > 0.05
            if is_useful and all(_surely_above(score, _HARDLY_WORSE) for _, score in gains):
                good.append(f"suggestions are as good as the best simple ones or better ({value})")
            elif is_useful and not any(_surely_below(score, _HARDLY_WORSE) for _, score in gains):
                weak.append(f"so few {plural} can't tell suggestions from simple ones ({value})")
                change.append(f"judge it by more {plural}, with --data or a larger --set holdout")
            else:
                weak.append(f"suggestions are hardly better than simple ones ({value})")
                change.append(_MORE)
        if "catalog_coverage" in scores and scores["catalog_coverage"].value < 0.1:
            share = percent(scores["catalog_coverage"].value)
            weak.append(f"only {share} of the items are ever suggested")
        real = baselines.get(REAL, {}).get("pair_lifts")
        if "pair_lifts" in scores and real is not None and real > _LEAST_REAL:
            value = scores["pair_lifts"].value
            words = f"(lifts {value:.2f}, as many held-out ones {real:.2f})"
            if value >= 0.8 * real:
                good.append(f"in invented ones goes together what goes together in the data {words}")
            else:
                weak.append(f"in invented ones less goes together than in the data {words}")
                change.append(longer)
        return paragraph(evaluation, good, weak, change, longer)

    def parts(self, evaluation: Evaluation) -> Parts:
        measured, data = evaluation.measured_with, self.data
        return Parts(
            data=f"{data.source}, {len(data.learned):,} {self.codec.specification.plural} of {len(data.names):,} items "
            "to learn",
            sections=[suggestions_section(self.sets), commonest_section(self.sets), invented_section(self.sets)],
            on_losses="Of the network, and 1 less the NDCG of the blend on those that settings are chosen by.",
            measured={
                "Held-out": f"{len(data.unseen):,}",
                "Invented": f"{measured.count:,}, with seeds from {measured.seed}",
                "Items": f"{len(data.names):,}",
            },
            baselines={
                EASE: "the best linear ranking by what goes together (Steck 2019)",
                NEAREST: f"items that are in nearly the same {self.codec.specification.plural} as the given ones",
                POPULAR: "the commonest items for everybody",
                RANDOM: "any items",
                REAL: "held-out ones in place of invented ones",
                INDEPENDENT: "items drawn by themselves in place of invented ones",
            },
            questions=QUESTIONS,
        )


def _surely_above(score: Score, least: float) -> bool:
    return score.half_width is not None and score.value - score.half_width >= least


def _surely_below(score: Score, least: float) -> bool:
    return score.half_width is not None and score.value + score.half_width < least


def _popular(scores: Scores, plural: str) -> Alarm:
    name, gain = "no better than the commonest", value_of(scores, "gain_over_popular")
    if gain != gain:
        return not_tested(name, "The gain over the commonest items was not measured.")
    half = scores["gain_over_popular"].half_width or 0.0
    return alarm_of(
        name, gain - half <= 0,
        f"NDCG@100 is {_signed(gain)} of that of the commonest items for everybody.",
        f"NDCG@100 is {_signed(gain)} over that of the commonest items for everybody.",
        f"Give more {plural} of more items, or show the commonest, which costs nothing.",
    )  # fmt: skip


def _worse_than_ease(scores: Scores, plural: str) -> Alarm:
    name, gain = "worse than EASE", value_of(scores, "gain_over_ease")
    if gain != gain:
        return not_tested(name, "The gain over EASE was not measured.")
    half = scores["gain_over_ease"].half_width
    if half is None:
        return not_tested(name, f"Nobody knows how much of the gain over EASE is chance: {plural} are too few.")
    return alarm_of(
        name, gain + half < 0,
        f"NDCG@100 is {_signed(gain)} against that of EASE, beyond chance.",
        f"NDCG@100 is {_signed(gain)} against that of EASE.",
        f"Fit on more {plural}, so that the blend is chosen by more of them.",
    )  # fmt: skip


def _unrelated(scores: Scores, baselines: Mapping[str, Mapping[str, float]], plural: str) -> Alarm:
    name, real = "unrelated", baselines.get(REAL, {}).get("pair_lifts")
    lifts = value_of(scores, "pair_lifts")
    if real is None or lifts != lifts:
        return not_tested(name, "There are too few common pairs of items.")
    if not real > _LEAST_REAL:
        return not_tested(name, f"So few {plural} don't show which items go together, held-out ones neither.")
    return alarm_of(
        name, lifts < _LEAST_LIFTS * real,
        f"Lifts of pairs correlate by {lifts:.2f} with those of the data, those of held-out ones by {real:.2f}.",
        f"Lifts of pairs correlate by {lifts:.2f} with those of the data, {real:.2f} of as many held-out ones.",
        "Train longer, or lower the temperature.",
    )  # fmt: skip


def _signed(share: float) -> str:
    return f"{100 * share:+.1f} %".replace("-", "\N{MINUS SIGN}")
