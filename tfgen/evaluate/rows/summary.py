"""An evaluation of rows in plain words; each verdict as good as the worst evidence for it."""

from collections.abc import Mapping

from tfgen.evaluate.record import Evaluation, Score
from tfgen.evaluate.rows.boosting import Giveaway, Target
from tfgen.evaluate.score_descriptions import number
from tfgen.evaluate.summary import paragraph

_LONGER = "train longer, on more rows, or with a larger --size"
_LESS = "train for fewer steps, or on more rows, if samples are to be anonymous"
_MORE_ROWS = "name more held-out rows with --data"
_HARDLY, _OFTEN, _ALWAYS = 0.6, 0.75, 0.9  # detectability
_AS_GOOD, _CLOSE = 2.0, 5.0  # times what real rows lack of a quality of 1
_TOGETHER = (0.6, 0.9)  # of what goes together in the data: below the first little is learned, from the second on all
_LEAST_WAY = 0.05  # from columns drawn by themselves to real rows: less may be chance, of few held-out rows
_USEFUL, _LESS_USEFUL = 0.02, 0.05  # F1 or R2 that is lost
_TELLING = 0.02  # half an interval: below it, no difference is as good as none
# What chance gives each attack, and half an interval up to which it can acquit; few rows are ever singled out.
_CHANCE = {
    "closeness": 0.5, "membership": 0.5, "attribute_inference": 0.0,
    "singling_out_by_one": 0.0, "singling_out_by_several": 0.0,
}
_SAFE = {
    "closeness": 0.06, "membership": 0.06, "attribute_inference": 0.06,
    "singling_out_by_one": 0.2, "singling_out_by_several": 0.2,
}


def in_words(evaluation: Evaluation, target: Target | None, giveaway: Giveaway | None) -> str:
    """The paragraph."""
    good, weak, change = [], [], []
    _on_quality(evaluation, good, weak, change)
    _on_detectability(evaluation, giveaway, good, weak, change)
    _on_usefulness(evaluation, target, good, weak, change)
    _on_privacy(evaluation, good, weak, change)
    if any(alarm.name == "memorised" and alarm.state == "raised" for alarm in evaluation.alarms):
        change = [advice for advice in change if advice != _LONGER]  # whatever is weak, it would make this worse
    return paragraph(evaluation, good, weak, change, _LONGER)


def _on_quality(evaluation: Evaluation, good: list[str], weak: list[str], change: list[str]) -> None:
    """What is lacking, as a multiple of what other real rows lack."""
    real, naive = (evaluation.baselines.get(name, {}) for name in ("real", "independent"))
    if "quality" not in evaluation.scores or "quality" not in real:
        return
    value = evaluation.scores["quality"].value
    values = f"(quality {value:.3f}, real rows {real['quality']:.3f})"
    if real["quality"] < naive.get("quality", 0.0):  # so few that they look less alike than columns by themselves
        weak.append(f"there are too few held-out rows to say how like the data the samples are {values}")
        change.append(_MORE_ROWS)
        return
    learned = _learned(evaluation, real, naive)
    if learned is not None and learned < _TOGETHER[0]:
        strong = evaluation.scores["strong_pairs"].value
        beside = f"real rows {real['strong_pairs']:.2f}, columns drawn by themselves {naive['strong_pairs']:.2f}"
        words = "much of what goes together in the data doesn't in the samples"
        weak.append(f"{words} (strong pair trends {strong:.2f}, {beside})")
        change.append(_LONGER)
    elif 1 - value > _CLOSE * (1 - real["quality"]):
        weak.append(f"columns or pairs of columns are unlike the data {values}")
        change.append(_LONGER)
    elif _is_told(evaluation):
        return  # no praise: whatever columns and pairs look like, something else is wrong
    elif 1 - value <= _AS_GOOD * (1 - real["quality"]) and (learned is None or learned >= _TOGETHER[1]):
        good.append(f"columns and pairs of columns are as like the data as other real rows are {values}")
    else:
        good.append(f"columns and pairs of columns are close to the data {values}")


def _is_told(evaluation: Evaluation) -> bool:
    """Whether boosting tells samples from real rows mostly, at the better end of what is known."""
    score = evaluation.scores.get("detectability")
    return score is not None and score.value - (score.half_width or 0.0) > _OFTEN


def _learned(evaluation: Evaluation, real: Mapping[str, float], naive: Mapping[str, float]) -> float | None:
    """How far strong pairs are on the way from columns drawn by themselves to real rows; None where that is chance."""
    score = evaluation.scores.get("strong_pairs")
    if score is None or "strong_pairs" not in real or "strong_pairs" not in naive:
        return None
    way = real["strong_pairs"] - naive["strong_pairs"]
    return (score.value - naive["strong_pairs"]) / way if way > _LEAST_WAY else None


