"""The devices to train on, as a distribution strategy."""

import tensorflow as tf

from pipeline import errors
from pipeline.config import TrainConfig


def strategy(config: TrainConfig) -> tf.distribute.Strategy:
  """MirroredStrategy over the GPUs, or over logical CPU devices where there is none.

  One device needs no mirroring: the default strategy runs the same step without its overhead.

  Raises:
    ConfigError: more devices than there are, or a batch that they can't share equally.
  """
  gpus = tf.config.list_physical_devices('GPU')
  number = config.num_devices or max(len(gpus), 1)
  if gpus and number > len(gpus):
    raise errors.ConfigError(
      f'--num_devices={number} (TrainConfig), but {len(gpus)} GPUs were found. Ask for fewer.'
    )
  if config.batch_size % number:
    raise errors.ConfigError(
      f'--batch_size={config.batch_size} does not divide among {number} replicas (TrainConfig).'
      f' Choose a multiple of {number}.'
    )
  for gpu in gpus:
    tf.config.experimental.set_memory_growth(gpu, True)
  if number == 1:
    return tf.distribute.get_strategy()
  if gpus:
    return tf.distribute.MirroredStrategy([f'GPU:{i}' for i in range(number)])
  _split_cpu(number)
  return tf.distribute.MirroredStrategy([f'CPU:{i}' for i in range(number)])


def _split_cpu(number: int) -> None:
  """Makes `number` logical devices of the CPU, which must happen before TensorFlow starts."""
  cpu = tf.config.list_physical_devices('CPU')[0]
  if len(tf.config.get_logical_device_configuration(cpu) or ()) == number:
    return
  try:
    tf.config.set_logical_device_configuration(
      cpu, [tf.config.LogicalDeviceConfiguration() for _ in range(number)]
    )
  except RuntimeError as error:
    raise errors.ConfigError(
      f'--num_devices={number} (TrainConfig) came after TensorFlow had started in this process.'
      ' Run the stage in a process of its own.'
    ) from error
