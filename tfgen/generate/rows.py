"""Rows of a run under conditions, or rows of a file with what they lack filled in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.catalog import MODALITIES
from tfgen.console import say, several, warn
from tfgen.errors import UserError
from tfgen.feedback.events import Sample
from tfgen.generate import Generator, Origin, Request
from tfgen.generate.output import check_path, file_stem, provenance
from tfgen.generate.reactions import Reactions
from tfgen.representations.base import Codec
from tfgen.representations.rows.columns import Rows
from tfgen.representations.rows.conditions import read_conditions
from tfgen.representations.rows.constrained import enforce_constraints
from tfgen.representations.rows.sampler import Given, RowSampler
from tfgen.restore import load_model, made_of
from tfgen.run import BASE, Run

_SHOWN = 8  # rows, on the terminal
_HARDLY_ANY = 1e-6  # a share of the model's rows below which it makes none like that
_TRIED = 256  # rows that the share is told by, at the least


@dataclass(frozen=True, eq=False)
class RowSamples(Reactions, Sequence):
    """Rows, and where they are from; a part of them is one too.

    rows: the values, column by column.
    share: of the model's own rows, how many are like those that were asked for; 1 where nothing was asked.
    """

    rows: Rows
    seeds: list[int]
    prompt: str
    origin: Origin
    share: float = 1.0

    def __len__(self) -> int:
        return len(self.seeds)

    def __getitem__(self, place: Any) -> Any:
        """A row as a dict of its columns, or a part of the rows."""
        if isinstance(place, slice):
            return RowSamples(self.rows.take(place), self.seeds[place], self.prompt, self.origin, self.share)
        return self.modality.records(self.rows.take([place]), self.seeds[place])[0]

    @property
    def modality(self) -> Any:
        return MODALITIES.load(self.origin.modality)

    @property
    def _first(self) -> int:
        """The seed from which keys are made, which count on from there."""
        return self.seeds[0] if self.seeds else 0

    def to_dict(self) -> dict[str, list[Any]]:
        """Each column's values as Python's, None where a cell is missing; pandas.DataFrame takes it."""
        records = self.modality.records(self.rows, self._first)
        return {name: [record[name] for record in records] for name in (records[0] if records else ())}

    def examples(self) -> Iterator[dict[str, Any]]:
        """Each row as a dict of its columns."""
        return iter(self.modality.records(self.rows, self._first))

    def records(self) -> list[Sample]:
        origin = self.origin
        made_by = origin.name, origin.digest, origin.version or BASE
        texts = self.modality.lines(self.rows, first=self._first)
        return [
            Sample(*made_by, self.prompt, origin.prompt_version, seed, settings=origin.settings, content=text)
            for seed, text in zip(self.seeds, texts, strict=True)
        ]

    def save(self, path: str | Path) -> str:
        """Writes them as the path's ending says, and gives a phrase on what was written."""
        path = Path(path)
        check_path(path, self.modality.row_endings)
        if path.suffix.lower() not in self.modality.row_endings:
            path = path / f"{self.origin.name}-{file_stem('', self.prompt, f'seed{self.seeds[0]}')}.csv"
        seeds = f"{self.seeds[0]} to {self.seeds[-1]}" if len(self.seeds) > 1 else str(self.seeds[0])
        self.modality.save_rows(path, self.rows, provenance(self.origin, self.prompt, seeds), self._first)
        return f"{path}, {several(len(self), 'row')}"

    def __repr__(self) -> str:
        return "\n".join(self.modality.lines(self.rows.take(slice(0, _SHOWN)), heading=True, first=self._first))

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return self.modality.rows_as_html(self.rows.take(slice(0, 50)), self._first)


