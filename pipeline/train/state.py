"""All that a training run must not lose."""

import dataclasses
import pathlib
import shutil
from collections.abc import Callable

import tensorflow as tf
import tf_keras

from pipeline import artifacts, errors, networks
from pipeline.config.train import TrainConfig
from pipeline.console import Console
from pipeline.networks import ModelSpec, Pair
from pipeline.train import checkpoint_list, optimizers
from pipeline.train.best_ratios import BestRatios
from pipeline.train.interval import Interval

_KEPT = 2  # checkpoints; the older one serves if the newer is damaged


@dataclasses.dataclass(frozen=True)
class TrainState:
  """Networks, optimisers, average and counters. The data position and all random numbers are
  functions of `step`, so they need no state of their own; the candidates for the best generator
  are files from the moment they are made."""

  pair: Pair
  average: tf_keras.Model  # exponential moving average of the generator
  generator_optimizer: tf_keras.optimizers.Optimizer
  discriminator_optimizer: tf_keras.optimizers.Optimizer
  augment_probability: tf.Variable  # float32
  rate_factor: tf.Variable  # float32, on both learning rates; below 1 after a rollback
  step: tf.Variable  # int64, steps of the run so far
  seconds: tf.Variable  # float64, training time so far
  waited_seconds: tf.Variable  # float64, how much of it was spent waiting for input
  interval: Interval  # what was measured since the last record
  best_ratios: BestRatios  # of the generator's images at the checks

  @classmethod
  def create(cls, spec: ModelSpec, config: TrainConfig, policy: str) -> 'TrainState':
    """Builds everything at its initial values, from the seed, in the current strategy's scope."""
    tf_keras.utils.set_random_seed(config.seed)
    tf_keras.mixed_precision.set_global_policy(policy)
    try:
      pair = networks.build(spec)
    finally:
      tf_keras.mixed_precision.set_global_policy('float32')
    twin = networks.build(spec)
    if policy == 'mixed_float16' and config.penalises_gradients:
      # The squared gradients of a penalty overflow float16 and collapse the loss scale.
      pair = dataclasses.replace(pair, discriminator=twin.discriminator)
    rate_factor = tf.Variable(1.0, trainable=False, name='rate_factor')
    step = tf.Variable(0, dtype=tf.int64, trainable=False, name='step')
    state = cls(
      pair=pair,
      average=twin.generator,
      generator_optimizer=optimizers.make(config, 'generator', policy, rate_factor, step),
      discriminator_optimizer=optimizers.make(config, 'discriminator', policy, rate_factor, step),
      augment_probability=tf.Variable(
        1.0 if config.augment == 'diffaugment' else 0.0, trainable=False, name='augment_probability'
      ),
      rate_factor=rate_factor,
      step=step,
      seconds=tf.Variable(0.0, dtype=tf.float64, trainable=False, name='seconds'),
      waited_seconds=tf.Variable(0.0, dtype=tf.float64, trainable=False, name='waited_seconds'),
      interval=Interval(),
      best_ratios=BestRatios(),
    )
    twin.generator.set_weights(pair.generator.get_weights())
    state.generator_optimizer.build(pair.generator.trainable_variables)
    state.discriminator_optimizer.build(pair.discriminator.trainable_variables)
    return state

  @property
  def steps_done(self) -> int:
    """`step` as a number; a mirrored variable is none."""
    return int(tf.convert_to_tensor(self.step))

  @property
  def seconds_done(self) -> float:
    """`seconds` as a number."""
    return float(tf.convert_to_tensor(self.seconds))

  @property
  def seconds_waited(self) -> float:
    """`waited_seconds` as a number."""
    return float(tf.convert_to_tensor(self.waited_seconds))

  def learning_rate(self, network: str) -> float:
    """The rate of the 'generator' or the 'discriminator' in its last update."""
    optimizer = getattr(self, f'{network}_optimizer')
    return float(tf.convert_to_tensor(optimizer.learning_rate))

  def checkpoint(self) -> tf.train.Checkpoint:
    """The state as TensorFlow saves it."""
    return tf.train.Checkpoint(
      generator=self.pair.generator,
      discriminator=self.pair.discriminator,
      average=self.average,
      generator_optimizer=self.generator_optimizer,
      discriminator_optimizer=self.discriminator_optimizer,
      augment_probability=self.augment_probability,
      step=self.step,
      seconds=self.seconds,
      waited_seconds=self.waited_seconds,
      interval=self.interval,
      best_ratios=self.best_ratios,
    )


