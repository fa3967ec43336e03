"""TFRecord files: each record between masked checksums of its length and of itself.

Source: tensorflow/core/lib/io/record_writer.h. Written here so that a worker needs no TensorFlow.
"""

import contextlib
import hashlib
import pathlib
import struct
import uuid
from collections.abc import Iterable

import google_crc32c


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


def _masked_crc(data: bytes) -> bytes:
  crc = google_crc32c.value(data)
  return struct.pack('<I', ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
