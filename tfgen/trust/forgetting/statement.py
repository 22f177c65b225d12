"""What was done, as a signed file says it and as a person reads it."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tfgen import __version__
from tfgen.console import several
from tfgen.errors import Failure
from tfgen.run import now
from tfgen.trust import provenance

BY_CHANCE = 0.01  # p-value of the membership test below which the new model knows a record too well
_NOT_COVERED = (
    "Samples and exports that were given to others, or lie in folders that weren't searched.",
    "Backups, and copies of the data itself.",
    "What people know who saw samples.",
)


@dataclass
class Forgotten:
    """What was done, as the statement says it; plain values.

    runs: of each run that was touched its name, why, what was done, and the weights before and after.
    untouched, unknown: names of others, which learned something else, or of which nobody can tell.
    equal_stay: whether examples that equal a record were taken for somebody else's.
    deleted, left: what lay elsewhere and is gone; what names one of the runs there, but isn't as it was signed.
    searched: where was looked, for how many pieces of the records, how many are too short for that, and what was found.
    membership: of the run that was named, as it is now: the AUC by which its model tells the records from held-out
        examples, and the least p-value of a record, times their number; or why it isn't tested.
    """

    run: str
    records: int
    by_person: bool
    equal_stay: bool
    data: dict[str, str]
    untouched: list[str]
    unknown: list[str]
    runs: list[dict[str, Any]] = field(default_factory=list)
    deleted: dict[str, Any] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    searched: dict[str, Any] = field(default_factory=dict)
    membership: dict[str, Any] = field(default_factory=dict)
    not_covered: tuple[str, ...] = _NOT_COVERED
    tfgen: str = __version__
    at: str = field(default_factory=now)
    statement: str = ""  # where it lies
    signed: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether all runs are known, all that is left could be read, nothing of the records was found in it, and the
        new model knows them no better than by chance, as far as that can be tested."""
        nothing = not self.searched["found"] and not self.searched["unread"]
        return nothing and not self.unknown and self.membership.get("p_value", 1.0) >= BY_CHANCE

    def to_json(self) -> dict[str, Any]:
        """What the statement holds; none of the records."""
        return {"complete": self.is_complete, **asdict(self)}

    def lines(self) -> list[str]:
        """For a person."""
        gone = self.deleted
        lines = [
            *(f"{each['name']}: {each['done']}, because it {each['because']}." for each in self.runs),
            f"Deleted: {several(gone['cache_files'], 'cache file')}; from the feedback store "
            f"{several(gone['samples'], 'sample')} and {several(gone['events'], 'answer')}; elsewhere "
            f"{several(len(gone['files']), 'file or export')}.",
            *self._search_in_words(),
            self._membership_in_words(),
        ]
        if self.left:
            lines.append(f"Left in place, since changed after one of these runs signed it: {', '.join(self.left)}.")
        if self.unknown:
            lines.append(f"Not known of {', '.join(self.unknown)}: their data has changed since they learned it.")
        if self.equal_stay:
            lines.append("Examples equal to a record were kept, as belonging to others (--keep-equal).")
        return [*lines, f"Not covered: {' '.join(self.not_covered)}", f"The statement: {self.statement}"]

    def _search_in_words(self) -> Iterator[str]:
        looked = self.searched
        short = f"; {several(looked['too_short'], 'line')} too short to search for" if looked["too_short"] else ""
        if not looked["needles"]:
            yield f"Not searched: nothing in the records is long enough to be searched for{short}."
            return
        found = f"STILL FOUND in {', '.join(looked['found'])}" if looked["found"] else "nothing found"
        what = several(looked["needles"], "byte string")
        yield f"Searched {several(looked['files'], 'file')} for {what} of the records: {found}{short}."
        if looked["unread"]:
            yield f"Could not be read: {', '.join(looked['unread'])}."

    def _membership_in_words(self) -> str:
        found = self.membership
        if "untested" in found:
            return f"No membership test: {found['untested']}"
        beside = f"beside {found['compared_with']} held-out examples"
        told = f"(AUC {found['auc']:.2f}, p = {found['p_value']:.2g}, {beside})"
        if found["p_value"] < BY_CHANCE:
            return f"Membership test: the new model STILL RECOGNISES A RECORD {told}. Is a copy left in the data?"
        return f"Membership test: the new model does not recognise the records {told}."

    def write(self, path: Path) -> "Forgotten":
        """Writes the statement, signed where that is on, and gives it with its place. Raises Failure."""
        report = replace(self, statement=str(path), signed=provenance.status() == provenance.SIGNED)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            facts = {"Source": provenance.STATED, "run": self.run}
            content = json.dumps(report.to_json(), indent=2, ensure_ascii=False).encode()
            provenance.write_marked(path, content, facts)
        except OSError as error:
            raise Failure(
                f"It is done, but the statement can't be written: {error.strerror or error}.",
                "Make room, and give the same command again.",
            ) from error
        return report
