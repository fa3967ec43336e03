"""SIGINT and SIGTERM as one request to stop."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from pipeline import errors

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _Stop(BaseException):
  """Passes through code that catches every `Exception`, as TensorFlow's tracing does."""


@contextlib.contextmanager
def handled_by_raising() -> Iterator[None]:
  """Turns both signals into `Interrupted` while the body runs, or after it at the latest."""
  received: list[str] = []

  def stop(number: int, _: FrameType | None) -> None:
    name = signal.Signals(number).name
    received.append(f'stopped by {name}. Finished stages are kept; the same command goes on.')
    raise _Stop(received[-1])

  try:
    with _handlers(stop):
      yield
  except _Stop as error:
    raise errors.Interrupted(str(error)) from error
  if received:  # something has caught even that
    raise errors.Interrupted(received[0])


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
def _handlers(handler: object) -> Iterator[None]:
  if threading.current_thread() is not threading.main_thread():
    yield  # only the main thread may set handlers; the caller's own stay in force
    return
  old = {number: signal.signal(number, handler) for number in _SIGNALS}  # type: ignore[arg-type]
  try:
    yield
  finally:
    for number, previous in old.items():
      signal.signal(number, previous)
