"""What a person names as a prompt to cells: a saved one ("@name", "@name@3", "@name@best"), or a template.

Where a text itself begins with an @, two of them are typed: "@@home" means "@home".
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.catalog import ENGINES
from tfgen.console import say
from tfgen.errors import UserError, unknown
from tfgen.generate import Generator, Origin, Request, open_generator, seeds_from
from tfgen.generate.output import file_stem
from tfgen.prompts.cells import Cell, Cells, Drawn, open_cells
from tfgen.prompts.judges import Measure
from tfgen.prompts.template import Template, escaped
from tfgen.representations import NAMES
from tfgen.run import Run

ALL, BY_SEED = "all", "seed"
_MOST_TO_CHOOSE = 64  # samples, of which one is kept


@dataclass(frozen=True)
class Filling:
    """How a template is filled.

    values: of its variables. mode: ALL combinations, or BY_SEED, each seed its own. random: so many of all, by chance.
    """

    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    mode: str = ALL
    random: int | None = None
    seed: int = 0  # of what is drawn by chance


@dataclass(frozen=True)
class Named:
    """What was named: a template with its settings, and where it is kept, if anywhere."""

    template: Template
    address: str = ""  # "name@3"
    settings: Mapping[str, Any] = field(default_factory=dict)
    is_template: bool = True  # not a plain prompt, written as one

    def cells(self, filling: Filling, options: Mapping[str, Any] | None = None) -> list[Cell]:
        """One for each combination; options come before the prompt's own settings. Raises as `combinations` does."""
        settings = {**self.settings, **(options or {})}
        if filling.random is not None:
            found = self.template.drawn(filling.random, filling.seed, filling.values)
        else:
            found = self.template.combinations(filling.values)
        return [Cell.of(each, settings) for each in found]

    def chosen(self, filling: Filling, seeds: np.ndarray, options: Mapping[str, Any]) -> list[Cell]:
        """The one that belongs to each seed."""
        settings = {**self.settings, **options}
        return [Cell.of(self.template.choose(int(seed), filling.values), settings) for seed in seeds]

    def request(self, filling: Filling, request: Request) -> Request | None:
        """The request for the only combination there is; None where there are several."""
        if filling.mode == BY_SEED and any(not isinstance(part, str) for part in self.template.parts):
            return None
        cells = self.cells(filling)
        if len(cells) > 1:
            return None
        options = {**self.settings, **request.options}
        source = {"prompt_version": self.address, "template": self.template.text}
        return replace(request, prompt=cells[0].prompt, options=options, **source)


def is_named(prompt: str) -> bool:
    """Whether a prompt names a saved one."""
    return prompt.startswith("@") and not prompt.startswith("@@")


def plain(prompt: str) -> str:
    """What a prompt that names no saved one says."""
    return prompt[1:] if prompt.startswith("@@") else prompt


def find(prompt: str) -> Named:
    """What a prompt names: a saved one, or itself as a template.

    Raises:
        UserError: there is no such prompt, or it is no template.
    """
    if not is_named(prompt):
        return Named(Template.parse(plain(prompt)))
    from tfgen.feedback.store import open_store
    from tfgen.prompts.library import PromptLibrary

    with open_store() as store:
        found = PromptLibrary(store).find(prompt)
    return Named(found.template, found.address, found.settings)


@dataclass(frozen=True)
class BestOf:
    """Of so many samples the one that a judge likes best is kept; `judge` opens it for the run's samples."""

    count: int
    judge: Callable[[Cells], Measure]

    def __post_init__(self):
        if not 2 <= self.count <= _MOST_TO_CHOOSE:
            raise UserError(f"The best of {self.count} can't be kept.", f"Choose from 2 to {_MOST_TO_CHOOSE}.")

    def kept(self, drawn: Drawn, measure: Measure) -> Drawn:
        """The best of each `count` samples that follow each other, with their own seeds."""
        scores = np.asarray(measure.function(drawn)).reshape(-1, self.count)
        places = np.argmax(scores, axis=1) + np.arange(len(scores)) * self.count
        values = drawn.values[places] if isinstance(drawn.values, np.ndarray) else [drawn.values[at] for at in places]
        return Drawn(drawn.cell, drawn.seeds[places], values, tuple(drawn.known[at] for at in places if drawn.known))


