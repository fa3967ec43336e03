"""A model that computes the requests of several clients together."""

import bisect
import threading
import time
from collections.abc import Iterable, Sequence

from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

from serving.server import batch_arrays
from serving.server.batch_scheduler import Queue, Scheduler, Task
from serving.server.batching_parameters import Parameters
from serving.server.errors import Code, ServingError
from serving.server.metrics import Metrics
from serving.server.servable import Arrays, Servable

_Names = frozenset[tuple[str, str]]  # in a signature and in the graph
_Key = tuple[_Names, _Names]  # what goes in and comes out


class Batched(Servable):
  """Answers as `inner`, which it owns, with a queue for each set of inputs and outputs."""

  def __init__(
    self, inner: Servable, scheduler: Scheduler, parameters: Parameters, metrics: Metrics
  ) -> None:
    super().__init__(inner.name, inner.version, inner.signatures)
    self._inner, self._scheduler, self._parameters = inner, scheduler, parameters
    self._metrics = metrics
    self._queues: dict[tuple, Queue] = {}
    self._lock, self._freed = threading.Lock(), False
    self._declared = {_key(s, s.inputs, s.outputs) for s in inner.signatures.values()}

  def run(
    self,
    signature: SignatureDef,
    inputs: Arrays,
    outputs: Sequence[str],
    deadline_s: float | None = None,
  ) -> Arrays:
    """As in `Servable`; outputs need a row for each of the inputs.

    Requests for other tensors than a whole signature's are computed alone, as in TF Serving.

    Raises:
      ServingError: INVALID_ARGUMENT, the inputs have no common first dimension or too many rows;
        UNAVAILABLE, the queue is full or the model is freed; RESOURCE_EXHAUSTED, the deadline
        passed in the queue; FAILED_PRECONDITION, requests do not fit each other, or outputs the
        rows; or as in `Servable`.
    """
    if _key(signature, inputs, outputs) not in self._declared:
      return self._inner.run(signature, inputs, outputs, deadline_s)
    num_rows = batch_arrays.num_rows(inputs)
    if not num_rows:
      return self._inner.run(signature, inputs, outputs, deadline_s)
    self._metrics.request_in_queue(num_rows, len(inputs))
    task = Task(inputs, num_rows, deadline_s)
    with self._lock:  # or `free` might remove the queue before the task is in it
      tasks = self._queue(signature, inputs, outputs).add(task)
    parts = [task.outputs.result() for task in tasks]
    if len(parts) == 1:
      return parts[0]
    return batch_arrays.merge(parts, padded_rows=num_rows, pad_lengths=False)

  def free(self) -> None:
    """Frees the model behind it."""
    with self._lock:
      self._freed = True
      for queue in self._queues.values():
        self._scheduler.remove(queue)
      self._queues.clear()
    self._inner.free()

  def _queue(self, signature: SignatureDef, inputs: Arrays, outputs: Sequence[str]) -> Queue:
    if self._freed:
      raise ServingError(Code.UNAVAILABLE, 'The model is being unloaded.')
    # Types are in the key: a request with a wrong one fails alone.
    types = tuple(sorted((name, array.dtype.str) for name, array in inputs.items()))
    key = (*_key(signature, inputs, outputs), types)

    def compute(tasks: list[Task]) -> None:
      self._compute(signature, tasks, outputs)

    if key not in self._queues:
      self._queues[key] = self._scheduler.queue(self._parameters, compute)
    return self._queues[key]

  def _compute(self, signature: SignatureDef, tasks: list[Task], outputs: Sequence[str]) -> None:
    self._check_waits(tasks)
    sizes = [task.num_rows for task in tasks]
    padded_rows = _round_up(sum(sizes), self._parameters.allowed_batch_sizes)
    self._metrics.batch(sum(sizes), padded_rows)
    inputs = batch_arrays.merge(
      [task.inputs for task in tasks],
      padded_rows=padded_rows,
      pad_lengths=self._parameters.pad_variable_length_inputs,
    )
    arrays = self._inner.run(signature, inputs, outputs)
    self._metrics.wrapped_run_count.add()
    for task, part in zip(tasks, batch_arrays.split(arrays, sizes, padded_rows), strict=True):
      task.outputs.set_result(part)

  def _check_waits(self, tasks: list[Task]) -> None:
    now_s = time.monotonic()
    for task in tasks:
      self._metrics.queuing_latency.observe((now_s - task.queued_s) * 1e6, '')
    if all(task.deadline_s is not None and task.deadline_s <= now_s for task in tasks):
      message = 'Run() timeout exceeded while waiting in batching queue'
      raise ServingError(Code.RESOURCE_EXHAUSTED, message)


def _key(signature: SignatureDef, inputs: Iterable[str], outputs: Iterable[str]) -> _Key:
  return (
    frozenset((name, signature.inputs[name].name) for name in inputs),
    frozenset((name, signature.outputs[name].name) for name in outputs),
  )


def _round_up(size: int, allowed: Sequence[int]) -> int:
  return allowed[bisect.bisect_left(allowed, size)] if allowed else size
