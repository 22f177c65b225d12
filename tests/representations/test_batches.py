"""The order of the data is a function of (seed, epoch, place), and memory-mapped files give the same batches."""

from dataclasses import dataclass

import numpy as np
import pytest
import tensorflow as tf

from tfgen.data.examples import Report
from tfgen.representations import batches as pipeline
from tfgen.representations.arrays import examples as examples_module
from tfgen.representations.arrays.codec import ArrayCodec
from tfgen.representations.arrays.examples import ArrayExamples
from tfgen.representations.arrays.specification import ArraySpecification, Part


def order(seed, first, count, examples):
    return pipeline.order(seed, tf.constant(first, tf.int64), count, examples).numpy()


@pytest.mark.parametrize("examples", [1, 2, 3, 7, 16, 1000, 60000])
@pytest.mark.parametrize("epoch", [0, 1, 1000])
def test_every_epoch_has_every_example_once(examples, epoch):
    places = order(5, epoch * examples, examples, examples)
    np.testing.assert_array_equal(np.sort(places), np.arange(examples))


def test_epochs_and_seeds_differ():
    first, second = order(0, 0, 1000, 1000), order(0, 1000, 1000, 1000)
    assert np.mean(first == second) < 0.02
    assert np.mean(first == order(1, 0, 1000, 1000)) < 0.02
    assert np.mean(first == np.arange(1000)) < 0.02


def test_the_place_alone_decides():
    whole = order(3, 0, 950, 100)
    for first, count in ((0, 64), (90, 64), (949, 1), (333, 200)):
        np.testing.assert_array_equal(order(3, first, count, 100), whole[first : first + count])


def test_neighbours_in_the_data_are_torn_apart():
    places = order(0, 0, 10000, 10000)
    correlation = np.corrcoef(places[:-1], places[1:])[0, 1]
    assert abs(correlation) < 0.05


class Codec(ArrayCodec):
    def encode(self, values):
        return tf.cast(values, tf.float32) / 255.0


@dataclass
class Settings:
    batch_size: int = 8


def examples_of(values, index):
    specification = ArraySpecification(values.shape[1:], (Part(values.shape[-1], "gaussian"),), len(values))
    return ArrayExamples("image", "a", "a", values, [], index, "labels", Codec(specification), Report(1, 1), "")


def batches(values, index, start, stop, seed=9, batch_size=8):
    found = examples_of(values, index).batches(Settings(batch_size), seed, start, stop)
    return [(examples.numpy(), places.numpy()) for examples, places in found]


@pytest.fixture
def data():
    """50 pictures that say their own place."""
    values = np.tile(np.arange(50, dtype=np.uint8)[:, None, None, None], [1, 4, 6, 1])
    return values, np.arange(50, dtype=np.int32) * 2


def test_prompts_stay_with_their_examples(data):
    for examples, index in batches(*data, 0, 10):
        assert examples.shape == (8, 4, 6, 1)
        np.testing.assert_array_equal(np.rint(examples[:, 0, 0, 0] * 255) * 2, index)


def test_starting_later_gives_the_batches_that_would_have_come(data):
    whole = batches(*data, 0, 20)
    for (examples, index), (expected, expected_index) in zip(batches(*data, 13, 20), whole[13:], strict=True):
        np.testing.assert_array_equal(examples, expected)
        np.testing.assert_array_equal(index, expected_index)


def test_a_memory_mapped_file_gives_the_same_batches(data, tmp_path, monkeypatch):
    values, index = data
    held = batches(values, index, 0, 10)
    np.save(tmp_path / "values.npy", values)
    monkeypatch.setattr(examples_module, "_IN_MEMORY_BYTES", 0)
    mapped = batches(np.load(tmp_path / "values.npy", mmap_mode="r"), index, 0, 10)
    for (examples, places), (expected, expected_places) in zip(mapped, held, strict=True):
        np.testing.assert_array_equal(examples, expected)
        np.testing.assert_array_equal(places, expected_places)


def test_a_batch_may_be_longer_than_an_epoch(data):
    (examples, _), *_ = batches(*data, 0, 1, batch_size=120)
    counts = np.bincount(np.rint(examples[:100, 0, 0, 0] * 255).astype(int), minlength=50)
    np.testing.assert_array_equal(counts, 2)


def test_nothing_waits_for_a_tuner_when_the_batches_end(data):
    assert examples_of(*data).batches(Settings(), 0, 0, 10).options().autotune.enabled is False
