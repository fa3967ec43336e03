"""SIGINT and SIGTERM as one request to stop."""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

from pipeline import errors

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_PATIENCE_S = 5.0  # with a call into C++, which Python can't leave
_PAUSE_S = 0.01  # for a finalizer to be left


class _Stop(BaseException):
  """Passes through code that catches every `Exception`, as TensorFlow's tracing does."""

  def __init__(self, number: int) -> None:
    super().__init__(_said(number))
    self.number = number


@contextlib.contextmanager
def handled_by_raising() -> Iterator[None]:
  """Turns both signals into `Interrupted` while the body runs, or after it at the latest.

  Where a call into C++ lasts, as when XLA compiles, the process ends as if that had been raised.
  """
  received: list[str] = []

  def stop(number: int, _: FrameType | None) -> None:
    received.append(_said(number))
    raise _Stop(number)

  try:
    with _watched(received) as wakeup, _handlers(stop, wakeup), _sent_again_if_lost():
      yield
  except _Stop as error:
    raise errors.Interrupted(str(error)) from error
  if received:  # something has caught even that
    raise errors.Interrupted(received[0])


def _said(number: int) -> str:
  name = signal.Signals(number).name
  return f'stopped by {name}. Finished stages are kept; the same command goes on.'


@contextlib.contextmanager
def _sent_again_if_lost() -> Iterator[None]:
  """Python ignores what is raised in a finalizer or in the callback of a weak reference."""
  hook, timers = sys.unraisablehook, list[threading.Timer]()

  def lost(unraisable: 'sys.UnraisableHookArgs') -> None:
    if not isinstance(unraisable.exc_value, _Stop):
      return hook(unraisable)
    whom = threading.main_thread().ident, unraisable.exc_value.number
    timers.append(threading.Timer(_PAUSE_S, signal.pthread_kill, whom))
    timers[-1].start()

  sys.unraisablehook = lost
  try:
    yield
  finally:
    sys.unraisablehook = hook
    for timer in timers:
      timer.cancel()
      timer.join()


@contextlib.contextmanager
def _watched(received: list[str]) -> Iterator[int]:
  """Gives a file descriptor that is told of a signal before Python handles it."""
  reader, writer = os.pipe()
  os.set_blocking(writer, False)
  threading.Thread(target=_end_if_stuck, args=(reader, received), daemon=True).start()
  try:
    yield writer
  finally:
    os.close(writer)


def _end_if_stuck(reader: int, received: list[str]) -> None:
  """Ends the process if a signal is not handled in time; returns when the body has ended."""
  while (number := os.read(reader, 1)) and number[0] not in _SIGNALS:
    pass
  if number:
    time.sleep(_PATIENCE_S)
    if not received:
      print(f'{errors.Interrupted.__name__}: {_said(number[0])}', file=sys.stderr, flush=True)
      os._exit(errors.Interrupted.exit_code)
  while os.read(reader, 1):  # a pipe that nobody reads would be an error to Python
    pass
  os.close(reader)


@contextlib.contextmanager
def stop_requested() -> Iterator[threading.Event]:
  """An event that either signal sets, for work that saves before it stops.

  A signal that came too late for the body, which ends as if there were none, is sent again.
  """
  event = threading.Event()
  received: list[int] = []

  def note(number: int, _: FrameType | None) -> None:
    received.append(number)
    event.set()

  with _handlers(note):
    yield event
  if received:
    signal.raise_signal(received[0])


@contextlib.contextmanager
def held_back() -> Iterator[None]:
  """Neither signal reaches this thread in the body, nor a process that is started in it.

  What came is delivered afterwards; the process has to call `ignore`.
  """
  old = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
  try:
    yield
  finally:
    signal.pthread_sigmask(signal.SIG_SETMASK, old)


def ignore() -> None:
  """Has this process ignore both signals, those that were held back from it, too."""
  for number in _SIGNALS:
    signal.signal(number, signal.SIG_IGN)
  signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


@contextlib.contextmanager
def _handlers(handler: object, wakeup: int = -1) -> Iterator[None]:
  if threading.current_thread() is not threading.main_thread():
    yield  # only the main thread may set handlers; the caller's own stay in force
    return
  old_wakeup = signal.set_wakeup_fd(wakeup)
  old = {number: signal.signal(number, handler) for number in _SIGNALS}  # type: ignore[arg-type]
  try:
    yield
  finally:
    signal.set_wakeup_fd(old_wakeup)
    for number, previous in old.items():
      signal.signal(number, previous)
