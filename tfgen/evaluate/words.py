"""An evaluation in plain words: what is good, what is weak, what to change."""

import dataclasses

from tfgen.evaluate.record import Evaluation

# Times the distance of real examples: up to which a distance earns which words.
_DISTANCES = (
    (1.0, "as near to the data as other real examples are"),
    (3.0, "close to the data; few people would tell them from real ones"),
    (10.0, "good, with visible faults"),
    (50.0, "recognisable, and clearly not real"),
)
_FAR = "far from the data"
_HIGH, _LOW = 0.9, 0.6  # of what real examples score


def in_words(evaluation: Evaluation) -> Evaluation:
    """The same evaluation with its paragraph."""
    good, weak, change = [], [], []
    _on_distance(evaluation, good, weak)
    _on_shares(evaluation, good, weak, change)
    _on_alarms(evaluation, weak, change)
    if weak and not change:
        change.append("train longer, or with a larger --size")
    parts = [
        f"Good: {'; '.join(good)}." if good else "",
        f"Weak: {'; '.join(weak)}." if weak else ("Nothing that was measured is weak." if good else ""),
        f"To change: {'; '.join(dict.fromkeys(change))}." if change else "",
    ]
    return dataclasses.replace(evaluation, words=" ".join(filter(None, parts)))


def _on_distance(evaluation: Evaluation, good: list[str], weak: list[str]) -> None:
    """The Fréchet distance as a multiple of the real examples'; of too few samples, where the kernel distance lies."""
    real = evaluation.baselines.get("real", {})
    if real.get("frechet_distance") and "frechet_distance" in evaluation.scores:
        name, value, floor = "Fréchet distance", evaluation.scores["frechet_distance"].value, real["frechet_distance"]
        times = value / floor
    elif "kernel_distance" in evaluation.scores and "noisy copies" in evaluation.baselines:
        # Unbiased, so real examples score about 0; copies with noise score what a visible fault does.
        name, value, floor = "kernel distance", evaluation.scores["kernel_distance"].value, real["kernel_distance"]
        times = 50 * max(value, 0.0) / max(evaluation.baselines["noisy copies"]["kernel_distance"], 1e-12)
    else:
        return
    words = next((words for most, words in _DISTANCES if times <= most), _FAR)
    copied = any(alarm.name == "copying" and alarm.state != "quiet" for alarm in evaluation.alarms)
    words += ", as copies would be" if copied and times <= 1.0 else ""
    sentence = f"the samples are {words} ({name} {value:.3g}, real examples {floor:.3g})"
    (good if times <= _DISTANCES[1][0] else weak).append(sentence)


_SHARES = {
    "precision": ("most samples look real", "many samples look like nothing in the data", "train longer"),
    "recall": (
        "they are about as varied as the data",
        "part of the data's variety is missing",
        "train longer, or with a larger --size; for a GAN raise r1",
    ),
    "prompt_adherence": (
        "they show what was asked for",
        "many don't show what was asked for",
        "train longer; for a GAN raise word_loss",
    ),
}


def _on_shares(evaluation: Evaluation, good: list[str], weak: list[str], change: list[str]) -> None:
    real = evaluation.baselines.get("real", {})
    for name, (praise, blame, advice) in _SHARES.items():
        if name not in evaluation.scores or not real.get(name):
            continue
        value = evaluation.scores[name].value
        words = f"({name.replace('_', ' ')} {value:.1%}, real examples {real[name]:.1%})"
        if value >= _HIGH * real[name]:
            good.append(f"{praise} {words}")
        elif value < _LOW * real[name]:
            weak.append(f"{blame} {words}")
            change.append(advice)
        else:
            weak.append(f"{name.replace('_', ' ')} could be higher {words}")


def _on_alarms(evaluation: Evaluation, weak: list[str], change: list[str]) -> None:
    for alarm in evaluation.alarms:
        if alarm.state == "raised":
            weak.append(f"the alarm \"{alarm.name}\" is raised")
            change.append(alarm.advice.rstrip("."))
