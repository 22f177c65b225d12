"""Forgetting, top to bottom: look, say what would be done, do it, prove it, and write down what was done.

Weights can't be made to forget a record, so a run that learned it is fitted anew, from its settings, on data without
it; all that the old weights made goes. What is gone is proved in two ways: the records' bytes are looked for in all
that is left, and a membership test asks the new model whether it knows them better than what it never saw.

It may be killed at any line. A run that is fitted anew lies aside until the new one is whole, and comes back where that
never was; what was done is kept in a file under `forgotten`, with which the same command goes on.
"""

import contextlib
import hashlib
import json
import os
import secrets
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
from tfgen.data.prepared import cache_folder, clear_cache
from tfgen.errors import Failure, UserError
from tfgen.evaluate.training_data import open_showing, open_training
from tfgen.feedback.events import run_digest
from tfgen.restore import load_model, open_codec
from tfgen.run import Run, now, runs_folder
from tfgen.training.request import FitRequest
from tfgen.trust import provenance
from tfgen.trust.forgetting.records import Records, specific
from tfgen.trust.forgetting.touched import Touched, look_at_runs
from tfgen.trust.forgetting.traces import long_enough, search
from tfgen.trust.verification import CHANGED, CLAIMS, OWN, Verifier

_ASIDE, _GONE = ".forgotten", ".deleted"  # end the names of old runs, hidden ones: until the new one is whole, and then
_BY_CHANCE = 0.01  # p-value of the membership test below which the new model knows a record too well
_NOT_COVERED = (
    "Samples and exports that were given to others, or lie in folders that weren't searched.",
    "Backups, and copies of the data itself.",
    "What people know who saw samples.",
)


