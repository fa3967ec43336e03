"""Optimisers by name, each network's own."""

from typing import Any

import tensorflow as tf
import tf_keras

from pipeline.config.train import TrainConfig
from pipeline.train import precision
from pipeline.train.schedules import learning_rate

_EPSILON = 1e-8  # beside the root of the mean squared gradient


def make(
  config: TrainConfig, network: str, policy: str, rate_factor: tf.Variable, step: tf.Variable
) -> tf_keras.optimizers.Optimizer:
  """The optimiser of the 'generator' or the 'discriminator', under a dtype policy.

  It clips gradients after they are summed over the replicas. `rate_factor`, scalar float32,
  multiplies its learning rate, whose course follows `step`, scalar int64.
  """
  rate = getattr(config, f'{network}_learning_rate')
  settings: dict[str, Any] = {
    'learning_rate': learning_rate(
      config.learning_rate_decay, rate, config.train_steps, rate_factor, step
    ),
    'jit_compile': False,
  }
  if network in config.clip_networks.split(','):
    settings |= {'clipvalue': config.clip_value or None}
    settings |= {'global_clipnorm': config.clip_norm or None}
  if config.optimizer == 'rmsprop':
    # Keras adds it under the root: there 1e-7, its default, slows layers of small gradients.
    optimizer = tf_keras.optimizers.RMSprop(
      rho=config.rmsprop_decay, epsilon=_EPSILON**2, **settings
    )
  else:
    betas = {'beta_1': config.adam_beta1, 'beta_2': config.adam_beta2}
    optimizer = FusedAdam(**betas, epsilon=_EPSILON, **settings)
  return precision.optimizer(policy, optimizer)


class FusedAdam(tf_keras.optimizers.Adam):
  """Adam, each variable's whole update in one pass of TensorFlow's own kernel.

  The same mathematics and variables as the base class, whose dozen elementwise ops for each
  variable cost three times as much on a CPU. Gradients are dense.
  """

  def update_step(self, gradient: tf.Tensor, variable: tf.Variable) -> None:
    """Moves `variable` and its two moments."""
    index = self._index_dict[self._var_key(variable)]
    updates = tf.cast(self.iterations + 1, tf.float32)
    tf.raw_ops.ResourceApplyAdam(
      var=variable.handle,
      m=self._momentums[index].handle,
      v=self._velocities[index].handle,
      beta1_power=self.beta_1**updates,
      beta2_power=self.beta_2**updates,
      lr=tf.cast(self.learning_rate, tf.float32),
      beta1=self.beta_1,
      beta2=self.beta_2,
      epsilon=self.epsilon,
      grad=gradient,
    )
