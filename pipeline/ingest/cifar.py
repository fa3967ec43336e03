"""What the sources `cifar10` and `cifar100` share: where their files may lie, and reading them."""

import dataclasses
import functools
import hashlib
import pathlib

import numpy as np

from pipeline import errors
from pipeline.config.ingest import IngestConfig
from pipeline.ingest import archive, cifar_format, download, labels, pixels
from pipeline.ingest.source import (
  Decoded,
  RangeBlock,
  Source,
  runs,
  sha256_of_files,
  unreadable,
  version,
)

_RECORDS_PER_BLOCK = 500
_Arrays = dict[str, tuple[np.ndarray, np.ndarray]]  # images and labels by split


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
  """A version of the dataset as it is published: an archive, the folder in it, the files there."""

  archive: str
  folder: str
  train: tuple[str, ...]
  test: tuple[str, ...]
  is_pickle: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cifar:
  """One of the two datasets."""

  name: str
  class_names: tuple[str, ...]  # by label
  num_labels: int  # bytes before each image of the binary version; the last one is the class
  labels_key: str  # of the classes in the python version
  layouts: tuple[Layout, ...]  # looked for in this order; the first one is downloaded
  mirrors: tuple[str, ...]
  pin: download.Pin  # of the first layout's archive


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Place:
  """Where a layout was found: its files in a folder, or its archive."""

  root: str
  files: tuple[str, ...]  # relative to root; the archive alone, or train then test files
  layout: Layout

  @property
  def is_archive(self) -> bool:
    return self.files == (self.layout.archive,)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CifarRange(RangeBlock):
  """Records `start` to `stop` of a split."""

  cifar: Cifar
  place: _Place
  split: str

  def decode(self, image_size: int, num_channels: int) -> Decoded:
    """Takes the records out of files that were checked when the source was opened."""
    here = slice(self.start, self.stop)
    images, classes = _read(self.cifar, self.place)[self.split]
    return Decoded(
      images=pixels.fit_arrays(images[here], image_size, num_channels),
      labels=classes[here],
      keys=tuple(f'{self.cifar.name}-{self.split}[{i}]' for i in range(self.start, self.stop)),
    )


def open_source(cifar: Cifar, config: IngestConfig) -> Source:
  """Describes the files of `config.data_dir` as they are, else a verified download.

  The folder, or the published subfolder in it, holds the binary or the python version; or else
  the folder holds the published .tar.gz of either.

  Raises:
    DataError: no network; files that are missing, malformed or not plain data; labels outside.
    StorageError: a cache folder that can't be written.
  """
  local = config.local_path
  place = _find(cifar, local) if local else _download(cifar, config)
  root = pathlib.Path(place.root)
  fingerprint = sha256_of_files(root, list(place.files))  # before it is read: it may change
  arrays = _read(cifar, place)
  for split, (_, classes) in arrays.items():
    labels.check(classes, len(cifar.class_names), f'{root}: {cifar.name} {split}')
  return Source(
    name=cifar.name,
    class_names=cifar.class_names,
    splits={split: _ranges(cifar, place, split, len(c)) for split, (_, c) in arrays.items()},
    fingerprint=fingerprint,
  )


def source_digest(cifar: Cifar, config: IngestConfig) -> str:
  """SHA-256 of the local files; of the pinned digest where they are downloaded."""
  root = config.local_path
  if root is not None:
    return sha256_of_files(root, list(_find(cifar, root).files))
  return hashlib.sha256(repr((cifar.name, cifar.pin)).encode()).hexdigest()


def release_memory() -> None:
  """Forgets the files that blocks share."""
  _read_version.cache_clear()


