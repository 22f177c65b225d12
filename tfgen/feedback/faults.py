"""Rows of a file that can't be kept: all of them are named before anything is, so nothing is half imported."""

from pathlib import Path

from tfgen.errors import UserError

_SHOWN = 5  # rows that are named


class Malformed(Exception):
    """What is wrong with a row, as the end of a sentence."""


class Faults:
    """What is wrong with a file's rows, as they are found."""

    def __init__(self, path: Path):
        self.path = path
        self.found: list[tuple[int, str]] = []

    def add(self, line: int, what: str) -> None:
        self.found.append((line, what))

    def check(self) -> None:
        """Raises UserError if there is any."""
        if len(self.found) == 1:
            line, what = self.found[0]
            raise UserError(
                f"Line {line} of '{self.path}' is malformed: {what}.", "Correct or remove it: nothing was kept."
            )
        if self.found:
            named = [f"line {line} ({what})" for line, what in sorted(self.found)[:_SHOWN]]
            named += [f"and {len(self.found) - _SHOWN} more"] if len(self.found) > _SHOWN else []
            raise UserError(
                f"{len(self.found)} rows of '{self.path}' are malformed: {', '.join(named)}.",
                "Correct or remove them: nothing was kept.",
            )
