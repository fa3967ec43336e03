"""The IDX file format: a magic number, big-endian sizes, then bytes.

Source: Y. LeCun, "The MNIST database of handwritten digits", section "The IDX file format".
"""

import gzip
import io
import math
import pathlib
import stat
import struct
import typing
import zlib
from typing import IO

import numpy as np

from pipeline import errors
from pipeline.ingest.source import unreadable

_UINT8 = 0x08  # the type code of unsigned bytes
_GZIP_MAGIC = b'\x1f\x8b'
_MAX_RATIO, _BOMB_BYTES = 200, 1 << 28  # of that size, no pictures and labels pack so well
_CHUNK_BYTES = 1 << 22


def read_idx(path: pathlib.Path, rank: int) -> np.ndarray:
  """Reads an IDX file of unsigned bytes; gzip is recognised by its content, not by the name.

  Args:
    path: file.
    rank: dimensions it must have: 3 for images, 1 for labels.

  Returns:
    uint8 array of that rank.

  Raises:
    DataError: a file that can't be read, or is not such an IDX file.
  """
  try:
    if not stat.S_ISREG(path.stat().st_mode):  # opening a named pipe would wait for ever
      raise _malformed(str(path), 'is not a regular file')
    data = path.read_bytes()
  except OSError as error:
    raise unreadable(path, error) from error
  return parse_idx(data, rank, str(path))


def parse_idx(data: bytes, rank: int, where: str) -> np.ndarray:
  """Parses the bytes of an IDX file, plain or gzip.

  Args:
    data: the file.
    rank: dimensions it must have.
    where: what to call it in an error.

  Returns:
    uint8 array of that rank; read-only.

  Raises:
    DataError: anything but a whole IDX file of unsigned bytes and `rank` dimensions.
  """
  if not data:
    raise _malformed(where, 'is empty')
  if not data.startswith(_GZIP_MAGIC):
    return _parse(io.BytesIO(data), len(data), rank, where)
  try:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
      max_bytes = max(_BOMB_BYTES, len(data) * _MAX_RATIO)
      return _parse(typing.cast(IO[bytes], stream), max_bytes, rank, where)
  except (EOFError, gzip.BadGzipFile, zlib.error) as error:
    raise _malformed(where, f'is a broken gzip file ({error})') from error


def _parse(stream: IO[bytes], max_bytes: int, rank: int, where: str) -> np.ndarray:
  shape = _read_shape(stream, rank, where)
  num_bytes = math.prod(shape)
  if num_bytes > max_bytes:  # before anything of that size is held
    raise _malformed(where, f'promises {num_bytes} bytes and is far too short for them')
  content = _read_at_most(stream, num_bytes + 1)
  if len(content) != num_bytes:
    got = f'{len(content)}' if len(content) < num_bytes else 'more'
    raise _malformed(where, f'promises {num_bytes} bytes after its header and holds {got}')
  return np.frombuffer(content, np.uint8).reshape(shape)


def _read_shape(stream: IO[bytes], rank: int, where: str) -> tuple[int, ...]:
  header = stream.read(4 + 4 * rank)
  want = _UINT8 << 8 | rank
  if len(header) >= 4 and (magic := struct.unpack_from('>I', header)[0]) != want:
    raise _malformed(where, f'has magic number 0x{magic:08x}, not 0x{want:08x}')
  if len(header) < 4 + 4 * rank:
    raise _malformed(where, f'ends after {len(header)} bytes, inside its header')
  return struct.unpack_from(f'>{rank}I', header, 4)


def _read_at_most(stream: IO[bytes], num_bytes: int) -> bytes:
  chunks, left = [], num_bytes
  while left and (chunk := stream.read(min(left, _CHUNK_BYTES))):
    chunks.append(chunk)
    left -= len(chunk)
  return b''.join(chunks)


def _malformed(where: str, problem: str) -> errors.DataError:
  return errors.DataError(f'{where} {problem}. Replace it by a whole IDX file of unsigned bytes.')
