"""The front matter of a model card: what Hugging Face's hub reads of it, as YAML.

Keys and shapes are those of https://github.com/huggingface/hub-docs/blob/main/modelcard.md.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tfgen.evaluate.record import Evaluation
from tfgen.evaluate.score_descriptions import title_of
from tfgen.run import Run

_OTHER_TASK = "other"  # of a result, where the hub has no word for what the model does
# What YAML wants escaped, beyond what JSON does.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


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


def as_yaml(value: Mapping[str, Any] | Sequence[Any], indent: int = 0) -> str:
    """Dicts and lists of texts and finite numbers, as blocks; every text in JSON's quotes, which are YAML's too."""
    lines = []
    for key, each in value.items() if isinstance(value, Mapping) else ((None, each) for each in value):
        head = " " * indent + ("-" if key is None else f"{key}:")
        if isinstance(each, (Mapping, list, tuple)) and each:
            inside = as_yaml(each, indent + 2)
            # What is in a list begins beside its dash.
            lines.append(f"{head} {inside.lstrip()}" if key is None else f"{head}\n{inside}")
        else:
            lines.append(f"{head} {_scalar(each)}\n")
    return "".join(lines)


def _scalar(value: Any) -> str:
    text = json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False, allow_nan=False)
    if isinstance(value, float):
        return re.sub(r"^(-?\d+)(e)", r"\1.0\2", text)  # YAML 1.1 takes 1e-07 for a text
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
