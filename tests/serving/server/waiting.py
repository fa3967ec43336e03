"""Tests wait for what other threads and processes do, however slow the machine is."""

import time
from collections.abc import Callable

_LONGEST_S = 120


def wait_until(condition: Callable[[], object], what: object = '') -> None:
  """Fails after two minutes, naming what did not come."""
  end_s = time.monotonic() + _LONGEST_S
  while not condition():
    assert time.monotonic() < end_s, what
    time.sleep(0.001)
