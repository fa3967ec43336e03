"""What C++ libraries say on every call, kept from the terminal."""

import contextlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def caught() -> Iterator[tempfile._TemporaryFileWrapper]:
  """Sends what C++ code writes to standard error to a temporary file, which is given."""
  sys.stderr.flush()
  saved = os.dup(2)
  with tempfile.TemporaryFile() as log, warnings.catch_warnings():
    # The converter calibrates with the interpreter that it tells others not to use.
    warnings.filterwarnings('ignore', r'\s*Warning: tf\.lite\.Interpreter is deprecated')
    os.dup2(log.fileno(), 2)
    try:
      yield log  # type: ignore[misc]
    finally:
      sys.stderr.flush()
      os.dup2(saved, 2)
      os.close(saved)
