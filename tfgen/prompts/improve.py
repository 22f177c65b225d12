"""From a saved prompt to a better version of it: what is searched, by which judge, and what is kept."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.console import say
from tfgen.errors import UserError
from tfgen.feedback.store import Store
from tfgen.generate import Origin
from tfgen.prompts.cells import Cell, Cells, Drawn, open_cells
from tfgen.prompts.judges import Judge, Measure, open_judge
from tfgen.prompts.library import PromptLibrary, PromptVersion
from tfgen.prompts.search import (
    MOST_CELLS, Ask, Found, Show, check_budget, optimize, optimize_by_picks, settings_grid,
)
from tfgen.prompts.template import MOST_COMBINATIONS, escaped
from tfgen.run import Run

PEOPLE = "people"
DEFAULT_BUDGET = 2000  # samples
DEFAULT_PICKS = 30


@dataclass(frozen=True)
class OptimizeRequest:
    """What a person asks for.

    judge: as tfgen.prompts.judges reads it, or "people". budget: samples in all; of people, picks.
    words: whether prompts are tried that differ in a word; else the template's combinations and settings alone.
    """

    judge: str
    budget: int | None = None
    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    words: bool = True
    count: int | None = None  # samples that a person sees of each
    seed: int = 0


@dataclass(frozen=True)
class Improved:
    """What the search found, and the version that was saved; None where nothing beat the start."""

    found: Found
    version: PromptVersion | None
    sentence: str


class Improvement:
    """An open request: opening it needs no TensorFlow, and raises UserError for all that is wrong with it."""

    def __init__(
        self, library: PromptLibrary, cells: Cells, address: str, request: OptimizeRequest,
        others: Mapping[str, Measure], further: Sequence[str] = (),
    ):
        """others, further: as of tfgen.prompts.judges.open_judge."""
        self.library, self.cells, self.request = library, cells, request
        self.version = library.find(address)
        settings = {**self.version.settings, **request.settings}
        template = self.version.template
        if template.count(request.values) > MOST_COMBINATIONS:
            found = template.drawn(MOST_CELLS, request.seed, request.values)
        else:
            found = template.combinations(request.values)
        self.pool = [Cell.of(each, settings) for each in found]
        self.start = self.pool[0]
        self.judge: Judge | None = None
        if request.judge != PEOPLE:
            self.judge = open_judge(request.judge, self.cells, others, further)
        self.cells.check(self.pool)
        self.pool = settings_grid(self.cells, self.pool)
        self.budget = request.budget or (DEFAULT_BUDGET if self.judge else DEFAULT_PICKS)
        if self.judge:
            check_budget(self.cells, self.budget)

    def run(self, show: Show = lambda row: None, ask: Ask | None = None) -> Improved:
        """Searches, and saves the winner where it is better than the start on fresh seeds.

        Raises:
            UserError: people are the judge, and nobody is there to be asked.
        """
        say(f"The start is {self.start.title}; {len(self.pool)} combinations with settings are there to begin with.")
        request = self.request
        if self.judge is None:
            if ask is None:
                raise UserError("People are the judge, and nobody is asked.", "Add --ask, at a terminal.")
            count = request.count or self.cells.shown_count
            found = optimize_by_picks(
                self.cells, self.start, self.pool, ask, self.budget, count, request.seed, show
            )
        else:
            diversity = open_judge("diversity", self.cells)
            found = optimize(
                self.cells, self.start, self.pool, self.judge, self.budget, request.seed, show,
                {"diversity": diversity}, request.words,
            )
        if not found.improved:
            return Improved(found, None, self._why_not(found))
        version = self.library.save(
            self.version.name, escaped(found.winner.prompt), dict(found.winner.settings),
            f"optimized by {request.judge}", self.version.number, self.evidence(found),
        )
        low, high = found.gain.low, found.gain.high
        what = "preferred more often than not by" if self.judge is None else f"better in {self.judge.name} by"
        by = f"{found.gain.value:.3g} ({low:.3g} to {high:.3g})"
        sentence = f"{version.address}, {found.winner.title}, is {what} {by} on {found.gain.pairs} fresh pairs."
        if any(not isinstance(part, str) for part in self.version.template.parts):
            sentence += f" The template that it is of stays as {self.version.address}."
        return Improved(found, version, sentence)

    def present(self, one: Drawn, two: Drawn) -> str:
        """Two groups of samples for a person at a terminal: texts as they are, else a sheet, whose place it gives."""
        cells = self.cells
        if cells.strings:
            return "\n".join(
                f"--- {place} ---\n{each.cell.prompt}{text}\n"
                for place, each in ((1, one), (2, two))
                for text in each.values
            )
        path = Path(f"{cells.run.name}-{self.version.name}-ask{cells.modality.sheet_ending}")
        values, columns = np.concatenate([one.values, two.values]), max(len(one), 2)
        cells.modality.save_sheet(path, values, {"run": cells.run.title}, columns)
        sides = "on the left, 2 on the right" if len(one) == 1 else "the first row, 2 the second"
        return f"{path}: 1 is {sides}."

    def keep(self, one: Drawn, two: Drawn, place: int | None) -> None:
        """Keeps a pick among two single samples as feedback; of more at once, it says nothing on any one of them."""
        if place is None or len(one) != 1:
            return
        from tfgen.feedback.events import Event

        origin = Origin.of(self.cells.run)
        shown = []
        for each in (one, two):
            settings = {} if self.cells.strings else dict(each.cell.settings)
            shown += self.cells.samples([each], replace(origin, settings=settings)).records()
        if shown[0].id != shown[1].id:
            self.library.store.add(shown, [Event("pair", tuple(each.id for each in shown), {"picked": [place]})])

    def to_json(self, improved: Improved) -> dict[str, Any]:
        """The result as plain JSON."""
        found = improved.found
        best = {"prompt": found.best.prompt, "settings": dict(found.best.settings)}
        saved = improved.version.address if improved.version else None
        return {"saved": saved, "sentence": improved.sentence, "best": best, **self.evidence(found)}

    def __enter__(self) -> "Improvement":
        return self

    def __exit__(self, *_: Any) -> None:
        self.library.store.close()

    def _why_not(self, found: Found) -> str:
        if found.gain is None:
            return f"Nothing beat the start {self.start.title}, so nothing was saved."
        return (
            f"Nothing beat the start {self.start.title} for sure, so nothing was saved: the best, {found.best.title}, "
            f"differs by {found.gain.value:.3g} ({found.gain.low:.3g} to {found.gain.high:.3g}) on fresh seeds."
        )

    def evidence(self, found: Found) -> dict[str, Any]:
        """What is kept beside the new version: trials, scores, interval, judge, budget."""
        return {
            "judge": self.request.judge,
            "budget": self.budget,
            "used": found.used,
            "run": self.cells.run.title,
            "start": {"prompt": found.start.prompt, "settings": dict(found.start.settings)},
            "gain": found.gain.to_json() if found.gain else None,
            "scores": {name: {"start": pair[0], "best": pair[1]} for name, pair in found.scores.items()},
            "trials": list(found.trials),
        }


def open_improvement(
    run: Run, address: str, request: OptimizeRequest, others: Mapping[str, Callable[[Store, Cells], Measure]]
) -> Improvement:
    """An Improvement over the usual store, which it closes at its end.

    others: what makes measures that the run's cells don't have, by name; only the one that is the judge is made.
    """
    from tfgen.feedback.store import open_store

    store = open_store()
    try:
        cells = open_cells(run)
        wanted = {name: make(store, cells) for name, make in others.items() if request.judge == name}
        return Improvement(PromptLibrary(store), cells, address, request, wanted, [*others, PEOPLE])
    except BaseException:
        store.close()
        raise
