"""Tables: rows of columns."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfgen.data.examples import fit_command
from tfgen.data.request import DataRequest
from tfgen.modalities.base import Modality
from tfgen.representations import ROWS

if TYPE_CHECKING:
    from tfgen.representations.rows.codec import RowCodec
    from tfgen.representations.rows.columns import Rows
    from tfgen.representations.rows.examples import RowExamples


class TableModality(Modality):
    """See Modality."""

    name = "table"
    singular, plural = "table", "tables"
    representations = (ROWS,)
    settings = {}

    @classmethod
    def recognises(cls, source: Any) -> int:
        return 2 * (isinstance(source, Path) and source.suffix in (".csv", ".data"))

    @classmethod
    def open(cls, request: DataRequest) -> "RowExamples":
        import hashlib
        from tfgen.data.examples import Report, short_name
        from tfgen.modalities.table.simple import read
        from tfgen.representations.rows.codec import RowCodec
        from tfgen.representations.rows.examples import RowExamples
        path = Path(request.source)
        rows = read(path)
        order = np.random.default_rng(0).permutation(len(rows))
        rows = rows.take(order)
        held = min(len(rows) // 10, 10000)
        n = len(rows) - held
        codec = RowCodec.of(rows, n)
        return RowExamples("table", request.shown_source, short_name(path.stem), rows, codec.encode(rows), n, codec, Report(len(rows), len(rows)), hashlib.sha256(path.read_bytes()).hexdigest())

    @classmethod
    def describe(cls, examples) -> list[str]:
        return [f"{len(examples.rows)} rows of {len(examples.rows.columns)} columns."]

    @classmethod
    def restore_codec(cls, state: Mapping[str, Any], read: Callable[[str], bytes]) -> "RowCodec":
        from tfgen.representations.rows.codec import RowCodec

        return RowCodec.from_json(state)

    @classmethod
    def lines(cls, rows, heading=False):
        from tfgen.representations.rows.codec import RowCodec
        w = lambda c, v: ("" if v != v else f"{v:.{c.decimals}f}") if c.is_numeric else ("?" if v < 0 else c.categories[v])
        out = [",".join(w(c, v[i]) for c, v in rows) for i in range(len(rows))]
        return ([",".join(c.name for c in rows.learned)] if heading else []) + out

    @classmethod
    def save_rows(cls, path, rows, metadata):
        from tfgen import files
        files.write_bytes(path, "\n".join(cls.lines(rows, True)).encode() + b"\n")
