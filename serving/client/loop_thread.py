"""An event loop in a thread, for the blocking calls of all clients of a process.

Only there can a call be ended in time wherever it is: blocking sockets have a timeout for each part
of an answer, and none for the look-up of a name.
"""

import asyncio
import functools
import os
import threading
from collections.abc import Coroutine
from concurrent import futures
from typing import Any, TypeVar

_T = TypeVar('_T')


class LoopThread:
  """Runs coroutines of any thread, as long as the process lives."""

  def __init__(self) -> None:
    self._loop = asyncio.new_event_loop()
    threading.Thread(target=self._loop.run_forever, name=__name__, daemon=True).start()

  def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
    """The result of a coroutine, which is cancelled if the wait for it is interrupted."""
    result: futures.Future[_T] = futures.Future()
    try:  # asyncio.run_coroutine_threadsafe starts it before there is a future to cancel
      self._loop.call_soon_threadsafe(_start, coroutine, result)
      return result.result()
    finally:
      result.cancel()


def _start(coroutine: Coroutine[Any, Any, _T], result: futures.Future[_T]) -> None:
  """In the event loop: a task that is cancelled with `result`."""
  loop = asyncio.get_running_loop()
  task = loop.create_task(coroutine)
  task.add_done_callback(lambda _: _settle(task, result))
  result.add_done_callback(lambda _: result.cancelled() and loop.call_soon_threadsafe(task.cancel))


def _settle(task: asyncio.Task[_T], result: futures.Future[_T]) -> None:
  """Takes over how the task ended, unless nobody waits for it any longer."""
  if task.cancelled():
    result.cancel()
    return
  error = task.exception()
  if result.set_running_or_notify_cancel():
    if error:
      result.set_exception(error)
    else:
      result.set_result(task.result())


@functools.cache
def shared() -> LoopThread:
  """The one of this process; a process that is forked has none of the threads before."""
  return LoopThread()


os.register_at_fork(after_in_child=shared.cache_clear)
