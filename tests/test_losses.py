"""Losses and penalties against values worked out by hand or in numpy."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen.models.losses import LOSSES, gradient_penalty, squared_gradient, word_cross_entropy
from tfgen.models.vae import kl_to_standard_normal

REAL = np.array([2.0, -0.5, 0.25], np.float32)
FAKE = np.array([-1.0, 3.0, 0.5], np.float32)


def softplus(value):
    return np.log1p(np.exp(value))


EXPECTED = {
    "non-saturating": (softplus(-REAL).mean() + softplus(FAKE).mean(), softplus(-FAKE).mean()),
    "relativistic": (softplus(FAKE - REAL).mean(), softplus(REAL - FAKE).mean()),
    "hinge": (np.mean([0.0, 1.5, 0.75]) + np.mean([0.0, 4.0, 1.5]), -FAKE.mean()),
    "wasserstein": (FAKE.mean() - REAL.mean(), -FAKE.mean()),
}


@pytest.mark.parametrize("name", LOSSES)
def test_loss_is_the_article_s(name):
    discriminator, generator = EXPECTED[name]
    assert float(LOSSES[name].discriminator(REAL, FAKE)) == pytest.approx(discriminator, rel=1e-6)
    assert float(LOSSES[name].generator(REAL, FAKE)) == pytest.approx(generator, rel=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_each_side_gains_by_moving_its_own_logits(name):
    real, fake = tf.constant(REAL), tf.constant(FAKE)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([real, fake])
        discriminator, generator = LOSSES[name].discriminator(real, fake), LOSSES[name].generator(real, fake)
    assert tf.reduce_sum(tape.gradient(discriminator, real)) < 0
    assert tf.reduce_sum(tape.gradient(discriminator, fake)) > 0
    assert tf.reduce_sum(tape.gradient(generator, fake)) < 0


@pytest.mark.parametrize("name", LOSSES)
def test_huge_logits_stay_numbers(name):
    huge = np.array([1e4, -1e4, 0.0], np.float32)
    assert np.isfinite(float(LOSSES[name].discriminator(huge, -huge)))
    assert np.isfinite(float(LOSSES[name].generator(huge, -huge)))


def linear_judge(weights):
    return lambda examples: (tf.reduce_sum(examples * weights, axis=[1, 2, 3]), tf.zeros([tf.shape(examples)[0], 0]))


def test_squared_gradient_of_a_linear_judge_is_its_squared_weights():
    weights = np.random.default_rng(0).standard_normal((3, 4, 2)).astype(np.float32)
    examples = tf.random.stateless_normal([5, 3, 4, 2], [1, 2])
    (logits, _), squared = squared_gradient(linear_judge(weights), examples)
    np.testing.assert_allclose(logits, (examples * weights).numpy().sum(axis=(1, 2, 3)), rtol=1e-4, atol=1e-5)
    assert float(squared) == pytest.approx(float((weights**2).sum()), rel=1e-5)


def test_squared_gradient_of_a_squared_judge_is_meaned_over_the_batch():
    examples = tf.constant([[[[1.0]]], [[[3.0]]]])
    _, squared = squared_gradient(lambda x: (tf.reduce_sum(x**2, axis=[1, 2, 3]), x), examples)
    assert float(squared) == pytest.approx((2.0**2 + 6.0**2) / 2)


def test_gradient_penalty_is_taken_on_the_line_between_real_and_fake():
    real, fake = tf.zeros([2, 1, 1, 1]), tf.fill([2, 1, 1, 1], 4.0)
    mix = tf.constant([0.25, 0.5])[:, None, None, None]

    def squared(points):
        return tf.reduce_sum(points**2, axis=[1, 2, 3]), points

    # At 1 and at 2 the gradient's norm is 2 and 4.
    assert float(gradient_penalty(squared, real, fake, mix)) == pytest.approx((1.0**2 + 3.0**2) / 2, rel=1e-5)


def test_gradient_penalty_has_a_gradient_where_the_judge_is_flat():
    weight = tf.Variable(0.0)
    zeros = tf.zeros([2, 1, 1, 1])
    with tf.GradientTape() as tape:
        penalty = gradient_penalty(lambda x: (tf.reduce_sum(x, axis=[1, 2, 3]) * weight, x), zeros, zeros, zeros)
    assert float(penalty) == pytest.approx(1.0, abs=1e-4)
    assert np.isfinite(float(tape.gradient(penalty, weight)))


def test_word_cross_entropy_by_hand():
    logits = tf.constant([[0.0, np.log(3.0)], [5.0, -5.0]])
    asked = tf.constant([[0.0, 1.0], [0.0, 0.0]])
    assert word_cross_entropy(logits, asked).numpy() == pytest.approx([np.log(4.0 / 3.0), 0.0], rel=1e-5)


def test_word_cross_entropy_shares_between_several_words():
    logits = tf.constant([[0.0, 0.0, 0.0]])
    both = tf.constant([[np.sqrt(0.5), np.sqrt(0.5), 0.0]], tf.float32)
    assert word_cross_entropy(logits, both).numpy() == pytest.approx([np.log(3.0)], rel=1e-5)
    assert word_cross_entropy(tf.zeros([4, 0]), tf.zeros([4, 0])).numpy().tolist() == [0.0] * 4


def test_kl_to_the_standard_normal():
    mean, log_variance = tf.constant([[0.0, 0.0], [1.0, 2.0]]), tf.constant([[0.0, 0.0], [np.log(4.0), 0.0]])
    expected = [0.0, 0.5 * ((1 + 4 - 1 - np.log(4.0)) + 4)]
    np.testing.assert_allclose(kl_to_standard_normal(mean, log_variance), expected, rtol=1e-6)
