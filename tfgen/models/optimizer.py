"""Adam (Kingma & Ba, 2014) with TensorFlow's fused kernel: one pass over each variable instead of a dozen."""

import keras
import tensorflow as tf


class FusedAdam(keras.optimizers.Adam):
    """The same update as keras.optimizers.Adam up to rounding, without AMSGrad; sparse gradients become dense."""

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor) -> None:
        place = self._get_variable_index(variable)
        step = tf.cast(self.iterations.value + 1, variable.dtype)
        beta_1, beta_2 = (tf.constant(beta, variable.dtype) for beta in (self.beta_1, self.beta_2))
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[place].value.handle,
            v=self._velocities[place].value.handle,
            beta1_power=tf.pow(beta_1, step),
            beta2_power=tf.pow(beta_2, step),
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=tf.constant(self.epsilon, variable.dtype),
            grad=tf.convert_to_tensor(gradient),
        )
