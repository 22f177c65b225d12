"""`--minutes`: what a fit by the clock does, with a stub in place of a model, and for real on a slow disk."""

import shutil
import time
import types

import keras
import pytest

from tests.conftest import BARE_GAN, assert_same_state, fit_run, state_of
from tfgen import checkpoints
from tfgen.api import fit
from tfgen.config import parse_pairs
from tfgen.run import Run
from tfgen.training import callbacks, stage
from tfgen.training.callbacks import Reports, TrainingMonitor
from tfgen.training.history import History
from tfgen.training.plan import Costs, Intervals, Pace
from tfgen.training.progress import Progress

QUICK = ("network=dense", "width=2", "batch_size=8", *BARE_GAN)
UNIT = 8


class Variable:
    """As much of a keras.Variable as the monitor needs."""

    def __init__(self, value):
        self.value = value

    def numpy(self):
        return self.value

    def assign(self, value):
        self.value = value


class Clock:
    """Time that passes when it is told to."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


class Stub:
    """A model whose steps take made-up time, and a run and a monitor for it."""

    def __init__(self, path, steps, clock, monkeypatch, save_seconds=0.1, **record):
        self.step, self.horizon, self.metrics, self.stop_training = Variable(0), Variable(steps), [], False
        self.clock, self.sheets, self.saved = clock, [], []
        self.run = Run.create(path, {"steps": steps, "status": "running", **record}, {}, {})
        self.horizons = []

        def save(folder, arrays, step):
            self.saved.append((step, clock.now))
            clock.now += save_seconds

        monkeypatch.setattr(callbacks, "time", clock)
        monkeypatch.setattr(callbacks, "checkpoints", types.SimpleNamespace(
            save=save, capture=checkpoints.capture, NotFinite=checkpoints.NotFinite
        ))

    def state(self):
        return {"step": self.step, "horizon": self.horizon}

    def symptom(self, means):
        return None

    def fit(self, seconds_per_step, save_every=30.0, pace=None):
        """As Keras fits: calls of UNIT steps until the monitor says stop."""
        steps = self.run.record["steps"]
        reports = Reports(History(self.run, 0), Progress(0, steps), None)
        monitor = TrainingMonitor(
            self.run, reports, lambda: self.sheets.append(self.step.value), save_every, 0.1, None, pace
        )
        monitor.set_model(self)
        monitor.on_train_begin()
        while not self.stop_training and self.step.value < steps:
            monitor.on_train_batch_begin(self.step.value)
            self.horizons.append(self.horizon.value)
            self.clock.now += UNIT * seconds_per_step(self.clock.now)
            self.step.value += UNIT
            monitor.on_train_batch_end(self.step.value)


@pytest.fixture
def clock():
    return Clock()


def test_a_busy_machine_brings_the_horizon_closer_which_is_said_and_recorded(clock, tmp_path, monkeypatch, capsys):
    model = Stub(tmp_path / "run", 2400, clock, monkeypatch)
    pace = Pace(clock.now + 240, 4.0, Costs(0.1), Intervals(UNIT, 30.0))
    model.fit(lambda now: 0.25 if now > 200 else 0.1, pace=pace)
    record = model.run.record
    assert record["shortened"][0]["from"] == 2400 and record["shortened"][-1]["steps"] == record["steps"] < 2400
    assert model.step.value == model.horizon.value == record["steps"]
    assert clock.now - 100 == pytest.approx(240, rel=0.1)
    assert "in place of 2400, to end by the clock" in capsys.readouterr().err
    assert 6 <= len(model.sheets) <= 9, "the last comes after the last step"


def test_a_recorded_shortening_is_applied_at_the_same_step_without_a_clock(clock, tmp_path, monkeypatch):
    shortened = [{"at": 160, "from": 400, "steps": 320}, {"at": 240, "from": 320, "steps": 256}]
    model = Stub(tmp_path / "run", 256, clock, monkeypatch, shortened=shortened)
    model.horizon.value = 400
    model.fit(lambda now: 0.1)
    assert model.step.value == 256
    assert model.horizons == [400] * 20 + [320] * 10 + [256] * 2
    assert model.run.record["shortened"] == shortened


def test_slow_saves_become_fewer_which_is_said_and_recorded(clock, tmp_path, monkeypatch, capsys):
    model = Stub(tmp_path / "run", 6400, clock, monkeypatch, save_seconds=4.0)
    model.fit(lambda now: 0.1)
    times = [now for _, now in model.saved]
    assert times[1] - times[0] > 80 and 4.0 * len(times) < 0.06 * (clock.now - 100)
    assert model.run.record["save_every"] == 80
    said = capsys.readouterr().err
    assert said.count("A checkpoint takes 4.0 s to write, so there will be one every 80 s.") == 1


def test_saves_after_every_report_are_made_whatever_they_take(clock, tmp_path, monkeypatch):
    model = Stub(tmp_path / "run", 80, clock, monkeypatch, save_seconds=4.0)
    model.fit(lambda now: 0.1, save_every=0)
    assert [step for step, _ in model.saved] == list(range(8, 80, 8))
    assert "save_every" not in model.run.record


@pytest.mark.slow
def test_the_clock_holds_on_a_slow_disk(digits, tmp_path, monkeypatch):
    """For real: every checkpoint takes a second, in a fit of half a minute."""
    save, began = checkpoints.save, []

    def slow(*arguments, **options):
        began[:] = began or [time.monotonic()]  # the first is written when the fit begins
        time.sleep(1.0)
        return save(*arguments, **options)

    monkeypatch.setattr(checkpoints, "save", slow)
    run = fit_run("gan", tmp_path / "run", digits, None, *QUICK, minutes=0.5)
    # By the tests above it keeps to a tenth; other processes come and go here while it counts on the machine.
    assert time.monotonic() - began[0] == pytest.approx(30, rel=0.25)
    assert run.record["steps"] > 8


class Shortening:
    """Stands in for a Pace: shortens twice, at given steps."""

    def __init__(self, deadline, minutes, costs, intervals):
        self.deadline = deadline

    def note_save(self, seconds):
        pass

    def shorter(self, step, steps, *times):
        return {192: 320, 256: 288}.get(step)


@pytest.fixture(scope="module")
def shortened(digits, tmp_path_factory):
    """A run that the clock shortened twice, and copies of it before each time."""
    folder = tmp_path_factory.mktemp("shortened")
    save = checkpoints.save

    def save_and_copy(path, arrays, step):
        save(path, arrays, step)
        if step in (160, 224):
            shutil.copytree(path.parent, folder / f"at-{step}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "Pace", Shortening)
        patch.setattr(stage, "steps_within", lambda *_: 400)
        patch.setattr(stage, "_MEASURE_SECONDS", 0.05)
        patch.setattr(checkpoints, "save", save_and_copy)
        run = fit_run("gan", folder / "run", digits, None, *QUICK, minutes=1.0, save_every=0.0)
    changes = [{"at": 192, "from": 400, "steps": 320}, {"at": 256, "from": 320, "steps": 288}]
    assert run.record["shortened"] == changes and run.record["steps"] == run.record["reached"] == 288
    return run


@pytest.mark.parametrize("step", [160, pytest.param(224, marks=pytest.mark.slow)])
def test_a_shortened_fit_that_is_resumed_ends_in_the_same_bytes(step, shortened, tmp_path):
    """Killed when run.json knew of the shortening, but no checkpoint did."""
    path = shutil.copytree(shortened.path.parent / f"at-{step}", tmp_path / "run")
    Run(path, {**shortened.record, "status": "running"}).save()
    resumed = fit_run("gan", path, None, None, size=None, resume=True)
    assert resumed.record["status"] == "finished"
    assert_same_state(state_of(shortened), state_of(resumed))


@pytest.mark.slow
def test_a_shortened_fit_that_is_repeated_ends_in_the_same_bytes(shortened, tmp_path):
    again = fit(repeat=shortened.path, output=tmp_path / "again")
    assert again.record["status"] == "finished" and again.record["lineage"] == {"repeat": "run"}
    assert_same_state(state_of(shortened), state_of(again))
    assert again.record["shortened"] == shortened.record["shortened"], "so that it can be repeated too"


class Recorder(keras.callbacks.Callback):
    """Notes every call."""

    def __init__(self, stop_after=10**9, error=None):
        super().__init__()
        self.calls, self.logs, self.stop_after, self.error = [], [], stop_after, error

    def on_train_begin(self, logs=None):
        self.calls.append("train begins")

    def on_epoch_begin(self, epoch, logs=None):
        self.calls.append("epoch begins")

    def on_train_batch_end(self, batch, logs=None):
        self.calls.append("batch")
        self.logs.append({name: float(value) for name, value in logs.items()})
        if len(self.logs) == self.stop_after:
            self.model.stop_training = True
            if self.error:
                raise self.error

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append("epoch ends")
        self.logs.append({name: float(value) for name, value in logs.items()})

    def on_train_end(self, logs=None):
        self.calls.append("train ends")


def test_callbacks_are_called_as_keras_would_but_not_while_it_plans(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "_MEASURE_SECONDS", 0.3)
    monkeypatch.setattr(stage, "steps_within", lambda *_: 96)
    recorder = Recorder()
    run = fit_run("gan", tmp_path / "run", digits, None, *QUICK, minutes=1.0, callbacks=[recorder])
    reports = run.history()
    assert recorder.calls == ["train begins", "epoch begins", *["batch"] * len(reports), "epoch ends", "train ends"]
    for row, logs in zip(reports, recorder.logs):
        assert logs == pytest.approx({name: row[name] for name in logs}) and "generator_loss" in logs
    assert recorder.logs[-1] == pytest.approx(recorder.logs[-2]), "the epoch ends with the last report's means"


@pytest.mark.slow
def test_a_callback_that_stops_the_training_leaves_a_run_that_goes_on(digits, tmp_path):
    recorder = Recorder(stop_after=1)
    run = fit_run("gan", tmp_path / "run", digits, 60, *QUICK, callbacks=[recorder])
    assert run.record["status"] == "stopped" and run.record["reached"] == state_of(run)["step"] == 32
    assert recorder.calls[-2:] == ["epoch ends", "train ends"]
    resumed = fit_run("gan", run.path, None, None, size=None, resume=True)
    assert resumed.record["status"] == "finished"
    assert_same_state(state_of(resumed), state_of(fit_run("gan", tmp_path / "straight", digits, 60, *QUICK)))


@pytest.mark.slow
def test_a_fit_that_is_torn_off_is_stopped_and_goes_on(digits, tmp_path):
    """By Ctrl-C in a notebook, and by an error after that."""
    begin = {"data": digits, "steps": 96, "size": "tiny", **parse_pairs(QUICK)}
    for error, request, reached in ((KeyboardInterrupt, begin, 32), (RuntimeError, {"resume": True}, 64)):
        with pytest.raises(error):
            fit("gan", output=tmp_path / "run", save_every=0, callbacks=[Recorder(1, error())], **request)
        run = Run.open(str(tmp_path / "run"))
        assert run.record["status"] == "stopped" and run.record["reached"] == reached
    assert fit("gan", output=tmp_path / "run", resume=True).record["status"] == "finished"
