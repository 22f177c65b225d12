"""Jobs outlive the server that began them, and their own deaths; a stand-in for the worker does little work."""

import os
import signal
import sys
import textwrap
import time

import pytest

from tfgen.errors import UserError
from tfgen.studio import jobs as room
from tfgen.studio.jobs import Jobs

WORKER = """
import json, os, signal, sys, time
from pathlib import Path
from tfgen import files
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
folder = Path(sys.argv[1])
job = json.loads((folder / "job.json").read_text())["arguments"]
with files.locked(folder):
    (folder / "pid").write_text(str(os.getpid()))
    with open(folder / "begun", "a") as file:
        file.write("x")
    try:
        print("at work", flush=True)
        time.sleep(job.get("seconds", 0))
        if job.get("dies"):
            sys.exit(1)
        files.write_json(folder / "result.json", {"status": job.get("status", "finished"), "sentence": "so"})
    except KeyboardInterrupt:
        files.write_json(folder / "result.json", {"status": "stopped"})
"""


@pytest.fixture
def worker(monkeypatch, tmp_path):
    """Jobs are done by a script that sleeps, dies or ends as it is told."""
    script = tmp_path / "worker.py"
    script.write_text(textwrap.dedent(WORKER))
    start = room.subprocess.Popen

    def popen(command, **options):
        return start([sys.executable, str(script), command[-1]], **options)

    monkeypatch.setattr(room.subprocess, "Popen", popen)


@pytest.fixture
def opened(worker, tmp_path):
    """Opens servers' jobs on one folder, and closes them."""
    every = []

    def open_jobs():
        every.append(Jobs(tmp_path / "jobs"))
        return every[-1]

    yield open_jobs
    for each in every:
        each.close()


def until(question, seconds=120):
    end = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


def test_one_after_the_other_in_their_order(opened):
    jobs = opened()
    first, second = (jobs.add("fit", name, "ada", name, {"seconds": 0.5}) for name in ("one", "two"))
    until(lambda: first.status == "running")
    assert second.status == "waiting"
    until(lambda: second.status == "finished")
    assert first.status == "finished" and first.says() == "at work"


def test_what_waits_or_works_can_be_stopped_and_goes_on(opened):
    jobs = opened()
    first, second = (jobs.add("fit", name, "ada", name, {"seconds": 30}) for name in ("one", "two"))
    until(lambda: first.status == "running" and first.says())
    jobs.stop(second)
    assert second.status == "stopped"
    jobs.stop(first)
    until(lambda: first.status == "stopped")
    with pytest.raises(UserError):
        jobs.stop(first) or jobs.resume(jobs.add("fit", "three", "ada", "three", {}))
    jobs.resume(first)
    until(lambda: jobs.find(first.id).status == "running" and (first.folder / "begun").read_text() == "xx")
    jobs.stop(jobs.find(first.id))
    until(lambda: first.status == "stopped")


def test_a_server_that_starts_again_finds_a_job_at_work(opened):
    first = opened()
    job = first.add("fit", "one", "ada", "one", {"seconds": 2})
    until(lambda: job.status == "running" and job.says())
    first.close()
    opened()
    until(lambda: job.status == "finished")
    assert (job.folder / "begun").read_text() == "x", "it was begun once more though it was at work"


def test_a_job_whose_process_died_with_the_server_begins_once_more(opened):
    first = opened()
    job = first.add("fit", "one", "ada", "one", {"seconds": 1})
    until(lambda: job.status == "running" and job.says())
    first.close()
    os.kill(int((job.folder / "pid").read_text()), signal.SIGKILL)
    until(lambda: not job.is_alive)
    opened()
    until(lambda: job.status == "finished")
    assert (job.folder / "begun").read_text() == "xx"


def test_one_that_dies_again_and_again_fails_with_a_sentence(opened):
    job = opened().add("fit", "one", "ada", "one", {"dies": True})
    until(lambda: job.status == "failed")
    assert "lack of memory" in job.result["sentence"]
    assert (job.folder / "begun").read_text() == "xxx"


def test_looking_at_data_waits_for_no_fit(opened):
    jobs = opened()
    jobs.add("fit", "one", "ada", "one", {"seconds": 3})
    look = jobs.add("look", "", "ada", "look", {})
    until(lambda: look.status == "finished", 2.5)


def test_a_failure_is_told(opened):
    job = opened().add("tune", "one", "ada", "one", {"status": "failed"})
    until(lambda: job.status == "failed")
    assert job.to_json()["says"] == "so"


def test_too_many_are_refused(opened, monkeypatch):
    monkeypatch.setattr(room, "_MOST_WAITING", 2)
    jobs = opened()
    with pytest.raises(UserError, match="Too many"):
        for name in "abcde":
            jobs.add("fit", name, "ada", name, {"seconds": 5})


def test_too_much_memory_is_a_sentence(tmp_path):
    """The real worker, with far less than TensorFlow needs to load: with a little less, its C++ parts may end it."""
    import json
    import subprocess

    from tests.conftest import tfgen_environment

    arguments = {"model": "vae", "data": "digits", "output": str(tmp_path / "run"), "minutes": 0.1, "settings": {}}
    (tmp_path / "job.json").write_text(json.dumps({"verb": "fit", "memory": 60 * 2**20, "arguments": arguments}))
    command = [sys.executable, "-m", "tfgen.studio.worker", str(tmp_path)]
    subprocess.run(command, env=tfgen_environment(), capture_output=True, timeout=120)
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["status"] == "failed" and "memory is too small" in result["sentence"]
    assert not (tmp_path / "run").exists()
