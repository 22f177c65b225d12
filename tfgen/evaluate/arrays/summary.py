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
_HARDLY, _OFTEN, _ALWAYS = 0.6, 0.75, 0.9  # detectability to the eye
_HIGH, _LOW = 0.9, 0.6  # of what real examples score


def in_words(evaluation: Evaluation, plural: str) -> str:
    """The paragraph; `plural` is what the examples are called."""
    good, weak, change = [], [], []
    looks: list[str] = []  # what says that samples look real, which is good if nothing says otherwise
    _on_distance(evaluation, plural, looks, weak)
    _on_shares(evaluation, looks, good, weak, change)
    praise = _on_detectability(evaluation, plural, weak)
    return paragraph(evaluation, [*praise, *looks, *good] if praise else good, weak, change, _LONGER)


def _on_detectability(evaluation: Evaluation, plural: str, weak: list[str]) -> list[str]:
    """Praise where a network can't tell samples by what an eye could see, at the worse end of what is known."""
    score = evaluation.scores.get("detectability_to_the_eye")
    if score is None:
        if "detectability-to-the-eye" in evaluation.left_out:  # else nobody asked for it
            weak.append(f"there are too few {plural} to tell whether the samples look real")
        return []
    value = f"{score.value + (score.half_width or 0.0):.2f}"
    values = f"(detectability to the eye {score.value:.2f}, 0.5 is guessing)"
    if float(value) <= _HARDLY:
        return [f"a network taught to tell samples from real {plural} does hardly better than guessing {values}"]
    how = "now and then" if score.value <= _OFTEN else "mostly" if score.value <= _ALWAYS else "nearly always"
    weak.append(f"a small network {how} tells samples from real {plural} by what an eye could see {values}")
    return []


def _on_distance(evaluation: Evaluation, plural: str, looks: list[str], weak: list[str]) -> None:
    """The Fréchet distance as a multiple of the real examples'; of too few samples, the kernel distance."""
    real = evaluation.baselines.get("real", {})
    if not real.get("frechet_distance") or "frechet_distance" not in evaluation.scores:
        return _on_kernel_distance(evaluation, plural, looks, weak)
    value, floor = evaluation.scores["frechet_distance"].value, real["frechet_distance"]
    words = next((words for most, words in _DISTANCES if value <= most * floor), _FAR)
    copied = any(alarm.name == "copying" and alarm.state != "quiet" for alarm in evaluation.alarms)
    words += ", as copies would be" if copied and value <= floor else ""
    sentence = f"the samples are {words} (Fréchet distance {number(value)}, real examples {number(floor)})"
    (looks if value <= _DISTANCES[1][0] * floor else weak).append(sentence)


def _on_kernel_distance(evaluation: Evaluation, plural: str, looks: list[str], weak: list[str]) -> None:
    """Unbiased, so real examples score about 0, and can't be a yardstick; copies with noise can."""
    noisy = evaluation.baselines.get("noisy copies", {}).get("kernel_distance")
    if noisy is None or "kernel_distance" not in evaluation.scores:
        return
    value = evaluation.scores["kernel_distance"].value
    values = f"(kernel distance {number(value)}, with noise {number(noisy)})"
    if value <= noisy:
        looks.append(f"the samples are nearer to the data than real {plural} with noise on them {values}")
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


def _on_shares(
    evaluation: Evaluation, looks: list[str], good: list[str], weak: list[str], change: list[str]
) -> None:
    """Praised is what is high at the worse end of its interval."""
    real = evaluation.baselines.get("real", {})
    for name, (praise, blame, advice) in _SHARES.items():
        if name not in evaluation.scores or not real.get(name):
            continue
        value, unsure = evaluation.scores[name].value, evaluation.scores[name].half_width or 0.0
        title = title_of(name).lower()
        words = f"({title} {value:.1%}, real examples {real[name]:.1%})"
        if value - unsure >= _HIGH * real[name]:
            (looks if name == "precision" else good).append(f"{praise} {words}")
        elif value < _LOW * real[name]:
            weak.append(f"{blame} {words}")
            change.append(advice)
        elif value < _HIGH * real[name]:
            weak.append(f"{title} could be higher {words}")
