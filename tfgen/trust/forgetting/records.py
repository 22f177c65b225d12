"""What is to be forgotten: records as they were in the data, a person's id, or both."""

import contextlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfgen.console import several
from tfgen.data.encodings import PLAUSIBLE, NotText, examine
from tfgen.errors import UserError
from tfgen.evaluate.training_data import open_like
from tfgen.representations import SEQUENCES
from tfgen.run import Run
from tfgen.trust.forgetting.traces import present, search

SHORTEST_ID = 5  # letters of a person's; shorter ones are anywhere by chance
_UNSEARCHED = (".parquet", ".pq", ".feather", ".orc")  # in which a person's id may be packed


@dataclass(frozen=True)
class Records:
    """rows: a file or folder with the records. person: an id that stands in the data, or in the names of its files.

    equal_stay: examples that equal a record are somebody else's.
    """

    rows: Path | None = None
    person: str | None = None
    equal_stay: bool = False

    def check(self) -> None:
        """Raises UserError where nothing can be looked for."""
        if self.rows is None and not self.person:
            raise UserError(
                "It isn't said what to forget.", "Give the records with --rows FILE, or an id with --person ID."
            )
        if self.rows is not None and not self.rows.exists():
            raise UserError(f"There is no '{self.rows}'.", "Name a file or folder with the records.")
        if self.rows is not None and self.rows.is_file() and not self.rows.read_bytes().strip():
            raise UserError(f"'{self.rows}' holds no record.", "Name a file or folder with the records.")
        if self.person is not None and len(self.person) < SHORTEST_ID:
            raise UserError(
                f"The id '{self.person}' is too short to search for: it would be found anywhere by chance.",
                "Give the records instead: --rows FILE.",
            )

    @property
    def patterns(self) -> list[re.Pattern[bytes]]:
        """The person's id, as a whole word, in whatever encoding it may stand, and as JSON writes it."""
        if self.person is None:
            return []
        others = () if self.person.isascii() else PLAUSIBLE
        spelled = set(_in_encodings(self.person, ("utf-8", *others)))
        spelled.add(json.dumps(self.person)[1:-1].encode())
        wide = {self.person.encode(each): before for each, before in (("utf-16-le", rb"\w\0"), ("utf-16-be", rb"\0\w"))}
        return [
            *(re.compile(rb"(?<!\w)" + re.escape(each) + rb"(?!\w)") for each in sorted(spelled)),
            *(re.compile(rb"(?<!" + by + rb")" + re.escape(each) + rb"(?!" + by + rb")") for each, by in wide.items()),
        ]

    def masked(self, text: str) -> str:
        """Without the person's id."""
        return text if self.person is None else text.replace(self.person, "[id]")

    def under(self, run: Run, examples: Any) -> Any:
        """The records as examples under a run's codec; None where they are bytes alone: an id, or a passage that is too
        short to be read as an example. Raises UserError where they don't fit what the run learned, `examples`."""
        if self.rows is None:
            return None
        try:
            return open_like(run, examples, str(self.rows))
        except UserError:
            if examples.representation != SEQUENCES or not self.rows.is_file():
                raise
            return None

    def held_by(self, run: Run, examples: Any, source: str) -> int:
        """How many of the records are in a source, of which `examples` were opened for a run."""
        records = self.under(run, examples)
        if self.rows is None or self.equal_stay:
            return 0
        if records is None:
            path, passage = Path(source).expanduser(), _text_of(self.rows).strip()
            if not passage:
                return len(present([self.rows.read_bytes()], path)) if path.exists() else 0
            in_files = path.exists() and any(passage in _text_of(each) for each in _files_of(path))
            return int(in_files or any(passage.encode() in each for each in examples.contents()))
        return open_like(run, examples, source).holds(records)

    def check_person(self, source: str) -> None:
        """Raises UserError where the person's id still stands in data, or can't be looked for in it."""
        packed = self.packed_in(source)
        if packed is not None:
            raise UserError(
                f"'{packed.name}' can't be searched for an id: its content is compressed.",
                "Give the records instead: --rows FILE.",
            )
        path = Path(source).expanduser()
        found = search((), self.patterns, [path]).found if self.person and path.exists() else ()
        if found:
            more = f" and {several(len(found) - 1, 'other file')}" if found[1:] else ""
            raise UserError(
                f"'{self.person}' is still in '{found[0]}'{more}.",
                "Take it out of the data, or name data without it: --data.",
            )

    def packed_in(self, source: str) -> Path | None:
        """A file of some data in which an id, if one is looked for, would not be found."""
        path = Path(source).expanduser()
        if self.person is None or not path.exists():
            return None
        paths = [path] if path.is_file() else path.rglob("*")
        return next((each for each in paths if each.suffix in _UNSEARCHED), None)

    def contents(self, learned: Any) -> list[bytes]:
        """The records in bytes: their files, the lines of those that are text, and, where there are any, the examples
        as they are learned."""
        return [*self._of_files(), *(() if learned is None else learned.contents())]

    def _of_files(self) -> Iterator[bytes]:
        if self.rows is None:
            return
        for path in _files_of(self.rows):
            content = path.read_bytes()
            yield content
            if b"\0" not in content:
                yield from (line.strip() for line in content.splitlines())
            text = _text_of(path)
            if not text.isascii():
                # As tfgen writes it, and as JSON does.
                for line in map(str.strip, text.splitlines()):
                    yield from (line.encode(), json.dumps(line)[1:-1].encode())


def _files_of(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())


def _text_of(path: Path) -> str:
    """What a file says, in whatever encoding; nothing of one that is no text."""
    try:
        encoding = examine(path).encoding
    except NotText:
        return ""
    return path.read_bytes().decode(encoding, "replace").replace("\r\n", "\n")


def _in_encodings(text: str, encodings: Sequence[str]) -> Iterator[bytes]:
    """A text in those of the encodings that have all its letters."""
    for encoding in encodings:
        with contextlib.suppress(UnicodeEncodeError):
            yield text.encode(encoding)


def specific(contents: Sequence[bytes], source: str) -> list[bytes]:
    """Those that the data without the records doesn't have: what others have too, such as a table's heading, proves
    nothing."""
    common = present(contents, Path(source).expanduser())
    return [each for each in dict.fromkeys(contents) if each and each not in common]
