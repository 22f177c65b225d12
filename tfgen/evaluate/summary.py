"""An evaluation in plain words: what is good, what is weak, what to change."""

from tfgen.evaluate.record import Evaluation


def paragraph(evaluation: Evaluation, good: list[str], weak: list[str], change: list[str], otherwise: str) -> str:
    """One paragraph of what was found, and of the alarms.

    Args:
        otherwise: what to change where something is weak and nothing better is known.
    """
    raised = [alarm for alarm in evaluation.alarms if alarm.state == "raised"]
    weak = [*weak, *(f"the alarm \"{alarm.name}\" is raised" for alarm in raised)]
    change = [*change, *(alarm.advice.rstrip(".") for alarm in raised)]
    if weak and not change:
        change.append(otherwise)
    parts = [
        f"Good: {'; '.join(good)}." if good else "",
        f"Weak: {'; '.join(weak)}." if weak else ("Nothing that was measured is weak." if good else ""),
        f"To change: {'; '.join(dict.fromkeys(change))}." if change else "",
    ]
    return " ".join(filter(None, parts))
