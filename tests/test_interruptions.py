"""Real processes: killed, interrupted, and resumed."""

import contextlib
import json
import signal
import subprocess
import sys

import pytest

from tests.conftest import ROOT, assert_same_state, fit_run, state_of, tfgen_arguments, tfgen_environment
from tfgen.run import Run
from tfgen.training import stage

SETTINGS = ("network=dense", "width=2", "batch_size=8")
STEPS = 1600  # about two seconds after the hundredth are left to kill it in


def start(output, data, *options, steps=STEPS):
    """A real fit in a process of its own; its reports can be followed in history.jsonl."""
    overrides = [part for setting in SETTINGS for part in ("--set", setting)]
    arguments = ["fit", "gan", data, "-o", output, "--size", "tiny", "--steps", steps, *overrides, *options]
    return subprocess.Popen(
        tfgen_arguments(*arguments),
        env=tfgen_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_step(process, output, step):
    """Returns when the fit has reported this step."""
    history = output / "history.jsonl"
    while process.poll() is None:
        lines = history.read_text().splitlines()[:-1] if history.exists() else []
        if lines and json.loads(lines[-1])["step"] >= step:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
    raise AssertionError(f"the fit ended too soon: {process.communicate()[1]}")


def test_a_fit_that_is_stopped_while_it_plans_says_how_to_go_on(digits, tmp_path, monkeypatch, command, capsys):
    def stopped(*_):
        raise KeyboardInterrupt

    output = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(stage, "_seconds_per_step", stopped)
        with pytest.raises(KeyboardInterrupt):
            fit_run("gan", output, digits, None, *SETTINGS, minutes=0.05)
    said = capsys.readouterr().err
    assert f"Stopped at once; what was saved is kept. Continue: tfgen fit gan -o {output} --resume" in said
    assert Run.open(str(output)).record["status"] == "stopped"
    result = command("fit", "gan", "-o", output, "--resume")
    assert result.exit_code == 0 and Run.open(str(output)).record["status"] == "finished", result.stderr


@pytest.mark.slow
def test_a_new_run_beside_an_unfinished_one_says_how_to_go_on_with_that(digits, command):
    settings = [part for setting in SETTINGS for part in ("--set", setting)]
    fits = ["fit", "gan", digits, "--size", "tiny", "--steps", 2, *settings]
    assert command(*fits).exit_code == 0
    Run.open("digits-gan").update(status="stopped")
    result = command(*fits)
    assert result.exit_code == 0
    assert "'digits-gan', which is not finished, goes on with: tfgen fit gan -o digits-gan --resume" in result.stderr


@pytest.fixture(scope="module")
def straight(tmp_path_factory, digits):
    """The run that nobody interrupted."""
    return fit_run("gan", tmp_path_factory.mktemp("straight") / "run", digits, STEPS, *SETTINGS)


@pytest.mark.slow
def test_killed_and_resumed_ends_with_the_same_bits(straight, digits, tmp_path):
    output = tmp_path / "killed"
    process = start(output, digits, "--save-every", 0)
    wait_for_step(process, output, 100)
    process.kill()
    process.communicate()
    killed = Run.open(str(output))
    assert killed.record["status"] == "running"
    assert 0 < state_of(killed)["step"] < STEPS
    resumed = fit_run("gan", output, digits, None, size=None, resume=True)
    assert resumed.record["status"] == "finished"
    assert_same_state(state_of(straight), state_of(resumed))


@pytest.mark.parametrize(
    "number",
    [pytest.param(signal.SIGINT, id="Ctrl-C"), pytest.param(signal.SIGTERM, id="kill", marks=pytest.mark.slow)],
)
def test_stopped_politely_keeps_everything(number, digits, tmp_path):
    output = tmp_path / "stopped"
    process = start(output, digits, steps=10**6)
    wait_for_step(process, output, 100)
    process.send_signal(number)
    printed, said = process.communicate()
    assert process.returncode == 0, said
    assert printed == "", "standard output is for data"
    assert "Stopping after the steps under way; everything is kept." in said
    assert f"Continue: tfgen fit gan -o {output} --resume" in said
    assert "Traceback" not in said
    run = Run.open(str(output))
    assert run.record["status"] == "stopped"
    assert state_of(run)["step"] == run.record["reached"] == run.history()[-1]["step"] >= 100


RESUMED_TEXT = """
import os
import sys

from tests.conftest import assert_same_state, fit_run, state_of, stopped_at

del os.environ["XLA_FLAGS"]  # which that import has set
folder, plays = sys.argv[1:]
settings = ("context=32", "batch_size=8", "layers=1", "width=32", "heads=2")
straight = fit_run("gpt", f"{folder}/straight", plays, 60, *settings)
with stopped_at(30):
    stopped = fit_run("gpt", f"{folder}/stopped", plays, 60, *settings)
assert 30 <= stopped.record["reached"] < 60
resumed = fit_run("gpt", stopped.path, plays, None, size=None, resume=True)
assert_same_state(state_of(straight), state_of(resumed))
"""


@pytest.mark.slow
def test_a_text_is_resumed_to_the_same_bits_under_the_compiler_that_people_have(sources, tmp_path):
    """Other tests have XLA compile in a hurry (tests/conftest.py)."""
    environment = tfgen_environment()
    del environment["XLA_FLAGS"]
    arguments = [sys.executable, "-c", RESUMED_TEXT, str(tmp_path), str(sources("text"))]
    done = subprocess.run(arguments, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
