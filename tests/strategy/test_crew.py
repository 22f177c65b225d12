"""Who trains together, parts of batches, and what can't be shared."""

import contextlib
import json

import numpy as np
import pytest
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.representations.base import Share
from tfgen.representations.batches import Part, by_steps, order, poisson_sample
from tfgen.training.crew import open_crew
from tfgen.training.new_run import create_run
from tfgen.training.request import FitRequest

TWO = {"worker": ["a:1", "b:1"]}


@pytest.mark.parametrize(
    "configuration, complaint",
    [
        ("{", "TF_CONFIG can't be read."),
        ("[]", "TF_CONFIG can't be read."),
        (json.dumps({"cluster": TWO}), "TF_CONFIG can't be read."),
        (json.dumps({"cluster": TWO, "task": {"type": "worker", "index": 2}}), "task worker 2 is not in its cluster"),
        (json.dumps({"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}), "names no other worker"),
        (
            json.dumps({"cluster": {**TWO, "ps": ["c:1"]}, "task": {"type": "worker", "index": 0}}),
            "names a ps, which a fit has no use for",
        ),
        ("", "names no other worker"),
    ],
)
def test_a_cluster_that_makes_no_sense_is_explained(configuration, complaint, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", configuration)
    with pytest.raises(UserError, match=complaint):
        open_crew("multiworker")


def test_one_device_needs_no_strategy(monkeypatch, capsys, command, tmp_path):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    crew = open_crew("auto")
    assert (crew.replicas, crew.workers, crew.leads, crew.strategy) == (1, 1, True, None)
    assert "There is one device and no cluster" in capsys.readouterr().err
    with pytest.raises(UserError, match="There is one device on this machine. Leave --strategy out"):
        open_crew("mirrored")
    said = command("fit", "vae", "insurance", "-o", tmp_path / "run", "--strategy", "miror").stderr
    assert "No strategy named 'miror'. Did you mean 'mirrored'?" in said and not (tmp_path / "run").exists()


def test_workers_after_tensorflow_has_begun_are_told_to_come_first(monkeypatch):
    tf.constant(1.0) + 1.0
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": TWO, "task": {"type": "worker", "index": 0}}))
    with pytest.raises(UserError, match="before TensorFlow does anything else"):
        open_crew("multiworker")


@pytest.mark.parametrize("parts", [2, 4, 8])
def test_parts_of_a_batch_are_the_batch(parts):
    for step in (0, 3):
        whole = Part(tf.constant(step, tf.int64)).order(7, 24, 100)
        own = [Part(tf.constant(step, tf.int64), number, parts).order(7, 24, 100) for number in range(parts)]
        assert np.array_equal(np.concatenate(own), whole)
        assert np.array_equal(whole, order(7, tf.constant(step * 24, tf.int64), 24, 100))


def test_each_process_makes_its_parts_one_after_the_other():
    batches = by_steps(lambda part: (part.step, part.number), 2, 4, Share(parts=6, first=2, count=2))
    assert [tuple(map(int, batch)) for batch in batches] == [(2, 2), (2, 3), (3, 2), (3, 3)]


def test_parts_of_a_poisson_sample_hold_each_example_once_and_are_of_one_size():
    for step in range(20):
        step = tf.constant(step, tf.int64)
        whole, mask = poisson_sample(5, Part(step), 300, 0.05)
        chosen = whole.numpy()[mask.numpy() > 0]
        parts = [poisson_sample(5, Part(step, number, 3), 300, 0.05) for number in range(3)]
        assert {len(places) for places, _ in parts} == {len(parts[0][0])}
        found = np.concatenate([places.numpy()[mask.numpy() > 0] for places, mask in parts])
        assert np.array_equal(found, chosen)


@pytest.mark.parametrize(
    "model, settings, replicas, complaint",
    [
        ("vae", {"batch_size": 64}, 3, "A batch of 64 can't be shared evenly by 3 replicas. .*batch_size=66"),
        ("gan", {"batch_size": 40, "pack": 10}, 8, "in packs of 10"),
        ("gpt", {"batch_size": 60}, 8, "A batch of 60 can't be shared evenly by 8 replicas"),
    ],
)
def test_what_cannot_be_shared_evenly_is_refused_before_a_run_is_made(model, settings, replicas, complaint, tmp_path):
    request = FitRequest(model, "insurance", output=str(tmp_path / "run"), size="tiny", steps=1, settings=settings)
    with contextlib.ExitStack() as held, pytest.raises(UserError, match=complaint):
        create_run(request, held, replicas)
    assert not (tmp_path / "run").exists()
