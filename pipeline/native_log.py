"""A home for what C++ libraries write to standard error, so that a terminal shows the run alone."""

import contextlib
import os
import pathlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def redirected(path: pathlib.Path) -> Iterator[None]:
  """Sends file descriptor 2 to a log file; Python's own `sys.stderr` stays where it was.

  TensorFlow, XLA and oneDNN write there from C++, past every Python filter. Worker processes
  inherit the log.

  Args:
    path: file to append to.
  """
  terminal = os.dup(2)
  stderr, sys.stderr = sys.stderr, os.fdopen(os.dup(2), 'w', buffering=1)
  try:
    with path.open('a') as log:
      os.dup2(log.fileno(), 2)
    yield
  finally:
    os.dup2(terminal, 2)
    os.close(terminal)
    sys.stderr.close()
    sys.stderr = stderr
