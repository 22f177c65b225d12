"""A real studio in a process of its own, a client that speaks to it as the page does, and a real browser."""

import contextlib
import http.client
import json
import re
import shutil
import signal
import subprocess
import threading
from pathlib import Path

from tests.conftest import tfgen_arguments, tfgen_environment

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)


class Studio:
    """A running studio."""

    def __init__(self, process, port, address, runs):
        self.process, self.port, self.address, self.runs = process, port, address, runs

    def ask(self, method, path, body=None, headers=None, timeout=120):
        """Status, headers and content of an answer; the page's own headers unless others are given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        content = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
        given = {"X-Tfgen": "1", **(headers or {})} if headers is None or "X-Tfgen" not in headers else headers
        given = {name: value for name, value in given.items() if value is not None}
        try:
            connection.request(method, path, content, given)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def api(self, path, body=None, headers=None):
        """What an address answers, as JSON."""
        status, _, content = self.ask("GET" if body is None else "POST", path, body, headers)
        assert status == 200, (status, content[:500])
        return json.loads(content)

    def rows(self, path, body, headers=None):
        """The rows of JSON that come one by one."""
        status, _, content = self.ask("POST", path, body, headers)
        assert status == 200, (status, content[:500])
        return [json.loads(line) for line in content.splitlines()]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def studio(runs, *options, **environment):
    """A studio on a folder of runs, at a port of its own."""
    environment = tfgen_environment(TFGEN_RUNS=str(runs), **environment)
    port = () if "--port" in options else ("--port", 0)
    process = subprocess.Popen(
        tfgen_arguments("studio", *port, "--no-browser", *options), env=environment, cwd=runs, text=True,
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )
    said = []
    try:
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"at (http://[^ ]*:(\d+)/\S*)", line):
                break
        else:
            raise AssertionError("".join(said))
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield Studio(process, int(found[2]), found[1], Path(runs))
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()


def copied(run, runs, name=None):
    """A run's copy among runs of a test's own, which it may change."""
    runs.mkdir(exist_ok=True)
    place = runs / (name or run.path.name)
    shutil.copytree(run.path, place, ignore=shutil.ignore_patterns(".lock"))
    return place.name


@contextlib.contextmanager
def browser():
    """Chromium without a screen."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_FLAGS))
        try:
            yield opened
        finally:
            opened.close()
