"""A fit that goes wrong ends in words, with the last good weights kept."""

import contextlib
import errno
import os

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import BARE_GAN, fit_run, state_of
from tfgen.errors import Failure
from tfgen.generate.arrays import generate
from tfgen.models.gan import GAN
from tfgen.run import Run
from tfgen.training import stage

QUICK = ("network=dense", "batch_size=8", "width=2", *BARE_GAN)


@pytest.fixture
def output(tmp_path):
    return tmp_path / "run"


def failed_run(output):
    run = Run.open(str(output))
    assert run.record["status"] == "failed" and run.record["problem"]
    return run


def test_divergence_is_said_and_the_good_weights_are_kept(output, digits, monkeypatch):
    step_of_model = GAN.train_step

    def spoiled(self, batch):
        means = step_of_model(self, batch)
        late = tf.where(self.step.value > 40, float("nan"), 1.0)
        for weight in self.generator.trainable_weights:
            weight.assign(weight.value * late)
        return {**means, **self.track({"generator_loss": late})}

    monkeypatch.setattr(GAN, "train_step", spoiled)
    settings = ("network=dense", "batch_size=8", "width=2")
    with pytest.raises(Failure, match="generator loss stopped being a number near step") as caught:
        fit_run("gan", output, digits, 100, *settings, save_every=0.0)
    assert caught.value.exit_code == 1
    assert "The weights from step 32 are kept." in caught.value.what_is_wrong
    assert "learning_rate" in caught.value.what_to_do
    run = failed_run(output)
    assert all(np.isfinite(value).all() for value in state_of(run).values())
    assert generate(run, "seven", 2).values.shape == (2, 28, 28, 1)


@pytest.mark.slow
def test_collapse_is_said(output, digits, monkeypatch):
    symptom = GAN.symptom
    monkeypatch.setattr(GAN, "symptom", lambda self, means: symptom(self, {**means, "diversity": 0.01}))
    with pytest.raises(Failure, match="collapsed: its samples are nearly all the same.* The weights from step 0"):
        fit_run("gan", output, digits, 400, *QUICK, save_every=0.0)
    failed_run(output)


def test_collapse_is_judged_by_the_spread_of_the_pictures():
    assert "collapsed" in GAN.symptom(None, {"diversity": 0.05})
    assert GAN.symptom(None, {"diversity": 0.5}) is None


def test_an_absurd_learning_rate_ends_in_words_or_in_a_run_that_can_be_used(output, digits):
    try:
        fit_run("vae", output, digits, 400, "network=dense", "width=4", "batch_size=16", "learning_rate=10")
    except Failure as failure:
        assert "Lower the learning rate" in failure.what_to_do
        failed_run(output)
    else:
        assert state_of(Run.open(str(output)))["step"] == 400
    assert generate(Run.open(str(output)), "seven", 2).values.shape == (2, 28, 28, 1)


@pytest.mark.slow
def test_a_mixture_that_can_not_be_fitted_does_not_cost_the_weights(output, digits, monkeypatch):
    def fails(*arguments):
        raise ValueError("Matrix is not positive definite")

    monkeypatch.setattr("tfgen.models.mixture.fit_mixture", fails)
    with contextlib.suppress(Failure):
        fit_run("vae", output, digits, 40, "network=dense", "width=2", "batch_size=16")
    assert state_of(Run.open(str(output)))["step"] == 40


@pytest.mark.slow
def test_a_full_disk_ends_the_fit_and_resume_goes_on(output, digits, monkeypatch):
    write = stage.checkpoints.files.write_bytes

    def full(path, content):
        if "step-00000000" not in path.name and path.suffix == ".npz":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(stage.checkpoints.files, "write_bytes", full)
        with pytest.raises(Failure, match="could not be written: No space left on device"):
            fit_run("gan", output, digits, 60, *QUICK, save_every=0.0)
    assert state_of(Run.open(str(output)))["step"] == 0
    resumed = fit_run("gan", output, digits, None, size=None, resume=True)
    assert resumed.record["status"] == "finished" and state_of(resumed)["step"] == 60


@pytest.mark.slow
def test_a_damaged_checkpoint_is_said_and_the_one_before_it_used(output, digits, capsys):
    run = fit_run("gan", output, digits, 60, *QUICK, save_every=0.0)
    newest = sorted(run.checkpoints.glob("*.npz"))[-1]
    newest.write_bytes(newest.read_bytes()[:-1])
    capsys.readouterr()
    assert generate(run, "", 2).values.shape == (2, 28, 28, 1)
    assert f"The checkpoint {newest.name} is damaged; the one from step" in capsys.readouterr().err
