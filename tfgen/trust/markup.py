"""Plain values as Markdown and as YAML."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# What YAML wants escaped, beyond what JSON does.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


def as_facts(facts: Mapping[str, str]) -> str:
    """A list of names in bold, each with what is so."""
    return as_bullets(f"**{name}:** {fact}" for name, fact in facts.items())


def as_bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def as_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells, the first of them the headings."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


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
