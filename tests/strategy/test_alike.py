"""That a model learns the same on several devices as on one."""

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT, tfgen_environment
from tests.strategy.cases import CASES

CLOSE = 1e-4  # of itself, where only the order of additions differs


def apart(devices, steps, *cases):
    arguments = [sys.executable, "-m", "tests.strategy.alike", devices, steps, *cases]
    done = subprocess.run(
        list(map(str, arguments)), cwd=ROOT, env=tfgen_environment(), capture_output=True, text=True, timeout=850
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_four_devices_learn_as_one_does():
    found = apart(4, 50, "vae-rows")
    assert found["vae-rows"] < CLOSE


@pytest.mark.slow
def test_every_model_learns_on_two_devices_as_on_one():
    found = apart(2, 50, *CASES)
    assert {case: share for case, share in found.items() if share >= CLOSE} == {}
