"""Each alarm goes off on a model that deserves it, and none on a healthy one."""

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import fit_run
from tfgen.data import open_data
from tfgen.evaluate.extractors import classifier
from tfgen.evaluate.request import EvaluateRequest
from tfgen.evaluate.stage import evaluate
from tfgen.models import noise
from tfgen.models.gan import GAN

pytestmark = pytest.mark.slow


def judge(run, splits, seed=0, **options):
    """The evaluation, and the state of every alarm by its name. A model that was altered needs a seed of its own: what
    was seen of the same weights and seed comes from the cache."""
    evaluation = evaluate(run, EvaluateRequest(holdout=str(splits["others"]), count=1000, seed=seed, **options))
    return evaluation, {alarm.name: alarm.state for alarm in evaluation.alarms}


@pytest.mark.parametrize("model", ["gan", "vae"])
def test_a_healthy_model_sets_off_none(model, healthy, splits):
    evaluation, states = judge(healthy[model], splits)
    assert set(states.values()) == {"quiet"}, evaluation.alarms
    assert evaluation.scores["prompt_adherence"].value > 0.5


def test_a_collapsed_model(healthy, splits, monkeypatch):
    decode = GAN.decode
    monkeypatch.setattr(GAN, "decode", lambda self, latents, prompts: decode(self, 0.1 * latents, prompts))
    evaluation, states = judge(healthy["gan"], splits, 10_000)
    assert states["collapse"] == "raised", evaluation.scores["diversity"]
    assert 'the alarm "collapse" is raised' in evaluation.words


def test_a_copy_of_the_training_set(healthy, splits, monkeypatch):
    examples = open_data(str(splits["learned"]))
    learned = tf.constant(np.asarray(examples.values), tf.float32) / 127.5 - 1.0
    labels = tf.constant(examples.prompt_index)

    def remember(self, seeds, prompts):
        """An example of the prompt that was drawn for the seed."""
        wanted = self.drawn_prompts(seeds)
        score = noise.uniform(seeds, len(examples)) + 10.0 * tf.cast(labels[None] == wanted[:, None], tf.float32)
        return tf.gather(learned, tf.argmax(score, axis=1))

    monkeypatch.setattr(GAN, "generate", remember)
    evaluation, states = judge(healthy["gan"], splits, 20_000)
    assert states["copying"] == "raised" and states["collapse"] == states["prompt ignored"] == "quiet"
    assert evaluation.scores["copied"].value == 1
    # What the alarm is for: by this score, the copies are better than anything.
    assert evaluation.scores["kernel_distance"].value < evaluation.baselines["real"]["kernel_distance"] + 0.05


def test_prompts_that_do_nothing(healthy, splits, monkeypatch):
    decode = GAN.decode
    rotated = lambda self, latents, prompts: decode(self, latents, tf.roll(prompts, 1, axis=0))  # noqa: E731
    monkeypatch.setattr(GAN, "decode", rotated)
    evaluation, states = judge(healthy["gan"], splits, 30_000)
    assert states["prompt ignored"] == "raised", evaluation.scores["prompt_adherence"]
    assert states["copying"] == "quiet"


def test_labels_that_were_shuffled(splits, tmp_path, monkeypatch):
    monkeypatch.setattr(classifier, "_STEPS", (100, 100))  # there is nothing to learn
    run = fit_run("gan", tmp_path / "run", splits["shuffled"], 150)
    evaluation, states = judge(run, splits)
    assert states["prompt ignored"] == "raised"
    assert any("nothing to do with each other" in alarm.sentence for alarm in evaluation.alarms)


@pytest.mark.parametrize("model, steps, setting", [("gan", 1200, "augment=none"), ("vae", 400, "beta=1")])
def test_a_model_overfit_to_200_pictures(model, steps, setting, splits, tmp_path):
    # Dense networks know so few by heart in a third of the time that convolutions take.
    run = fit_run(model, tmp_path / "run", splits["few"], steps, "network=dense", setting)
    evaluation, states = judge(run, splits, extractor="random", metrics=("membership",))
    assert states["overfit"] == "raised", evaluation.scores
