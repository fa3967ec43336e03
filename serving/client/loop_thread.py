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
    waiting: futures.Future[None] = futures.Future()
    try:  # before the coroutine is handed over: Ctrl-C may come right after
      result = asyncio.run_coroutine_threadsafe(_while(waiting, coroutine), self._loop)
      return result.result()
    finally:
      waiting.cancel()


async def _while(waiting: futures.Future[None], coroutine: Coroutine[Any, Any, _T]) -> _T:
  """The result of a coroutine, which is cancelled as soon as nobody waits for it."""
  task, loop = asyncio.current_task(), asyncio.get_running_loop()
  assert task is not None, 'a coroutine runs in a task'

  def give_up(_: object) -> None:
    if not task.done():
      loop.call_soon_threadsafe(task.cancel)

  waiting.add_done_callback(give_up)
  return await coroutine


@functools.cache
def shared() -> LoopThread:
  """The one of this process; a process that is forked has none of the threads before."""
  return LoopThread()


os.register_at_fork(after_in_child=shared.cache_clear)