def _on_detectability(
    evaluation: Evaluation, giveaway: Giveaway | None, good: list[str], weak: list[str], change: list[str]
) -> None:
    """Praise only at the worse end of what is known."""
    score = evaluation.scores.get("detectability")
    if score is None:
        if "detectability" in evaluation.left_out:
            weak.append("nobody can say whether the samples pass for real rows: the end of the report says why")
            if "never saw" in evaluation.left_out["detectability"]:
                change.append(_MORE_ROWS)
        return
    worse = score.value + (1.0 if score.half_width is None else score.half_width)
    values = f"(detectability {score.value:.2f}, .5 is guessing)"
    if worse <= _HARDLY:
        good.append(f"boosting taught to tell samples from real rows hardly does better than guessing {values}")
    elif score.value <= _HARDLY:
        weak.append(f"there are too few held-out rows to say whether the samples pass for real {values}")
        change.append(_MORE_ROWS)
    else:
        how = "now and then" if score.value <= _OFTEN else "mostly" if score.value <= _ALWAYS else "nearly always"
        by = "" if giveaway is None or giveaway.alone <= 0.55 else f", best by '{giveaway.name}'"
        weak.append(f"boosting {how} tells samples from real rows{by} {values}")
        change.append(_LONGER)


def _on_usefulness(
    evaluation: Evaluation, target: Target | None, good: list[str], weak: list[str], change: list[str]
) -> None:
    score = evaluation.scores.get("usefulness_lost")
    if score is None or target is None:
        return
    name = "f1" if "f1" in evaluation.scores else "r2"
    own = evaluation.scores[name].value
    values = f"({name.upper()} {own:.2f}, from real rows {own + score.value:.2f})"
    unsure = float("inf") if score.half_width is None else score.half_width
    if score.value + unsure <= _USEFUL:
        good.append(f"they are as useful as real rows to predict '{target.name}' {values}")
    elif score.value - unsure > _LESS_USEFUL:
        weak.append(f"they are less useful than real rows to predict '{target.name}' {values}")
        change.append(_LONGER)
    elif score.value - unsure > 0:
        good.append(f"they are nearly as useful as real rows to predict '{target.name}' {values}")
    else:
        few = "there are too few held-out rows to say whether they are as useful"
        weak.append(f"{few} to predict '{target.name}' {values}")
        change.append(_MORE_ROWS)
    added = evaluation.scores.get("augmentation")
    if added is not None and verdict_of(added) == "raises":
        good.append(f"beside real rows they raise its {name.upper()} (by {added.value:.3f})")
    elif added is not None and verdict_of(added) == "lowers":
        weak.append(f"beside real rows they lower its {name.upper()} (by {-added.value:.3f})")


def verdict_of(score: Score) -> str:
    """"raises", "lowers", "makes no difference" or "can't be told", of a gain with its interval."""
    if score.half_width is None:
        return "can't be told"
    if abs(score.value) > score.half_width:
        return "raises" if score.value > 0 else "lowers"
    return "makes no difference" if score.half_width <= _TELLING else "can't be told"


def _on_privacy(evaluation: Evaluation, good: list[str], weak: list[str], change: list[str]) -> None:
    """Nothing was found is only good where something would have been found."""
    if any(alarm.name in ("memorised", "copying") and alarm.state == "raised" for alarm in evaluation.alarms):
        return
    known = {name: evaluation.scores[name] for name in _CHANCE if name in evaluation.scores}
    if not {"closeness", "attribute_inference"} <= {*known}:
        if any(name in evaluation.left_out for name in ("closeness", "attribute")):
            weak.append("nobody can say whether it gives away who was in the data: too few rows are held out")
            change.append(_MORE_ROWS)
        return
    if any(score.half_width is None or score.half_width > _SAFE[name] for name, score in known.items()):
        weak.append("there are too few held-out rows to say whether it gives away who was in the data")
        change.append(_MORE_ROWS)
        return
    found = {name: score for name, score in known.items() if score.value - _CHANCE[name] > score.half_width}
    if not found:
        good.append("none of the attacks that were tried tells who was in the data")
    else:
        words = ", ".join(f"{name.replace('_', ' ')} {number(score.value)}" for name, score in found.items())
        weak.append(f"it gives a little away of who was in the data ({words})")
        change.append(_LESS)
