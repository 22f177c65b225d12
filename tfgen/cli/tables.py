"""Rows of text as columns, for reading."""

from collections.abc import Sequence

from tfgen.console import harmless


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of strings, all to the left, as wide as each column needs; what is in them may be anybody's words."""
    rows = [[harmless(cell) for cell in row] for row in rows]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)
