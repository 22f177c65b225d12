"""Whether samples look like their prompt: the same for arrays and for tensors."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen.steering.recognition import Recognition

WORDS = np.array([[1, 0], [2, 0], [1, 2]], np.int32)


@pytest.fixture(scope="module")
def samples():
    """Features of three prompts that lie apart, one of another, and all their word ids."""
    chance = np.random.default_rng(0)
    place = np.repeat([0, 1, 2], 60)
    features = chance.standard_normal([180, 8]) + 4.0 * np.eye(3, 8)[place]
    return features.astype(np.float32), WORDS[place]


def test_what_lies_among_another_prompts_samples_is_below_0(samples):
    features, prompts = samples
    recognition = Recognition.of(features, prompts)
    assert np.mean(recognition.margins(features, prompts) > 0) > 0.95
    assert np.mean(recognition.margins(features, np.roll(prompts, 60, axis=0)) < 0) > 0.95
    assert np.all(np.isinf(recognition.margins(features, prompts + 5)))


def test_tensors_give_the_same_and_pass_gradients(samples):
    features, prompts = samples
    prompts = np.concatenate([prompts[:-1], [[9, 9]]]).astype(np.int32)
    recognition = Recognition.of(*samples)
    given = tf.constant(features)
    with tf.GradientTape() as tape:
        tape.watch(given)
        margins = recognition.margins(given, tf.constant(prompts))
        below = tf.reduce_sum(tf.minimum(margins - 5.0, 0.0))
    np.testing.assert_allclose(margins, recognition.margins(features, prompts), rtol=1e-3, atol=1e-3)
    slopes = tape.gradient(below, given).numpy()
    assert np.all(np.isfinite(slopes)) and np.any(slopes) and not np.any(slopes[-1])


def test_without_prompts_everything_passes():
    none = Recognition.nothing(2)
    assert np.all(np.isinf(none.margins(np.zeros([3, 4]), np.zeros([3, 2], np.int32))))
    assert np.all(np.isinf(none.margins(tf.zeros([3, 4]), tf.zeros([3, 2], tf.int32))))