def open_samples(
    run: Run, request: Request, filling: Filling = Filling(), template: bool = False, best: BestOf | None = None
) -> "Generator | Matrix":
    """What makes the samples of a request, whose prompt may name a saved one, or be a template.

    Raises:
        UserError: for all that can be wrong with the request; TensorFlow isn't loaded yet.
    """
    if best is not None:
        named = is_named(request.prompt) or template
        literal = Template.parse(escaped(plain(request.prompt)))
        found = find(request.prompt) if named else Named(literal, is_template=False)
        return Matrix(run, found, filling, request, best)
    if not is_named(request.prompt) and not template:
        return open_generator(run, replace(request, prompt=plain(request.prompt)))
    named = find(request.prompt)
    alone = named.request(filling, request)
    return Matrix(run, named, filling, request) if alone is None else open_generator(run, alone)


def only_one(request: Request, filling: Filling = Filling(), template: bool = False) -> Request:
    """A request with its prompt filled, for what makes one prompt's samples at a time: a server, or shards.

    Raises:
        UserError: the prompt has several combinations, or there is no such prompt.
    """
    if not is_named(request.prompt) and not template:
        return replace(request, prompt=plain(request.prompt))
    alone = find(request.prompt).request(filling, request)
    if alone is None:
        what = "The prompt has several combinations, and only one can be made at a time here."
        raise UserError(what, "Say which: by --var, or without alternatives.")
    return alone


def check_settings(settings: Mapping[str, Any]) -> None:
    """Raises UserError for a setting that no kind of run takes, or whose value can't be."""
    engines = [ENGINES.load(f"prompt/{each}") for each in NAMES]
    known = dict.fromkeys(name for each in engines for name in each.settings)
    for name, value in settings.items():
        if name not in known:
            raise unknown("setting", name, known)
        for each in engines:
            if name in each.settings:
                each.check_settings({name: value})


class Matrix:
    """Samples of several combinations, each at the same seeds, or each seed with its own.

    Opening one imports no TensorFlow, and raises UserError for all that can be wrong with the request.
    """

    def __init__(self, run: Run, named: Named, filling: Filling, request: Request, best: BestOf | None = None):
        options = dict(request.options)
        self.cells: Cells = open_cells(run)
        self.as_json = bool(options.pop("json", False)) if self.cells.strings else False
        count = self.cells.shown_count if request.count is None else request.count
        self.by_seed = filling.mode == BY_SEED
        if self.by_seed and request.count is None:
            count = self.cells.modality.default_count
        if best is not None and self.by_seed:
            raise UserError("Where each seed has a prompt of its own there is no best of several.", "Leave one out.")
        self.best = best
        self.seeds = seeds_from(request.seed, count * (best.count if best else 1))
        if self.by_seed:
            self.matrix = named.chosen(filling, self.seeds, options)
        else:
            self.matrix = named.cells(filling, options)
        self.cells.check(self.matrix)
        self.measure = best.judge(self.cells) if best else None
        self.output: Path | None = request.output
        if self.output:
            self.cells.check_output(self.output)
            if self.as_json and self.output.suffix.lower() != ".jsonl":
                raise UserError(f"JSON can't be written to '{self.output}'.", "Give a path that ends in .jsonl.")
        settings = {} if self.cells.strings else dict(self.matrix[0].settings)
        address = named.address
        self.origin = Origin.of(run, settings).asked_by(
            replace(request, prompt_version=address, template=named.template.text if named.is_template else "")
        )
        self.stem = file_stem("", address or named.template.text, f"seed{request.seed}{'-best' if best else ''}")

    def pieces(self) -> Iterator[tuple[int, str]]:
        """As of a Generator; nothing, since samples that are compared come together."""
        return iter(())

    def drawn(self) -> list[Any]:
        """The samples, by cell."""
        if self.by_seed:
            return self.cells.draw_one_each(self.matrix, self.seeds)
        drawn = self.cells.draw(self.matrix, self.seeds)
        if self.best is None:
            return drawn
        return [self.best.kept(each, self.measure) for each in drawn]

    def samples(self) -> Any:
        """All samples as Python has them, those of one combination after the other."""
        return self.cells.samples(self.drawn(), self.origin)

    def deliver(self) -> None:
        """Makes the samples, writes them and says where."""
        drawn = self.drawn()
        if not self.cells.strings and len(drawn) > 1 and not self.by_seed:
            for place, each in enumerate(drawn, 1):
                say(f"Row {place}: {each.cell.title}")
        if self.output:
            say(f"Wrote {self.cells.save(drawn, self.output, self.origin)}")
        else:
            self.cells.show(drawn, self.origin, self.stem, self.as_json)
