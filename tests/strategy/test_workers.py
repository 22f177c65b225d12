"""Several processes that train one model: they end as one would, and a lost one loses nothing."""

import json
import signal
import socket
import subprocess
import time

import numpy as np
import pytest

from tests.conftest import fit_run, state_of, tfgen_arguments, tfgen_environment
from tfgen.api import load

pytestmark = pytest.mark.slow


def free_ports(count):
    """Ports that nobody listens at."""
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@pytest.fixture
def start(tmp_path):
    """Starts a chief with these arguments, and a second worker with these or with others; `said` is what a process has
    said so far."""
    started = []

    def start_both(*arguments, other=None):
        cluster = {"worker": [f"localhost:{port}" for port in free_ports(2)]}
        for place, own in enumerate((arguments, other or arguments)):
            log = tmp_path / f"said-{len(started)}"
            process = subprocess.Popen(
                tfgen_arguments("fit", *own, "--strategy", "multiworker"),
                env=tfgen_environment(
                    TF_CONFIG=json.dumps({"cluster": cluster, "task": {"type": "worker", "index": place}}),
                    TF_NUM_INTRAOP_THREADS="1",
                ),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log.open("w"),
            )  # fmt: skip
            process.said = log.read_text
            started.append(process)
        return started[-2:]

    yield start_both
    for process in started:
        process.kill()


def wait_for_checkpoint(path, process, step=1):
    """Returns once a checkpoint of this step or a later one is there."""
    while process.poll() is None:
        names = [each.name for each in (path / "checkpoints").glob("*.npz")] if path.exists() else []
        if any(int(name.split("-")[2]) >= step for name in names):
            return
        time.sleep(0.1)
    raise AssertionError(process.said())


def test_two_workers_end_as_one_does_and_the_chief_alone_writes(start, tmp_path):
    run_of_one = fit_run("vae", tmp_path / "one", "insurance", 40)
    chief, other = start("vae", "insurance", "-o", tmp_path / "two", "--size", "tiny", "--steps", 40)
    codes = chief.wait(400), other.wait(400)
    assert codes == (0, 0), chief.said() + other.said()
    assert "Following the chief, as one of 2 workers." in other.said() and "The fit has ended" in other.said()
    run = load(tmp_path / "two")
    assert (run.record["status"], run.record["reached"]) == ("finished", 40)
    assert sorted(path.name for path in tmp_path.iterdir() if (path / "run.json").exists()) == ["one", "two"]
    begun = state_of(fit_run("vae", tmp_path / "begun", "insurance", 1))
    one, two = state_of(run_of_one), state_of(run)
    learned = [name for name in one if name.split("/")[0] in ("encoder", "decoder")]
    gone, apart = (
        np.sqrt(sum(np.sum(np.square(one[name] - each[name])) for name in learned)) for each in (begun, two)
    )
    assert learned and apart < 0.01 * gone
    assert run.generate(n=5).rows  # the run is as any other: nothing of it needs several devices


def test_a_worker_that_is_killed_or_stopped_loses_nothing_and_one_goes_on_alone(start, tmp_path):
    path = tmp_path / "run"
    chief, other = start("vae", "insurance", "-o", path, "--size", "tiny", "--steps", 100_000, "--save-every", 0.5)
    wait_for_checkpoint(path, chief)
    other.kill()
    assert chief.wait(400) == 1 and "Another worker can't be reached any more. Start all of them" in chief.said()
    reached = load(path).record["reached"]
    chief, other = start("vae", "-o", path, "--resume", "--save-every", 0.5)
    wait_for_checkpoint(path, chief, reached + 1)
    other.send_signal(signal.SIGTERM)  # as a cluster does before it takes a machine away
    assert (chief.wait(400), other.wait(400)) == (0, 0)
    run = load(path)
    assert run.record["status"] == "stopped" and run.record["reached"] > reached > 0
    chief, other = start("vae", "-o", path, "--resume", "--save-every", 0.5)
    wait_for_checkpoint(path, chief, run.record["reached"] + 1)
    for _ in range(3):  # of the chief, at whatever instant it comes
        time.sleep(0.05)
        if chief.poll() is None and "Stopping" not in chief.said():
            chief.send_signal(signal.SIGTERM)
    assert (chief.wait(400), other.wait(400)) == (0, 0)
    assert load(path).record["reached"] > run.record["reached"]


def test_a_worker_with_other_data_says_so_and_the_chief_begins_nothing(start, tmp_path):
    for name, rows in (("one", 300), ("other", 301)):
        content = "a,b\n" + "".join(f"{place % 7},{place % 5}\n" for place in range(rows))
        (tmp_path / f"{name}.csv").write_text(content)
    output = ("-o", tmp_path / "run", "--size", "tiny", "--steps", 10)
    chief, other = start("vae", tmp_path / "one.csv", *output, other=("vae", tmp_path / "other.csv", *output))
    assert (chief.wait(400), other.wait(400)) == (2, 2)
    assert "1 other worker could not begin. What they say themselves is why." in chief.said()
    assert "The data has changed since the run began." in other.said() and not (tmp_path / "run").exists()
