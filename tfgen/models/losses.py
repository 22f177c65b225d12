"""Adversarial losses and gradient penalties: pure functions of the discriminator's outputs.

Each loss is a pair (discriminator, generator), each taking the logits of real and of generated examples, [batch], and
giving a scalar.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

# Examples [batch, ...] to logits of being real [batch], and logits of each word [batch, words].
Judge = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class AdversarialLoss(NamedTuple):
    """The two sides of one game."""

    discriminator: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    generator: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def _mean_softplus(logits: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.nn.softplus(logits))


LOSSES = {
    # Goodfellow et al. 2014, section 3: the generator maximises log D(G(z)) instead of minimising log(1 - D(G(z))).
    "non-saturating": AdversarialLoss(
        lambda real, fake: _mean_softplus(-real) + _mean_softplus(fake),
        lambda real, fake: _mean_softplus(-fake),
    ),
    # Relativistic pairing, Jolicoeur-Martineau 2018; Huang et al. 2024, equation 2.
    "relativistic": AdversarialLoss(
        lambda real, fake: _mean_softplus(fake - real),
        lambda real, fake: _mean_softplus(real - fake),
    ),
    # Lim and Ye 2017; Miyato et al. 2018, equations 16 and 17.
    "hinge": AdversarialLoss(
        lambda real, fake: tf.reduce_mean(tf.nn.relu(1.0 - real)) + tf.reduce_mean(tf.nn.relu(1.0 + fake)),
        lambda real, fake: -tf.reduce_mean(fake),
    ),
    # Arjovsky et al. 2017, equations 2 and 3.
    "wasserstein": AdversarialLoss(
        lambda real, fake: tf.reduce_mean(fake) - tf.reduce_mean(real),
        lambda real, fake: -tf.reduce_mean(fake),
    ),
}


def squared_gradient(judge: Judge, examples: tf.Tensor) -> tuple[tuple[tf.Tensor, tf.Tensor], tf.Tensor]:
    """The judgement, and the mean over the batch of |grad_x D(x)|^2 summed over all of an example's values.

    Half of it, times gamma, is R1 at real examples and R2 at generated ones (Mescheder et al. 2018, equation 9).
    """
    with tf.GradientTape() as tape:
        tape.watch(examples)
        logits, words = judge(examples)
        total = tf.reduce_sum(logits)
    gradient = tape.gradient(total, examples)
    return (logits, words), tf.reduce_mean(_squared_norm(gradient))


def gradient_penalty(judge: Judge, real: tf.Tensor, fake: tf.Tensor, mix: tf.Tensor) -> tf.Tensor:
    """Mean of (|grad D| - 1)^2 between real and generated examples (Gulrajani et al. 2017, equation 3).

    Args:
        mix: uniform [batch, 1, ...], the place of each point on its line.
    """
    points = real + mix * (fake - real)
    with tf.GradientTape() as tape:
        tape.watch(points)
        total = tf.reduce_sum(judge(points)[0])
    # The root has no gradient at zero.
    norm = tf.sqrt(_squared_norm(tape.gradient(total, points)) + 1e-12)
    return tf.reduce_mean((norm - 1.0) ** 2)


def word_cross_entropy(logits: tf.Tensor, condition: tf.Tensor) -> tf.Tensor:
    """Cross-entropies [batch] in nats between words recognised and words asked for (Odena et al. 2017, equation 3).

    Args:
        logits: [batch, words].
        condition: bags of words [batch, words]; an empty bag does not count.
    """
    if not condition.shape[1]:
        return tf.zeros([tf.shape(logits)[0]])
    asked = tf.math.divide_no_nan(condition, tf.reduce_sum(condition, axis=1, keepdims=True))
    return tf.nn.softmax_cross_entropy_with_logits(labels=asked, logits=logits)


def _squared_norm(gradient: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.reshape(gradient**2, [tf.shape(gradient)[0], -1]), axis=1)
