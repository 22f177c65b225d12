"""What stands between a network's last layer and an array, and how far the two are apart, part by part."""

import math
from collections.abc import Callable

import tensorflow as tf

from tfgen.representations.arrays.specification import BERNOULLI, CATEGORICAL, ArraySpecification, Part

Activation = Callable[[tf.Tensor], tf.Tensor]


def activation_of(specification: ArraySpecification, continuous: Activation) -> Activation:
    """From logits to encoded values: `continuous` for Gaussian and Bernoulli parts, a softmax for categorical ones."""
    if all(part.likelihood != CATEGORICAL for part in specification.parts):
        return continuous

    def activate(logits: tf.Tensor) -> tf.Tensor:
        values = [
            tf.nn.softmax(each) if part.likelihood == CATEGORICAL else continuous(each)
            for part, each in zip(specification.parts, split(specification, logits), strict=True)
        ]
        return tf.concat(values, axis=-1)

    return activate


def split(specification: ArraySpecification, values: tf.Tensor) -> list[tf.Tensor]:
    """The parts of encoded values [..., last axis]; the values as they are where there is one."""
    if len(specification.parts) == 1:
        return [values]
    return tf.split(values, [part.size for part in specification.parts], axis=-1)


def negative_log_likelihood(
    specification: ArraySpecification, examples: tf.Tensor, decoded: tf.Tensor, log_variance: tf.Tensor
) -> tf.Tensor:
    """Nats per example, [batch], less a constant (`left_out`).

    Args:
        examples, decoded: encoded [batch, ...]; of a categorical part, one-hot vectors and probabilities.
        log_variance: of Gaussian values on a scale from 0 to 1.
    """
    total = 0.0
    pairs = zip(split(specification, examples), split(specification, decoded), strict=True)
    for part, (example, made) in zip(specification.parts, pairs, strict=True):
        terms = _terms(part, example, made, log_variance)
        total += tf.reduce_sum(tf.reshape(terms, [tf.shape(terms)[0], -1]), axis=1)
    return total


def _terms(part: Part, example: tf.Tensor, made: tf.Tensor, log_variance: tf.Tensor) -> tf.Tensor:
    if part.likelihood == CATEGORICAL:
        return -example * tf.math.log(tf.clip_by_value(made, 1e-6, 1.0))
    target, probability = (example + 1.0) / 2.0, (made + 1.0) / 2.0
    if part.likelihood == BERNOULLI:
        probability = tf.clip_by_value(probability, 1e-6, 1.0 - 1e-6)
        return -(target * tf.math.log(probability) + (1.0 - target) * tf.math.log(1.0 - probability))
    return 0.5 * (tf.square(target - probability) * tf.exp(-log_variance) + log_variance)


def left_out(specification: ArraySpecification) -> float:
    """What `negative_log_likelihood` leaves out, since it has no gradient: 1/2 log 2 pi for each Gaussian value."""
    places = math.prod(specification.shape[:-1])
    values = sum(part.size for part in specification.parts if part.likelihood not in (BERNOULLI, CATEGORICAL))
    return 0.5 * math.log(2 * math.pi) * places * values


def is_density(specification: ArraySpecification) -> bool:
    """Whether the likelihood is one: Bernoulli's terms of values between 0 and 1 are no density."""
    return all(part.likelihood != BERNOULLI for part in specification.parts)


def squared_errors(specification: ArraySpecification, examples: tf.Tensor, made: tf.Tensor) -> tf.Tensor:
    """Squared differences [batch, ...] as shares of the values' range, which is 2, or 1 of a categorical part."""
    apart = tf.square(made - examples)
    if all(part.likelihood != CATEGORICAL for part in specification.parts):
        return apart / 4.0
    ranges = [1.0 if part.likelihood == CATEGORICAL else 4.0 for part in specification.parts for _ in range(part.size)]
    return apart / tf.constant(ranges)