@dataclass(frozen=True)
class ForgetRequest:
    """What is to be forgotten, and where.

    data: the data without the records, where it isn't where the run found it.
    folders: where exports and samples of the runs may lie beside their own.
    delete: don't fit the runs anew.
    """

    records: Records
    data: str | None = None
    folders: tuple[Path, ...] = ()
    delete: bool = False


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
        return nothing and not self.unknown and self.membership.get("p_value", 1.0) >= _BY_CHANCE

    def to_json(self) -> dict[str, Any]:
        """What the statement holds; none of the records."""
        return {"complete": self.is_complete, **asdict(self)}

    def lines(self) -> list[str]:
        """For a person."""
        gone = self.deleted
        lines = [
            *(f"{each['name']}: {each['done']}, since it {each['because']}." for each in self.runs),
            f"Deleted: {several(gone['cache_files'], 'file')} of the cache, {several(gone['samples'], 'sample')} and "
            f"{several(gone['events'], 'answer')} of the store, {several(len(gone['files']), 'other file or export')}.",
            *self._search_in_words(),
            self._membership_in_words(),
        ]
        if self.left:
            lines.append(f"Left, since it isn't as one of these runs signed it: {', '.join(self.left)}.")
        if self.unknown:
            lines.append(f"Of {', '.join(self.unknown)} nobody can tell: their data isn't as they learned it.")
        if self.equal_stay:
            lines.append("Examples that equal a record were taken for somebody else's, as you said.")
        return [*lines, f"Not covered: {' '.join(self.not_covered)}", f"The statement: {self.statement}"]

    def _search_in_words(self) -> Iterator[str]:
        looked = self.searched
        short = f"; {several(looked['too_short'], 'line')} of the records are too short" if looked["too_short"] else ""
        if not looked["needles"]:
            yield f"Nothing of the records is long enough to be looked for in files{short}."
            return
        found = f"STILL FOUND in {', '.join(looked['found'])}" if looked["found"] else "nothing is left"
        yield f"Looked for {several(looked['needles'], 'piece')} in {several(looked['files'], 'file')}: {found}{short}."
        if looked["unread"]:
            yield f"These can't be read, so nobody can tell: {', '.join(looked['unread'])}."

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
        """Looks at the data and at every run, or at what an earlier try had done; `fit` does a FitRequest.

        Raises:
            UserError: the data still holds a record, or it isn't known without it; or another one is under way.
        """
        request.records.check()
        recover()
        self.run, self.request, self._fit = Run.open(str(run.path.resolve())), request, fit
        self._source = request.data or self.run.data_source()
        self._journal = _read_journal()
        self._check_journal()
        self._examples = self._open_data()
        request.records.check_person(self._source)
        self._records = request.records.under(self.run, self._examples)
        if self._journal:
            self.touched = [_touched(each) for each in self._journal["runs"] if not each["done"]]
            return
        held = request.records.held_by(self.run, self._examples, self._source)
        if held:
            raise UserError(
                f"'{self._source}', the data of '{self.run.name}', still holds {held} of what "
                f"'{request.records.rows}' has, or something equal.",
                "Take it out, or name data without it: --data. Where it is somebody else's: --keep-equal.",
            )
        found = look_at_runs(self.run, request.records, self._examples, request.data, request.delete)
        self.touched, self.untouched, self.unknown = found.touched, found.untouched, found.unknown

    def _open_data(self) -> Any:
        """The data without the records."""
        run, source = self.run, self._source
        try:
            examples = open_showing(source, run.data_settings(), open_codec(run).representation)
        except UserError as error:
            raise UserError(
                f"The data without the records can't be read: {error.what_is_wrong}", "Name it with --data."
            ) from error
        if examples.modality != run.record["modality"]:
            plural = MODALITIES.load(run.record["modality"]).plural
            raise UserError(f"'{source}' is not {plural}.", "Name the data without the records with --data.")
        if examples.fingerprint == run.record["data"]["fingerprint"] and not self._journal:
            raise UserError(
                f"'{source}' is as it was when '{run.name}' learned it.",
                "Take the records out of it, or name data without them: --data.",
            )
        return examples

    def _check_journal(self) -> None:
        """Raises UserError where what was torn off is another request."""
        earlier = self._journal
        salt = earlier["request"]["salt"] if earlier else ""
        if earlier and (earlier["run"], earlier["request"]) != (str(self.run.path), _described(self.request, salt)):
            raise UserError(
                f"An earlier forgetting in '{Path(earlier['run']).name}' was torn off.",
                f"Finish that first, with the same records and options: {earlier['command']}",
            )

    def plan(self) -> list[str]:
        """What `carry_out` would do, in sentences."""
        lines = ["This goes on with what was torn off."] if self._journal else []
        for each in self.touched:
            minutes = (each.run.history() or [{"seconds": 0}])[-1]["seconds"] / 60
            took = f", which took {minutes:.1f} min" if minutes else ""
            done = f"fitted anew{took}" if each.anew else "deleted"
            lines.append(
                f"{each.run.name} {each.because}: it is {done}; its versions, samples, evaluation and exports go."
            )
        lines.append(f"The cache goes ({cache_folder()}), and what the store of feedback has of these runs.")
        unknown = self._journal["unknown"] if self._journal else self.unknown
        if unknown:
            lines.append(f"Of {', '.join(unknown)} nobody can tell: their data isn't as they learned it.")
        if self.request.folders:
            names = ", ".join(map(str, self.request.folders))
            lines.append(f"Exports and samples that these runs signed go from: {names}.")
        return lines

    def carry_out(self, statement: Path | None = None) -> Forgotten:
        """Does it, and gives what was done; `statement` is the file that says so.

        Raises:
            UserError: a fit can't work; that run is as it was, those before it are done, and the same request goes on.
            Failure: the same of a fit that failed, or the statement can't be written.
        """
        with _alone():
            needles = specific(self.request.records.contents(self._records), self._source)
            journal = self._journal or self._begin_journal()
            for entry in journal["runs"]:
                if not entry["done"]:
                    self._do(_touched(entry), entry)
                    _write_journal(journal)
            report = Forgotten(**journal["report"], untouched=journal["untouched"], unknown=journal["unknown"])
            report.runs = [{name: each[name] for name in _STATED} for each in journal["runs"]]
            elsewhere, report.left = self._delete_signed(journal["runs"])
            in_store, report.membership = _empty_store(journal["runs"]), self._membership()
            # Last, since whoever looks at data prepares it there.
            report.deleted = {**in_store, "cache_files": clear_cache(), "files": elsewhere}
            report.searched = self._search(needles, [Path(each["path"]) for each in journal["runs"]])
            report = self._state(report, statement)
            _journal_path().unlink(missing_ok=True)
        return report

    def _begin_journal(self) -> dict[str, Any]:
        """What is to be done, on the disk before anything is."""
        rows = self.request.records.rows
        count = int(rows is not None) if self._records is None else sum(1 for _ in self._records.contents())
        journal = {
            "run": str(self.run.path),
            "request": _described(self.request, secrets.token_hex(16)),
            "command": f"tfgen forget {self.run.reference} ...",
            "report": {
                "run": self.run.name,
                "records": count,
                "by_person": self.request.records.person is not None,
                "equal_stay": self.request.records.equal_stay,
                "data": {"before": self.run.record["data"]["fingerprint"], "after": self._examples.fingerprint},
            },
            "untouched": self.untouched,
            "unknown": self.unknown,
            "runs": [
                {
                    "name": each.run.name, "because": each.because, "path": str(each.run.path), "anew": each.anew,
                    "on_clean": each.on_clean, "before": newest_name(each.run.checkpoints), "after": None, "done": "",
                    "digest": run_digest(each.run), "is_here": each.run.path.parent == runs_folder().resolve(),
                }
                for each in self.touched
            ],
        }  # fmt: skip
        _write_journal(journal)
        return journal

    def _do(self, touched: Touched, entry: dict[str, Any]) -> None:
        """Fits a run anew in its place, or deletes it; on an error the old one is put back."""
        path = Path(entry["path"])
        if not path.exists() or newest_name(path / "checkpoints") != entry["before"]:
            # An earlier try was torn off between the last rename and its note.
            entry["done"] = "fitted anew" if path.exists() else "deleted"
            entry["after"] = newest_name(path / "checkpoints") if path.exists() else None
            return
        aside, gone = _aside(path), _gone(path)
        with files.locked(path):
            os.rename(path, aside if touched.anew else gone)
        if touched.anew:
            try:
                data = self._source if touched.on_clean else None
                again = self._fit(
                    FitRequest(repeat=str(aside), anew=True, output=str(path), data=data, interruptible=True)
                )
                if again.record["status"] != "finished":
                    raise Failure(f"The fit of '{path.name}' was stopped.", "The old run is back; say it once more.")
            except BaseException:
                _put_back(path)
                raise
            os.rename(aside, gone)  # from here on the new run is the run
            entry["after"] = newest_name(again.checkpoints)
        entry["done"] = "fitted anew" if touched.anew else "deleted"
        shutil.rmtree(gone)
        say(f"'{path.name}' is {entry['done']}.")

    def _delete_signed(self, runs: Sequence[dict[str, Any]]) -> tuple[list[str], list[str]]:
        """Deletes exports and samples in the folders that were named, by what their own signature says of them; gives
        what is gone, and what names one of the runs but isn't as it was signed."""
        if not self.request.folders:
            return [], []
        digests = {each["digest"] for each in runs}
        names = {each["name"] for each in runs if each["is_here"]}
        verifier, gone, left = Verifier(watermarks=False), [], []
        for path in [each for folder in self.request.folders for each in _signed_in(folder)]:
            with contextlib.suppress(UserError):
                found = verifier.verify(path)
                made_by = found.made_by
                its = {made_by.get("run"), *made_by.get("runs", "").split(", ")}
                if found.claims not in CLAIMS or not (its & names or made_by.get("weights") in digests):
                    continue
                if found.state == CHANGED:
                    left.append(self.request.records.masked(str(path)))
                elif found.state == OWN:
                    gone.append(self.request.records.masked(str(path)))
                    _delete_with_marks(path)
        return gone, left

    def _search(self, needles: list[bytes], runs: list[Path]) -> dict[str, Any]:
        long, patterns = long_enough(needles), self.request.records.patterns
        found = asdict(search(long, patterns, [runs_folder(), cache_folder(), *runs, *self.request.folders]))
        for name in ("found", "unread"):
            found[name] = [self.request.records.masked(path) for path in found[name]]
        return {**found, "too_short": len(needles) - len(long)}

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
        own, model = open_training(run), load_model(run)
        known, unseen = at_home(model, self.request.records.under(run, own), False), at_home(model, own, True)
        if not len(known):
            return unable
        if len(known) >= _BY_CHANCE * (1 + len(unseen)):
            few = f"{len(unseen)} held-out examples are too few to tell anything of {len(known)} records."
            return {"untested": few}
        above = (unseen[None] >= known[:, None]).sum(axis=1)
        auc = float(np.mean((known[:, None] > unseen[None]) + 0.5 * (known[:, None] == unseen[None])))
        least = float((1 + above.min()) / (1 + len(unseen)))
        return {"auc": auc, "p_value": min(1.0, least * len(known)), "compared_with": len(unseen)}

    def _state(self, report: Forgotten, statement: Path | None) -> Forgotten:
        """Writes the statement, signed."""
        path = statement or _folder() / f"{self.run.name}-{report.at.replace(':', '')}.json"
        report = replace(report, statement=str(path), signed=provenance.status() == provenance.SIGNED)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            facts = {"Source": provenance.STATED, "run": self.run.name}
            content = json.dumps(report.to_json(), indent=2, ensure_ascii=False).encode()
            provenance.write_marked(path, content, facts)
        except OSError as error:
            raise Failure(
                f"It is done, but the statement can't be written: {error.strerror or error}.",
                "Make room, and say it once more.",
            ) from error
        return report


