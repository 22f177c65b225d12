"""The portable noise is noise: normal, without ties between seeds, places and streams, and the same everywhere."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tfgen.models import noise

EXTREMES = [-(2**31), -(2**31) + 1, -1, 0, 1, 2**31 - 2, 2**31 - 1]


def normal(seeds, size, stream=0):
    return noise.normal(tf.constant(seeds, tf.int32), size, stream).numpy()


def uniform(seeds, size, stream=0):
    return noise.uniform(tf.constant(seeds, tf.int32), size, stream).numpy()


@pytest.fixture(scope="module")
def table():
    """100,000 neighbouring seeds by 20 places."""
    return normal(np.arange(-50000, 50000), 20)


def test_normal_has_mean_zero_and_variance_one(table):
    assert abs(table.mean()) < 4 / np.sqrt(table.size)
    assert abs(table.var() - 1) < 4 * np.sqrt(2 / table.size)
    assert np.abs(table.mean(axis=0)).max() < 5 / np.sqrt(len(table))
    assert abs(stats.kurtosis(table.ravel())) < 0.02 and abs(stats.skew(table.ravel())) < 0.01


@pytest.mark.parametrize("place", [0, 9, 10, 19])
def test_normal_passes_kolmogorov_and_smirnov_over_seeds(table, place):
    assert stats.kstest(table[:, place], "norm").pvalue > 1e-4


@pytest.mark.parametrize("seed", EXTREMES)
def test_normal_passes_kolmogorov_and_smirnov_over_places(seed):
    assert stats.kstest(normal([seed], 50000)[0], "norm").pvalue > 1e-4


def test_uniform_is_uniform_and_never_reaches_its_ends():
    values = uniform(np.arange(200000), 5)
    assert 0.0 < values.min() and values.max() < 1.0
    assert stats.kstest(values.ravel(), "uniform").pvalue > 1e-4


@pytest.mark.parametrize("distance", [1, 2, 3, 256, 65536])
def test_seeds_a_fixed_distance_apart_are_not_correlated(distance):
    seeds = np.arange(-30000, 30000)
    one, other = normal(seeds, 8), normal(seeds + distance, 8)
    for values in ((one, other), (np.abs(one), np.abs(other))):
        correlations = [np.corrcoef(values[0][:, place], values[1][:, place])[0, 1] for place in range(8)]
        assert np.abs(correlations).max() < 5 / np.sqrt(len(seeds))


def test_places_of_a_row_are_not_correlated(table):
    for values in (table, np.abs(table)):
        correlations = np.corrcoef(values.T) - np.eye(values.shape[1])
        assert np.abs(correlations).max() < 5 / np.sqrt(len(table))


def test_seed_and_place_can_not_be_traded():
    rows = noise.bits(tf.range(-2000, 2000), 64).numpy()
    # By chance, 256,000 draws of 32 bits have about 7.6 pairs; a traded seed and place would make thousands.
    assert rows.size - len(np.unique(rows)) < 40


def test_streams_are_independent():
    seeds = np.arange(60000)
    streams = [uniform(seeds, 4, stream) for stream in (0, 1, 2, 5, 7)]
    for one in range(len(streams)):
        for other in range(one):
            correlation = np.corrcoef(streams[one].ravel(), streams[other].ravel())[0, 1]
            assert abs(correlation) < 5 / np.sqrt(streams[0].size)


def test_every_bit_is_fair_and_flips_with_every_bit_of_the_seed():
    seeds = np.arange(0, 40000, dtype=np.int32)
    bits = noise.bits(tf.constant(seeds), 1).numpy()[:, 0].view(np.uint32)
    spread = np.unpackbits(bits.view(np.uint8)).reshape(len(seeds), 32)
    assert np.abs(spread.mean(axis=0) - 0.5).max() < 0.02
    for bit in (0, 7, 15, 23, 30):
        flipped = noise.bits(tf.constant(seeds ^ (1 << bit)), 1).numpy()[:, 0].view(np.uint32)
        changed = np.unpackbits((bits ^ flipped).view(np.uint8)).reshape(len(seeds), 32).mean(axis=0)
        assert np.abs(changed - 0.5).max() < 0.02


def test_the_whole_range_of_seeds_works():
    rows = normal(EXTREMES, 64)
    assert np.isfinite(rows).all()
    assert len(np.unique(rows, axis=0)) == len(EXTREMES)


def test_a_row_depends_on_its_own_seed_alone():
    together, together_uniform = normal(EXTREMES, 33), uniform(EXTREMES, 33)
    for place, seed in enumerate(EXTREMES):
        np.testing.assert_array_equal(uniform([seed], 33)[0], together_uniform[place])
        # A vectorised cosine may round the last bit otherwise; `generate` therefore has batches of one size.
        np.testing.assert_allclose(normal([seed], 33)[0], together[place], atol=1e-6)


def test_a_longer_uniform_row_begins_with_the_shorter():
    np.testing.assert_array_equal(uniform([5], 100)[:, :10], uniform([5], 10))


@pytest.mark.filterwarnings("ignore")
def test_converts_to_tflite_with_built_in_operations_and_agrees():
    function = tf.function(lambda seeds: noise.normal(seeds, 16), input_signature=[tf.TensorSpec([8], tf.int32)])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    interpreter = tf.lite.Interpreter(model_content=converter.convert())
    interpreter.allocate_tensors()
    seeds = np.array([*EXTREMES, 12345], np.int32)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], seeds)
    interpreter.invoke()
    portable = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(portable, normal(seeds, 16), atol=1e-6)