class Checkpoints:
  """Saves the state in a folder and brings the newest readable one back."""

  def __init__(self, state: TrainState, folder: pathlib.Path, console: Console) -> None:
    self._folder, self._console = folder, console
    self._checkpoint = state.checkpoint()
    self._newest = self._manager(folder, _KEPT)
    self._healthy = self._manager(folder / 'healthy', 1)
    self._clear_away('*_temp', shutil.rmtree)
    self._clear_away('checkpoint.tmp*', pathlib.Path.unlink)

  def _manager(self, folder: pathlib.Path, number: int) -> tf.train.CheckpointManager:
    if checkpoint_list.mend(folder):
      self._console.warn(f'{folder}/checkpoint can not be read; what it lists counts by age')
    return tf.train.CheckpointManager(self._checkpoint, str(folder), max_to_keep=number)

  def _clear_away(self, pattern: str, remove: Callable[[pathlib.Path], None]) -> None:
    """Removes what a process left that was killed while it wrote."""
    for left in list(self._folder.rglob(pattern)):
      remove(left)

  def save(self) -> None:
    """Writes a checkpoint; older ones go only after it is complete.

    Raises:
      StorageError: it can't be written.
    """
    self._save(self._newest)

  def save_healthy(self) -> None:
    """Writes the one checkpoint to go back to when the generator collapses.

    Raises:
      StorageError: it can't be written.
    """
    self._save(self._healthy)

  def restore(self) -> bool:
    """Loads the newest checkpoint that can be read; False if there is none.

    Raises:
      ArtifactError: there are checkpoints and none can be read.
    """
    return self._restore(self._newest)

  def restore_older(self) -> None:
    """Loads the checkpoint before the newest, which counts no more; the newest if it is alone.

    Raises:
      ArtifactError: none can be read.
    """
    names = [pathlib.Path(path).name for path in self._newest.checkpoints]
    checkpoint_list.write(self._folder, names[:-1] or names)
    self._newest = self._manager(self._folder, _KEPT)
    self.restore()

  def restore_healthy(self) -> None:
    """Loads the last healthy checkpoint, which becomes the newest.

    Raises:
      ArtifactError: it can't be read.
    """
    self._restore(self._healthy)
    self.save()

  def _save(self, manager: tf.train.CheckpointManager) -> None:
    artifacts.check_is_there(self._folder.parent)  # TensorFlow would make it again, empty
    try:
      manager.save()
    except tf.errors.OpError as error:
      artifacts.check_is_there(self._folder.parent)
      reason = str(error.message).splitlines()[0]
      raise errors.StorageError(
        f'{self._folder} takes no new checkpoint ({reason}); the last one is kept. Mend the folder'
        ' or free some space; the same command goes on from there.'
      ) from error

  def _restore(self, manager: tf.train.CheckpointManager) -> bool:
    failure: Exception | None = None
    for path in reversed(manager.checkpoints):
      try:
        self._checkpoint.restore(path).assert_consumed()
        return True
      except Exception as error:  # TensorFlow raises IndexError, OpError, … by the kind of damage
        failure = error
        reason = str(error).splitlines()[0][:120]
        self._console.warn(f'{path} can not be read ({reason}); trying the one before it')
    if failure:
      raise errors.ArtifactError(
        f'{self._folder}: no checkpoint can be read. Move {self._folder.parent} away to train anew.'
      ) from failure
    return False
