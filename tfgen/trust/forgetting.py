"""Forgetting: records leave every run, cache, store and export that they touched, and what was done is written down.

Weights can't be made to forget a record, so a run that learned it is fitted anew, from its settings, on data without
it; all that the old weights made goes. What is gone is proved in two ways: the records' bytes are looked for in all
that is left, and a membership test asks the new model whether it knows them better than what it never saw.
"""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tfgen import __version__, files
from tfgen.catalog import ENGINES, MODALITIES
from tfgen.checkpoints import newest_name
from tfgen.console import say, several
from tfgen.data.prepared import cache_folder
from tfgen.errors import Failure, UserError
from tfgen.evaluate.training_data import open_held_out, open_showing, open_training
from tfgen.representations import SEQUENCES
from tfgen.restore import load_model, open_codec
from tfgen.run import Run, all_runs, now, runs_folder
from tfgen.training.request import FitRequest
from tfgen.trust import provenance
from tfgen.trust.descent import ancestors
from tfgen.trust.traces import Search, needles_of, present, search
from tfgen.trust.verification import OWN, Verifier

SHORTEST_ID = 5  # letters of a person's; shorter ones are anywhere by chance
_UNSEARCHED = (".parquet", ".pq", ".feather", ".orc")  # in which a person's id may be packed
_ASIDE = ".forgotten"  # ends the name of an old run while it is fitted anew
_BY_CHANCE = 0.01  # p-value of the membership test below which the new model knows a record too well
_NOT_COVERED = (
    "Samples and exports that were given to others, or lie in folders that weren't searched.",
    "Backups, and copies of the data itself.",
    "What people know who saw samples.",
)


@dataclass(frozen=True)
class ForgetRequest:
    """What is to be forgotten, and where.

    rows: a file or folder with the records as they were in the data, of the same kind. person: an id that stands in
        the data, in a file's name or in its text.
    data: the data without them, where it isn't where the run found it.
    folders: where exports and samples of the runs may lie beside their own.
    delete: don't fit the runs anew.
    equal: examples that equal a record are somebody else's, and stay.
    """

    rows: Path | None = None
    person: str | None = None
    data: str | None = None
    folders: tuple[Path, ...] = ()
    delete: bool = False
    equal: bool = False


@dataclass(frozen=True)
class Touched:
    """A run that learned the records: why it is thought so, and what becomes of it."""

    run: Run
    because: str
    anew: bool


@dataclass
class Forgotten:
    """What was done, as the statement says it; plain values.

    runs: of each run that was touched its name, why, what was done, and the weights before and after.
    untouched, unknown: names of others, which learned something else, or of which nobody can tell.
    membership: of the run that was named, as it is now: the AUC by which its model tells the records from held-out
        examples, and the least p-value of a record, times their number; or why it isn't tested.
    """

    run: str
    records: int
    by_person: bool
    data: dict[str, Any]
    runs: list[dict[str, Any]] = field(default_factory=list)
    untouched: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    deleted: dict[str, Any] = field(default_factory=dict)
    searched: dict[str, Any] = field(default_factory=dict)
    membership: dict[str, Any] = field(default_factory=dict)
    not_covered: tuple[str, ...] = _NOT_COVERED
    tfgen: str = __version__
    at: str = field(default_factory=now)
    statement: str = ""  # where it lies

    @property
    def is_complete(self) -> bool:
        """Whether nothing was found of the records, and the new model knows them no better than by chance."""
        return not self.searched["found"] and self.membership.get("p_value", 1.0) >= _BY_CHANCE

    def to_json(self) -> dict[str, Any]:
        """What the statement holds; none of the records."""
        return {"complete": self.is_complete, **{key: value for key, value in asdict(self).items() if value != ""}}

    def lines(self) -> list[str]:
        """For a person."""
        done = [f"{each['name']}: {each['done']}, since it {each['because']}." for each in self.runs]
        gone, looked = self.deleted, self.searched
        lines = [
            *done,
            f"Deleted: {several(gone['cache_files'], 'file')} of the cache, {several(gone['samples'], 'sample')} and "
            f"{several(gone['events'], 'answer')} of the store, {several(len(gone['files']), 'other file or export')}.",
            f"Looked for in {several(looked['files'], 'file')}: "
            + (f"STILL FOUND in {', '.join(looked['found'])}." if looked["found"] else "nothing of it is left."),
            self._membership_in_words(),
        ]
        if self.unknown:
            lines.append(f"Of {', '.join(self.unknown)} nobody can tell: their data isn't as they learned it.")
        return [*lines, f"Not covered: {' '.join(self.not_covered)}", f"The statement: {self.statement}"]

    def _membership_in_words(self) -> str:
        found = self.membership
        if "untested" in found:
            return f"No membership test: {found['untested']}"
        beside = f"beside {found['compared_with']} held-out examples"
        told = f"than what it never saw (AUC {found['auc']:.2f}, p = {found['p_value']:.2g}, {beside})"
        if found["p_value"] < _BY_CHANCE:
            return f"The new model STILL KNOWS A RECORD better {told}: does the data hold others like it?"
        return f"The new model knows them no better {told}."


