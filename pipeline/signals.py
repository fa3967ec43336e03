"""SIGINT and SIGTERM as one request to stop."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from pipeline import errors

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def raise_interrupted(number: int, _: FrameType | None) -> None:
  """A handler that stops at once; what is not committed is made again."""
  raise errors.Interrupted(
    f'stopped by {signal.Signals(number).name}. Finished stages are kept; the same command goes on.'
  )


@contextlib.contextmanager
def handled_by_raising() -> Iterator[None]:
  """Turns both signals into `Interrupted` while the body runs."""
  try:
    with _handlers(raise_interrupted):
      yield
  except errors.Interrupted as error:
    # Where TensorFlow traces code it raises the error again, below lines that tell where it was.
    *_, last = (line.strip() for line in str(error).splitlines() if line.strip())
    raise errors.Interrupted(last.removeprefix(f'{type(error).__name__}: ')) from error


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
