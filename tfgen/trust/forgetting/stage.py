"""Forgetting, top to bottom: look, say what would be done, do it, prove it, and write down what was done.

Weights can't be made to forget a record, so a run that learned it is fitted anew, from its settings, on data without
it; all that the old weights made goes. What is gone is proved in two ways: the records' bytes are looked for in all
that is left, and a membership test asks the new model whether it knows them better than what it never saw.

It may be killed at any line. A run that is fitted anew lies aside until the new one is whole, and comes back where that
never was; what was done is kept in a file under `forgotten`, with which the same command goes on.
"""

import contextlib
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfgen import files
from tfgen.catalog import ENGINES, MODALITIES
from tfgen.checkpoints import newest_name
from tfgen.console import command_line, say
from tfgen.data.prepared import cache_folder, clear_cache
from tfgen.errors import Failure, UserError
from tfgen.evaluate.metrics.copying import auc
from tfgen.evaluate.training_data import open_showing, open_training
from tfgen.feedback.events import run_digest
from tfgen.restore import load_model, open_codec
from tfgen.run import Run, runs_folder
from tfgen.training.request import FitRequest
from tfgen.trust import provenance
from tfgen.trust.forgetting.journal import (
    alone, aside, folder, gone, journal_path, put_back, read_journal, recover, write_journal,
)  # fmt: skip
from tfgen.trust.forgetting.records import Records, specific
from tfgen.trust.forgetting.statement import BY_CHANCE, Forgotten
from tfgen.trust.forgetting.touched import Touched, look_at_runs
from tfgen.trust.forgetting.traces import long_enough, search
from tfgen.trust.verification import CHANGED, CLAIMS, OWN, Verifier

_STATED = ("name", "because", "done", "before", "after")  # of a run, in the statement


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


