"""Cells of a run that makes rows: a prompt is what is asked of them, and a sample is read as a line."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.console import say
from tfgen.errors import UserError
from tfgen.generate import Origin
from tfgen.generate.output import check_path
from tfgen.generate.rows import RowSamples
from tfgen.prompts.cells import Cell, Cells, Drawn
from tfgen.prompts.judges import Measure
from tfgen.representations.rows.columns import joined
from tfgen.representations.rows.conditions import columns_asked, read_conditions, split_prompt, words_of_columns
from tfgen.representations.rows.constrained import enforce_constraints
from tfgen.representations.rows.sampler import RowSampler


class RowCells(Cells):
    """See Cells. What is known of each sample is the row itself, and the share of the model's rows that are like it."""

    settings = ()
    tried: Mapping[str, Sequence[Any]] = {}
    strings = True
    least = 16
    default_count = 100
    shown_count = 4

    @classmethod
    def check_settings(cls, settings: Mapping[str, Any]) -> None:
        if settings:
            raise UserError("Rows have no settings of sampling.", "Leave them out.")

    def check_cell(self, cell: Cell) -> None:
        read_conditions(self.codec, cell.prompt)

    @cached_property
    def _sampler(self) -> RowSampler:
        return RowSampler(self.model, self.codec)

    def draw(self, cells: Sequence[Cell], seeds: np.ndarray) -> list[Drawn]:
        drawn = []
        for cell in cells:
            conditions = read_conditions(self.codec, cell.prompt)
            rows, share = self._sampler.drawn(seeds, conditions)
            rows, _ = enforce_constraints(self.modality, self.codec, self._sampler, seeds, conditions, rows)
            known = tuple((rows.take([place]), share) for place in range(len(rows)))
            drawn.append(Drawn(cell, seeds, self.modality.lines(rows), known))
        return drawn

    def words(self) -> Sequence[str]:
        return words_of_columns(self.codec)

    def neighbours(self, cell: Cell) -> list[Cell]:
        """A condition less, or one more on a column that is free."""
        parts, asked = split_prompt(cell.prompt), set(columns_asked(self.codec, cell.prompt))
        prompts = [", ".join(parts[:place] + parts[place + 1 :]) for place in range(len(parts))]
        more = (word for word in self.words() if asked.isdisjoint(columns_asked(self.codec, word)))
        prompts += [", ".join([*parts, word]) for word in more]
        return [Cell(prompt, cell.settings) for prompt in dict.fromkeys(prompts)]

    def measures(self) -> Mapping[str, Measure]:
        return {
            "share": Measure(self._share, "how many of the model's rows are like that", 1),
            "diversity": Measure(self._diversity, "how seldom two rows have the same values", 1, alone=False),
        }

    def features(self, values: Sequence[Any]) -> np.ndarray:
        raise UserError("Ratings of rows are not learned from.", "Judge by a measure or an assertion.")

    def _share(self, drawn: Drawn) -> np.ndarray:
        return np.array([share for _, share in drawn.known], np.float64)

    def _diversity(self, drawn: Drawn) -> np.ndarray:
        """Of each sample the mean share of its columns in which another sample has another value."""
        tokens = self.codec.encode(joined([rows for rows, _ in drawn.known]))
        if len(tokens) < 2:
            return np.zeros(len(tokens))
        differ = (tokens[:, None, :] != tokens[None, :, :]).mean(axis=2)
        return differ.sum(axis=1) / (len(tokens) - 1)

    # Files.

    def check_output(self, path: Path) -> None:
        check_path(path, self.modality.row_endings)

    def samples(self, drawn: Sequence[Drawn], origin: Origin) -> RowSamples:
        rows = joined([rows for each in drawn for rows, _ in each.known])
        seeds = [int(seed) for each in drawn for seed in each.seeds]
        return RowSamples(rows, seeds, " | ".join(each.cell.prompt for each in drawn), origin)

    def show(self, drawn: Sequence[Drawn], origin: Origin, stem: str, as_json: bool) -> None:
        for each in drawn:
            lines = self.modality.lines(joined([rows for rows, _ in each.known]), heading=True)
            print(f"--- {each.cell.title} ---", *lines, "", sep="\n")
        say(f"{sum(map(len, drawn))} rows.")

    def save(self, drawn: Sequence[Drawn], path: Path, origin: Origin) -> str:
        return self.samples(drawn, origin).save(path)
