"""Progress: a bar on a terminal, plain lines elsewhere."""

import itertools
import os
import pty
import subprocess
import sys
import termios
import types

import pytest

from tests.conftest import tfgen_environment
from tfgen.fit import progress

SHOW = """
from tfgen.fit.progress import Progress
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


@pytest.mark.parametrize(
    "seconds, text", [(0, "0 s"), (89, "89 s"), (300, "5 min"), (4800, "80 min"), (9000, "2 h 30 min")]
)
def test_durations_are_read_easily(seconds, text):
    assert progress.duration(seconds) == text


@pytest.mark.parametrize("number, text", [(0, "0"), (9999, "9999"), (56789, "57 thousand"), (1234567, "1.2 million")])
def test_counts_are_read_easily(number, text):
    assert progress.count(number) == text


@pytest.mark.parametrize("number, text", [(870 * 2**20, "870 MB"), (int(1.3 * 2**30), "1.3 GB")])
def test_sizes_are_read_easily(number, text):
    assert progress.size(number) == text