class RowGenerator(Generator):
    """See Generator. Without a place, a .csv goes to the current folder; some of the rows are shown."""

    options = ("like",)
    shard_formats = ("parquet", "jsonl", "tfrecord")
    shard_size = 100_000

    def __init__(self, run: Run, request: Request, codec: Codec):
        super().__init__(run, request, codec)
        self.conditions = read_conditions(codec, request.prompt)
        self._like: Any = None  # rows to fill in
        if "like" in request.options:
            self._like = self.modality.read_rows(Path(request.options["like"]), codec)
            wanted = len(self._like)
            if request.count not in (None, wanted):
                what = f"'{request.options['like']}' has {several(wanted, 'row')}, and -n asks for {request.count}."
                raise UserError(what, "Leave -n out.")
            self.seeds = np.arange(request.seed, request.seed + wanted, dtype=np.int64).astype(np.int32)
        stem = file_stem("", request.prompt, f"seed{request.seed}")
        self.path = request.output or Path(f"{run.name}-{stem}{self.modality.row_endings[0]}")
        check_path(self.path, self.modality.row_endings)

    def default_count(self) -> int:
        return self.modality.default_count

    def samples(self) -> RowSamples:
        model = load_model(self.run)
        sampler = made_of(model, "rows", lambda: RowSampler(model, self.codec))
        rows, share = self._filled(sampler) if self._like is not None else self._drawn(sampler)
        origin = replace(Origin.of(self.run), completed=self._like is not None).asked_by(self.request)
        return RowSamples(rows, self.seeds.tolist(), self.request.prompt, origin, share)

    def deliver(self) -> None:
        samples = self.samples()
        if self._like is None and samples.share < 1.0:
            say(f"About {_percent(samples.share)} of the model's rows are like that.")
        print(repr(samples))
        more = len(samples) - _SHOWN
        if more > 0:
            print(f"... and {several(more, 'more row')}")
        say(f"Wrote {samples.save(self.path)}")

    def _drawn(self, sampler: RowSampler) -> tuple[Rows, float]:
        """Rows that meet the conditions and the table's constraints, and the share of the model's that do."""
        seeds = self.seeds
        rows, share = sampler.drawn(seeds, self.conditions)
        if not self.conditions.are_none and len(seeds) < _TRIED:
            more = (np.arange(_TRIED - len(seeds)) * 7919 + 1).astype(np.int32)  # to tell the share by
            share = (share * len(seeds) + sampler.drawn(more, self.conditions)[1] * len(more)) / _TRIED
        if share < _HARDLY_ANY:
            raise UserError(
                f"The model makes no rows with {self.request.prompt}: the data has next to none.",
                "Ask for less at once.",
            )
        rows, broken = enforce_constraints(self.modality, self.codec, sampler, seeds, self.conditions, rows)
        if broken:
            raise _impossible(broken, self.modality.broken_constraints(rows, self.codec))
        return rows, share

    def _filled(self, sampler: RowSampler) -> tuple[Rows, float]:
        """The rows of the file, with what the model draws where a cell is missing."""
        like, under = self._like, self.conditions.without_missing(self.codec)
        filled = Given.of(self.codec, Rows(like.columns, like.values), under)
        made, share = sampler.drawn(self.seeds, under, filled)
        made, broken = enforce_constraints(
            self.modality, self.codec, sampler, self.seeds, self.conditions, made, filled
        )
        if broken:
            warn(f"{several(broken, 'row')} can't be filled in so that what holds in the table holds there too.")
        count = sum(int((~there).sum()) for there in filled.there.values())
        count -= sum(int(cells.sum()) for cells in like.unknown.values())
        say(f"{several(count, 'cell')} of {several(len(like), 'row')} filled in.")
        return like.completed(made), share


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def _impossible(count: int, constraints: list[str]) -> UserError:
    """Of so many rows that are not right, also when drawn anew, and the constraints that they break, if any."""
    if not constraints:
        what = f"{several(count, 'row')} would have values that the data hasn't, or that were not asked for"
        return UserError(f"{what}, also when drawn anew.", "Ask for less at once.")
    broken = " and ".join(f"'{each}'" for each in constraints)
    return UserError(
        f"{several(count, 'row')} would break what holds in every row of the data, {broken}, also when drawn anew.",
        "Ask for less at once, or take it out of the constraints that tfgen data --toml writes, and fit again.",
    )