_STATED = ("name", "because", "done", "before", "after")  # of a run, in the statement


# What was torn off.


def recover() -> None:
    """Puts back runs that lie aside, since what was fitted in their place never became whole, and deletes those that
    were done. Raises UserError where another forgetting is at work."""
    if not runs_folder().is_dir():
        return
    journal = _read_journal()
    places = [Path(each["path"]) for each in journal["runs"]] if journal else []
    hidden = [path for path in runs_folder().glob(".*") if path.name.endswith((_ASIDE, _GONE))]
    places += [path.with_name(path.name[1:].removesuffix(_ASIDE).removesuffix(_GONE)) for path in hidden]
    if not any(_aside(path).exists() or _gone(path).exists() for path in places):
        return
    with _alone():
        for path in places:
            _put_back(path)
            if _gone(path).exists():
                shutil.rmtree(_gone(path))


def _put_back(path: Path) -> None:
    """The old run comes back in place of what was begun."""
    if _aside(path).exists():
        if path.exists():
            with files.locked(path):  # nobody is at work on it
                os.rename(path, _gone(path))
        os.rename(_aside(path), path)
        if _gone(path).exists():
            shutil.rmtree(_gone(path))


def _aside(path: Path) -> Path:
    """Where an old run lies while it is fitted anew."""
    return path.with_name(f".{path.name}{_ASIDE}")