def _download(cifar: Cifar, config: IngestConfig) -> _Place:
  """The verified archive, whatever else lies in the cache."""
  folder = pathlib.Path(config.cache_dir).expanduser() / cifar.name
  layout = cifar.layouts[0]
  try:
    download.fetch(layout.archive, folder, mirrors=cifar.mirrors, pin=cifar.pin)
  except errors.DataError as error:
    choices = ' or '.join(layout.archive for layout in cifar.layouts)
    raise errors.DataError(
      f'--dataset={cifar.name}: {error}. Without a network choose --dataset=mnist_sample'
      f' (5,000 packaged digits), or name a folder that holds {choices} with --data_dir.'
    ) from error
  return _Place(root=str(folder), files=(layout.archive,), layout=layout)


def _find(cifar: Cifar, root: pathlib.Path) -> _Place:
  """The first place with a file of the dataset; all of its files must be there."""
  if not root.is_dir():
    raise errors.DataError(
      f'--data_dir={root} is not a folder. Name the folder of {cifar.name} files.'
    )
  for layout in cifar.layouts:
    for prefix in ('', f'{layout.folder}/'):
      files = tuple(prefix + name for name in (*layout.train, *layout.test))
      missing = [name for name in files if not (root / name).is_file()]
      if not missing:
        return _Place(root=str(root), files=files, layout=layout)
      if len(missing) < len(files):
        raise errors.DataError(
          f'{root} (--data_dir) has {len(files) - len(missing)} of the {len(files)} files of'
          f' {cifar.name} and no {missing[0]}. Add what is missing.'
        )
  for layout in cifar.layouts:
    if (root / layout.archive).is_file():
      return _Place(root=str(root), files=(layout.archive,), layout=layout)
  wanted = ', '.join(f'{layout.folder}/, {layout.archive}' for layout in cifar.layouts)
  raise errors.DataError(
    f'{root} (--data_dir) holds no files of {cifar.name}. Put one of these there: {wanted}.'
  )


def _ranges(cifar: Cifar, place: _Place, split: str, num_records: int) -> tuple[CifarRange, ...]:
  return tuple(
    CifarRange(cifar=cifar, place=place, split=split, start=start, stop=stop)
    for start, stop in runs(num_records, _RECORDS_PER_BLOCK)
  )


def _read(cifar: Cifar, place: _Place) -> _Arrays:
  root = pathlib.Path(place.root)
  return _read_version(cifar, place, tuple(version(root / name) for name in place.files))


# An archive can't be entered in the middle, so the blocks in a process share what it holds.
@functools.lru_cache(maxsize=1)
def _read_version(cifar: Cifar, place: _Place, versions: tuple[tuple[int, int], ...]) -> _Arrays:
  del versions  # part of the cache's key: files that change are read again
  contents = _contents(place)
  layout = place.layout
  return {
    split: _join([_parse(cifar, place, name, contents[name]) for name in names])
    for split, names in (('train', layout.train), ('test', layout.test))
  }


def _contents(place: _Place) -> dict[str, bytes]:
  """The bytes of every file, by its name without a folder."""
  root, layout = pathlib.Path(place.root), place.layout
  names = (*layout.train, *layout.test)
  if place.is_archive:
    members = archive.read_members(root / layout.archive, [f'{layout.folder}/{n}' for n in names])
    return {name: members[f'{layout.folder}/{name}'] for name in names}
  try:
    return {name: (root / f).read_bytes() for name, f in zip(names, place.files, strict=True)}
  except OSError as error:
    raise unreadable(pathlib.Path(error.filename), error) from error


def _parse(cifar: Cifar, place: _Place, name: str, data: bytes) -> tuple[np.ndarray, np.ndarray]:
  file = pathlib.Path(place.root) / place.files[0]
  where = f'{file}: {name}' if place.is_archive else str(file.with_name(name))
  if place.layout.is_pickle:
    return cifar_format.parse_pickle(data, cifar.labels_key, where)
  return cifar_format.parse_binary(data, cifar.num_labels, where)


def _join(parts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
  images, classes = zip(*parts, strict=True)
  return np.concatenate(images), np.concatenate(classes)
