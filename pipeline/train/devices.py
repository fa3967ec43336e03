"""The devices to train on, as a distribution strategy."""

import tensorflow as tf

from pipeline import errors
from pipeline.config import combinations
from pipeline.config.train import TrainConfig
from pipeline.train.cluster import Member


def strategy(config: TrainConfig, member: Member | None = None) -> tf.distribute.Strategy:
  """MirroredStrategy over the GPUs, or over logical CPU devices where there is none.

  One device needs no mirroring: the default strategy runs the same step without its overhead. A
  member of a cluster gets MultiWorkerMirroredStrategy, which waits for the other workers.

  Raises:
    ConfigError: more devices than there are, or a batch that they can't share equally.
  """
  gpus = tf.config.list_physical_devices('GPU')
  number = config.num_devices or max(len(gpus), 1)
  _check(config, number, len(gpus), member)
  for gpu in gpus:
    tf.config.experimental.set_memory_growth(gpu, True)
  if member:
    return _multi_worker(member, gpus[:number])
  if number == 1:
    return tf.distribute.get_strategy()
  if gpus:
    return tf.distribute.MirroredStrategy([f'GPU:{i}' for i in range(number)])
  _split_cpu(number)
  return tf.distribute.MirroredStrategy([f'CPU:{i}' for i in range(number)])


def _check(config: TrainConfig, number: int, num_gpus: int, member: Member | None) -> None:
  if num_gpus and number > num_gpus:
    raise errors.ConfigError(
      f'--num_devices={number} (TrainConfig), but {num_gpus} GPUs were found. Ask for fewer.'
    )
  if member and number > 1 and not num_gpus:
    raise errors.ConfigError(
      f'--num_devices={number} (TrainConfig), but a worker named in TF_CONFIG trains on one CPU'
      ' device. Leave it out, and start more workers.'
    )
  combinations.check_replicas(config, number * len(member.addresses) if member else number)


def _multi_worker(
  member: Member, gpus: list[tf.config.PhysicalDevice]
) -> tf.distribute.MultiWorkerMirroredStrategy:
  if gpus:
    tf.config.set_visible_devices(gpus, 'GPU')
  resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
    tf.train.ClusterSpec({'worker': list(member.addresses)}),
    task_type='worker',
    task_id=member.index,
    num_accelerators={'GPU': len(gpus)},
    rpc_layer='grpc',
  )
  # Without a time-out, for which TensorFlow 2.21 has a thread sleep that long at each exchange of a
  # step: the heartbeat of its coordination service finds a worker that hangs.
  return tf.distribute.MultiWorkerMirroredStrategy(resolver)


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
