"""A table to examples: which of its rows are learned, and the tokens of all of them."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tfgen.data.examples import Report, short_name
from tfgen.data.request import DataRequest
from tfgen.errors import UserError
from tfgen.modalities.table.codec import TableCodec
from tfgen.modalities.table.table import Table, open_table, open_table_as
from tfgen.representations.rows.columns import Rows
from tfgen.representations.rows.examples import RowExamples

HOLDOUT = 0.1
_MUCH = 0.1  # of the rows, whose values are rare
_ENOUGH_HELD_OUT = 100  # rows, to judge by, where they are no more than a fifth
_MOST_HELD_OUT = 10_000  # rows, unless told otherwise
OWN = ("holdout", "codec")  # settings that are no business of reading


@dataclass(frozen=True, eq=False)
class TableExamples(RowExamples):
    """See RowExamples."""

    table: Table  # as it was read
    order: np.ndarray  # int64 [rows], where each of these rows stands in it

    def place_in_source(self, place: int) -> int:
        return int(self.order[place])

    def released(self, noise_multiplier: float, delta: float, key: int) -> "TableExamples":
        if self.table.group is not None:
            raise UserError(
                "With group=, a person with several rows would have to be protected, and a private fit protects single "
                "rows.",
                "Give a table with one row for each person, or leave group out if rows are what you protect.",
            )
        return super().released(noise_multiplier, delta, key)

    def under(self, codec: TableCodec) -> "TableExamples":
        report = replace(self.report, notes=[*self.table.notes, *_notes(self.table, codec)])
        return replace(super().under(codec), report=report)


def open_examples(request: DataRequest) -> TableExamples:
    """The examples of a table under the request's settings.

    Raises:
        UserError: it can't be read, or nothing in it can be learned.
    """
    settings = {name: value for name, value in request.settings.items() if name not in OWN}
    known = _known_codec(request.get("codec"))
    if known is None:
        table = open_table(request.source, settings)
    else:
        table = open_table_as(request.source, known.columns, known.constraints, settings)
    order, learned = _split(table, request.get("holdout"))
    rows = table.rows.take(order)
    codec = known
    if codec is None:
        codec = TableCodec.of(rows, learned, about={"group": request.get("group")}, constraints=table.constraints)
    # A column of which nothing can be learned is none of those that anybody looks at from here on.
    rows = Rows(codec.columns, {column.name: rows.values[column.name] for column in codec.learned})
    name = short_name(Path(request.shown_source).name.split(".")[0]) if isinstance(request.source, str) else "table"
    report = Report(table.found, len(rows), list(table.broken), [*table.notes, *_notes(table, codec)])
    about = "table", request.shown_source, name
    return TableExamples(*about, rows, codec.encode(rows), learned, codec, report, table.fingerprint, table, order)


def _known_codec(path: str | None) -> TableCodec | None:
    if path is None:
        return None
    try:
        return TableCodec.from_json(json.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"'{path}' is no codec of a run of tables.", "Name the codec.json of a run.") from error


def _split(table: Table, holdout: float | None) -> tuple[np.ndarray, int]:
    """The rows in an order of chance, and how many of them are learned; rows of a group stay on one side."""
    generator, count = np.random.default_rng(0), len(table)
    usual = min(max(round(HOLDOUT * count), min(_ENOUGH_HELD_OUT, count // 5)), _MOST_HELD_OUT)
    wanted = usual if holdout is None else round(holdout * count)
    if table.group is None:
        return generator.permutation(count), count - wanted
    _, group, sizes = np.unique(table.group, return_inverse=True, return_counts=True)
    held, left = np.zeros(len(sizes), bool), wanted
    for each in generator.permutation(len(sizes)):  # those that fit in, as chance has them
        if sizes[each] <= left:
            held[each], left = True, left - sizes[each]
    if wanted and not held.any() and 2 * sizes.min() <= count:  # each is larger than what is wanted
        held[np.argmin(sizes)] = True
    order = generator.permutation(count)
    is_held = held[group[order]]
    return np.concatenate([order[~is_held], order[is_held]]), int((~is_held).sum())


def _notes(table: Table, codec: TableCodec) -> list[str]:
    """What of a table isn't learned, or never comes out, and why."""
    learned, notes = {column.name for column in codec.learned}, []
    unshared = [f"'{column.name}'" for column in table.rows.learned if column.name not in learned]
    if unshared:
        them = "that is" if len(unshared) == 1 else "those are"
        notes.append(f"No value of {', '.join(unshared)} is in enough rows to be nobody's, so {them} left out.")
    for column, field in zip(codec.learned, codec.specification.fields, strict=True):
        rare = sum(field.counts[token] for token in field.never) / max(1, codec.specification.count)
        if rare > _MUCH:
            notes.append(
                f"{100 * rare:.0f} % of the rows have a value of '{column.name}' that hardly any other shares. Those "
                "are never drawn, so the others come more often."
            )
    return notes
