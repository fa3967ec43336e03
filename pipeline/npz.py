"""Opens .npz files, so that a damaged one is one clear line."""

import contextlib
import pathlib
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np

from pipeline import errors

_DAMAGE = (OSError, KeyError, ValueError, TypeError, EOFError, zlib.error, zipfile.BadZipFile)


@contextlib.contextmanager
def opened(path: pathlib.Path, what: str) -> Iterator[np.lib.npyio.NpzFile]:
  """The arrays of an .npz file, never unpickled.

  Args:
    path: of the file.
    what: the file should be, for the message.

  Raises:
    ArtifactError: the file is missing or damaged, or the body finds something else in it.
  """
  try:
    # Opened here because np.load leaves a damaged file open.
    with path.open('rb') as file, np.load(file, allow_pickle=False) as arrays:
      yield arrays
  except _DAMAGE as error:
    raise errors.ArtifactError(
      f'{path} is no {what}: {error}. Restore it, or run the stage that made it again.'
    ) from error
