"""Learning rates over a run."""

import tensorflow as tf
import tf_keras


class Scaled(tf_keras.optimizers.schedules.LearningRateSchedule):
  """A rate, or its course, times a factor that may change while it is in use."""

  def __init__(self, rate: object, factor: tf.Variable) -> None:
    self._rate, self._factor = rate, factor

  def __call__(self, step: tf.Tensor) -> tf.Tensor:
    """The rate of a step."""
    rate = self._rate(step) if callable(self._rate) else self._rate
    return tf.convert_to_tensor(self._factor) * rate

  def get_config(self) -> dict[str, object]:
    """Not to be rebuilt from: the factor is the trainer's."""
    raise NotImplementedError


def learning_rate(name: str, initial: float, num_steps: int, factor: tf.Variable) -> Scaled:
  """A rate's course over `num_steps`.

  Args:
    name: 'none'; 'cosine', to zero (Loshchilov and Hutter 2017, arXiv:1608.03983); or
      'exponential', to one tenth.
    initial: rate of the first step.
    num_steps: steps in the run.
    factor: scalar float32, multiplies it.
  """
  schedules = tf_keras.optimizers.schedules
  if name == 'cosine':
    return Scaled(schedules.CosineDecay(initial, num_steps), factor)
  if name == 'exponential':
    return Scaled(schedules.ExponentialDecay(initial, num_steps, 0.1), factor)
  return Scaled(initial, factor)
