"""An event loop in a thread, for the blocking calls of all clients of a process.

Only there can a call be ended in time wherever it is: blocking sockets have a timeout for each part
of an answer, and none for the look-up of a name.
"""

import asyncio
import functools
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar('_T')


class LoopThread:
  """Runs coroutines of any thread, as long as the process lives."""

  def __init__(self) -> None:
    self._loop = asyncio.new_event_loop()
    threading.Thread(target=self._loop.run_forever, name=__name__, daemon=True).start()

  def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
    """The result of a coroutine, which is cancelled if the wait for it is interrupted."""
    future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
    try:
      return future.result()
    finally:
      future.cancel()


@functools.cache
def shared() -> LoopThread:
  """The one of this process; a process that is forked has none of the threads before."""
  return LoopThread()


os.register_at_fork(after_in_child=shared.cache_clear)
