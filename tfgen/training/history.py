"""The reports of a fit: one JSON line each, and a plot of the losses."""

import contextlib
import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import TextIO

import numpy as np

from tfgen import files
from tfgen.run import Run


class History:
    """Appends reports to a file of the run; a resumed fit first drops those after its checkpoint."""

    def __init__(self, run: Run, step: int, name: str = "history.jsonl"):
        self.path = run.path / name
        kept = [row for row in run.history(name) if row["step"] <= step]
        lines = "".join(json.dumps(row) + "\n" for row in kept)
        files.write_bytes(self.path, lines.encode())
        self.seconds = kept[-1]["seconds"] if kept else 0.0
        self._file: TextIO = open(self.path, "a", encoding="utf-8")

    def add(self, row: dict[str, float]) -> None:
        """Writes one report; it is on its way to the disk when this returns."""
        numbers = {name: value if math.isfinite(value) else None for name, value in row.items()}
        self._file.write(json.dumps(numbers, allow_nan=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        # On a full disk, closing tries once more to write what could not be written; that was said already.
        with contextlib.suppress(OSError):
            self._file.close()


def plot_losses(rows: Sequence[Mapping[str, float]]) -> bytes:
    """A chart with one panel per tracked quantity over the steps; `rows` are reports, at least one."""
    from matplotlib.figure import Figure

    names = [name for name in rows[0] if name not in ("step", "seconds", "steps_per_second")]
    figure = Figure(figsize=(7, 2.2 * len(names)), layout="constrained")
    for axes, name in zip(figure.subplots(len(names), squeeze=False)[:, 0], names, strict=True):
        axes.plot(
            [row["step"] for row in rows], [np.nan if row.get(name) is None else row[name] for row in rows], linewidth=1
        )
        axes.set_ylabel(name.replace("_", " "))
        axes.grid(alpha=0.3)
    axes.set_xlabel("step")
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110)
    return content.getvalue()
