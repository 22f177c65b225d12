"""Progress: a bar on a terminal, plain lines elsewhere."""

import itertools
import os
import pty
import subprocess
import sys
import termios
import types

from tests.conftest import tfgen_environment
from tfgen.training import progress

SHOW = """
from tfgen.console import talking
from tfgen.training.progress import Progress
with talking():
    shown = Progress(0, 200)
    for step in range(20, 201, 20):
        shown.show(step, {"generator_loss": 1.2345}, 10.0)
    shown.close()
"""


def test_plain_lines_off_a_terminal(capsys, monkeypatch):
    clock = itertools.count(0, 4)
    monkeypatch.setattr(progress, "time", types.SimpleNamespace(monotonic=lambda: next(clock)))
    shown = progress.Progress(0, 200)
    for step in range(20, 201, 20):
        shown.show(step, {"generator_loss": 1.2345}, 10.0)
    shown.close()
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert captured.out == "" and "\r" not in captured.err
    assert 2 <= len(lines) < 10, "a line now and then, not one for every report"
    assert lines[-1] == "step 200/200, 10.0 steps/s, 0 s left: generator loss 1.23"


def test_the_first_report_whose_steps_waited_for_the_graph_is_no_forecast(capsys, monkeypatch):
    clock = itertools.count(0, 60)
    monkeypatch.setattr(progress, "time", types.SimpleNamespace(monotonic=lambda: next(clock)))
    shown = progress.Progress(0, 200)
    shown.show(2, {"loss": 1.0}, 0.1)
    assert capsys.readouterr().err == ""
    shown.show(22, {"loss": 1.0}, 10.0)
    assert "step 22/200, 10.0 steps/s, 18 s left" in capsys.readouterr().err


def test_a_bar_on_a_terminal():
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (24, 120))
    process = subprocess.Popen([sys.executable, "-c", SHOW], env=tfgen_environment(), stderr=follower)
    os.close(follower)
    shown = b""
    while True:
        try:
            part = os.read(leader, 4096)
        except OSError:  # what Linux gives when the other side has closed
            break
        if not part:
            break
        shown += part
    assert process.wait() == 0
    text = shown.decode()
    assert "\r" in text and "100%" in text and "step 200/200" in text and "generator loss 1.23" in text