def _gone(path: Path) -> Path:
    """Where what is deleted lies while that takes."""
    return path.with_name(f".{path.name}{_GONE}")


def _folder() -> Path:
    return runs_folder() / "forgotten"


def _journal_path() -> Path:
    return _folder() / ".under-way.json"


def _read_journal() -> dict[str, Any] | None:
    try:
        return json.loads(_journal_path().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        raise UserError(f"'{_journal_path()}' is damaged.", "Remove it, and look at the runs first.") from None


def _write_journal(journal: dict[str, Any]) -> None:
    files.write_json(_journal_path(), journal)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    _folder().mkdir(parents=True, exist_ok=True)
    with files.locked(_folder()):
        yield


def _described(request: ForgetRequest, salt: str) -> dict[str, Any]:
    """A request as the journal has it: with neither the records nor the id."""
    records = request.records
    person = None if records.person is None else hashlib.sha256((salt + records.person).encode()).hexdigest()
    return {
        "rows": str(records.rows and records.rows.resolve()), "person": person, "salt": salt,
        "equal_stay": records.equal_stay, "data": request.data, "delete": request.delete,
        "folders": [str(each.resolve()) for each in request.folders],
    }  # fmt: skip


def _touched(entry: dict[str, Any]) -> Touched:
    path = Path(entry["path"])
    record = {"checkpoints": "", "created": ""}
    run = Run.open(str(path)) if path.exists() else Run(path, record)
    return Touched(run, entry["because"], entry["anew"], entry["on_clean"])


# What lies elsewhere.


def _empty_store(runs: Sequence[dict[str, Any]]) -> dict[str, int]:
    from tfgen.feedback.store import has_store, open_store

    if not has_store():
        return {"samples": 0, "events": 0}
    with open_store() as store:
        counts = [store.forget_run(each["name"] if each["is_here"] else None, each["digest"]) for each in runs]
    return {"samples": sum(each[0] for each in counts), "events": sum(each[1] for each in counts)}


def _delete_with_marks(path: Path) -> None:
    """Deletes a signed file with what lies beside it, or an export, with the folder of its run where that is empty."""
    if path.is_dir():
        shutil.rmtree(path)
        with contextlib.suppress(OSError):  # others are in it
            path.parent.rmdir()  # OUT/RUN/VERSION
        return
    for end in ("", provenance.SIDECAR, ".json"):
        path.with_name(path.name + end).unlink(missing_ok=True)


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
