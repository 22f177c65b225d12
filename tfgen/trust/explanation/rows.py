"""Why a model of rows is told from data, and what conditions change: column by column."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from tfgen.errors import UserError
from tfgen.evaluate.metrics.resemblance import BINS, apart_of_codes, is_number
from tfgen.evaluate.page import html_table
from tfgen.evaluate.rows.boosting import NOT_INSTALLED, Giveaway, giveaways, is_installed
from tfgen.evaluate.rows.metric_inputs import rows_of_seeds
from tfgen.evaluate.rows.reference_data import ReferenceData
from tfgen.evaluate.rows.report_sections import giveaways_words
from tfgen.evaluate.rows.tables import as_table
from tfgen.representations.base import Codec
from tfgen.representations.rows.conditions import read_conditions
from tfgen.representations.rows.sampler import RowSampler
from tfgen.run import Run
from tfgen.trust.explanation.explainer import Explainer, ExplainRequest, Part
from tfgen.trust.explanation.randomised import compared, of_copies

COUNT = 2000  # rows of either side
LEAST = 20  # rows of the data as asked, by which it is known what a condition changes there
_SHUFFLED = 200  # times that rows with and without the condition change places, to tell what chance does
_LISTED = 12


class RowExplainer(Explainer):
    """See Explainer."""

    def __init__(self, run: Run, request: ExplainRequest, codec: Codec):
        super().__init__(run, request, codec)
        self.conditions = read_conditions(codec, request.prompt)

    def beginning(self) -> str:
        return f"Drawing {COUNT:,} rows, and as many of copies with randomised weights ..."

    def parts(self, model: Any, checkpoint: str) -> list[Part]:
        try:
            data = ReferenceData.of(self.run, None, 0)
        except UserError as error:
            data, self.left_out["What takes the training data"] = None, error.what_is_wrong
        seeds = itertools.count(self.request.seed, 2 * COUNT)  # or all would share the chance of theirs

        def opened(one: Any) -> RowSampler:
            return RowSampler(one, self.codec)

        def made(sampler: RowSampler) -> Made:
            return self._made(sampler, next(seeds))

        own = made(opened(model))
        copies = of_copies(self.run, opened, made, self.request.seed)
        found = self._giveaways(own, copies, data), self._changes(own, copies, data)
        return [part for part in found if part is not None]

    def _made(self, sampler: RowSampler, seed: int) -> "Made":
        rows = rows_of_seeds(sampler, self.codec, self.modality, seed, COUNT)
        if self.conditions.are_none:
            return Made(as_table(rows), None, 1.0)
        first = seed + COUNT  # other seeds, so that the two have nothing else in common
        seeds = np.arange(first, first + COUNT, dtype=np.int64).astype(np.int32)
        asked, share = sampler.drawn(seeds, self.conditions)
        return Made(as_table(rows), as_table(asked), share)

    # What gives rows away.

    def _giveaways(self, own: "Made", copies: list["Made"], data: ReferenceData | None) -> Part | None:
        title = "What gives rows away"
        if data is None:
            return None
        if not is_installed() or not len(data.unseen):
            why = f"{NOT_INSTALLED}." if not is_installed() else "It needs rows that the model never saw."
            self.left_out[title] = why
            return None
        unseen = as_table(data.unseen)
        found = giveaways(unseen, own.rows, self.request.seed)
        names = [each.name for each in found]

        def weights(all_: list[Giveaway]) -> np.ndarray:
            by_name = {each.name: max(each.alone - 0.5, each.lost) for each in all_}
            return np.array([by_name[name] for name in names])

        theirs = [weights(giveaways(unseen, copy.rows, self.request.seed)) for copy in copies]
        check = compared(weights(found), theirs)
        rows = [[each.name, f"{each.alone:.3f}", f"{max(each.lost, 0.0):.3f}"] for each in found]
        note = (
            f"{giveaways_words(found)} How often boosting tells {min(COUNT, len(unseen)):,} rows from as many that the "
            "model never saw by each column alone, half the time being guessing; and how much less often by all "
            "columns where that one is shuffled. This is measured; where random weights give the same order, that "
            "order says more of the columns than of what was learned."
        )
        heads = ["column", "right by it alone", "lost without it"]
        html = f'<p class="note">{escape(note)}</p>\n{html_table(heads, rows)}'
        facts = {"columns": [
            {"column": each.name, "alone": round(each.alone, 4), "lost": round(each.lost, 4)} for each in found
        ]}
        lines = [f"{name}: {alone} by it alone, {lost} lost without it" for name, alone, lost in rows[:_LISTED]]
        return Part("giveaways", title, facts, lines, html, check)

    # What a condition changes.

    def _changes(self, own: "Made", copies: list["Made"], data: ReferenceData | None) -> Part | None:
        prompt, share = self.request.prompt, own.share
        if own.asked is None:
            self.left_out["What a condition changes"] = "None is given: name some as PROMPT."
            return None
        cuts = Cuts.of(own.asked, own.rows)
        found, chance = cuts.distances(own.asked, own.rows), cuts.by_chance(own.asked, own.rows)
        names = sorted(found, key=lambda name: -found[name])
        in_data = self._in_data(cuts, data)
        # What is asked for is so in any model's rows.
        asked = set(self.conditions.asked(self.codec))
        rest = [name for name in names if name not in asked]
        check = None
        if rest:
            changes = [cuts.changes(each.asked, each.rows, rest) for each in (own, *copies)]
            check = compared(changes[0], changes[1:])
        facts, rows = [], []
        for name in names:
            kind = "changed" if found[name] > chance[name] else "no more than by chance"
            kind = "asked for" if name in asked else kind
            known = in_data.get(name)
            facts.append({"column": name, "total_variation": round(found[name], 4), "by_chance": round(chance[name], 4),
                          "verdict": kind, "in_data": None if known is None else round(known, 4)})
            beside = "-" if known is None else f"{known:.3f}"
            rows.append([name, f"{found[name]:.3f}", f"{chance[name]:.3f}", beside, kind])
        note = (
            f"How far the values of each column are apart in rows with {prompt} and in rows without regard to it: the "
            f"total variation distance, from 0 to 1, numbers cut into tenths. {share:.1%} of the model's rows are like "
            f"that. By chance alone, 95 of 100 are below what stands beside. In the data it is that of learned rows."
        )
        heads = ["column", "total variation", "by chance", "in the data", ""]
        html = f'<p class="note">{escape(note)}</p>\n{html_table(heads, rows)}'
        lines = [f"{name}: {value} ({kind}; in the data {known})" for name, value, _, known, kind in rows[:_LISTED]]
        title = f"What {prompt} changes"
        return Part("conditions", title, {"share": round(share, 6), "columns": facts}, lines, html, check)

    def _in_data(self, cuts: "Cuts", data: ReferenceData | None) -> dict[str, float]:
        """The same among learned rows; nothing where too few are as asked."""
        if data is None:
            return {}
        meets = self.conditions.hold(self.codec, data.training)
        if meets.sum() < LEAST:
            self.left_out["What the condition changes in the data"] = f"{int(meets.sum())} learned rows are like that."
            return {}
        return cuts.distances(as_table(data.training.take(meets)), as_table(data.training))


@dataclass(frozen=True)
class Made:
    """Rows of a model as tables: without regard to the conditions, and under them where there are any; and the share of
    its rows that meet them."""

    rows: np.ndarray
    asked: np.ndarray | None
    share: float


@dataclass(frozen=True)
class Cuts:
    """Columns as few values: numbers cut into tenths of the range that they have in two tables. What is missing counts
    with the largest."""

    edges: Mapping[str, np.ndarray | None]  # by column, in the tables' order; None of a category
    sizes: Mapping[str, int]  # values of each

    @classmethod
    def of(cls, one: np.ndarray, other: np.ndarray) -> "Cuts":
        """Columns whose numbers can't be cut are left out."""
        edges, sizes = {}, {}
        for name in one.dtype.names:
            values = np.concatenate([one[name], other[name]])
            if not is_number(one, name):
                edges[name], sizes[name] = None, int(values.max(initial=-1)) + 2
                continue
            known = values[np.isfinite(values)]
            if len(known) and np.ptp(known) > 1e-12 * max(1.0, float(np.abs(known).max())):
                edges[name], sizes[name] = np.linspace(known.min(), known.max(), BINS + 1)[1:-1], BINS
        return cls(edges, sizes)

    def codes(self, table: np.ndarray, name: str) -> np.ndarray:
        """int64 [n], from 0 to below the column's size."""
        edges = self.edges[name]
        return np.minimum(table[name] + 1, self.sizes[name] - 1) if edges is None else np.digitize(table[name], edges)

    def distances(self, one: np.ndarray, other: np.ndarray) -> dict[str, float]:
        """The total variation distance of each column of two tables, from 0 to 1."""
        return {
            name: apart_of_codes(self.codes(one, name), self.codes(other, name), size)
            for name, size in self.sizes.items()
        }

    def changes(self, one: np.ndarray, other: np.ndarray, names: Sequence[str]) -> np.ndarray:
        """How much larger the share of each value of some columns is in one table than in the other, all columns one
        after another: what `distances` sum up."""
        shares = [
            [np.bincount(self.codes(table, name), minlength=self.sizes[name]) / len(table) for table in (one, other)]
            for name in names
        ]
        return np.concatenate([first - second for first, second in shares])

    def by_chance(self, one: np.ndarray, other: np.ndarray) -> dict[str, float]:
        """What `distances` would be below 95 of 100 times if rows stood in either table by chance."""
        generator, found, first = np.random.default_rng(3), {}, len(one)
        orders = [generator.permutation(len(one) + len(other)) for _ in range(_SHUFFLED)]
        for name, size in self.sizes.items():
            codes = np.concatenate([self.codes(one, name), self.codes(other, name)])
            apart = [apart_of_codes(codes[order[:first]], codes[order[first:]], size) for order in orders]
            found[name] = float(np.quantile(apart, 0.95))
        return found
