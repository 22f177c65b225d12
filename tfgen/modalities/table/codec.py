"""A table's rows as tokens, and what a person types and reads of its columns as the table writes it."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from tfgen.errors import UserError
from tfgen.modalities.table.constraints import Constraint, from_json
from tfgen.modalities.table.formats import read_dates, write_values
from tfgen.representations.rows.codec import RowCodec
from tfgen.representations.rows.columns import Column


class TableCodec(RowCodec):
    """See RowCodec. What it keeps `about` the table: its constraints, and the column of its groups."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "TableCodec":
        plain = RowCodec.from_json(value)
        return cls(plain.columns, plain.how, plain.specification, plain.about)

    @cached_property
    def constraints(self) -> list[Constraint]:
        """What holds in every row of the table, as far as it is about learned columns."""
        learned = {column.name for column in self.learned}
        found = [from_json(each, self.columns) for each in self.about.get("constraints", ())]
        return [each for each in found if learned.issuperset(each.names)]

    def read_value(self, column: Column, text: str) -> float:
        form = column.writing.get("format")
        if form is not None:
            import pyarrow as pa

            value = float(read_dates(pa.array([text]), form)[0])
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
        knots = self.how[column.name].knots
        return float(knots[len(knots) // 2, 0]) if len(knots) else 0.0
