"""An evaluation of arrays in plain words."""

from tfgen.evaluate.record import Evaluation
from tfgen.evaluate.score_descriptions import number, title_of
from tfgen.evaluate.summary import paragraph

# Times the distance of real examples: up to which a distance earns which words.
_DISTANCES = (
    (1.0, "as near to the data as other real examples are"),
    (3.0, "close to the data; few people would tell them from real ones"),
    (10.0, "good, with visible faults"),
    (50.0, "recognisable, and clearly not real"),
)
_LONGER = "train longer, or with a larger --size"
_FAR = "far from the data"
_HIGH, _LOW = 0.9, 0.6  # of what real examples score


def in_words(evaluation: Evaluation, plural: str) -> str:
    """The paragraph; `plural` is what the examples are called."""
    good, weak, change = [], [], []
    _on_distance(evaluation, plural, good, weak)
    _on_shares(evaluation, good, weak, change)
    return paragraph(evaluation, good, weak, change, _LONGER)


def _on_distance(evaluation: Evaluation, plural: str, good: list[str], weak: list[str]) -> None:
    """The Fréchet distance as a multiple of the real examples'; of too few samples, the kernel distance."""
    real = evaluation.baselines.get("real", {})
    if not real.get("frechet_distance") or "frechet_distance" not in evaluation.scores:
        return _on_kernel_distance(evaluation, plural, good, weak)
    value, floor = evaluation.scores["frechet_distance"].value, real["frechet_distance"]
    words = next((words for most, words in _DISTANCES if value <= most * floor), _FAR)
    copied = any(alarm.name == "copying" and alarm.state != "quiet" for alarm in evaluation.alarms)
    words += ", as copies would be" if copied and value <= floor else ""
    sentence = f"the samples are {words} (Fréchet distance {number(value)}, real examples {number(floor)})"
    (good if value <= _DISTANCES[1][0] * floor else weak).append(sentence)


def _on_kernel_distance(evaluation: Evaluation, plural: str, good: list[str], weak: list[str]) -> None:
    """Unbiased, so real examples score about 0, and can't be a yardstick; copies with noise can."""
    noisy = evaluation.baselines.get("noisy copies", {}).get("kernel_distance")
    if noisy is None or "kernel_distance" not in evaluation.scores:
        return
    value = evaluation.scores["kernel_distance"].value
    values = f"(kernel distance {number(value)}, with noise {number(noisy)})"
    if value <= noisy:
        good.append(f"the samples are nearer to the data than real {plural} with noise on them {values}")
    else:
        weak.append(f"real {plural} with noise on them are nearer to the data {values}")


_SHARES = {
    "precision": ("most samples look real", "many samples look like nothing in the data", _LONGER),
    "recall": (
        "they are about as varied as the data",
        "part of the data's variety is missing",
        _LONGER,
    ),
    "prompt_adherence": (
        "they show what was asked for",
        "many don't show what was asked for",
        "for a GAN raise word_loss",
    ),
}


def _on_shares(evaluation: Evaluation, good: list[str], weak: list[str], change: list[str]) -> None:
    real = evaluation.baselines.get("real", {})
    for name, (praise, blame, advice) in _SHARES.items():
        if name not in evaluation.scores or not real.get(name):
            continue
        value = evaluation.scores[name].value
        title = title_of(name).lower()
        words = f"({title} {value:.1%}, real examples {real[name]:.1%})"
        if value >= _HIGH * real[name]:
            good.append(f"{praise} {words}")
        elif value < _LOW * real[name]:
            weak.append(f"{blame} {words}")
            change.append(advice)
        else:
            weak.append(f"{title} could be higher {words}")
