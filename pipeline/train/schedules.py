"""Learning rates over a run."""

import tensorflow as tf
import tf_keras


class Scaled(tf_keras.optimizers.schedules.LearningRateSchedule):
  """A rate, or its course over the run's steps, times a factor that may change meanwhile."""

  def __init__(self, rate: object, factor: tf.Variable, step: tf.Variable) -> None:
    self._rate, self._factor, self._step = rate, factor, step

  def __call__(self, step: tf.Tensor) -> tf.Tensor:
    """The rate of the run's present step."""
    del step  # the optimiser's own count, of which there may be none or several in a step
    course = self._rate
    rate = course(tf.convert_to_tensor(self._step)) if callable(course) else course
    return tf.convert_to_tensor(self._factor) * rate

  def get_config(self) -> dict[str, object]:
    """Not to be rebuilt from: the factor is the trainer's."""
    raise NotImplementedError


def learning_rate(
  name: str, initial: float, num_steps: int, factor: tf.Variable, step: tf.Variable
) -> Scaled:
  """A rate's course over `num_steps`.

  Args:
    name: 'none'; 'cosine', to zero (Loshchilov and Hutter 2017, arXiv:1608.03983); or
      'exponential', to one tenth.
    initial: rate of the first step.
    num_steps: steps in the run.
    factor: scalar float32, multiplies it.
    step: scalar int64, the run's.
  """
  schedules = tf_keras.optimizers.schedules
  if name == 'cosine':
    return Scaled(schedules.CosineDecay(initial, num_steps), factor, step)
  if name == 'exponential':
    return Scaled(schedules.ExponentialDecay(initial, num_steps, 0.1), factor, step)
  return Scaled(initial, factor, step)
