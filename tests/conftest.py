"""What all tests share: none touches the user's folders, and the fits that many of them look at are made once."""

import contextlib
import fcntl
import gc
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import settings

from tests.sources import SOURCES

ROOT = Path(__file__).resolve().parents[1]
# A package that brings a modality of its own is installed in every test: nothing else may notice.
PLUGIN = ROOT / "tests" / "plugins" / "melody"
sys.path.append(str(PLUGIN))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Fits here are so short that XLA compiles them for longer than they run; real processes get this too, for equal bits.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
# Tracing makes many objects beside the million that TensorFlow brings; looking through all of them so often took 6 %
# of the time.
gc.set_threshold(50_000, 20, 100)
# The same examples every time, however slow the machine is.
settings.register_profile("tfgen", deadline=None, derandomize=True, database=None)
settings.load_profile("tfgen")

# Those that take minutes, the longest first: one that begins last has a core wait for it.
LONG = (
    "studio/test_browser", "evaluate/test_arrays", "export/test_exports", "conformance/test_journeys",
    "pretrained/test_fits", "conformance/test_sequence_models", "export/test_sequences", "tuning/test_sequences",
    "tuning/test_tune", "conformance/test_array_models", "test_clock", "evaluate/test_sequences", "serve/test_versions",
)


def pytest_collection_modifyitems(items):
    """Long files come before all others, in every worker process alike."""
    places = {ROOT / "tests" / f"{name}.py": place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(autouse=True)
def isolated(tmp_path, monkeypatch):
    """Runs, cache and the current folder are the test's own; the key that files are signed with is the session's."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TFGEN_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("TFGEN_CACHE", str(tmp_path / "cache"))
    for name in ("TFGEN_CERTIFICATE", "TFGEN_KEY", "TFGEN_TRUST", "TFGEN_PROVENANCE"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture(scope="session", autouse=True)
def isolated_session(tmp_path_factory, shared):
    """The same for what is made once for many tests, before any of them. All sign with one key, since they share runs.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in ("TFGEN_RUNS", "TFGEN_CACHE"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
        patch.setenv("TFGEN_CONFIG", str(shared / "config"))
        yield


@pytest.fixture(scope="session", autouse=True)
def shared_process():
    """All exports of a worker process are proved in one process, which loads TensorFlow once."""
    from tfgen.export import apart

    with apart.sharing():
        yield


@pytest.fixture(scope="session", autouse=True)
def talking():
    """What tests call says what the command line would."""
    from tfgen.console import talking

    with talking():
        yield


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """A folder that all worker processes of this session share; sessions share it too, where TFGEN_TEST_SHARED names
    one: the slow tests then find what the quick ones have fitted."""
    base = tmp_path_factory.getbasetemp()
    default = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "shared"
    folder = Path(os.environ.get("TFGEN_TEST_SHARED") or default)
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def shared_cache(isolated, shared, monkeypatch):
    """The cache is one that all tests which ask for this share: a classifier takes a while to fit."""
    monkeypatch.setenv("TFGEN_CACHE", str(shared / "cache"))


@pytest.fixture(scope="session")
def sources(shared):
    """The path of real data of a modality, by its name (tests/sources.py); made once."""

    def source_of(modality):
        path = shared / SOURCES[modality].file
        with locked(shared / f"{modality}.lock"):
            if not path.exists():
                SOURCES[modality].write(path)
        return path

    return source_of


@pytest.fixture(scope="session")
def narrow_table(shared):
    """Two columns: what fits and exports of tables trace grows with their columns, and an export of seven took two
    minutes for each model."""
    path, chance = shared / "narrow.csv", np.random.default_rng(0)
    rows = zip(chance.integers(18, 65, 500), chance.choice(["yes", "no"], 500))
    with locked(shared / "narrow.lock"):
        if not path.exists():
            path.write_text("age,smoker\n" + "".join(f"{age},{smokes}\n" for age, smokes in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def digits(sources):
    """The path of an .npz with 2,000 real handwritten digits, 28x28, and their names."""
    return sources("image")


@pytest.fixture(scope="session")
def fit_once(shared, sources):
    """Fits by (model, steps, overrides...) and keeps the run for every test, of any worker process, that asks for the
    same. Don't change it. `data` is a file whose name nothing else has, in place of a modality's source."""
    from tfgen.api import load

    opened = {}

    def fit_or_reuse(model, steps, *overrides, modality="image", data=None, **options):
        key = "-".join([data.stem if data else modality, model, str(steps), *overrides, *map(str, options.values())])
        name = re.sub(r"[^A-Za-z0-9.]+", "-", key)
        if name not in opened:
            path = shared / "runs" / name
            with locked(shared / f"{name}.lock"):
                if not path.exists():
                    fit_run(model, path, data or sources(modality), steps, *overrides, **options)
            opened[name] = load(path)
        return opened[name]

    return fit_or_reuse


@contextlib.contextmanager
def locked(path):
    """One process at a time."""
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def gan_run(fit_once):
    """A tiny conditional GAN fitted for a few steps. Don't change it."""
    return fit_once("gan", 80)


@pytest.fixture(scope="session")
def gpt_run(fit_once):
    """A tiny GPT of characters, fitted for a few steps; the batteries look at it too. Don't change it."""
    return fit_once("gpt", 120, *SOURCES["text"].sequence_settings, modality="text", seed=1)


@pytest.fixture
def quick_judges(monkeypatch):
    """What recognises prompts, and what tells samples from real examples, learn for a moment only."""
    from tfgen.evaluate.arrays import detector
    from tfgen.evaluate.extractors import classifier

    for each in (detector, classifier):
        monkeypatch.setattr(each, "_STEPS", (20, 20))


@pytest.fixture
def quick_cache(quick_judges, shared, monkeypatch):
    """Those judges, fitted once for all tests that ask for this; the journeys look with the same."""
    monkeypatch.setenv("TFGEN_CACHE", str(shared / "journeys"))


@pytest.fixture
def kept_models():
    """Models that this process loads stay loaded, as in the studio: each command would take seconds to load and to
    trace its own. For tests that change none."""
    from tfgen.restore import keeping_models

    with keeping_models():
        yield


@pytest.fixture
def plain_steps(monkeypatch):
    """XLA takes longer to compile the steps of a tiny model than it saves; for short fits that are not about it."""
    monkeypatch.setattr("tfgen.models.language.LanguageModel.jit_compile", False)


@pytest.fixture
def command():
    """Runs `tfgen ARGUMENTS` in this process; gives click's result with `stdout`, `stderr` and `exit_code`."""
    from tfgen.cli import main

    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments], prog_name="tfgen")


# Settings of a GAN whose step takes half as long to trace, for fits that are not about what they leave out.
BARE_GAN = ("augment=none", "r1=0")


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

    class Interrupted(stage.TrainingMonitor):
        def _check(self, reached, means):
            super()._check(reached, means)
            self.interrupted = reached >= step

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "TrainingMonitor", Interrupted)
        yield


def tfgen_arguments(*arguments):
    """A real `tfgen` process's command line."""
    start = "from tfgen.cli import main; main(prog_name='tfgen')"
    return [sys.executable, "-c", start, *[str(argument) for argument in arguments]]


def tfgen_environment(**changes):
    """A real `tfgen` process's environment: this checkout, the test's own folders."""
    path = os.pathsep.join(filter(None, [str(ROOT), str(PLUGIN), os.environ.get("PYTHONPATH")]))
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
