"""An evaluation of texts in plain words."""

from tfgen.evaluate.record import Evaluation
from tfgen.evaluate.score_descriptions import number
from tfgen.evaluate.summary import paragraph

_LONGER = "train longer, on more text, or with a larger --size"
_LESS, _ALIKE, _MORE = 0.7, 0.9, 1.2  # of the variety of real text
_HARDLY = 0.65  # detectability
_MUCH_SHARED = 2.0  # times what real texts share


def in_words(evaluation: Evaluation) -> str:
    """The paragraph on texts."""
    good, weak, change = [], [], []
    _on_prediction(evaluation, good, weak)
    _on_variety(evaluation, good, weak, change)
    _on_overlap(evaluation, weak, change)
    _on_detectability(evaluation, good, weak)
    if any(alarm.name == "overfit" and alarm.state == "raised" for alarm in evaluation.alarms):
        change = []  # whatever is weak, longer training would make it worse
    return paragraph(evaluation, good, weak, change, _LONGER)


def _on_prediction(evaluation: Evaluation, good: list[str], weak: list[str]) -> None:
    counted = evaluation.baselines.get("n-gram", {}).get("bits_per_character")
    if counted is None or "bits_per_character" not in evaluation.scores:
        return
    score = evaluation.scores["bits_per_character"].value
    values = f"({number(score)} bits per {evaluation.measured_with.unit}, the n-gram model {number(counted)})"
    if score < counted:
        good.append(f"it predicts unseen text better than a model that counts sequences of five tokens {values}")
    else:
        weak.append(f"a model that only counts sequences of five tokens predicts unseen text better {values}")


def _on_detectability(evaluation: Evaluation, good: list[str], weak: list[str]) -> None:
    """By the worse end of what is known."""
    score, real = evaluation.scores.get("detectability"), evaluation.baselines.get("real", {}).get("detectability", 0.5)
    if score is None:
        return
    values = f"(detectability {score.value:.2f}, real text {real:.2f}, 0.5 is guessing)"
    if score.value + (score.half_width or 0.0) <= _HARDLY:
        good.append(f"short pieces of the samples don't tell them from real text {values}")
    elif score.value - (score.half_width or 0.0) > max(0.5, real):
        weak.append(f"short pieces of the samples tell them from real text {values}")


def _on_variety(evaluation: Evaluation, good: list[str], weak: list[str], change: list[str]) -> None:
    real = evaluation.baselines.get("real", {}).get("distinct_2")
    if not real or "distinct_2" not in evaluation.scores:
        return
    score = evaluation.scores["distinct_2"]
    value, unsure = score.value, score.half_width or 0.0
    values = f"(distinct pairs of words {value:.1%}, real text {real:.1%})"
    if value - unsure > _MORE * real:
        weak.append(f"words stand together that don't in real text {values}")
        change.append(_LONGER)
    elif value >= _ALIKE * real:
        good.append(f"the samples are as varied as real text {values}")
    elif value + unsure < _LESS * real:
        weak.append(f"the samples are less varied than real text {values}")
        change.append(_LONGER)


def _on_overlap(evaluation: Evaluation, weak: list[str], change: list[str]) -> None:
    real = evaluation.baselines.get("real", {}).get("overlap")
    if real is None or "overlap" not in evaluation.scores:
        return
    value = evaluation.scores["overlap"].value
    if value > 0.05 + _MUCH_SHARED * real:
        weak.append(f"samples say the same as each other (overlap {value:.1%}, real text {real:.1%})")
        change.append(_LONGER)
