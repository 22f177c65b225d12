"""What a run's last bits depend on, and the systems that tfgen runs on."""

import json
import resource
import subprocess
import sys
import types

import pytest

from tfgen import environment
from tfgen.errors import Failure


def test_the_environment_is_plain_json_and_the_same_each_time():
    found = environment.environment()
    assert json.loads(json.dumps(found)) == found == environment.environment()
    assert found["threads"] >= 1 and found["devices"]


@pytest.mark.parametrize("platform, unit", [("linux", 1024), ("darwin", 1)])
def test_the_peak_memory_is_in_bytes_whatever_the_system_counts_in(platform, unit, monkeypatch):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(resource, "getrusage", lambda who: types.SimpleNamespace(ru_maxrss=5000))
    assert environment.peak_memory() == 5000 * unit


def test_windows_is_told_what_to_use(monkeypatch, command):
    monkeypatch.setattr(environment, "os", types.SimpleNamespace(name="nt"))
    with pytest.raises(Failure, match="tfgen runs on Linux and macOS. On Windows, use WSL") as caught:
        environment.load_tensorflow()
    assert caught.value.exit_code == 1
    result = command("runs", "list")
    assert result.exit_code == 1 and "On Windows, use WSL" in result.stderr and "Traceback" not in result.stderr
    assert command("--help").exit_code == 0


@pytest.mark.slow
def test_the_command_line_loads_keras_without_what_it_does_not_use_and_python_with_it():
    script = "; ".join((
        "import sys",
        "from tfgen import environment",
        "environment.is_own_process = len(sys.argv) > 1",
        "environment.load_tensorflow()",
        "import keras",
        "print('matplotlib' in sys.modules)",
        "import matplotlib.pyplot",
    ))
    for arguments, expected in (([], "True"), (["alone"], "False")):
        command = [sys.executable, "-c", script, *arguments]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == expected
