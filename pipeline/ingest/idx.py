"""Source `idx`: MNIST-like pairs of IDX files in a folder, plain or gzip."""

import dataclasses
import functools
import pathlib
from collections.abc import Sequence

import numpy as np

from pipeline import errors
from pipeline.config.ingest import IngestConfig
from pipeline.ingest import idx_format, labels, pixels
from pipeline.ingest.source import Decoded, RangeBlock, Source, runs, sha256_of_files, version

_STEMS = {'train': 'train', 'test': 't10k'}
_IMAGES, _LABELS = 'images-idx3-ubyte', 'labels-idx1-ubyte'
_SUFFIXES = ('', '.gz')
_RECORDS_PER_BLOCK = 500


@dataclasses.dataclass(frozen=True, kw_only=True)
class IdxRange(RangeBlock):
  """Records `start` to `stop` of a pair of IDX files."""

  images_file: str
  labels_file: str

  def decode(self, image_size: int, num_channels: int) -> Decoded:
    """Reads the records; the whole file was checked when the source was opened."""
    here = slice(self.start, self.stop)
    stem = pathlib.Path(self.images_file).name.removesuffix('.gz')
    return Decoded(
      images=pixels.fit_grey(_read(self.images_file, 3)[here], image_size, num_channels),
      labels=_read(self.labels_file, 1)[here].astype(np.int64),
      keys=tuple(f'{stem}[{i}]' for i in range(self.start, self.stop)),
    )


def open_source(config: IngestConfig) -> Source:
  """Describes the IDX pairs in `config.data_dir`; the training labels 0, 1, 2, … are the classes.

  Raises:
    DataError: see `open_folder`; also a label that no run of labels from 0 reaches.
  """
  return open_folder(config.data_path, name='idx', class_names=None)


def source_digest(config: IngestConfig) -> str:
  """SHA-256 of the IDX files in `config.data_dir`."""
  return folder_digest(config.data_path)


def open_folder(
  folder: pathlib.Path,
  *,
  name: str,
  class_names: Sequence[str] | None,
  suffixes: Sequence[str] = _SUFFIXES,
) -> Source:
  """Describes the IDX pairs in a folder.

  Args:
    folder: holds train-images-idx3-ubyte, train-labels-idx1-ubyte and perhaps the t10k- pair,
      plain or .gz.
    name: of the dataset.
    class_names: classes there may be; None to find them in the training labels.
    suffixes: of the files' names, in the order in which they are looked for.

  Raises:
    DataError: files that are missing, malformed, empty or of different lengths; labels outside
      the classes.
  """
  fingerprint = folder_digest(folder, suffixes)
  pairs = _find_pairs(folder, suffixes)
  for images_file, labels_file in pairs.values():
    _check_pair(images_file, labels_file)
  if class_names is None:
    class_names = labels.names(_read(str(pairs['train'][1]), 1))
  for _, labels_file in pairs.values():
    labels.check(_read(str(labels_file), 1), len(class_names), str(labels_file))
  return Source(
    name=name,
    class_names=tuple(class_names),
    splits={split: _ranges(*pair) for split, pair in pairs.items()},
    fingerprint=fingerprint,
  )


def folder_digest(folder: pathlib.Path, suffixes: Sequence[str] = _SUFFIXES) -> str:
  """SHA-256 of the IDX files in a folder."""
  files = [file for pair in _find_pairs(folder, suffixes).values() for file in pair]
  return sha256_of_files(folder, sorted(file.name for file in files))


def release_memory() -> None:
  """Forgets the files that blocks share."""
  _read_version.cache_clear()


def _find_pairs(
  folder: pathlib.Path, suffixes: Sequence[str]
) -> dict[str, tuple[pathlib.Path, pathlib.Path]]:
  if not folder.is_dir():
    raise errors.DataError(f'--data_dir={folder} is not a folder. Name the folder of IDX files.')
  pairs = {}
  for split, stem in _STEMS.items():
    images, classes = (_find(folder, f'{stem}-{kind}', suffixes) for kind in (_IMAGES, _LABELS))
    if images and classes:
      pairs[split] = (images, classes)
    elif split == 'train' or images or classes:
      missing = f'{stem}-{_LABELS if images else _IMAGES}'
      raise errors.DataError(
        f'{folder} (--data_dir) has no {missing}, nor {missing}.gz.'
        ' Add it: images and labels go in pairs.'
      )
  return pairs


def _find(folder: pathlib.Path, name: str, suffixes: Sequence[str]) -> pathlib.Path | None:
  candidates = (folder / f'{name}{suffix}' for suffix in suffixes)
  return next((path for path in candidates if path.exists()), None)


def _check_pair(images_file: pathlib.Path, labels_file: pathlib.Path) -> None:
  images, digits = _read(str(images_file), 3), _read(str(labels_file), 1)
  if 0 in images.shape:
    raise errors.DataError(
      f'{images_file} holds no images (its sizes are {images.shape}). Give a file with some.'
    )
  if len(images) != len(digits):
    raise errors.DataError(
      f'{images_file} holds {len(images)} images and {labels_file.name} {len(digits)} labels.'
      ' Give files that belong together.'
    )


def _ranges(images_file: pathlib.Path, labels_file: pathlib.Path) -> tuple[IdxRange, ...]:
  num_records = len(_read(str(labels_file), 1))
  return tuple(
    IdxRange(images_file=str(images_file), labels_file=str(labels_file), start=start, stop=stop)
    for start, stop in runs(num_records, _RECORDS_PER_BLOCK)
  )


def _read(file: str, rank: int) -> np.ndarray:
  return _read_version(file, rank, version(pathlib.Path(file)))


# A gzip file can't be entered in the middle, so the blocks in a process share what it unpacks to.
@functools.lru_cache(maxsize=4)
def _read_version(file: str, rank: int, version: tuple[int, int]) -> np.ndarray:
  del version  # part of the cache's key: a file that changes is read again
  return idx_format.read_idx(pathlib.Path(file), rank)
