"""Cells of a run that ranks items: a prompt names some, and the samples are what goes with them, the best first."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.console import say
from tfgen.errors import UserError
from tfgen.generate import Origin
from tfgen.generate.output import check_path
from tfgen.generate.sets import DEFAULT_COUNT, ENDINGS, Ranking, Rankings, Suggestion
from tfgen.prompts.cells import Cell, Cells, Drawn
from tfgen.prompts.judges import Measure
from tfgen.representations.sets.codec import items_of, quoted
from tfgen.representations.sets.ranker import Ranker
from tfgen.representations.sets.sets import Sets

_WORDS = 100  # of the commonest items, which a search may put into a prompt


class SetCells(Cells):
    """See Cells. What is known of each sample is its score, and how many learned sets have it."""

    settings = ()
    tried: Mapping[str, Sequence[Any]] = {}
    strings = True
    least = 1
    default_count = DEFAULT_COUNT
    shown_count = DEFAULT_COUNT

    @classmethod
    def check_settings(cls, settings: Mapping[str, Any]) -> None:
        if settings:
            raise UserError("A ranking has no settings of sampling.", "Leave them out.")

    def check_cell(self, cell: Cell) -> None:
        self.codec.read(cell.prompt)

    @cached_property
    def _ranker(self) -> Ranker:
        return Ranker(self.model)

    def draw(self, cells: Sequence[Cell], seeds: np.ndarray) -> list[Drawn]:
        given = Sets.of([self.codec.read(cell.prompt).tolist() for cell in cells])
        items, scores = self._ranker.best(given, len(seeds))
        shares = np.array(self.codec.specification.counts) / max(self.codec.specification.count, 1)
        drawn = []
        for cell, row, own in zip(cells, items, scores, strict=True):
            there = row >= 0
            known = tuple((float(score), float(shares[item])) for item, score in zip(row[there], own[there]))
            names = [self.codec.names[item] for item in row[there]]
            drawn.append(Drawn(cell, seeds[: len(names)], names, known))
        return drawn

    def words(self) -> Sequence[str]:
        return [quoted(name) for name in self.codec.names[:_WORDS]]

    def neighbours(self, cell: Cell) -> list[Cell]:
        """An item less, or one more."""
        parts = [quoted(name) for name in items_of(cell.prompt)]
        prompts = [", ".join(parts[:place] + parts[place + 1 :]) for place in range(len(parts))]
        prompts += [", ".join([*parts, word]) for word in self.words() if word not in parts]
        return [Cell(prompt, cell.settings) for prompt in dict.fromkeys(prompts)]

    def measures(self) -> Mapping[str, Measure]:
        return {
            "score": Measure(self._scores, "how well it goes with the prompt", 1),
            "share": Measure(self._shares, "the share of the data that has it", 1),
        }

    def features(self, values: Sequence[Any]) -> np.ndarray:
        raise UserError("Ratings of items are not learned from.", "Judge by a measure or an assertion.")

    def _scores(self, drawn: Drawn) -> np.ndarray:
        return np.array([score for score, _ in drawn.known], np.float64)

    def _shares(self, drawn: Drawn) -> np.ndarray:
        return np.array([share for _, share in drawn.known], np.float64)

    # Files.

    def check_output(self, path: Path) -> None:
        check_path(path, ENDINGS)

    def samples(self, drawn: Sequence[Drawn], origin: Origin) -> Rankings:
        return Rankings({each.cell.title: self._ranking(each, origin) for each in drawn}, origin)

    def _ranking(self, drawn: Drawn, origin: Origin) -> Ranking:
        found = zip(drawn.values, drawn.known, strict=True)
        return Ranking(tuple(Suggestion(name, score) for name, (score, _) in found), drawn.cell.prompt, origin)

    def show(self, drawn: Sequence[Drawn], origin: Origin, stem: str, as_json: bool) -> None:
        for each in drawn:
            print(f"--- {each.cell.title} ---", repr(self._ranking(each, origin)), "", sep="\n")
        say(f"{len(drawn)} rankings.")

    def save(self, drawn: Sequence[Drawn], path: Path, origin: Origin) -> str:
        return self.samples(drawn, origin).save(path)
