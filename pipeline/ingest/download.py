"""Verified downloads into a cache folder."""

import contextlib
import dataclasses
import gzip
import hashlib
import http.client
import os
import pathlib
import tempfile
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Sequence
from typing import BinaryIO

from pipeline import errors

_TIMEOUT_S = 30.0  # of one connection or read, not of the whole download
_MIN_BYTES_PER_S = 10_000  # of the whole: a mirror that drips would hold up the next one for ever
_CHUNK_BYTES = 1 << 18
_MAX_GZIP_OVERHEAD_BYTES = 1 << 16  # a gzip file is hardly longer than what it holds


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pin:
  """What a file must be."""

  num_bytes: int
  sha256: str  # hex
  unpacked: bool = False  # of what the gzip file holds: mirrors may compress the same differently


class _RefusedError(Exception):
  """Why one mirror did not give the file."""


def fetch(name: str, folder: pathlib.Path, *, mirrors: Sequence[str], pin: Pin) -> pathlib.Path:
  """The verified file `name` in `folder`; downloads it unless it is there and whole.

  A download grows under a temporary name and is renamed once verified, so an interrupted or
  concurrent one never leaves a broken file behind.

  Args:
    name: file name, the same on every mirror.
    folder: cache folder; made if missing.
    mirrors: base URLs, tried in order.
    pin: its size and digest.

  Raises:
    DataError: no mirror gave the file; the message ends with each one's reason.
    StorageError: the folder can't be written.
  """
  target = folder / name
  if is_verified(target, pin):
    return target
  reasons = []
  for mirror in mirrors:
    url = mirror.rstrip('/') + '/' + name
    try:
      return _download(url, target, pin)
    except _RefusedError as reason:
      reasons.append(f'{url}: {reason}')
  raise errors.DataError(f'{name} could not be downloaded ({"; ".join(reasons)})')


def is_verified(path: pathlib.Path, pin: Pin) -> bool:
  """Whether a file is what the pin says."""
  digest, seen = hashlib.sha256(), 0
  try:
    with gzip.open(path) if pin.unpacked else path.open('rb') as file:
      while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
        seen += len(chunk)
        if seen > pin.num_bytes:  # don't unpack a bomb to its end
          return False
  except (OSError, EOFError, zlib.error):
    return False
  return digest.hexdigest() == pin.sha256


def _download(url: str, target: pathlib.Path, pin: Pin) -> pathlib.Path:
  partial = _temporary_beside(target)
  try:
    with partial.open('wb') as file:
      _copy(url, file, pin.num_bytes + _MAX_GZIP_OVERHEAD_BYTES * pin.unpacked)
      file.flush()
      os.fsync(file.fileno())
    if not is_verified(partial, pin):
      raise _RefusedError('the content is not the published one (truncated, or altered on the way)')
    partial.replace(target)
  except OSError as error:  # network errors were turned into _RefusedError: this is the disk
    raise _unwritable(target.parent, error) from error
  finally:
    with contextlib.suppress(OSError):
      partial.unlink(missing_ok=True)
  return target


def _copy(url: str, file: BinaryIO, max_bytes: int) -> None:
  try:
    response = urllib.request.urlopen(url, timeout=_TIMEOUT_S)
  except urllib.error.HTTPError as error:
    error.close()
    reason = ' '.join(str(error.reason).split())
    raise _RefusedError(f'HTTP {error.code} {reason}') from error
  except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: no URL
    raise _RefusedError(_reason(error)) from error
  deadline = time.monotonic() + _TIMEOUT_S + max_bytes / _MIN_BYTES_PER_S
  with response:
    received = 0
    while chunk := _read(response):
      received += len(chunk)
      if time.monotonic() > deadline:
        raise _RefusedError(f'slower than {_MIN_BYTES_PER_S // 1000} kB/s')
      if received > max_bytes:
        raise _RefusedError(f'the file is larger than {max_bytes} bytes')
      file.write(chunk)


def _read(response: http.client.HTTPResponse) -> bytes:
  try:
    return response.read1(_CHUNK_BYTES)  # what has come; read would wait for all of it
  except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: no chunk's length
    raise _RefusedError(_reason(error)) from error


def _reason(error: Exception) -> str:
  cause = error.reason if isinstance(error, urllib.error.URLError) else error
  text = getattr(cause, 'strerror', None) or str(cause) or type(cause).__name__
  return ' '.join(text.split())


def _temporary_beside(target: pathlib.Path) -> pathlib.Path:
  try:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f'.{target.name}.', suffix='.part', dir=target.parent)
  except OSError as error:
    raise _unwritable(target.parent, error) from error
  os.close(handle)
  return pathlib.Path(name)


def _unwritable(folder: pathlib.Path, error: OSError) -> errors.StorageError:
  return errors.StorageError(
    f'{folder} could not be written: {error.strerror}. Choose another folder with --cache_dir.'
  )
