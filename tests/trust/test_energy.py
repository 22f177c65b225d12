"""What work costs: meters that are there, that can't be read, that begin anew; the estimate; sums over sessions."""

import subprocess
import sys
import time
from types import SimpleNamespace

import keras
import pytest

from tests.conftest import BARE_GAN, fit_run
from tfgen.errors import UserError
from tfgen.evaluate.record import Evaluation, MeasuredWith, Score
from tfgen.evaluate.request import EvaluateRequest, check
from tfgen.run import Run
from tfgen.run_comparison import details, differences, outline
from tfgen.training import stage
from tfgen.trust import energy
from tfgen.trust.energy import WATTS_PER_CORE, WATTS_VARIABLE, Energy, FitEnergy, Meter, SampleEnergy

QUICK = ("network=dense", "width=2", "batch_size=8", *BARE_GAN)


class Powercap:
    """A folder as Linux has it under /sys/class/powercap; counters are in microjoules."""

    RANGE = 1_000_000_000

    def __init__(self, folder):
        self.folder = folder
        for name, domain in (
            ("intel-rapl:0", "package-0"), ("intel-rapl:0:0", "core"), ("intel-rapl:0:1", "dram"),
            ("intel-rapl:1", "package-1"), ("intel-rapl:2", "psys"), ("intel-rapl-mmio:0", "package-0"),
        ):  # fmt: skip
            (folder / name).mkdir(parents=True)
            (folder / name / "name").write_text(f"{domain}\n")
            (folder / name / "max_energy_range_uj").write_text(f"{self.RANGE}\n")
            self.set(name, 100_000_000)
        (folder / "intel-rapl").mkdir()

    def set(self, name, microjoules):
        (self.folder / name / "energy_uj").write_text(f"{microjoules}\n")


@pytest.fixture
def powercap(tmp_path):
    return Powercap(tmp_path / "powercap")


@pytest.fixture(autouse=True)
def no_meters(monkeypatch, tmp_path):
    """Whatever the machine has."""
    monkeypatch.setattr(energy, "POWERCAP", tmp_path / "nothing")
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.delenv(WATTS_VARIABLE, raising=False)


def test_packages_are_summed_and_nothing_is_counted_twice(powercap):
    meter = Meter(powercap.folder)
    for name in ("intel-rapl:0", "intel-rapl:0:0", "intel-rapl:0:1", "intel-rapl:2", "intel-rapl-mmio:0"):
        powercap.set(name, 103_000_000)
    powercap.set("intel-rapl:1", 104_500_000)
    spent = meter.spent()
    assert spent.joules == pytest.approx(3 + 4.5) and spent.meters == ("RAPL",)
    assert spent.estimated == 0 and spent.watts_per_core is None and spent.sort == "measured by RAPL"


def test_a_counter_that_begins_anew_goes_on(powercap):
    meter = Meter(powercap.folder)
    for value, joules in ((900_000_000, 800), (50_000_000, 950), (20_000_000, 1920)):
        powercap.set("intel-rapl:0", value)
        assert meter.spent().joules == pytest.approx(joules)


def test_a_counter_is_read_while_nobody_asks(powercap, monkeypatch):
    """It may begin anew twice between two askings, which nobody could tell afterwards."""
    monkeypatch.setattr(energy, "_EVERY_SECONDS", 0.01)
    with Meter(powercap.folder) as meter:
        for value in (900_000_000, 50_000_000, 20_000_000):
            powercap.set("intel-rapl:0", value)
            time.sleep(0.2)
        assert meter.spent().joules == pytest.approx(1920)


def test_a_reading_that_fails_is_made_up_for_by_the_next(powercap):
    meter = Meter(powercap.folder)
    (powercap.folder / "intel-rapl:0" / "energy_uj").write_text("")
    assert meter.spent().joules == 0
    powercap.set("intel-rapl:0", 107_000_000)
    assert meter.spent().joules == pytest.approx(7)


@pytest.mark.parametrize("package", ["intel-rapl:0", "intel-rapl:1"])
def test_where_a_package_can_not_be_read_all_is_estimated(package, powercap):
    """As of users who aren't root: half of a machine would look like a measurement of it."""
    path = powercap.folder / package / "energy_uj"
    path.unlink()
    path.mkdir()  # not even root reads that
    spent = Meter(powercap.folder).spent()
    assert spent.meters == () and spent.watts_per_core == WATTS_PER_CORE and spent.sort == "estimated"


