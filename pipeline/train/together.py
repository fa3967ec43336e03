"""Training in step with other workers, in a process of its own.

TensorFlow can not leave a cluster: it hangs in a collective, or aborts the process, when another
worker is lost, and keeps what it knows of the cluster to the end of the process. So a child trains,
and its parent, which has nothing to do with the cluster, watches it and the other workers.
"""

import contextlib
import multiprocessing
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, TypeVar

from pipeline import errors, signals
from pipeline.train.peers import Peers

_POLL_S = 0.5
_REASON_S = 5.0  # for the loss of a worker to be heard of, when it has stopped TensorFlow first
_ALL_ENDED_S = 60.0  # from the first worker's end to the last one's
_SPAWN = multiprocessing.get_context('spawn')
_Outcome = TypeVar('_Outcome', bound=Exception | None)


def run(peers: Peers, function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
  """Runs `function(*arguments)`, of which every worker runs its own, to the end of all.

  SIGINT and SIGTERM are passed on, again and again until the function heeds them.

  Raises:
    TrainingError: another worker failed or is gone, or the process died.
    Interrupted: the process died of a signal, or the function was through before it could heed one.
    ForgelineError: what the function raised.
  """
  ours, theirs = _SPAWN.Pipe()
  process = _SPAWN.Process(target=_child, args=(theirs, function, arguments))
  try:
    with signals.stop_requested() as stop:
      resource_tracker.ensure_running()  # its start, within the child's, would not hold them back
      with signals.held_back():
        process.start()
      theirs.close()
      outcome = _outcome(process, ours, peers, stop)
      if outcome and not isinstance(outcome, errors.Interrupted):
        raise outcome
      peers.say()
      _wait_for_all(peers)
      if outcome:
        raise outcome
  finally:
    process.kill()  # if it is still there, it waits for this
    process.join()


def _outcome(
  process: SpawnProcess, pipe: Connection, peers: Peers, stop: threading.Event
) -> Exception | None:
  """What the child has raised; None if it is through."""
  is_ready, deadline_s = False, float('inf')
  while time.monotonic() < deadline_s:
    wait([pipe, *peers.connections], _POLL_S)
    if peers.hear():
      deadline_s = min(deadline_s, time.monotonic() + _ALL_ENDED_S)
    if pipe.poll():
      try:
        message = pipe.recv()
      except (EOFError, OSError) as error:
        raise _explained(_death(process, stop), peers) from error
      if message != 'ready':
        return _explained(message, peers)
      is_ready = True
    if is_ready and stop.is_set():
      process.terminate()
  return errors.TrainingError(
    f'{peers.member.name()} was not through {_ALL_ENDED_S:g} s after another worker (train). Start'
    ' the same command on all workers again to go on from the last checkpoint.'
  )


def _death(process: SpawnProcess, stop: threading.Event) -> errors.ForgelineError:
  """Why the child is gone without a word."""
  process.join()
  kind = errors.Interrupted if stop.is_set() else errors.TrainingError
  return kind(
    f'the training process died with exit code {process.exitcode} (train). Start the same command'
    ' on all workers again to go on from the last checkpoint.'
  )


def _explained(outcome: _Outcome, peers: Peers) -> _Outcome:
  """The outcome, unless it is a mere consequence of what happened to another worker."""
  if not isinstance(outcome, (errors.TrainingError, RuntimeError)):
    return outcome
  deadline_s = time.monotonic() + _REASON_S
  while (left_s := deadline_s - time.monotonic()) > 0 and peers.connections:
    wait(peers.connections, left_s)
    peers.hear()
  return outcome


def _wait_for_all(peers: Peers) -> None:
  """A child that went first would take TensorFlow's connections from under the others."""
  deadline_s = time.monotonic() + _ALL_ENDED_S
  while (left_s := deadline_s - time.monotonic()) > 0 and peers.connections:
    wait(peers.connections, left_s)
    with contextlib.suppress(errors.ForgelineError):  # this worker's own work is done
      peers.hear()
      continue
    return


def _child(pipe: Connection, function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
  """Runs the function and says how it ended, then waits to be ended."""
  signals.ignore()  # the function heeds them where all workers can
  threading.Thread(target=_end_with_parent, daemon=True).start()
  pipe.send('ready')
  outcome: Exception | None = None
  try:
    function(*arguments)
  except errors.ForgelineError as error:
    outcome = error
  except Exception:
    outcome = RuntimeError(f'in the training process:\n{traceback.format_exc()}')
  sys.stdout.flush()
  pipe.send(outcome)
  pipe.poll(None)


def _end_with_parent() -> None:
  """A child that outlived its parent would train on unseen."""
  parent = multiprocessing.parent_process()
  assert parent, 'only children run this'
  parent.join()
  os._exit(1)
