"""TFRecord files: each record between masked checksums of its length and of itself.

Source: tensorflow/core/lib/io/record_writer.h. Written here so that a worker needs no TensorFlow.
"""

import contextlib
import dataclasses
import hashlib
import pathlib
import struct
import uuid
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import google_crc32c

_HEADER_BYTES, _FOOTER_BYTES = 12, 4  # length and its checksum; the record's checksum


class FramingError(Exception):
  """A file whose records can't be told apart; the message says where it breaks."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
  """A record as it was read."""

  offset: int  # in the file, where its frame begins
  content: bytes
  is_whole: bool  # its checksum fits


def frame(record: bytes) -> bytes:
  """One record as it stands in the file: length, its checksum, the record, its checksum."""
  length = struct.pack('<Q', len(record))
  return b''.join((length, _masked_crc(length), record, _masked_crc(record)))


def write_tfrecord(path: pathlib.Path, records: Iterable[bytes]) -> str:
  """Writes a file under a temporary name, then renames it: a retried or doubled task does no harm.

  Returns:
    SHA-256 (hex) of the file.

  Raises:
    OSError: the file can't be written.
  """
  digest = hashlib.sha256()
  temporary = path.with_name(f'.{path.name}.{uuid.uuid4().hex}')
  try:
    with temporary.open('wb') as file:
      for record in records:
        framed = frame(record)
        digest.update(framed)
        file.write(framed)
    temporary.replace(path)
  finally:
    with contextlib.suppress(OSError):
      temporary.unlink(missing_ok=True)
  return digest.hexdigest()


def read_tfrecord(
  path: pathlib.Path, offset: int = 0, num_records: int | None = None
) -> Iterator[Record]:
  """Reads a file, or some records of it.

  Args:
    path: file; not compressed.
    offset: where the first record's frame begins.
    num_records: how many; None for all to the end of the file.

  Raises:
    FramingError: a length whose checksum doesn't fit, or a file that ends inside a record.
    OSError: the file can't be read.
  """
  num_bytes = path.stat().st_size
  with path.open('rb') as file:
    file.seek(offset)
    while offset < num_bytes if num_records is None else num_records > 0:
      record = _read_record(file, offset, num_bytes)
      yield record
      offset += _HEADER_BYTES + len(record.content) + _FOOTER_BYTES
      num_records = None if num_records is None else num_records - 1


def _read_record(file: BinaryIO, offset: int, num_bytes: int) -> Record:
  header = file.read(_HEADER_BYTES)
  if len(header) < _HEADER_BYTES:
    raise FramingError(f'ends inside the record at byte {offset}')
  if _masked_crc(header[:8]) != header[8:]:
    raise FramingError(f'has a wrong checksum of the length at byte {offset}')
  (length,) = struct.unpack('<Q', header[:8])
  if length > num_bytes - offset - _HEADER_BYTES - _FOOTER_BYTES:  # before so much is asked for
    raise FramingError(f'ends inside the record of {length} bytes at byte {offset}')
  content, footer = file.read(length), file.read(_FOOTER_BYTES)
  return Record(offset=offset, content=content, is_whole=_masked_crc(content) == footer)


def _masked_crc(data: bytes) -> bytes:
  crc = google_crc32c.value(data)
  return struct.pack('<I', ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