def test_the_estimate_is_busy_seconds_of_this_process_and_its_children_times_watts(monkeypatch):
    monkeypatch.setenv(WATTS_VARIABLE, "7.5")
    meter, before = Meter(), energy._processor_seconds()
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.3: pass"], check=True)
    time.sleep(0.1)  # which costs nothing
    spent, busy = meter.spent(), energy._processor_seconds() - before
    assert busy >= 0.5
    assert spent.joules == spent.estimated == pytest.approx(7.5 * busy, rel=0.02)
    assert spent.seconds > 0.1 and "estimated with 7.5 W for each busy core" in spent.in_words()


@pytest.mark.parametrize("value", ["many", "0", "-3", "nan", "inf"])
def test_watts_that_are_none_are_refused_before_anything_is_written(value, monkeypatch, command, isolated):
    monkeypatch.setenv(WATTS_VARIABLE, value)
    result = command("fit", "gan", "--steps", 1)
    assert result.exit_code == 2 and f"{WATTS_VARIABLE} is '{value}', which is no number of watts." in result.stderr


@pytest.mark.parametrize("value", [-1, 6000, float("nan")])
def test_carbon_that_is_none_is_refused(value, command):
    result = command("fit", "gan", "--carbon", value)
    assert result.exit_code == 2 and "--carbon must be grams of CO2 for a kilowatt-hour" in result.stderr
    with pytest.raises(UserError, match="--carbon must be grams"):
        check(EvaluateRequest(carbon=float(value)), "arrays", "image")


def fake_nvml(counters, count=2):
    """`pynvml` of cards with these counters of millijoules."""
    return SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: count,
        nvmlDeviceGetHandleByIndex=lambda place: place,
        nvmlDeviceGetHandleByUUID=lambda name: int(name.removeprefix("GPU-")),
        nvmlDeviceGetTotalEnergyConsumption=lambda place: counters[place],
    )


@pytest.mark.parametrize("chosen, joules", [(None, 9.0), ("1", 6.0), ("GPU-0", 3.0), ("", 0.0)])
def test_cards_that_this_process_may_use_are_counted(chosen, joules, powercap, monkeypatch):
    counters = [1000, 2000]
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(counters))
    if chosen is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    meter = Meter(powercap.folder)
    counters[:] = [4000, 8000]
    powercap.set("intel-rapl:0", 101_000_000)
    spent = meter.spent()
    assert spent.joules == pytest.approx(1 + joules)
    assert spent.meters == (("RAPL", "NVML") if joules else ("RAPL",))


def test_a_card_without_a_counter_is_not_counted_and_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml([]))  # it has two cards, of which none counts
    monkeypatch.setattr(energy, "_has_gpu", lambda: True)
    spent = Meter().spent()
    assert spent.meters == () and spent.without_gpu and "the graphics card is not in it" in spent.in_words()
    assert Energy.from_json(spent.to_json()).without_gpu


def test_sums_and_records():
    first = Energy(3600.0, 3600.0, 10.0, (), 12.0)
    second = Energy(7200.0, 0.0, 20.0, ("RAPL",), None, 400.0)
    both = second.after(first)
    assert (both.watt_hours, both.seconds, both.grams) == (3.0, 30.0, pytest.approx(1.2))
    assert both.sort == "partly estimated" and both.watts_per_core == 12.0 and both.meters == ("RAPL",)
    how = "read from RAPL, 1.0 Wh of it estimated with 12 W for each busy core."
    assert both.in_words() == f"3.0 Wh (10800 J), 1.2 g of CO2 at 400 g/kWh, {how}"
    assert Energy.from_json(both.to_json()) == both
    assert both.short() == "3.0 Wh (1.2 g of CO2, partly estimated)"
    assert Energy.from_json(None) is Energy.from_json({"joules": 3}) is Energy.from_json("much") is None


def test_a_thousand_samples_are_as_many_times_what_was_drawn(powercap, monkeypatch):
    monkeypatch.setattr(energy, "POWERCAP", powercap.folder)
    drawn = SampleEnergy()
    assert drawn.thousand() is None
    for start, stop in ((100, 101), (150, 152)):  # what lies between is not for samples
        powercap.set("intel-rapl:0", start * 10**6)
        with drawn.of(4):
            powercap.set("intel-rapl:0", stop * 10**6)
    assert drawn.thousand().joules == pytest.approx(3 * 1000 / 8)


