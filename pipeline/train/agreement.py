"""Decisions that all workers must make alike, or their collectives wait for each other for ever."""

import contextlib
import re
from collections.abc import Iterator

import tensorflow as tf

from pipeline import errors
from pipeline.train.cluster import Member


class Agreement:
  """What a clock, a measurement or a signal tells one worker, told to all by a collective."""

  def __init__(self, strategy: tf.distribute.Strategy, member: Member | None) -> None:
    self._strategy, self._member = strategy, member

  @property
  def is_needed(self) -> bool:
    """Whether there are other workers."""
    return self._member is not None

  def any(self, flag: bool) -> bool:
    """Whether it is so for any worker."""
    return self._total(int(flag)) > 0

  def chiefs(self, number: int) -> int:
    """The chief's number."""
    return self._total(number if self._member is None or self._member.is_chief else 0)

  def check_same_step(self, step: int) -> None:
    """Refuses to train from different checkpoints.

    Raises:
      TrainingError: the chief is at another step.
    """
    chiefs = self.chiefs(step)
    if self.any(step != chiefs):
      raise errors.TrainingError(
        f'this worker is at step {step} and the chief at step {chiefs} (train). Put --run_dir on'
        ' storage that all workers share.'
      )

  def _total(self, number: int) -> int:
    """The sum over the workers."""
    if self._member is None:
      return number
    return int(self._sum(tf.constant(number, tf.int64)))

  @tf.function
  def _sum(self, number: tf.Tensor) -> tf.Tensor:
    return self._strategy.experimental_local_results(self._strategy.run(self._add, [number]))[0]

  def _add(self, number: tf.Tensor) -> tf.Tensor:
    """In a replica: the sum over the first replica of each worker."""
    context = tf.distribute.get_replica_context()
    local = context.replica_id_in_sync_group % len(self._strategy.extended.worker_devices)
    mine = tf.where(tf.equal(local, 0), number, tf.zeros_like(number))
    return context.all_reduce(tf.distribute.ReduceOp.SUM, mine)


@contextlib.contextmanager
def lost_worker_named(member: Member) -> Iterator[None]:
  """Turns what TensorFlow says when a collective can not be finished into one line.

  Raises:
    TrainingError: a worker hangs, or can not be reached, though its process may be there.
  """
  try:
    yield
  except (
    tf.errors.UnavailableError,
    tf.errors.DeadlineExceededError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
  ) as error:
    found = re.search(r'/task:(\d+)', str(error))
    name = member.name(int(found[1])) if found else 'another worker'
    raise errors.TrainingError(
      f'{name} stopped answering (train, {type(error).__name__}). Start the same command on all'
      ' workers again to go on from the last checkpoint.'
    ) from error
