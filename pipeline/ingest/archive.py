"""Members of a .tar.gz read into memory by their exact names; nothing is written to disk."""

import gzip
import pathlib
import tarfile
import zlib
from collections.abc import Collection
from typing import Any

from pipeline import errors
from pipeline.ingest.source import unreadable

_MAX_MEMBER_BYTES = 1 << 28
_MAX_ARCHIVE_BYTES = 1 << 30  # unpacked


def read_members(path: pathlib.Path, names: Collection[str]) -> dict[str, bytes]:
  """Reads the regular files called `names`; links and all other members are passed over.

  Raises:
    DataError: an archive that is unreadable, damaged or unpacks to too much; a name it lacks.
  """
  found: dict[str, bytes] = {}
  try:
    with gzip.open(path) as unpacked, _open_tar(_Bounded(unpacked, path)) as tar:
      for member in tar:
        name = member.name.removeprefix('./')
        if name in names and member.isreg():
          found[name] = _read(tar, member, path)
        if len(found) == len(names):
          break
  except (gzip.BadGzipFile, tarfile.TarError, EOFError, zlib.error, ValueError) as error:
    raise _broken(path, error) from error
  except OSError as error:
    raise unreadable(path, error) from error
  missing = sorted(set(names) - found.keys())
  if missing:
    raise errors.DataError(f'{path} has no {missing[0]}. Replace it by the published archive.')
  return found


class _Bounded:
  """A stream that ends in an error rather than unpack a bomb."""

  def __init__(self, stream: gzip.GzipFile, path: pathlib.Path) -> None:
    self._stream, self._path = stream, path
    self._left = _MAX_ARCHIVE_BYTES

  def read(self, num_bytes: int) -> bytes:
    self._left -= num_bytes
    if self._left < 0:
      raise _too_large(self._path, f'unpacks to more than {_MAX_ARCHIVE_BYTES} bytes')
    return self._stream.read(num_bytes)


def _open_tar(stream: Any) -> tarfile.TarFile:
  return tarfile.open(fileobj=stream, mode='r|')  # as a stream: it is read once and never sought


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo, path: pathlib.Path) -> bytes:
  if member.size > _MAX_MEMBER_BYTES:
    raise _too_large(path, f'has {member.size} bytes in {member.name}')
  stream: Any = tar.extractfile(member)
  data = stream.read()
  if len(data) != member.size:
    raise tarfile.ReadError(f'{member.name} is cut off')
  return data


def _too_large(path: pathlib.Path, problem: str) -> errors.DataError:
  return errors.DataError(f'{path} {problem}. Replace it by the published archive.')


def _broken(path: pathlib.Path, error: Exception) -> errors.DataError:
  reason = ' '.join(str(error).split()) or type(error).__name__
  return errors.DataError(
    f'{path} is no whole .tar.gz file ({reason}). Replace it by the published archive.'
  )
