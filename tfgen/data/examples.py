"""What every source hands on beside its examples: their prompts, and an honest report of what was left out."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from tfgen.console import command_line

LABEL_EXAMPLES = 4  # of each on average; texts that seldom repeat are captions
MOST_LABELS = 256  # more distinct prompts than this are captions: no list for a menu, no one-hot vector


@dataclass(frozen=True)
class Report:
    """What was found, what was used, which files are broken and why, and what else a user should know."""

    found: int
    used: int
    broken: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The report as plain lists and dicts; `from_json` takes it back."""
        return {**asdict(self), "broken": [list(pair) for pair in self.broken]}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Report":
        """The report that `to_json` wrote."""
        return cls(**{**value, "broken": [tuple(pair) for pair in value["broken"]]})


@dataclass(frozen=True)
class Prompts:
    """The prompts of n examples: the distinct ones, each example's place among them, and their sort."""

    distinct: list[str]
    index: np.ndarray
    kind: str

    @classmethod
    def none(cls, count: int) -> "Prompts":
        """No example has a prompt."""
        return cls([], np.full(count, -1, np.int32), "none")

    @classmethod
    def of_labels(cls, names: Sequence[str], labels: np.ndarray) -> "Prompts":
        """A set's own labels: `labels` are places in `names`, whose order is kept."""
        return cls(list(names), np.asarray(labels).astype(np.int32), "labels")

    @classmethod
    def of_texts(cls, texts: Iterable[str], kind: str | None = None) -> "Prompts":
        """One text per example; "labels" or "captions" is found from how many differ when `kind` is None."""
        texts = list(texts)
        if not any(texts):
            return cls.none(len(texts))
        distinct = sorted(set(texts), key=natural_order)
        place = {text: index for index, text in enumerate(distinct)}
        repeated = len(distinct) <= MOST_LABELS and len(texts) >= LABEL_EXAMPLES * len(distinct)
        kind = kind or ("labels" if repeated else "captions")
        return cls(distinct, np.array([place[text] for text in texts], np.int32), kind)

    def to_json(self) -> dict[str, Any]:
        """The prompts as plain lists; `from_json` takes them back."""
        return {"distinct": self.distinct, "index": self.index.tolist(), "kind": self.kind}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Prompts":
        """The prompts that `to_json` wrote."""
        return cls(value["distinct"], np.array(value["index"], np.int32), value["kind"])


def natural_order(text: str) -> list[tuple[int, int, str]]:
    """A sort key under which "2" comes before "10", whatever the case."""
    parts = re.split(r"([0-9]+)", text.casefold())
    numbered = [(0, int(part), part) if part.isdecimal() and part.isascii() else (1, 0, part) for part in parts]
    return [*numbered, (2, 0, text)]


def clean_text(text: str) -> str:
    """One line, one space between words, one way to write each accent: what makes equal prompts equal."""
    readable = text.replace("\0", "").encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return " ".join(unicodedata.normalize("NFC", readable).split())


def short_name(text: str) -> str:
    """A name for a run: lower case, [a-z0-9-] only."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-") or "data"


def fit_command(model: str, data: Sequence[str], settings: Sequence[str]) -> str:
    """The command that fits a model to data, to be pasted into a shell."""
    words = [word for setting in settings for word in ("--set", setting)]
    return command_line("fit", model, *data, *words)


def fingerprint_of(shape: Sequence[int], values_sha256: str, prompts: Prompts) -> str:
    """SHA-256 over shape, values and prompts: the content, wherever it lies."""
    head = {"shape": [int(side) for side in shape], "values": values_sha256, "prompts": prompts.distinct}
    digest = hashlib.sha256(json.dumps(head, sort_keys=True).encode())
    digest.update(np.ascontiguousarray(prompts.index, "<i4").tobytes())
    return digest.hexdigest()
