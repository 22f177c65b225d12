"""Tables: rows of columns."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfgen.console import command_line, several
from tfgen.data.examples import fit_command
from tfgen.data.request import DataRequest
from tfgen.data.settings import DataSetting, check_holdout
from tfgen.modalities.base import Modality
from tfgen.modalities.table.correction import SETTINGS
from tfgen.representations import ROWS

if TYPE_CHECKING:
    from tfgen.modalities.table.codec import TableCodec
    from tfgen.modalities.table.filling import RowsToFill
    from tfgen.modalities.table.open_table import TableExamples
    from tfgen.representations.rows.columns import Rows

_ENOUGH, _GOOD = 100, 1000  # rows


class TableModality(Modality):
    """See Modality."""

    name = "table"
    singular, plural = "table", "tables"
    samples = ("row", "rows")
    representations = (ROWS,)
    asked_by = "COLUMN=VALUE"
    file_kinds = (".csv", ".tsv", ".parquet", ".xlsx")
    row_endings = (".csv", ".tsv", ".parquet", ".jsonl", ".xlsx")
    settings = {
        **SETTINGS,
        "holdout": DataSetting(
            check_holdout,
            "the share of rows that is not learned, to judge by, 0 to 0.5",
            "0.1; 100 rows at the least, unless that is more than a fifth, and 10000 at the most",
        ),
        "codec": DataSetting(str, "the codec.json of a run, whose columns and tokens the table has", "a new one"),
    }

    # Reading.

    @classmethod
    def recognises(cls, source: Any) -> int:
        from tfgen.modalities.table.recognition import how_surely

        return how_surely(source)

    @classmethod
    def files_in(cls, folder: Path) -> list[str]:
        from tfgen.modalities.table.reading import tables_in

        return [str(path.relative_to(folder)) for path in tables_in(folder)]

    @classmethod
    def open(cls, request: DataRequest) -> "TableExamples":
        from tfgen.modalities.table.open_table import open_examples

        return open_examples(request)

    @classmethod
    def restore_codec(cls, state: Mapping[str, Any], read: Callable[[str], bytes]) -> "TableCodec":
        from tfgen.modalities.table.codec import TableCodec

        return TableCodec.from_json(state)

    @classmethod
    def codec_settings(cls, codec: "TableCodec", run_folder: Path) -> dict[str, Any]:
        return {"codec": str(run_folder / "codec.json")}

    @classmethod
    def held_out_settings(
        cls, examples: "TableExamples", settings: Mapping[str, Any], run_folder: Path
    ) -> dict[str, Any]:
        return {**cls.codec_settings(examples.codec, run_folder), "holdout": 0.0}

    @classmethod
    def keep_in_memory(cls, examples: "TableExamples", source: Any) -> tuple[str, bytes]:
        from tfgen.modalities.table.cells import as_parquet

        return "data.parquet", as_parquet(source)

    @classmethod
    def as_path(cls, data: Any) -> AbstractContextManager[Any]:
        from tfgen.modalities.table.cells import as_file

        return as_file(data)

    # In words.

    @classmethod
    def describe(cls, examples: "TableExamples") -> list[str]:
        from tfgen.modalities.table.describe import describe

        held = len(examples.rows) - len(examples)
        kept = [f"{several(held, 'row')} of them are held out to judge by."] if held else []
        return [*describe(replace(examples.table, rows=examples.rows)), *kept]

    @classmethod
    def correctable(cls, examples: "TableExamples") -> str:
        from tfgen.modalities.table.correction import as_toml

        table = examples.table
        return as_toml(table.rows, table.constraints, examples.codec.about.get("group"), table.names)

    @classmethod
    def summary(cls, examples: "TableExamples") -> str:
        held = len(examples.rows) - len(examples)
        aside = f", {held} more set aside to judge by" if held else ""
        columns = several(len(examples.codec.learned), "column")
        return f"{several(len(examples), 'row')} of {columns} to learn{aside},"

    @classmethod
    def facts(cls, examples: "TableExamples") -> dict[str, Any]:
        from tfgen.modalities.table.describe import facts

        rows = {"training": len(examples), "holdout": len(examples.rows) - len(examples)}
        return {**facts(replace(examples.table, rows=examples.rows)), "rows": rows}

    @classmethod
    def next_step(cls, examples: "TableExamples", data: Sequence[str], settings: Sequence[str]) -> str:
        command, advice = fit_command("gpt", data, settings), "add rows, since some thousands learn well"
        if len(examples) >= _GOOD:
            return command
        return f"{advice}, or: {command}" if len(examples) >= _ENOUGH else f"{advice}."

    @classmethod
    def first_command(cls, codec: Mapping[str, Any], run: str) -> str:
        return command_line("generate", run, "-n", 1000, "-o", "rows.csv")

    # Rows outside.

    @classmethod
    def save_rows(cls, path: Path, rows: "Rows", metadata: Mapping[str, str], first: int = 0) -> None:
        from tfgen.modalities.table.writing import write_rows

        write_rows(path, rows, metadata, first)

    @classmethod
    def read_metadata(cls, path: Path) -> dict[str, str]:
        from tfgen.modalities.table.writing import read_metadata

        return read_metadata(path)

    @classmethod
    def read_rows(cls, path: Path, codec: "TableCodec") -> "RowsToFill":
        from tfgen.modalities.table.filling import read_to_fill

        return read_to_fill(path, codec)

    @classmethod
    def records(cls, rows: "Rows", first: int = 0) -> list[dict[str, Any]]:
        from tfgen.modalities.table.writing import plain_records

        return plain_records(rows, first)

    @classmethod
    def lines(cls, rows: "Rows", heading: bool = False, first: int = 0) -> list[str]:
        from tfgen.modalities.table.writing import as_lines, texts_of

        if heading:
            return as_lines(rows, most=len(rows), first=first)
        texts = texts_of(rows, first=first)
        return [", ".join(f"{name}={text}" for name, text in zip(texts, row)) for row in zip(*texts.values())]

    @classmethod
    def rows_as_html(cls, rows: "Rows", first: int = 0) -> str:
        from tfgen.modalities.table.writing import as_html_table

        return as_html_table(rows, most=len(rows), first=first)

    @classmethod
    def as_text(cls, value: Mapping[str, Any]) -> str:
        return ", ".join(f"{name}={'' if each is None else each}" for name, each in value.items())

    @classmethod
    def as_html(cls, value: Mapping[str, Any], what: str) -> str:
        cells = "".join(
            f'<tr><th scope="row">{escape(name)}</th><td>{"" if each is None else escape(str(each))}</td></tr>'
            for name, each in value.items()
        )
        return f'<table title="{escape(what)}">{cells}</table>'

    @classmethod
    def holds(cls, rows: "Rows", codec: "TableCodec") -> np.ndarray:
        from tfgen.modalities.table.constraints import holding

        return holding(codec.constraints, rows)

    @classmethod
    def broken_constraints(cls, rows: "Rows", codec: "TableCodec") -> list[str]:
        return [each.text for each in codec.constraints if not each.holds(rows).all()]

    @classmethod
    def repair(cls, rows: "Rows", codec: "TableCodec", settled: Mapping[str, np.ndarray] = {}) -> "Rows":
        from tfgen.modalities.table.constraints import repaired

        return repaired(codec.constraints, rows, settled)
