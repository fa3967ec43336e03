"""What a source of images is to the pipeline: small descriptors that any worker can decode."""

import abc
import dataclasses
import hashlib
import pathlib
from collections.abc import Iterator, Mapping

import numpy as np

from pipeline import errors

MAX_KEPT_BYTES = 1 << 16  # of a bad record, in quarantine


@dataclasses.dataclass(frozen=True, kw_only=True)
class BadRecord:
  """A record that can't be used, on its way to quarantine."""

  key: str  # where it came from, relative to the source
  reason: str  # one line
  source: str  # name of the dataset
  payload: bytes = b''  # its bytes, if they are few


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decoded:
  """The images of one block, with the records that had to be left out."""

  images: np.ndarray  # [N, H, W, C] uint8
  labels: np.ndarray | None  # [N] int64; None without classes
  keys: tuple[str, ...]  # [N], unique in the dataset
  bad: tuple[BadRecord, ...] = ()


class Block(abc.ABC):
  """A picklable descriptor of a run of records; many in one element keep Beam's overhead small."""

  @property
  @abc.abstractmethod
  def num_records(self) -> int:
    """Records in the block, good or bad."""

  @abc.abstractmethod
  def decode(self, image_size: int, num_channels: int) -> Decoded:
    """Reads the records as square images."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RangeBlock(Block):
  """Records `start` to `stop` of what a source holds as arrays."""

  start: int
  stop: int

  @property
  def num_records(self) -> int:
    """Records in the block."""
    return self.stop - self.start


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
  """A dataset before it is read."""

  name: str
  class_names: tuple[str, ...]  # empty without classes
  splits: Mapping[str, tuple[Block, ...]]  # 'train'; perhaps 'test' and 'anomalous'
  fingerprint: str  # SHA-256 of the content


def runs(num_records: int, size: int) -> Iterator[tuple[int, int]]:
  """Start and stop of the blocks of `size` records (the last one shorter) that cover them all."""
  return ((start, min(start + size, num_records)) for start in range(0, num_records, size))


def version(path: pathlib.Path) -> tuple[int, int]:
  """Time and size, by which a cache tells that a file has changed; DataError if it is not there."""
  try:
    stat = path.stat()
  except OSError as error:
    raise unreadable(path, error) from error
  return stat.st_mtime_ns, stat.st_size


def unreadable(path: pathlib.Path, error: OSError) -> errors.DataError:
  """The error for a file that the system doesn't give."""
  return errors.DataError(f'{path} could not be read: {error.strerror or error}. Check the file.')


def readable(name: str) -> str:
  """A file name as proper text: control characters and bytes that are not UTF-8 are escaped."""
  text = name.encode(errors='surrogateescape').decode(errors='backslashreplace')
  return errors.one_line(text)


def sha256_of_files(root: pathlib.Path, names: list[str]) -> str:
  """SHA-256 over names and contents, so that neither a rename nor an edit goes unseen."""
  digest = hashlib.sha256()
  for name in names:
    line = f'{name}\0{_sha256_of_file(root / name)}\0'
    digest.update(line.encode(errors='surrogateescape'))  # file names need not be UTF-8
  return digest.hexdigest()


def _sha256_of_file(path: pathlib.Path) -> str:
  try:
    if not path.is_file():  # opening a named pipe would wait for ever
      return 'not a regular file'
    with path.open('rb') as file:
      return hashlib.file_digest(file, 'sha256').hexdigest()
  except OSError as error:  # a record that can't be read is quarantined later, with this reason
    return f'unreadable: {error.strerror}'
