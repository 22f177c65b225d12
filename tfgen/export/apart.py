"""Runs the scripts beside this file in processes of their own, which can't import tfgen: as an export runs elsewhere.

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
from typing import Any

_SHARING = ("run_saved_model.py", "convert_tflite.py")
_HOST = Path(__file__).with_name("host_scripts.py")
_lock = threading.RLock()
_hosts: list["_Host"] = []  # the one that is open, once for each block that holds it


@contextlib.contextmanager
def sharing() -> Iterator[None]:
    """Scripts inside share a process, which begins at once; blocks within each other, or of several threads, have one.
    """
    with _lock:
        _hosts.append(_hosts[-1] if _hosts else _Host())
    try:
        yield
    finally:
        with _lock:
            host = _hosts.pop()
            if not _hosts:
                host.close()


def run(script: Path, *arguments: object) -> str | None:
    """Runs a script to its end; why it failed, in a line, or None."""
    words = [str(script), *map(str, arguments)]
    if script.name in _SHARING:
        with sharing(), _lock:
            return _hosts[-1].run(words)
    finished = subprocess.run([sys.executable, "-P", *words], capture_output=True, text=True)
    return _last_line(finished.stderr) if finished.returncode else None


class _Host:
    """A process that runs scripts one after the other (host_scripts.py)."""

    def __init__(self):
        self._begin()

    def _begin(self) -> None:
        self._said = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self._said}
        self._process = subprocess.Popen([sys.executable, "-P", str(_HOST)], text=True, **pipes)

    def run(self, words: list[str]) -> str | None:
        if self._process.poll() is not None:  # what ended it was said of the script before
            self.close()
            self._begin()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(words) + "\n")
            self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if answer:
            return json.loads(answer)
        self._process.wait()
        self._said.seek(0)
        return _last_line(self._said.read())

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._said.close()


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it ended without a word"])[-1]
