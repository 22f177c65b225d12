"""What a request for a fit becomes: refusals before anything is written, plans by the clock, resumed runs."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import BARE_GAN, assert_same_state, fit_run, state_of, stopped_at
from tfgen.api import fit_request
from tfgen.errors import Failure, UserError
from tfgen.run import Run, all_runs, runs_folder
from tfgen.training import stage
from tfgen.training.request import FitRequest

QUICK = ("network=dense", "width=2", "batch_size=8", *BARE_GAN)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"steps": 0}, "--steps must be between 1 and"),
        ({"steps": 5, "minutes": 1.0}, "Both --minutes and --steps are given"),
        ({"steps": None, "minutes": 0.0}, "--minutes must be above 0, and below a million, not 0"),
        ({"steps": None, "minutes": float("nan")}, "below a million, not nan"),
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


@pytest.mark.slow
def test_the_same_seed_repeats_the_run_and_another_does_not(digits, tmp_path):
    one, same, other = (
        fit_run("gan", tmp_path / name, digits, 30, *QUICK, seed=seed)
        for name, seed in (("one", 3), ("same", 3), ("other", 4))
    )
    assert_same_state(state_of(one), state_of(same))
    assert not np.array_equal(state_of(one)["generator/000"], state_of(other)["generator/000"])


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_number_of_steps_is_exact_whatever_runs_at_once(digits, tmp_path):
    run = fit_run("gan", tmp_path / "run", digits, 47, *QUICK)
    assert state_of(run)["step"] == run.record["reached"] == run.history()[-1]["step"] == 47


@pytest.fixture(scope="module")
def stopped_once(digits, tmp_path_factory):
    with stopped_at(1):
        return fit_run("gan", tmp_path_factory.mktemp("stopped") / "stopped", digits, 60, *QUICK)


@pytest.fixture
def stopped(stopped_once):
    """A run that was interrupted at its first report."""
    shutil.copytree(stopped_once.path, runs_folder() / "stopped")
    return Run.open("stopped")


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_folder_named_like_an_embedded_set_does_not_hinder_resume(isolated):
    (isolated / "digits").mkdir()
    with stopped_at(1):
        fit_run("gan", "own", "digits", 60, *QUICK)
    assert fit_run("gan", "own", None, None, size=None, resume=True).record["status"] == "finished"


@pytest.mark.slow
def test_two_examples_are_enough(tmp_path):
    np.save(tmp_path / "two.npy", np.random.default_rng(0).integers(0, 256, (2, 9, 17), np.uint8))
    for model in ("gan", "vae"):
        run = fit_run(model, tmp_path / model, tmp_path / "two.npy", 2, "network=dense", "width=2", "batch_size=2")
        assert run.record["status"] == "finished"


@pytest.mark.slow
def test_colour_and_awkward_sizes_through_the_whole_road(tmp_path, digits):
    from tfgen.generate.arrays import generate

    run = fit_run("vae", tmp_path / "run", digits, 5, "size=9x17", "channels=3", "width=2", "batch_size=8")
    assert generate(run, "three", 3).values.shape == (3, 9, 17, 3)
    assert [part["likelihood"] for part in run.codec()["example"]["parts"]] == ["gaussian"]


@pytest.mark.slow
def test_tensorboard_scalars_are_written(tmp_path, digits):
    run = fit_run("gan", tmp_path / "run", digits, 3, *QUICK, tensorboard=True)
    assert any(file.stat().st_size > 0 for file in (run.path / "tensorboard").iterdir())


def notes(path):
    """A text of a few thousand characters."""
    words = "the old king met a young queen who saw his ship leave for some far land at night".split()
    chance = np.random.default_rng(0)
    path.write_text(" ".join(chance.choice(words, 2000)) + ".\n", encoding="utf-8")
    return path


TEXT = ("width=16", "layers=1", "heads=2", "context=16", "batch_size=4")


def test_nothing_is_measured_where_nothing_is_held_out(tmp_path):
    with pytest.raises(UserError, match="Nothing is held out, so there is nothing to measure a model by"):
        fit_run("gpt", "new", notes(tmp_path / "notes.txt"), 80, *TEXT, "holdout=0", evaluate_every=40)
    assert not runs_folder().exists()


@pytest.mark.slow
def test_a_run_of_before_that_measured_nothing_ends_with_its_last_weights(tmp_path, capsys, plain_steps):
    path = notes(tmp_path / "notes.txt")
    with stopped_at(1):
        run = fit_run("gpt", "old", path, 80, *TEXT, "holdout=0")
    run.update(evaluate_every=40, patience=1)  # as version 0.1 took them
    resumed = fit_run("gpt", "old", None, None, size=None, resume=True)
    assert "Nothing is held out, so nothing can be measured: the fit ends with its last weights." in (
        capsys.readouterr().err
    )
    assert resumed.record["reached"] == state_of(resumed)["step"] == 80 and "kept" not in resumed.record
    assert not (resumed.path / "best").exists()


def test_a_measurement_that_is_no_number_is_never_the_best(tmp_path, monkeypatch, plain_steps):
    from tfgen.evaluate.sequences.tracker import SequenceTracker

    monkeypatch.setattr(SequenceTracker, "measure", lambda self: float("nan"))
    with pytest.raises(Failure, match="stopped being numbers near step 40"):
        fit_run("gpt", "new", notes(tmp_path / "notes.txt"), 80, *TEXT, evaluate_every=40)
    run = Run.open("new")
    assert run.history("quality.jsonl") == [] and list((run.path / "best").iterdir()) == []


@pytest.mark.slow
def test_the_little_that_is_held_out_is_found_behind_the_last_window(tmp_path, plain_steps):
    """Chats whose last one, held out, is a long question with a short answer."""
    path = tmp_path / "chats.jsonl"
    rows = [{"prompt": "What is it? " * 30 + str(number), "completion": "It is."} for number in range(40)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    run = fit_run("gpt", "new", path, 20, *TEXT[:3], "context=64", "batch_size=4", "holdout=0.03", evaluate_every=10)
    losses = [row["validation_loss"] for row in run.history("quality.jsonl")]
    assert len(losses) == 2 and all(0 < loss < 20 for loss in losses)


def test_a_folder_of_the_users_own_is_never_a_runs(tmp_path, isolated):
    """Not even one that holds nothing but files that a run would have too."""
    mine = isolated / "mine"
    mine.mkdir()
    (mine / "tokenizer.json").write_text("mine")
    for name in ("./mine", str(mine)):
        with pytest.raises(UserError, match="exists already"):
            fit_run("gpt", name, notes(tmp_path / "notes.txt"), 1, *TEXT, "tokenizer=mine/tokenizer.json")
    assert (mine / "tokenizer.json").read_text() == "mine" and len(list(mine.iterdir())) == 1


def test_a_name_with_a_dot_is_a_runs(digits, command, isolated):
    quick = [word for setting in QUICK for word in ("--set", setting)]
    result = command("fit", "gan", digits, "-o", "results/v1.0", "--steps", 1, "--size", "tiny", *quick)
    assert result.exit_code == 0, result.stderr
    assert Run.open("results/v1.0").path == Path("results/v1.0")
    result = command("generate", "results/v1.0", "-n", 2, "-o", "samples/v1.0")
    assert result.exit_code == 0 and len(list((isolated / "samples" / "v1.0").iterdir())) == 2, result.stderr


def test_a_repeat_that_can_not_be_is_refused(stopped):
    for options, words in (
        ({"repeat": "nothing"}, "There is no run 'nothing'"),
        ({"repeat": "stopped", "resume": True}, "--repeat and --resume are both given"),
        ({"repeat": "stopped", "steps": 9}, "A repeat has the settings of the run that it repeats"),
        ({"repeat": "stopped", "settings": {"width": 3}}, "A repeat has the settings of the run that it repeats"),
        ({"repeat": "stopped", "model": "vae"}, "'stopped' is a gan, not a vae"),
        ({}, "No model is named"),
    ):
        with pytest.raises(UserError, match=words):
            fit_request(FitRequest(**options))
    assert len(all_runs()) == 1


def test_a_repeat_needs_a_plan_and_the_same_data(stopped, digits, tmp_path):
    stored = dict(np.load(digits))
    np.savez(tmp_path / "changed.npz", **{**stored, "images": 255 - stored["images"]})
    with pytest.raises(UserError, match="The data has changed since the run began"):
        fit_request(FitRequest(data=str(tmp_path / "changed.npz"), repeat="stopped"))
    stopped.update(steps=0)
    with pytest.raises(UserError, match="stopped before its steps were planned"):
        fit_request(FitRequest(repeat="stopped"))
    assert len(all_runs()) == 1


@pytest.mark.slow
def test_data_that_was_in_memory_is_repeated_from_the_runs_own_file(digits, tmp_path):
    from tfgen.api import fit

    stored = np.load(digits)
    labels = np.array(stored["label_names"])[stored["labels"]][:64]
    run = fit("vae", stored["images"][:64], labels=labels, size="tiny", steps=4, output=tmp_path / "run", components=2,
              network="dense", width=2, batch_size=8)
    again = fit(repeat=run, output=tmp_path / "again")
    shutil.rmtree(run.path)
    assert again.record["data"] == run.record["data"]
    assert (again.path / again.record["data"]["file"]).exists()
    more = fit(repeat=again, output=tmp_path / "more")
    assert_same_state(state_of(again), state_of(more))
