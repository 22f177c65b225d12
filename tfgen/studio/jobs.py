"""Jobs: fits, tunings, evaluations and exports, one after the other, each in a process of its own.

A job is a folder with job.json, log.txt and at last result.json, so nothing is lost with the server: one that starts
again finds a job still at work, or begins it once more, and a fit goes on from its last checkpoint.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from tfgen import files
from tfgen.errors import UserError
from tfgen.feedback.events import new_id
from tfgen.run import now
from tfgen.studio.replies import NotThere
from tfgen.studio.worker import RESULT

WAITING, RUNNING, FINISHED, STOPPED, FAILED = "waiting", "running", "finished", "stopped", "failed"
_MOST_WAITING = 50
_QUICK = "look"  # the verb that doesn't wait for the others, but for its like
_LOOKS = 2  # at once
_LOOK_MEMORY = 4 * 2**30
_KEPT = 200  # folders of jobs that are done
_TRIES = 3  # of a job whose process died


class Job:
    """One job's folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    @property
    def record(self) -> dict[str, Any]:
        """What it is and how it stands, read anew: others change it."""
        return json.loads((self.folder / "job.json").read_text(encoding="utf-8"))

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def result(self) -> dict[str, Any] | None:
        with contextlib.suppress(OSError, ValueError):
            return json.loads((self.folder / RESULT).read_text(encoding="utf-8"))
        return None

    @property
    def is_alive(self) -> bool:
        """Whether a process is at work on it, of this server or of one before."""
        return files.is_locked(self.folder)

    @property
    def status(self) -> str:
        result = self.result
        if result is not None:
            return result["status"]
        return RUNNING if self.is_alive else self.record.get("status", WAITING)

    def says(self) -> str:
        """The last line of its log."""
        try:
            with open(self.folder / "log.txt", "rb") as file:
                file.seek(max(0, os.path.getsize(self.folder / "log.txt") - 4096))
                lines = file.read().decode("utf-8", "replace").replace("\r", "\n").splitlines()
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def update(self, **changes: Any) -> None:
        files.write_json(self.folder / "job.json", {**self.record, **changes})

    def to_json(self) -> dict[str, Any]:
        status, result = self.status, self.result or {}
        record = self.record
        return {
            "id": self.id,
            "verb": record["verb"],
            "run": record["run"],
            "status": status,
            "says": result.get("sentence") or self.says(),
            "created": record["created"],
            "title": record.get("title", ""),
            "result": result,
        }


