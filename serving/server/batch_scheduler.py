"""Queues of requests that wait to be computed together, and the threads that compute them.

A batch is taken when a thread is free and the batch is full, or has waited as long as it may. While
all threads are busy, batches fill up.
"""

import concurrent.futures
import dataclasses
import itertools
import logging
import threading
import time
from collections.abc import Callable

from serving.server.batching_parameters import Parameters
from serving.server.errors import Code, ServingError, invalid
from serving.server.servable import Arrays

_log = logging.getLogger(__name__)


@dataclasses.dataclass
class Task:
  """Rows of one request."""

  inputs: Arrays
  num_rows: int
  deadline_s: float | None  # monotonic
  queued_s: float = dataclasses.field(default_factory=time.monotonic)
  outputs: concurrent.futures.Future[Arrays] = dataclasses.field(
    default_factory=concurrent.futures.Future
  )

  def split(self, first: int, most: int) -> 'list[Task]':
    """Parts in their order: of `first` rows, unless that is 0, of `most` rows, and the rest."""
    bounds = sorted({0, *range(first, self.num_rows, most), self.num_rows})
    return [
      Task(
        {name: array[start:end] for name, array in self.inputs.items()},
        end - start,
        self.deadline_s,
        self.queued_s,
      )
      for start, end in itertools.pairwise(bounds)
    ]


class Batch:
  """Tasks that are computed together."""

  def __init__(self) -> None:
    self.tasks: list[Task] = []
    self.num_rows, self.opened_s = 0, time.monotonic()


class Scheduler:
  """Threads that serve all queues in turn, for as long as the process lives."""

  def __init__(self, num_threads: int) -> None:
    self._changed = threading.Condition()
    self._queues: list[Queue] = []
    for i in range(num_threads):
      threading.Thread(target=self._run, name=f'batches {i}', daemon=True).start()

  def queue(self, parameters: Parameters, compute: Callable[[list[Task]], None]) -> 'Queue':
    """A new queue; `compute` settles the outputs of its tasks, or raises for all of them."""
    queue = Queue(self._changed, parameters, compute)
    with self._changed:
      self._queues.append(queue)
    return queue

  def remove(self, queue: 'Queue') -> None:
    """Forgets a queue; who still waits in it gets UNAVAILABLE."""
    with self._changed:
      self._queues.remove(queue)
      tasks = [task for batch in queue.batches for task in batch.tasks]
    for task in tasks:
      task.outputs.set_exception(ServingError(Code.UNAVAILABLE, 'The model is being unloaded.'))

  def _run(self) -> None:
    while True:
      _process(*self._take())

  def _take(self) -> tuple['Queue', Batch]:
    """Waits for the next batch that may be computed."""
    with self._changed:
      while True:
        for i, queue in enumerate(self._queues):
          if queue.is_due():
            self._queues.append(self._queues.pop(i))  # the others come first next time
            return queue, queue.batches.pop(0)
        self._changed.wait(min((q.wait_s() for q in self._queues if q.batches), default=None))


class Queue:
  """Batches of requests for the same inputs and outputs; made by `Scheduler.queue`."""

  def __init__(
    self,
    changed: threading.Condition,
    parameters: Parameters,
    compute: Callable[[list[Task]], None],
  ) -> None:
    self.batches: list[Batch] = []
    self.compute = compute
    self._changed, self._parameters = changed, parameters

  def add(self, task: Task) -> list[Task]:
    """Puts a request in, or nothing of it.

    Returns:
      Its parts, in their order, each with outputs of its own. Where large requests are split, they
      fill the batch that is open first; else there is one.

    Raises:
      ServingError: INVALID_ARGUMENT, it has more rows than a batch; UNAVAILABLE, there is no room.
    """
    limit, split = self._parameters.max_batch_size, self._parameters.split_large_requests
    if task.num_rows > limit and not split:
      raise invalid(f'Task size {task.num_rows} is larger than maximum input batch size {limit}')
    with self._changed:
      before, most = len(self.batches), self._parameters.max_enqueued_batches
      tail = self.batches[-1].num_rows if self.batches else limit
      free = limit - tail
      capacity = free + limit * (most - before)
      if split and task.num_rows > capacity:
        raise _full(
          f'task size is {task.num_rows} but scheduling capacity is only {capacity}'
          f' (num_enqueued_batches={before}, max_enqueued_batches={most},'
          f' open_batch_size={tail if before else 0}, max_execution_batch_size={limit})'
        )
      if not split and task.num_rows > free and before >= most:
        raise _full(f'currently {before} batches enqueued and max_enqueued_batches is {most}')
      parts = task.split(free, limit) if split else [task]
      for part in parts:
        self._put(part)
      self._changed.notify_all()
    return parts

  def is_due(self) -> bool:
    """Whether the first batch may be computed now."""
    return bool(self.batches) and self.wait_s() <= 0

  def wait_s(self) -> float:
    """Seconds until the first batch is due, if nothing else comes."""
    first = self.batches[0]
    if len(self.batches) > 1 or first.num_rows >= self._parameters.max_batch_size:
      return 0.0
    return first.opened_s + self._parameters.timeout_s - time.monotonic()

  def _put(self, task: Task) -> None:
    limit = self._parameters.max_batch_size
    if not self.batches or self.batches[-1].num_rows + task.num_rows > limit:
      self.batches.append(Batch())
    self.batches[-1].tasks.append(task)
    self.batches[-1].num_rows += task.num_rows


def _full(why: str) -> ServingError:
  text = f'The batch scheduling queue to which this task was submitted is full; {why}'
  return ServingError(Code.UNAVAILABLE, text)


def _process(queue: Queue, batch: Batch) -> None:
  """Computes a batch; every task is settled afterwards."""
  try:
    queue.compute(batch.tasks)
  except ServingError as error:
    _fail(batch, error)
  except Exception as error:  # a defect: nobody may wait for ever
    _log.exception('A batch could not be computed')
    _fail(batch, error)


def _fail(batch: Batch, error: Exception) -> None:
  for task in batch.tasks:
    if not task.outputs.done():
      task.outputs.set_exception(error)
