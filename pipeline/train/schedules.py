"""Learning rates over a run."""

import tf_keras


def learning_rate(name: str, initial: float, num_steps: int) -> object:
  """A rate, or its course over `num_steps`, as tf_keras optimisers take it.

  Args:
    name: 'none'; 'cosine', to zero (Loshchilov and Hutter 2017, arXiv:1608.03983); or
      'exponential', to one tenth.
    initial: rate of the first step.
    num_steps: steps in the run.
  """
  schedules = tf_keras.optimizers.schedules
  if name == 'cosine':
    return schedules.CosineDecay(initial, num_steps)
  if name == 'exponential':
    return schedules.ExponentialDecay(initial, num_steps, 0.1)
  return initial
