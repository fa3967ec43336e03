import asyncio
import inspect
import sys
import time

import pytest

from serving.client.loop_thread import LoopThread


async def num_others() -> int:
  return len(asyncio.all_tasks()) - 1


async def failing() -> None:
  raise ValueError('as told')


def interrupted_at(line: int) -> tuple[LoopThread, bool]:
  """A thread whose `run` was interrupted at its n-th line, and whether it waited already."""
  thread, num_lines, waits = LoopThread(), 0, False

  def trace(frame, event, _):
    nonlocal num_lines, waits
    if frame.f_code is not LoopThread.run.__code__:
      return None
    if event == 'line':
      if num_lines == line:
        waits = bool(asyncio.run_coroutine_threadsafe(num_others(), thread._loop).result(60))
        raise KeyboardInterrupt
      num_lines += 1
    return trace

  endless = asyncio.sleep(3600)
  before = sys.gettrace()
  sys.settrace(trace)
  try:
    with pytest.raises(KeyboardInterrupt):
      thread.run(endless)
  finally:
    sys.settrace(before)
  if inspect.getcoroutinestate(endless) == inspect.CORO_CREATED:
    endless.close()
  return thread, waits


def test_nothing_goes_on_wherever_the_wait_is_interrupted():
  line, waits = 0, False
  while not waits:
    thread, waits = interrupted_at(line)
    end_s = time.monotonic() + 60
    while thread.run(num_others()):
      assert time.monotonic() < end_s
    line += 1
  assert line > 1


def test_results_and_errors_are_passed_on():
  thread = LoopThread()
  assert thread.run(num_others()) == 0
  with pytest.raises(ValueError, match='as told'):
    thread.run(failing())
