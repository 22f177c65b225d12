"""Runs the scripts beside this file where tfgen can't be imported: as an export runs elsewhere.

TensorFlow takes seconds to load: the scripts that need it share a process, which loads it while an export is traced.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

_SHARING = ("run_saved_model.py", "convert_tflite.py")
_HOST = Path(__file__).with_name("host_scripts.py")
_lock = threading.Lock()  # of the list
_hosts: list["_Host"] = []  # the one that is shared, once for each block that holds it


@contextlib.contextmanager
def sharing() -> Iterator[None]:
    """Scripts inside share a process; so do blocks within each other, and those of several threads."""
    with _lock:
        _hosts.append(_hosts[-1] if _hosts else _Host())
    try:
        yield
    finally:
        with _lock:
            host = _hosts.pop()
            if not _hosts:
                host.end()


def prepare() -> None:
    """Has the shared process load TensorFlow, which is needed soon; only in a block that shares."""
    _hosts[-1].begin()


def run(script: Path, *arguments: object) -> str | None:
    """Runs a script to its end; why it failed, in a line, or None."""
    words = [str(script), *map(str, arguments)]
    if script.name in _SHARING:
        with sharing():
            return _hosts[-1].run(words)
    finished = subprocess.run([sys.executable, "-P", *words], capture_output=True, text=True)
    return _last_line(finished.stderr) if finished.returncode else None


class _Host:
    """A process that runs scripts one after the other (host_scripts.py)."""

    def __init__(self):
        self._lock = threading.Lock()
        self._process: subprocess.Popen | None = None

    def begin(self) -> None:
        with self._lock:
            self._begin()

    def _begin(self) -> None:
        if self._process is None:
            self._said = tempfile.TemporaryFile()
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self._said}
            self._process = subprocess.Popen([sys.executable, "-P", str(_HOST)], text=True, **pipes)

    def run(self, words: list[str]) -> str | None:
        with self._lock:
            self._begin()
            before = self._said.seek(0, 2)
            try:
                with contextlib.suppress(BrokenPipeError):
                    self._process.stdin.write(json.dumps(words) + "\n")
                    self._process.stdin.flush()
                answer = self._process.stdout.readline()
            except BaseException:  # its answer would be taken for that to the next script
                self._end()
                raise
            if answer:
                return json.loads(answer)
            code = self._process.wait()
            self._said.seek(before)
            reason = _last_line(self._said.read().decode(errors="replace"))
            self._end()
            return f"{reason} (exit code {code})"

    def end(self) -> None:
        with self._lock:
            self._end()

    def _end(self) -> None:
        """It has nothing to lose."""
        if self._process is None:
            return
        self._process.kill()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
        self._said.close()
        self._process = None


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it ended without a word"])[-1]