@pytest.mark.slow
def test_what_a_killed_session_spent_counts_up_to_its_last_checkpoint(digits, tmp_path, monkeypatch, capsys):
    class Killed(keras.callbacks.Callback):
        """After some checkpoints the process is gone: nobody writes anything any more."""

        calls = 0

        def on_train_batch_end(self, batch, logs=None):
            self.calls += 1
            if self.calls == 3:
                raise RuntimeError("killed")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="killed"):
        patch.setattr(stage, "_note_stop", lambda *_: None)
        patch.setattr(stage, "_WORTH_MEASURING", 10)
        patch.setattr(stage, "_MEASURE_SECONDS", 0.05)
        options = {"save_every": 0.0, "callbacks": [Killed()], "carbon": 100.0}
        fit_run("gan", tmp_path / "run", digits, 400, *QUICK, **options)
    plan = next(line for line in capsys.readouterr().err.splitlines() if line.startswith("Model: gan"))
    assert " Wh (" in plan and "g of CO2, estimated)." in plan
    killed = Run.open(str(tmp_path / "run"))
    before = killed.record["energy"]
    assert killed.record["status"] == "running" and before["joules"] > 0
    assert before["grams_co2"] == pytest.approx(before["joules"] / 3.6e6 * 100, rel=1e-4)
    began = energy._processor_seconds()
    run = fit_run("gan", tmp_path / "run", digits, None, size=None, resume=True)
    after, busy = run.record["energy"], energy._processor_seconds() - began
    assert run.record["status"] == "finished" and after["seconds"] > before["seconds"]
    assert 0 < after["joules"] - before["joules"] <= WATTS_PER_CORE * busy
    assert after["grams_co2_per_kwh"] == 100 and after["grams_co2"] > before["grams_co2"]
    assert f"Energy: {Energy.from_json(after).in_words()}" in capsys.readouterr().err
    assert outline(run)["energy"] == Energy.from_json(after).short()
    assert {"energy.watt_hours", "energy.grams_co2"} <= differences([killed, run]).keys()
    of_before = Run(run.path, {key: value for key, value in run.record.items() if key != "energy"})
    assert "energy" not in outline(of_before)
    assert not [key for key in details(of_before) if key.startswith("energy")]


def test_a_forecast_is_power_times_time(tmp_path):
    spent = FitEnergy(Run(tmp_path, {}), Meter(), 500.0)
    spent.watts = 36.0
    ahead = spent.forecast(1000.0)
    assert ahead.watt_hours == pytest.approx(10.0) and ahead.grams == pytest.approx(5.0)


def test_of_a_run_whose_beginning_was_not_measured_nothing_is_recorded(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    start, later = (f"{step:06d}-step-{step:08d}-{'0' * 32}.npz" for step in (0, 40))
    (tmp_path / "checkpoints" / start).touch()
    assert FitEnergy(Run(tmp_path, {}), Meter()).record(status="stopped") is not None
    (tmp_path / "checkpoints" / later).touch()
    resumed = Run(tmp_path, {})
    assert FitEnergy(resumed, Meter()).record(status="finished") is None
    assert resumed.record["status"] == "finished" and "energy" not in resumed.record
    known = Run(tmp_path, {"energy": Energy(3600.0, 3600.0, 60.0, (), 12.0).to_json()})
    assert FitEnergy(known, Meter()).record().joules > 3600


def test_quality_for_a_watt_hour_is_shown_where_a_run_was_evaluated(tmp_path):
    record = {"model": "gan", "data": {"source": "digits", "count": 9}, "config": {}, "environment": {}}
    spent = Energy(7200.0, 7200.0, 60.0, (), 12.0).to_json()
    for name, detected in (("plain", 0.6), ("poor", 1.0), ("odd", 0.4)):
        (tmp_path / name).mkdir()
        score = Score("detectability-to-the-eye", detected, None, "near 0.5")
        evaluation_of(name, {"detectability_to_the_eye": score}).write(tmp_path / name)
    runs = [Run(tmp_path / name, {**record, "energy": spent}) for name in ("plain", "poor", "odd")]
    rows = differences(runs)
    assert rows["quality"] == pytest.approx([0.8, 0.0, 1.0])
    assert rows["quality.per_watt_hour"] == pytest.approx([0.4, 0.0, 0.5])
    assert "quality" not in details(Run(tmp_path / "nothing", record))


def evaluation_of(name, scores):
    what = MeasuredWith(3, "random", "", "none", "abc", (28, 28, 1), 400, 0, None)
    return Evaluation(name, "", 1, 1.0, 2, "2026-01-01T00:00:00Z", what, scores, {}, {}, [], [])
