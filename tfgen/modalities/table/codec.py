"""A table's rows as tokens, and what a person types and reads of its columns as the table writes it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from tfgen.errors import UserError
from tfgen.modalities.table.constraints import MISSING, Constraint, Fixed, Sum, from_json, lowest_below
from tfgen.modalities.table.durations import DURATION
from tfgen.modalities.table.formats import read_values, write_values
from tfgen.representations.rows.codec import Categories, Distance, RowCodec, Steps
from tfgen.representations.rows.columns import Column, Rows


class TableCodec(RowCodec):
    """See RowCodec. What it keeps `about` the table: its constraints, and the column of its groups."""

    @classmethod
    def of(
        cls, rows: Rows, learned: int, seed: int = 0, about: Mapping[str, Any] | None = None,
        constraints: Sequence[Constraint] = (),
    ) -> "TableCodec":  # fmt: skip
        """See RowCodec.of. Of the constraints, those are kept that are about learned columns."""
        codec = super().of(rows, learned, seed, about, lowest_below(constraints))
        codec.about["constraints"] = [each.to_json() for each in codec._about_learned(constraints)]
        return codec

    @cached_property
    def constraints(self) -> list[Constraint]:
        """What holds in every row of the table, as far as it is about learned columns."""
        known = {column.name for column in self.learned}
        found = [
            from_json(each, self.columns) for each in self.about.get("constraints", ())
            if known.issuperset(each.get("names", ()))
        ]
        return self._about_learned(found)

    def constraints_in_graph(self, on_phone: bool = False) -> Any:
        """See RowCodec."""
        from tfgen.modalities.table.graph_constraints import GraphConstraints

        found = self.constraints
        if on_phone:
            of_words = {name for name, how in self.encodings.items() if isinstance(how, Categories)}
            found = [each for each in found if isinstance(each, Sum) or set(each.names) <= of_words]
        return GraphConstraints(self, found)

    def _about_learned(self, constraints: Sequence[Constraint]) -> list[Constraint]:
        """Those about learned columns, which name no value that never comes out."""
        found = []
        for each in constraints:
            if each.names and set(each.names) <= set(self.encodings):
                if isinstance(each, Fixed) and each.seen:
                    fine = [self._comes_out(name, values) for name, values in zip(each.names, zip(*each.seen))]
                    each = replace(each, seen=tuple(pair for pair, *both in zip(each.seen, *fine) if all(both)))
                found.append(each)
        return found

    def _comes_out(self, name: str, values: Sequence[float]) -> np.ndarray:
        """Which values of a column, as a Fixed has them, may come out: none that hardly any row has."""
        how, values = self.encodings[name], np.array(values, np.float64)
        if isinstance(how, Categories):
            return np.isin(values, how.kept) | ((values == -1) & how.has_missing)
        if isinstance(how, Distance):
            return ((how.ends[0] <= values) & (values <= how.ends[1])) | ((values == MISSING) & how.has_missing)
        if not len(how.knots):
            return (values == MISSING) & how.has_missing
        bins = how.knots[how.encode(values).clip(max=len(how.knots) - 1)]
        return ((bins[:, 0] <= values) & (values <= bins[:, -1])) | ((values == MISSING) & how.has_missing)

    def steps_of(self, place: int) -> Steps | None:
        """See RowCodec: times come out where the table has them, such as at full hours."""
        column = self.learned[place]
        if "step" not in column.writing or not (extent := self.encodings[column.name].extent):
            return None
        size = float(column.writing["step"])
        first, last = math.ceil(extent[0] / size) * size, math.floor(extent[1] / size) * size
        return Steps(size, first, max(first, last))

    def read_value(self, column: Column, text: str) -> float:
        if {"format", DURATION} & set(column.writing):
            import pyarrow as pa

            value = float(read_values(column, pa.array([text]))[0])
            if not np.isnan(value):
                return value
        before, after = column.writing.get("before", ""), column.writing.get("after", "")
        plain = text.removeprefix(before.strip()).removesuffix(after.strip()).strip()
        if column.writing.get("decimal") == ",":
            plain = plain.replace(".", "").replace(",", ".") if "," in plain else plain
        try:
            return super().read_value(column, plain)
        except UserError as error:
            example = self.write_value(column, self._middle(column))
            raise UserError(error.what_is_wrong, f"'{column.name}' has values such as {example}.") from None

    def write_value(self, column: Column, value: float) -> str:
        return str(write_values(column, np.array([value]))[0])

    def _middle(self, column: Column) -> float:
        how = self.encodings[column.name]
        if isinstance(how, Distance):
            return how.ends[0]
        return float(how.knots[len(how.knots) // 2, 0]) if len(how.knots) else 0.0
