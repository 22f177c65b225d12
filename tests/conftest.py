"""What all tests share: none touches the user's folders, and the fits that many of them look at are made once."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# The same examples every time, however slow the machine is.
settings.register_profile("tfgen", deadline=None, derandomize=True, database=None)
settings.load_profile("tfgen")


@pytest.fixture(autouse=True)
def isolated(tmp_path, monkeypatch):
    """Runs, cache and the current folder are the test's own."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TFGEN_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("TFGEN_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.fixture(scope="session", autouse=True)
def isolated_session(tmp_path_factory):
    """The same for what is made once for many tests, before any of them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("TFGEN_RUNS", "TFGEN_CACHE"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
        yield


@pytest.fixture(scope="session", autouse=True)
def talking():
    """What tests call says what the command line would."""
    from tfgen.console import talking

    with talking():
        yield


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    """The path of an .npz with 2,000 real handwritten digits, 28x28, and their names."""
    return write_digits(tmp_path_factory.mktemp("digits") / "digits.npz", 2000)


@pytest.fixture(scope="session")
def fit_once(tmp_path_factory, digits):
    """Fits by (model, steps, overrides...) and keeps the run for every test that asks for the same."""
    made = {}

    def fit_or_reuse(model, steps, *overrides):
        key = (model, steps, *overrides)
        if key not in made:
            output = tmp_path_factory.mktemp("runs") / f"{model}-{steps}"
            made[key] = fit_run(model, output, digits, steps, *overrides)
        return made[key]

    return fit_or_reuse


@pytest.fixture(scope="session")
def gan_run(fit_once):
    """A tiny conditional GAN fitted for a few steps. Don't change it."""
    return fit_once("gan", 80)


@pytest.fixture
def command():
    """Runs `tfgen ARGUMENTS` in this process; gives click's result with `stdout`, `stderr` and `exit_code`."""
    from tfgen.cli import main

    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments], prog_name="tfgen")


def fit_run(model, output, data, steps, *overrides, **options):
    """Fits the smallest size quickly; each execution is a few steps."""
    from tfgen.api import fit_request
    from tfgen.config import parse_pairs
    from tfgen.training.request import FitRequest

    paths = {"data": str(data) if isinstance(data, Path) else data, "output": str(output)}
    request = {**paths, "size": "tiny", "steps": steps, "settings": parse_pairs(overrides), "interruptible": True}
    return fit_request(FitRequest(model, **{**request, **options}))


@contextlib.contextmanager
def stopped_at(step):
    """Every fit inside is stopped, as by Ctrl-C, at the first report from this step on."""
    from tfgen.training import stage

    class Interrupted(stage.Watch):
        def _check(self, reached, means):
            super()._check(reached, means)
            self.interrupted = reached >= step

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "Watch", Interrupted)
        yield


def write_digits(path, count):
    """An .npz of the first `count` embedded digits with their labels' names."""
    from tfgen.data import open_data

    examples = open_data("digits")
    np.savez(
        path, images=examples.values[:count], labels=examples.prompt_index[:count], label_names=examples.prompts
    )
    return path


def tfgen_arguments(*arguments):
    """A real `tfgen` process's command line."""
    start = "from tfgen.cli import main; main(prog_name='tfgen')"
    return [sys.executable, "-c", start, *[str(argument) for argument in arguments]]


def tfgen_environment(**changes):
    """A real `tfgen` process's environment: this checkout, the test's own folders."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, **changes}


def run_tfgen(*arguments, **options):
    """Runs a real `tfgen` process to its end, with nothing on its standard input."""
    return subprocess.run(
        tfgen_arguments(*arguments),
        env=tfgen_environment(),
        stdin=options.pop("stdin", subprocess.DEVNULL),
        capture_output=True,
        text=True,
        timeout=options.pop("timeout", 300),
        **options,
    )


def state_of(run):
    """The arrays of a run's newest checkpoint."""
    from tfgen import checkpoints

    return checkpoints.load_newest(run.checkpoints).arrays


def assert_same_state(first, second):
    """Bit for bit."""
    assert first.keys() == second.keys()
    different = [name for name in first if first[name].tobytes() != second[name].tobytes()]
    assert not different
