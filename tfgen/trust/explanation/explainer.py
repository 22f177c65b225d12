"""What an explanation is, and how one is made: what each representation's engine gives, on a page and as JSON."""

import abc
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfgen import files
from tfgen.catalog import ENGINES
from tfgen.console import say
from tfgen.errors import UserError
from tfgen.representations.base import Codec
from tfgen.restore import open_codec, open_modality
from tfgen.run import Run, now
from tfgen.trust.explanation.randomised import Check

NAME = "explanation"  # of the page, the JSON beside it, and the folder of what is drawn
FOR_THE_OWNER = (
    "This run is private, and its explanation is not: it looks at real examples without noise, and may show some. It "
    "is for the owner alone."
)


@dataclass(frozen=True)
class ExplainRequest:
    """What is to be explained.

    prompt: as of `generate`, or of sequences the text itself. output: a folder; by default the run's own.
    """

    prompt: str = ""
    output: Path | None = None
    seed: int = 0


@dataclass(frozen=True)
class Part:
    """One thing that was found.

    facts: plain JSON. lines: for a terminal. html: for the page, without the heading. check: beside randomised weights;
    `unchecked` says why there is none.
    """

    name: str
    title: str
    facts: Mapping[str, Any]
    lines: list[str]
    html: str
    check: Check | None = None
    unchecked: str = ""


@dataclass(frozen=True)
class Explanation:
    """What was found of a run, part by part; `explanation["sefa"]` is one of them as plain values.

    page: where explanation.html lies; explanation.json is beside it. left_out: what couldn't be had, and why.
    """

    run: str
    prompt: str
    seed: int
    checkpoint: str
    created: str
    parts: list[Part]
    left_out: dict[str, str]
    page: Path = field(compare=False)

    def __getitem__(self, name: str) -> dict[str, Any]:
        return self.to_json()["parts"][name]

    @property
    def untrustworthy(self) -> list[str]:
        """The parts that a model with random weights explains nearly the same way."""
        return [part.name for part in self.parts if part.check is not None and part.check.is_untrustworthy]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        parts = {
            part.name: {**part.facts, "randomised_weights": part.check.to_json() if part.check else part.unchecked}
            for part in self.parts
        }
        about = {"run": self.run, "prompt": self.prompt, "seed": self.seed, "checkpoint": self.checkpoint}
        return {
            **about, "created": self.created, "untrustworthy": self.untrustworthy, "parts": parts,
            "left_out": self.left_out,
        }

    def lines(self) -> list[str]:
        """A short summary."""
        found: list[str] = []
        for part in self.parts:
            about = part.check.sentence() if part.check else part.unchecked
            warning = "UNTRUSTWORTHY. " if part.name in self.untrustworthy else ""
            lines = [*part.lines, *([f"{warning}{about}"] if about else [])]
            found += [part.title, *(f"  {line}" for line in lines), ""]
        return [*found, *(f"Left out: {what}. {why}" for what, why in self.left_out.items())] or ["Nothing was found."]

    def __repr__(self) -> str:
        return "\n".join(self.lines()).rstrip()


class Explainer(abc.ABC):
    """Explains one run: one class for each representation, in catalog.ENGINES.

    Opening one imports no TensorFlow, and raises UserError for all that can be wrong with the request.
    """

    def __init__(self, run: Run, request: ExplainRequest, codec: Codec):
        self.run, self.request, self.codec = run, request, codec
        self.modality = open_modality(run)
        self.folder = request.output or run.results
        self.left_out: dict[str, str] = {}

    @abc.abstractmethod
    def beginning(self) -> str:
        """A line for who waits: what is being looked at."""

    @abc.abstractmethod
    def parts(self, model: Any, checkpoint: str) -> list[Part]:
        """What is found of the run's model, whose weights are from a checkpoint."""


def open_explainer(run: Run, request: ExplainRequest) -> Explainer:
    """The explainer for a run's representation. Raises UserError for all that can be wrong with the request."""
    if request.output is not None:
        if request.output.exists() and not request.output.is_dir():
            raise UserError(f"'{request.output}' is a file.", "Name a folder: the page and what is drawn go there.")
        files.check_place(request.output / "page")
    codec = open_codec(run)
    return ENGINES.load(f"explain/{codec.representation}")(run, request, codec)


def explain(explainer: Explainer) -> Explanation:
    """Explains a run, and writes `explanation.html` and `explanation.json`."""
    from tfgen.restore import load_model_and_checkpoint
    from tfgen.trust.explanation.page import write

    say(explainer.beginning())
    run, request = explainer.run, explainer.request
    model, checkpoint = load_model_and_checkpoint(run)
    parts = explainer.parts(model, checkpoint)
    about = (run.title, request.prompt, request.seed, checkpoint, now(), parts, explainer.left_out)
    explanation = Explanation(*about, explainer.folder / f"{NAME}.html")
    write(explanation, run, explainer.modality.plural)
    files.write_json(explainer.folder / f"{NAME}.json", explanation.to_json())
    if "privacy" in run.record:
        say(FOR_THE_OWNER)
    return explanation
