"""The front matter of a model card: what Hugging Face's hub reads of it, as YAML.

Keys and shapes are those of https://github.com/huggingface/hub-docs/blob/main/modelcard.md.
"""

from typing import Any

from tfgen.evaluate.record import Evaluation
from tfgen.evaluate.score_descriptions import title_of
from tfgen.run import Run
from tfgen.trust.markup import as_yaml

_OTHER_TASK = "other"  # of a result, where the hub has no word for what the model does


def front_matter(
    run: Run, task: str | None, representation: str, data: str, licence: str | None, evaluation: Evaluation | None
) -> str:
    """Between its lines of dashes.

    Args:
        task: as the hub calls it; None where it has no word.
        data: what the training data is called.
        licence: of the model; None where the user said none.
    """
    record = run.record
    said = {
        "license": licence,
        "library_name": "tfgen",
        "pipeline_tag": task,
        "tags": list(dict.fromkeys(["tfgen", record["model"], record["modality"], representation])),
        "datasets": [data],
        "model-index": None if evaluation is None else [_index(run, task, data, evaluation)],
    }
    return f"---\n{as_yaml({key: value for key, value in said.items() if value is not None})}---\n"


def _index(run: Run, task: str | None, data: str, evaluation: Evaluation) -> dict[str, Any]:
    """The measured scores; the hub has no place for their intervals, which stand in the text."""
    unit = evaluation.measured_with.unit
    metrics = [
        {"type": name, "name": title_of(name, score.metric, unit), "value": float(f"{score.value:.6g}")}
        for name, score in evaluation.scores.items()
    ]
    about = {"task": {"type": task or _OTHER_TASK}, "dataset": {"name": data, "type": data}}
    return {"name": run.name, "results": [{**about, "metrics": metrics}] if metrics else []}
