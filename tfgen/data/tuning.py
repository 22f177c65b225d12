"""tf.data without the thread that tunes it."""

import tensorflow as tf


def untuned(data: tf.data.Dataset) -> tf.data.Dataset:
    """The same without tf.data's tuning, which has nothing to choose here.

    Its thread sleeps twice as long each time, up to a minute, and an iterator that is dropped waits for it: a fit of
    a minute ended half a minute late.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return data.with_options(options)