class Jobs:
    """All jobs of a folder, and the thread that runs them."""

    def __init__(self, folder: Path, memory: int | None = None):
        """memory: bytes that one may take."""
        self.folder, self.memory = folder, memory
        self.folder.mkdir(parents=True, exist_ok=True)
        for job in [job for job in self.all() if job.result is not None][:-_KEPT]:
            shutil.rmtree(job.folder, ignore_errors=True)
        self._processes: dict[str, subprocess.Popen] = {}
        self._news, self._closed = threading.Event(), False
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
        self._thread.start()

    def add(self, verb: str, run: str, who: str, title: str, arguments: dict[str, Any]) -> Job:
        """A new job, which begins when those before it are done. Raises UserError where too many wait."""
        with self._guard:
            if sum(job.status == WAITING for job in self.all()) >= _MOST_WAITING:
                raise UserError("Too many jobs are waiting.", "Stop some of them.")
            job_id = new_id()
            with files.folder_atomically(self.folder / job_id) as folder:
                record = {"verb": verb, "run": run, "who": who, "title": title, "arguments": arguments}
                memory = self.memory
                if verb == _QUICK and memory:
                    memory = min(memory, _LOOK_MEMORY)
                record |= {"created": now(), "status": WAITING, "memory": memory, "tries": 0}
                files.write_json(folder / "job.json", record)
            job = Job(self.folder / job_id)
        self._news.set()
        return job

    def all(self) -> list[Job]:
        """Oldest first."""
        found = []
        for path in sorted(self.folder.glob("[!.]*/job.json")):
            with contextlib.suppress(OSError, ValueError, AttributeError):  # removed meanwhile, or spoiled
                job = Job(path.parent)
                if {"verb", "run", "who", "status", "arguments", "created"} <= job.record.keys():
                    found.append(job)
        return found

    def find(self, id: str) -> Job:
        """Raises NotThere where there is no such job."""
        for job in self.all():
            if job.id == id:
                return job
        raise NotThere("There is no such job.", "Reload the page.")

    def stop(self, job: Job) -> None:
        """Ends a job that waits or is at work; a fit keeps what it has learned."""
        with self._guard:
            status = job.status
            if status == WAITING:
                files.write_json(job.folder / RESULT, {"status": STOPPED})
            elif status == RUNNING:
                job.update(status=STOPPED, told=False)
                self._interrupt(job)

    def resume(self, job: Job) -> None:
        """Lets a job that was stopped or has failed go on. Raises UserError for any other."""
        with self._guard:
            if job.status not in (STOPPED, FAILED):
                raise UserError("The job is not stopped.", "Let it go on.")
            (job.folder / RESULT).unlink(missing_ok=True)
            job.update(status=WAITING, tries=0)
        self._news.set()

    async def done(self, job: Job, seconds: float) -> dict[str, Any]:
        """A job's result, when it is there. Raises UserError where it failed, or takes too long."""
        for _ in range(int(seconds / 0.05)):
            result = job.result
            if result is not None:
                if result["status"] != FINISHED:
                    raise UserError(result.get("sentence") or "It was stopped.")
                return result
            if job.status == STOPPED or job.status == FAILED:
                break
            await asyncio.sleep(0.05)
        self.stop(job)
        raise UserError("It takes too long to look at.", "Give fewer files, or use: tfgen data")

    def close(self) -> None:
        """Ends the thread; jobs that are at work go on, and the next server finds them."""
        self._closed = True
        self._news.set()
        self._thread.join()

    # The thread.

    def _run(self) -> None:
        while not self._closed:
            try:
                self._step()
            except Exception:  # of a full disk, say: the next time may go well, and jobs must not wait for ever
                traceback.print_exc()
            self._news.wait(0.5)
            self._news.clear()

    def _step(self) -> None:
        """Ends what has died, and begins the next jobs where there is room."""
        for id, process in list(self._processes.items()):
            if process.poll() is not None:
                del self._processes[id]
        at_work = {True: 0, False: 0}  # whether quick: how many
        waiting = []
        for job in self.all():
            with self._guard:
                if job.result is not None:
                    continue
                is_quick = job.record["verb"] == _QUICK
                if job.id in self._processes or job.is_alive:
                    at_work[is_quick] += 1
                    if job.record["status"] == STOPPED and not job.record.get("told"):
                        self._interrupt(job)
                    continue
                if job.record["status"] == RUNNING:
                    self._died(job)
                elif job.record["status"] == STOPPED:
                    files.write_json(job.folder / RESULT, {"status": STOPPED})
                if job.result is None:
                    waiting.append((is_quick, job))
        for is_quick, job in waiting:
            if at_work[is_quick] < (_LOOKS if is_quick else 1):
                at_work[is_quick] += self._begin(job)

    @staticmethod
    def _interrupt(job: Job) -> None:
        """Tells a job's process to end, once; one that has not yet begun is told later."""
        with contextlib.suppress(OSError, ValueError):
            os.kill(int((job.folder / "pid").read_text(encoding="ascii")), signal.SIGINT)
            job.update(told=True)

    def _died(self, job: Job) -> None:
        """A job whose process is gone without a word: once more, unless it has died often."""
        if job.record["verb"] == _QUICK or job.record["tries"] >= _TRIES:
            why = "The process that did it ended without a word, most likely for lack of memory."
            advice = "Choose a smaller model or less data, or give the studio more with --memory."
            files.write_json(job.folder / RESULT, {"status": FAILED, "sentence": f"{why} {advice}"})
        else:
            job.update(status=WAITING)

    def _begin(self, job: Job) -> bool:
        """Begins a job that still waits, and says whether it did."""
        with self._guard:
            record = job.record
            if job.result is not None or record["status"] != WAITING:
                return False
            with open(job.folder / "log.txt", "ab") as log:
                (job.folder / "pid").unlink(missing_ok=True)
                job.update(status=RUNNING, tries=record["tries"] + 1)
                self._processes[job.id] = subprocess.Popen(
                    [sys.executable, "-m", "tfgen.studio.worker", str(job.folder)],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                )
        return True