class Forgetting:
    """A request that can be carried out: `plan` says what would be done, `carry_out` does it."""

    def __init__(self, run: Run, request: ForgetRequest, fit: Callable[[FitRequest], Run]):
        """Looks at the data and at every run; `fit` does a FitRequest.

        Raises:
            UserError: the data still holds a record, or it isn't known without it.
        """
        if request.rows is None and not request.person:
            raise UserError(
                "Nobody says what is to be forgotten.", "Give the records with --rows FILE, or an id with --person ID."
            )
        if request.rows is not None and not request.rows.exists():
            raise UserError(f"There is no '{request.rows}'.", "Name a file or folder with the records.")
        if request.person is not None and len(request.person) < SHORTEST_ID:
            raise UserError(
                f"The id '{request.person}' is too short to be looked for: it stands anywhere by chance.",
                "Give the records instead: --rows FILE.",
            )
        path = run.path.resolve()
        for old in {_aside(path), *runs_folder().glob(f".*{_ASIDE}")}:
            _put_back(old.with_name(old.name.removeprefix(".").removesuffix(_ASIDE)))
        self.run, self.request, self._fit = Run.open(str(path)), request, fit
        self._source = request.data or self.run.data_source()
        self._examples = self._open_data()
        self._check_person(self._source)
        self._records = self._open_records(self.run, self._examples)
        self._check_records(self.run, self._examples, self._source, self._records)
        self.touched, self.untouched, self.unknown = self._look_at_runs()

    # What there is.

    def _open_data(self) -> Any:
        """The data without the records."""
        run, source = self.run, self._source
        modality = MODALITIES.load(run.record["modality"])
        try:
            examples = open_showing(source, run.data_settings(), open_codec(run).representation)
        except UserError as error:
            raise UserError(
                f"The data without the records can't be read: {error.what_is_wrong}", "Name it with --data."
            ) from error
        if examples.modality != run.record["modality"]:
            raise UserError(f"'{source}' is not {modality.plural}.", "Name the data without the records with --data.")
        if examples.fingerprint == run.record["data"]["fingerprint"]:
            raise UserError(
                f"'{source}' is as it was when '{run.name}' learned it.",
                "Take the records out of it, or name data without them: --data.",
            )
        return examples

    def _check_person(self, source: str) -> None:
        """Raises UserError where a person's id still stands in data, or can't be looked for in it."""
        path = Path(source).expanduser()
        if self.request.person is None or not path.exists():
            return
        packed = [each for each in ([path] if path.is_file() else path.rglob("*")) if each.suffix in _UNSEARCHED]
        if packed:
            raise UserError(
                f"An id can't be looked for in '{packed[0].name}': it may be packed there.",
                "Give the records instead: --rows FILE.",
            )
        found = search(self._needles_of_person(), [path]).found
        if found:
            more = f" and {several(len(found) - 1, 'other file')}" if found[1:] else ""
            raise UserError(
                f"'{self.request.person}' still stands in '{found[0]}'{more}.",
                "Take it out of the data, or name data without it: --data.",
            )

    def _open_records(self, run: Run, examples: Any) -> Any:
        """The records under a run's codec; None where there are none but bytes: only a person is named, or a passage
        that is too short to be read as an example. Raises UserError where they don't fit the run."""
        rows = self.request.rows
        if rows is None:
            return None
        try:
            return open_held_out(run, examples, str(rows))
        except UserError:
            if examples.representation != SEQUENCES or not rows.is_file():
                raise
            return None

    def _check_records(self, run: Run, examples: Any, source: str, records: Any) -> None:
        """Raises UserError where the data of a run holds one of the records."""
        rows, path = self.request.rows, Path(source).expanduser()
        if rows is None or self.request.equal:
            return
        if records is None:
            passage = rows.read_bytes().strip()
            held = len(present([passage], path)) if passage and path.exists() else 0
        else:
            modality = MODALITIES.load(run.record["modality"])
            settings = modality.held_out_settings(examples, run.data_settings(), run.path)
            held = open_showing(source, settings, examples.representation).holds(records)
        if held:
            raise UserError(
                f"'{source}', the data of '{run.name}', still holds {held} of what '{self.request.rows}' has, or "
                "something equal.",
                "Take it out, or name data without it: --data. Where it is somebody else's: --keep-equal.",
            )

    def _needles_of_person(self) -> list[re.Pattern[bytes]]:
        if self.request.person is None:
            return []
        return [re.compile(rb"(?<!\w)" + re.escape(self.request.person.encode()) + rb"(?!\w)")]

    def _needles(self) -> list[Any]:
        """What is looked for: the records as the data had them and as they are learned, and a person's id."""
        rows = self.request.rows
        if rows is None:
            return self._needles_of_person()
        files_of = [rows] if rows.is_file() else sorted(path for path in rows.rglob("*") if path.is_file())
        contents = [path.read_bytes() for path in files_of]
        lines = [line.strip() for content in contents if b"\0" not in content for line in content.splitlines()]
        learned = () if self._records is None else self._records.contents()
        needles = needles_of([*contents, *lines, *learned])
        # What others have too, such as a table's heading, proves nothing.
        common = present(needles, Path(self._source).expanduser())
        return [*(each for each in needles if each not in common), *self._needles_of_person()]

    def _look_at_runs(self) -> tuple[list[Touched], list[str], list[str]]:
        """Every run here: those that were touched, the names of others, and of those of which nobody can tell."""
        others = [each for each in all_runs() if each.path.resolve() != self.run.path]
        found = {self.run.path: "learned the data that held it"}
        unknown = set()
        for each in others:
            because, is_known = self._because(each)
            if because:
                found[each.path.resolve()] = because
            elif not is_known:
                unknown.add(each.path.resolve())
        grown = True
        while grown:  # what began with a touched run, and what began with that
            grown, names = False, {path.name for path in found}
            for each in others:
                path = each.path.resolve()
                if path not in found and names & dict(ancestors(each.record)).keys():
                    found[path], grown = "began with one that did", True
        runs = []
        for path, because in found.items():
            run = Run.open(str(path))
            runs.append(Touched(run, because, path not in unknown and self._can_be_anew(run)))
        runs.sort(key=lambda each: (len(ancestors(each.run.record)), each.run.record["created"]))
        rest = [each for each in others if each.path.resolve() not in found]
        untouched = [each.name for each in rest if each.path.resolve() not in unknown]
        return runs, untouched, [each.name for each in rest if each.path.resolve() in unknown]

    def _because(self, other: Run) -> tuple[str, bool]:
        """Why another run is touched by its own data, empty where it isn't, and whether that can be told.

        Raises UserError where its data holds a record still.
        """
        mine, its = self.run.record["data"], other.record["data"]
        if its.get("fingerprint") == mine["fingerprint"]:
            return "learned the same data", True
        if other.record["modality"] != self.run.record["modality"]:
            return "", True
        if self._is_at_same_place(other):
            before = "learned data from the same place"
            try:
                examples = open_showing(other.data_source(), other.data_settings(), open_codec(other).representation)
            except UserError:
                return before, True
            return ("" if examples.fingerprint == its["fingerprint"] else before), True
        try:
            examples = open_showing(other.data_source(), other.data_settings(), open_codec(other).representation)
        except UserError:
            return "", False
        if examples.fingerprint != its["fingerprint"]:
            return "", False
        self._check_person(other.data_source())
        try:
            records = self._open_records(other, examples)
        except UserError:  # they have other columns, or are of another size: it can't have learned them
            return "", True
        self._check_records(other, examples, other.data_source(), records)
        return "", True

    def _is_at_same_place(self, other: Run) -> bool:
        path = self.run.record["data"].get("path")
        return bool(path) and other.record["data"].get("path") == path

    def _can_be_anew(self, run: Run) -> bool:
        """Whether a run can be fitted once more: its steps are known, and so is what it began with."""
        if self.request.delete or not run.record.get("steps"):
            return False
        start = run.record.get("start", {})
        if start.get("run"):
            with contextlib.suppress(UserError):
                Run.open(start["run"])
                return True
            return False
        return not start.get("preset") or Path(start["preset"]).exists()

    # What is done.

    def plan(self) -> list[str]:
        """What `carry_out` would do, in sentences."""
        lines = []
        for each in self.touched:
            minutes = (each.run.history() or [{"seconds": 0}])[-1]["seconds"] / 60
            took = f", which took {minutes:.1f} min" if minutes else ""
            done = f"fitted anew{took}" if each.anew else "deleted"
            lines.append(
                f"{each.run.name} {each.because}: it is {done}; its versions, samples, evaluation and exports go."
            )
        lines.append(f"The cache goes ({cache_folder()}), and what the store of feedback has of these runs.")
        if self.unknown:
            lines.append(f"Of {', '.join(self.unknown)} nobody can tell: their data isn't as they learned it.")
        if self.request.folders:
            names = ", ".join(map(str, self.request.folders))
            lines.append(f"Exports and samples that these runs signed go from: {names}.")
        return lines

    def carry_out(self, statement: Path | None = None) -> Forgotten:
        """Does it, and gives what was done; `statement` is the file that says so.

        Raises:
            UserError: a fit can't work; that run is as it was, those before it are done.
            Failure: the statement can't be written, or a fit failed.
        """
        needles, report = self._needles(), self._begun()
        names = [each.run.name for each in self.touched]
        elsewhere = self._delete_signed(names)
        for each in self.touched:
            report.runs.append(self._do(each))
        in_store, report.membership = self._empty_store(names), self._membership()
        # Last, since whoever looks at data prepares it there.
        report.deleted = {**in_store, "cache_files": _empty(cache_folder()), "files": elsewhere}
        report.searched = asdict(self._search(needles))
        return self._state(report, statement)

    def _begun(self) -> Forgotten:
        mine = {"before": self.run.record["data"]["fingerprint"], "after": self._examples.fingerprint}
        passages = int(self.request.rows is not None)
        records = passages if self._records is None else sum(1 for _ in self._records.contents())
        report = Forgotten(self.run.name, records, self.request.person is not None, mine)
        report.untouched, report.unknown = self.untouched, self.unknown
        return report

    def _do(self, touched: Touched) -> dict[str, Any]:
        """Fits a run anew in its place, or deletes it; on an error the old one is put back."""
        run = touched.run
        old = _aside(run.path)
        facts = {"name": run.name, "because": touched.because, "before": newest_name(run.checkpoints), "after": None}
        with files.locked(run.path):
            os.rename(run.path, old)
        if not touched.anew:
            shutil.rmtree(old)
            say(f"Deleted the run '{run.name}'.")
            return {**facts, "done": "deleted"}
        same = run.record["data"]["fingerprint"] == self.run.record["data"]["fingerprint"]
        data = self._source if same or self._is_at_same_place(run) else None
        try:
            request = FitRequest(repeat=str(old), anew=True, output=str(run.path), data=data, interruptible=True)
            again = self._fit(request)
            if again.record["status"] != "finished":
                raise Failure(f"The fit of '{run.name}' was stopped.", "The old run is back; forget once more.")
        except BaseException:
            _put_back(run.path)
            raise
        shutil.rmtree(old)
        return {**facts, "after": newest_name(again.checkpoints), "done": "fitted anew"}

    def _delete_signed(self, names: Sequence[str]) -> list[str]:
        """Deletes exports and samples in the folders that were named, by what their own signature says of them."""
        if not self.request.folders:
            return []
        verifier, gone = Verifier(), []
        for path in [each for folder in self.request.folders for each in _signed_in(folder)]:
            with contextlib.suppress(UserError):
                found = verifier.verify(path)
                if found.state == OWN and found.made_by.get("run") in names:
                    gone.append(str(path))
                    if path.is_dir():
                        shutil.rmtree(path)
                    for end in ("", provenance.SIDECAR, ".json"):  # what lies beside it, and its settings
                        path.with_name(path.name + end).unlink(missing_ok=True)
        for folder in self.request.folders:
            _remove_empty(folder)
        return gone

    def _empty_store(self, names: Sequence[str]) -> dict[str, int]:
        from tfgen.feedback.store import has_store, open_store

        if not has_store():
            return {"samples": 0, "events": 0}
        with open_store() as store:
            counts = np.sum([store.forget_run(name) for name in names], axis=0).tolist()
        return dict(zip(("samples", "events"), counts, strict=True))

    def _search(self, needles: Sequence[Any]) -> Search:
        own = [each.run.path for each in self.touched]
        # Data that was given in memory lies in a run, without the records by now; the statement says nothing of them.
        return search(needles, [runs_folder(), cache_folder(), *own, *self.request.folders])

    # Whether the new model knows the records.

    def _membership(self) -> dict[str, Any]:
        """How well the model of the run that was named tells the records from what it never saw, or why that can't be
        asked."""
        if self._records is None:
            return {"untested": "there are no whole examples to ask it of."}
        if not self.run.path.exists():
            return {"untested": "the run is deleted."}
        unable = {"untested": "this kind of model can't say how at home an example is in it."}
        if f"at-home/{self._records.representation}" not in ENGINES:
            return unable
        run, at_home = Run.open(str(self.run.path)), ENGINES.load(f"at-home/{self._records.representation}")
        own = open_training(run)
        records, model = open_held_out(run, own, str(self.request.rows)), load_model(run)
        known, unseen = at_home(model, records, False), at_home(model, own, True)
        if not len(known):
            return unable
        if not len(unseen):
            return {"untested": "nothing of the data is held out to compare with."}
        above = (unseen[None] >= known[:, None]).sum(axis=1)
        auc = float(np.mean((known[:, None] > unseen[None]) + 0.5 * (known[:, None] == unseen[None])))
        least = float((1 + above.min()) / (1 + len(unseen)))
        return {"auc": auc, "p_value": min(1.0, least * len(known)), "compared_with": len(unseen)}

    def _state(self, report: Forgotten, statement: Path | None) -> Forgotten:
        """Writes the statement, signed."""
        name = f"{self.run.name}-{report.at.replace(':', '')}.json"
        path = statement or runs_folder() / "forgotten" / name
        report = replace(report, statement=str(path))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            facts = {"Source": provenance.STATED, "run": self.run.name}
            content = json.dumps(report.to_json(), indent=2, ensure_ascii=False).encode()
            provenance.write_marked(path, content, facts)
        except OSError as error:
            raise Failure(
                f"It is done, but the statement can't be written: {error.strerror or error}.", "Forget once more."
            ) from error
        return report


