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


def start(*arguments, other=None):
    """A chief with these arguments, and a second worker with these or with others."""
    cluster = {"worker": [f"localhost:{port}" for port in free_ports(2)]}
    return [
        subprocess.Popen(
            tfgen_arguments("fit", *own, "--strategy", "multiworker"),
            env=tfgen_environment(
                TF_CONFIG=json.dumps({"cluster": cluster, "task": {"type": "worker", "index": place}}),
                TF_NUM_INTRAOP_THREADS="1",
            ),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for place, own in enumerate((arguments, other or arguments))
    ]  # fmt: skip


def wait_for_checkpoint(path, process, step=1):
    """Returns once a checkpoint of this step or a later one is there."""
    while process.poll() is None:
        names = [each.name for each in (path / "checkpoints").glob("*.npz")] if path.exists() else []
        if any(int(name.split("-")[2]) >= step for name in names):
            return
        time.sleep(0.1)
    raise AssertionError(process.communicate()[1])


def test_two_workers_end_as_one_does_and_the_chief_alone_writes(tmp_path, isolated):
    run_of_one = fit_run("vae", tmp_path / "one", "insurance", 40)
    chief, other = start("vae", "insurance", "-o", tmp_path / "two", "--size", "tiny", "--steps", 40)
    (_, said), (_, said_by_other) = chief.communicate(timeout=300), other.communicate(timeout=300)
    assert (chief.returncode, other.returncode) == (0, 0), said + said_by_other
    assert "Following the chief, as one of 2 workers." in said_by_other and "The fit has ended" in said_by_other
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


def test_a_worker_that_is_killed_or_stopped_loses_nothing_and_one_goes_on_alone(tmp_path):
    path = tmp_path / "run"
    chief, other = start("vae", "insurance", "-o", path, "--size", "tiny", "--steps", 100_000, "--save-every", 0.5)
    wait_for_checkpoint(path, chief)
    other.kill()
    said = chief.communicate(timeout=120)[1]
    assert chief.returncode == 1 and "Another worker can't be reached any more. Start all of them again" in said
    reached = load(path).record["reached"]
    chief, other = start("vae", "-o", path, "--resume", "--save-every", 0.5)
    wait_for_checkpoint(path, chief, reached + 1)
    other.send_signal(signal.SIGTERM)  # as a cluster does before it takes a machine away
    assert (chief.wait(60), other.wait(60)) == (0, 0)
    run = load(path)
    assert run.record["status"] == "stopped" and run.record["reached"] > reached > 0


def test_a_worker_with_other_data_says_so_and_the_chief_begins_nothing(tmp_path):
    for name, rows in (("one", 300), ("other", 301)):
        content = "a,b\n" + "".join(f"{place % 7},{place % 5}\n" for place in range(rows))
        (tmp_path / f"{name}.csv").write_text(content)
    output = ("-o", tmp_path / "run", "--size", "tiny", "--steps", 10)
    chief, other = start("vae", tmp_path / "one.csv", *output, other=("vae", tmp_path / "other.csv", *output))
    (_, said), (_, said_by_other) = chief.communicate(timeout=200), other.communicate(timeout=200)
    assert "1 other worker could not begin. What they say themselves is why." in said and chief.returncode == 2
    assert "The data has changed since the run began." in said_by_other and other.returncode == 2
