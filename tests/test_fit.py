"""What a request for a fit becomes: refusals before anything is written, plans by the clock, resumed runs."""

import numpy as np
import pytest

from tests.conftest import assert_same_state, fit_run, state_of
from tfgen.errors import UserError
from tfgen.training import stage
from tfgen.run import Run, all_runs, runs_folder

QUICK = ("network=dense", "width=2", "batch_size=8")


@pytest.mark.parametrize(
    "options, words",
    [
        ({"steps": 0}, "--steps 0 can't be trained"),
        ({"steps": 5, "minutes": 1.0}, "Both --minutes and --steps are given"),
        ({"steps": None, "minutes": 0.0}, "--minutes 0 can't be planned"),
        ({"steps": None, "minutes": float("nan")}, "--minutes nan can't be planned"),
        ({"seed": -1}, "The seed -1 is out of range"),
        ({"size": "hug"}, "No size named 'hug'"),
        ({"settings": {"batch_size": "5000"}}, "The batch of 5000 is larger than the data, 2000 examples"),
        ({"settings": {"lss": "hinge"}}, "Did you mean 'loss'"),
        ({"settings": {"loss": "hing"}}, "Did you mean 'hinge'"),
        ({"output": "a b"}, "can't be the name of a run"),
        ({"data": "nowhere"}, "no file, folder or data set named 'nowhere'"),
    ],
)
def test_a_request_that_can_not_work_is_refused_before_anything_is_written(options, words, digits):
    with pytest.raises(UserError, match=words):
        fit_run("gan", **{"output": "new", "data": digits, "steps": 5, **options})
    assert not runs_folder().exists()


def test_an_existing_run_is_never_overwritten(gan_run, digits):
    before = state_of(gan_run)
    with pytest.raises(UserError, match="exists already. Choose another name with -o, or continue it with --resume"):
        fit_run("gan", gan_run.path, digits, 5)
    assert_same_state(before, state_of(gan_run))


def test_a_folder_with_other_things_is_left_alone(tmp_path, digits):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.txt").write_text("mine")
    with pytest.raises(UserError, match="exists already"):
        fit_run("gan", tmp_path / "photos", digits, 5)


def test_without_a_name_the_run_is_called_after_data_and_model(digits):
    run = fit_run("gan", "", digits, 3, *QUICK)
    assert run.path == runs_folder() / "digits-gan"


def test_the_same_seed_repeats_the_run_and_another_does_not(digits, tmp_path):
    one, same, other = (
        fit_run("gan", tmp_path / name, digits, 30, *QUICK, seed=seed)
        for name, seed in (("one", 3), ("same", 3), ("other", 4))
    )
    assert_same_state(state_of(one), state_of(same))
    assert not np.array_equal(state_of(one)["generator/000"], state_of(other)["generator/000"])


def test_minutes_become_steps_that_repeat_the_run(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "_MEASURE_SECONDS", 0.05)
    timed = fit_run("gan", tmp_path / "timed", digits, None, *QUICK, minutes=0.03)
    steps = timed.record["steps"]
    assert steps >= 1 and state_of(timed)["step"] == steps
    counted = fit_run("gan", tmp_path / "counted", digits, steps, *QUICK)
    assert_same_state(state_of(timed), state_of(counted))


def test_says_first_what_it_will_do(digits, tmp_path, capsys):
    run = fit_run("gan", tmp_path / "run", digits, 3, *QUICK)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "2000 grey pictures of 28x28" in captured.err
    assert "parameters" in captured.err and "3 steps of 8" in captured.err and str(run.path) in captured.err


def test_the_number_of_steps_is_exact_whatever_runs_at_once(digits, tmp_path):
    run = fit_run("gan", tmp_path / "run", digits, 47, *QUICK)
    assert state_of(run)["step"] == run.record["reached"] == run.history()[-1]["step"] == 47


@pytest.fixture
def stopped(digits, tmp_path, monkeypatch):
    """A run that was interrupted at its first report."""

    class Interrupted(stage.TrainingMonitor):
        def _check(self, step, means):
            self.interrupted = True

    with monkeypatch.context() as patch:
        patch.setattr(stage, "TrainingMonitor", Interrupted)
        return fit_run("gan", runs_folder() / "stopped", digits, 60, *QUICK)


def test_resume_finds_the_newest_unfinished_run_and_then_there_is_none(stopped, digits):
    assert [run.record["status"] for run in all_runs()] == ["stopped"]
    resumed = fit_run("gan", "", digits, None, size=None, resume=True)
    assert resumed.path == stopped.path and resumed.record["status"] == "finished"
    with pytest.raises(UserError, match="no unfinished run"):
        fit_run("gan", "", digits, None, size=None, resume=True)
    with pytest.raises(UserError, match="'stopped' is finished"):
        fit_run("gan", "stopped", digits, None, size=None, resume=True)


@pytest.mark.parametrize("change", [{"steps": 99}, {"seed": 1}, {"size": "base"}, {"overrides": ("r1=3",)}])
def test_resume_keeps_the_settings(stopped, digits, change):
    request = {"steps": None, "size": None, "resume": True, "overrides": (), **change}
    overrides = request.pop("overrides")
    with pytest.raises(UserError, match="keeps the settings that it began with"):
        fit_run("gan", "stopped", digits, request.pop("steps"), *overrides, **request)


def test_resume_refuses_another_model_and_changed_data(stopped, digits, tmp_path):
    with pytest.raises(UserError, match="'stopped' is a gan, not a vae"):
        fit_run("vae", "stopped", digits, None, size=None, resume=True)
    stored = dict(np.load(digits))
    np.savez(tmp_path / "changed.npz", **{**stored, "images": 255 - stored["images"]})
    with pytest.raises(UserError, match="The data has changed since the run began"):
        fit_run("gan", "stopped", tmp_path / "changed.npz", None, size=None, resume=True)
    assert Run.open("stopped").record["status"] == "stopped"


def test_a_folder_named_like_an_embedded_set_does_not_hinder_resume(isolated, monkeypatch):
    (isolated / "digits").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(stage.TrainingMonitor, "_check", lambda self, step, means: setattr(self, "interrupted", True))
        fit_run("gan", "own", "digits", 60, *QUICK)
    assert fit_run("gan", "own", None, None, size=None, resume=True).record["status"] == "finished"


def test_two_examples_are_enough(tmp_path):
    np.save(tmp_path / "two.npy", np.random.default_rng(0).integers(0, 256, (2, 9, 17), np.uint8))
    for model in ("gan", "vae"):
        run = fit_run(model, tmp_path / model, tmp_path / "two.npy", 2, "network=dense", "width=2", "batch_size=2")
        assert run.record["status"] == "finished"


def test_colour_and_awkward_sizes_through_the_whole_road(tmp_path, digits):
    from tfgen.generate.arrays import generate

    run = fit_run("vae", tmp_path / "run", digits, 5, "size=9x17", "channels=3", "width=2", "batch_size=8")
    assert generate(run, "three", 3).values.shape == (3, 9, 17, 3)
    assert [part["likelihood"] for part in run.codec()["example"]["parts"]] == ["gaussian"]


def test_tensorboard_scalars_are_written(tmp_path, digits):
    pytest.importorskip("tensorboard")
    run = fit_run("gan", tmp_path / "run", digits, 3, *QUICK, tensorboard=True)
    assert any(file.stat().st_size > 0 for file in (run.path / "tensorboard").iterdir())