def _aside(path: Path) -> Path:
    """Where an old run lies while it is fitted anew."""
    return path.with_name(f".{path.name}{_ASIDE}")


def _put_back(path: Path) -> None:
    """Undoes a forgetting that was torn off: the old run comes back in place of what was begun."""
    if _aside(path).exists():
        if path.exists():
            with files.locked(path):  # nobody is at work on it
                shutil.rmtree(path)
        os.rename(_aside(path), path)


def _empty(folder: Path) -> int:
    """Deletes all files below a folder; how many they were."""
    gone = 0
    for path in sorted(folder.rglob("*"), reverse=True) if folder.is_dir() else ():
        with contextlib.suppress(OSError):  # another process uses it
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink()
                gone += 1
    return gone


def _remove_empty(folder: Path) -> None:
    """Removes folders below a folder that nothing is in."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            path.rmdir()


def _signed_in(folder: Path) -> Iterator[Path]:
    """Exports and files below a folder that may be signed."""
    if not folder.is_dir():
        raise UserError(f"'{folder}' is no folder.", "Name one with exports or samples.")
    for place, folders, names in os.walk(folder):
        if provenance.FOLDER_FILE in names:
            folders.clear()
            yield Path(place)
        else:
            yield from (Path(place, name) for name in sorted(names) if not name.endswith(provenance.SIDECAR))