class Forgetting:
    """A request that can be carried out: `plan` says what would be done, `carry_out` does it."""

    def __init__(self, run: Run, request: ForgetRequest, fit: Callable[[FitRequest], Run]):
        """Looks at the data and at every run, or at what an earlier try had done; `fit` does a FitRequest.

        Raises:
            UserError: the data still holds a record, or it isn't known without it; or another one is under way.
        """
        request.records.check()
        for each in request.folders:
            if not each.is_dir():
                raise UserError(f"'{each}' is no folder.", "Name one with exports or samples.")
        recover()
        self.run, self.request, self._fit = Run.open(str(run.path.resolve())), request, fit
        self._source = request.data or self.run.data_source()
        self._journal = read_journal()
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
        if self._examples.fingerprint == self.run.record["data"]["fingerprint"]:
            unchanged = f"'{self._source}' is as it was when '{self.run.name}' learned it"
            if request.records.equal_stay:  # so it isn't known whose they are
                raise UserError(f"{unchanged}.", "Take the records out of it, or name data without them: --data.")
            rows, person = request.records.rows, request.records.person
            which = f"'{person}'" if rows is None else f"what '{rows}' has"
            raise UserError(
                f"{unchanged}, and holds nothing of {which}.",
                "So there is nothing to forget in it. Is it another run, or forgotten already?",
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
        return examples

    def _check_journal(self) -> None:
        """Raises UserError where what was torn off is another request."""
        earlier = self._journal
        salt = earlier["request"]["salt"] if earlier else ""
        if earlier and (earlier["run"], earlier["request"]) != (str(self.run.path), _described(self.request, salt)):
            raise UserError(
                f"An earlier tfgen forget of '{Path(earlier['run']).name}' did not finish.",
                f"Finish that first, with the same records and options: {earlier['command']}",
            )

    def plan(self) -> list[str]:
        """What `carry_out` would do, in sentences."""
        lines = ["This continues an earlier run of this command that did not finish."] if self._journal else []
        for each in self.touched:
            minutes = (each.run.history() or [{"seconds": 0}])[-1]["seconds"] / 60
            took = f" (the last fit took {minutes:.1f} min)" if minutes else ""
            done = f"retrained from the start{took}" if each.anew else "deleted"
            lines.append(
                f"{each.run.name} {each.because}: it will be {done}. Its versions, samples, evaluation and exports are "
                "deleted."
            )
        lines.append(f"The cache ({cache_folder()}) and the feedback on these runs are deleted.")
        unknown = self._journal["unknown"] if self._journal else self.unknown
        if unknown:
            lines.append(f"Not known of {', '.join(unknown)}: their data has changed since they learned it.")
        if self.request.folders:
            names = ", ".join(map(str, self.request.folders))
            lines.append(f"Exports and samples signed as made by these runs are deleted from {names}.")
        return lines

    def carry_out(self, statement: Path | None = None) -> Forgotten:
        """Does it, and gives what was done; `statement` is the file that says so.

        Raises:
            UserError: a fit can't work; that run is as it was, those before it are done, and the same request goes on.
            Failure: the same of a fit that failed, or the statement can't be written.
        """
        with alone():
            needles = specific(self.request.records.contents(self._records), self._source)
            journal = self._journal or self._begin_journal()
            for entry in journal["runs"]:
                if not entry["done"]:
                    self._do(_touched(entry), entry)
                    write_journal(journal)
            report = Forgotten(**journal["report"], untouched=journal["untouched"], unknown=journal["unknown"])
            report.runs = [{name: each[name] for name in _STATED} for each in journal["runs"]]
            elsewhere, report.left = self._delete_signed(journal["runs"])
            in_store, report.membership = _empty_store(journal["runs"]), self._membership()
            # Last, since whoever looks at data prepares it there.
            report.deleted = {**in_store, "cache_files": clear_cache(), "files": elsewhere}
            report.searched = self._search(needles, [Path(each["path"]) for each in journal["runs"]])
            name = f"{self.run.name}-{report.at.replace(':', '')}.json"
            report = report.write(statement or folder() / name)
            journal_path().unlink(missing_ok=True)
        return report

    def _begin_journal(self) -> dict[str, Any]:
        """What is to be done, on the disk before anything is."""
        rows = self.request.records.rows
        count = int(rows is not None) if self._records is None else sum(1 for _ in self._records.contents())
        journal = {
            "run": str(self.run.path),
            "request": _described(self.request, secrets.token_hex(16)),
            "command": command_line("forget", self.run.reference, "..."),
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
        write_journal(journal)
        return journal

    def _do(self, touched: Touched, entry: dict[str, Any]) -> None:
        """Fits a run anew in its place, or deletes it; on an error the old one is put back."""
        path = Path(entry["path"])
        if not path.exists() or newest_name(path / "checkpoints") != entry["before"]:
            # An earlier try was torn off between the last rename and its note.
            entry["done"] = "retrained" if path.exists() else "deleted"
            entry["after"] = newest_name(path / "checkpoints") if path.exists() else None
            return
        old, deleted = aside(path), gone(path)
        with files.locked(path):
            os.rename(path, old if touched.anew else deleted)
        if touched.anew:
            try:
                data = self._source if touched.on_clean else None
                again = self._fit(
                    FitRequest(repeat=str(old), anew=True, output=str(path), data=data, interruptible=True)
                )
                if again.record["status"] != "finished":
                    what = f"The fit of '{path.name}' was stopped."
                    raise Failure(what, "The old run is back. Give the same command again.")
            except BaseException:
                put_back(path)
                raise
            os.rename(old, deleted)  # from here on the new run is the run
            entry["after"] = newest_name(again.checkpoints)
        entry["done"] = "retrained" if touched.anew else "deleted"
        shutil.rmtree(deleted)
        say(f"'{path.name}' was {entry['done']}.")

    def _delete_signed(self, runs: Sequence[dict[str, Any]]) -> tuple[list[str], list[str]]:
        """Deletes exports and samples in the folders that were named, by what their own signature says of them; gives
        what is gone, and what names one of the runs but isn't as it was signed."""
        if not self.request.folders:
            return [], []
        digests = {each["digest"] for each in runs}
        names = {each["name"] for each in runs if each["is_here"]}
        verifier, deleted, left = Verifier(watermarks=False), [], []
        for path in [each for place in self.request.folders for each in _signed_in(place)]:
            with contextlib.suppress(UserError):
                found = verifier.verify(path)
                made_by = found.made_by
                its = {made_by.get("run"), *made_by.get("runs", "").split(", ")}
                if found.claims not in CLAIMS or not (its & names or made_by.get("weights") in digests):
                    continue
                if found.state == CHANGED:
                    left.append(self.request.records.masked(str(path)))
                elif found.state == OWN:
                    deleted.append(self.request.records.masked(str(path)))
                    _delete_with_marks(path)
        return deleted, left

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
            return {"untested": "there are no complete examples to test."}
        if not self.run.path.exists():
            return {"untested": "the run was deleted."}
        unable = {"untested": "this kind of model can't score an example."}
        if f"membership/{self._records.representation}" not in ENGINES:
            return unable
        run, score = Run.open(str(self.run.path)), ENGINES.load(f"membership/{self._records.representation}")
        own, model = open_training(run), load_model(run)
        known = score(run, model, own, self.request.records.under(run, own))
        if not len(known):
            return unable
        unseen = score(run, model, own, None)
        if len(known) >= BY_CHANCE * (1 + len(unseen)):
            few = f"{len(unseen)} held-out examples are too few to test {len(known)} records at p = {BY_CHANCE}."
            return {"untested": few}
        least = float((1 + np.sum(unseen >= known.max())) / (1 + len(unseen)))
        told = {"auc": float(auc(unseen, known)), "p_value": min(1.0, least * len(known))}
        return {**told, "compared_with": len(unseen)}


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
    run = Run.open(str(path)) if path.exists() else Run(path, {})
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


def _signed_in(top: Path) -> Iterator[Path]:
    """Exports and files below a folder that may be signed."""
    for place, folders, names in os.walk(top):
        if provenance.FOLDER_FILE in names:
            folders.clear()
            yield Path(place)
        else:
            yield from (Path(place, name) for name in sorted(names) if not name.endswith(provenance.SIDECAR))
