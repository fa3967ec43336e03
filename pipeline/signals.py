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
  received: list[int] = []

  def stop(number: int, _: FrameType | None) -> None:
    received.append(number)
    raise _Stop

  try:
    with _handlers(stop):
      yield
  except _Stop as error:
    raise _interrupted(received[0]) from error
  if received:  # something has caught even that
    raise _interrupted(received[0])


def _interrupted(number: int) -> errors.Interrupted:
  """What is not committed is made again."""
  return errors.Interrupted(
    f'stopped by {signal.Signals(number).name}. Finished stages are kept; the same command goes on.'
  )


@contextlib.contextmanager
def stop_requested() -> Iterator[threading.Event]:
  """An event that either signal sets, for work that saves before it stops."""
  event = threading.Event()
  with _handlers(lambda *_: event.set()):
    yield event


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
