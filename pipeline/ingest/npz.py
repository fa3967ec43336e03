"""Source `npz`: NumPy arrays in one .npz file.

N images of a split, H height, W width, C channels (1 or 3).
"""

import contextlib
import dataclasses
import functools
import math
import pathlib
import warnings
import zipfile
from collections.abc import Iterator
from typing import IO

import numpy as np
from numpy.lib import format as npy_format

from pipeline import errors
from pipeline.config.ingest import IngestConfig
from pipeline.ingest import labels as labels_lib
from pipeline.ingest import pixels
from pipeline.ingest.source import (
  Decoded,
  RangeBlock,
  Source,
  runs,
  sha256_of_files,
  unreadable,
  version,
)

_IMAGES = {
  'train': ('x_train', 'train_images', 'images', 'x'),
  'test': ('x_test', 'test_images'),
}
_LABELS = {
  'train': ('y_train', 'train_labels', 'labels', 'y'),
  'test': ('y_test', 'test_labels'),
}
_RECORDS_PER_BLOCK = 500
_MAX_BYTES = 1 << 34  # of one array: it is held in memory
_MAX_RATIO, _BOMB_BYTES = 200, 1 << 28  # no picture data of that size packs so well
_MAX_HEADER_BYTES = 10_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class NpzRange(RangeBlock):
  """Records `start` to `stop` of the images and labels of a split."""

  file: str
  images_name: str
  labels_name: str | None

  def decode(self, image_size: int, num_channels: int) -> Decoded:
    """Takes the records out of arrays that were checked when the source was opened."""
    here = slice(self.start, self.stop)
    images = _channels_last(_read(self.file, self.images_name), self.file, self.images_name)
    labels = _read_labels(self.file, self.labels_name) if self.labels_name else None
    return Decoded(
      images=pixels.fit_arrays(images[here], image_size, num_channels),
      labels=None if labels is None else labels[here].astype(np.int64),
      keys=tuple(f'{self.images_name}[{i}]' for i in range(self.start, self.stop)),
    )


def open_source(config: IngestConfig) -> Source:
  """Describes the .npz file that `config.data_dir` names, or the only one in that folder.

  Arrays: x_train (or train_images, images, x) with y_train (or train_labels, labels, y), perhaps
  x_test (test_images) with y_test (test_labels). Images are uint8, [N, H, W], [N, H, W, C] or
  [N, C, H, W]; labels are integers [N] or [N, 1], and may be missing. Other arrays are passed over.
  The training labels 0, 1, 2, … are the classes.

  Raises:
    DataError: no such file; one that is damaged, or whose arrays are not like that.
  """
  path = _find(config)
  fingerprint = source_digest(config)
  names = {split: _names(path, split) for split in ('train', 'test')}
  arrays = {split: found for split, found in names.items() if found}
  if 'train' not in arrays:
    wanted = ' or '.join(_IMAGES['train'])
    raise _refused(path, 'holds no images', f'Call the array of images {wanted}')
  class_names = _check(path, arrays)
  return Source(
    name='npz',
    class_names=class_names,
    splits={split: _ranges(path, *found) for split, found in arrays.items()},
    fingerprint=fingerprint,
  )


def source_digest(config: IngestConfig) -> str:
  """SHA-256 of the file."""
  path = _find(config)
  return sha256_of_files(path.parent, [path.name])


def release_memory() -> None:
  """Forgets the arrays that blocks share."""
  _read_version.cache_clear()


def _find(config: IngestConfig) -> pathlib.Path:
  path = config.data_path
  if path.is_dir():
    here = sorted(p for p in path.glob('*.npz') if not p.name.startswith('.'))
    if len(here) != 1:
      held = ', '.join(p.name for p in here[:3]) or 'none'
      raise errors.DataError(
        f'{path} (--data_dir) should hold one .npz file and holds {len(here)} ({held}).'
        ' Name the file itself with --data_dir.'
      )
    path = here[0]
  if not path.is_file():
    raise errors.DataError(f'--data_dir={path} is no file. Name an .npz file, or its folder.')
  return path


def _names(path: pathlib.Path, split: str) -> tuple[str, str | None] | None:
  """The images and labels of a split; None without images."""
  with _opened(path) as archive:
    members = set(archive.namelist())
  found = []
  for names in (_IMAGES[split], _LABELS[split]):
    here = [name for name in names if f'{name}.npy' in members]
    if len(here) > 1:
      raise _refused(path, f'holds both {here[0]} and {here[1]}', 'Keep the one to be used')
    found.append(here[0] if here else None)
  images, labels = found
  if labels and not images:
    raise _refused(path, f'holds {labels} without images', f'Add {_IMAGES[split][0]}')
  return (images, labels) if images else None


def _check(path: pathlib.Path, arrays: dict[str, tuple[str, str | None]]) -> tuple[str, ...]:
  """Checks every array and returns the names of the classes."""
  for images_name, labels_name in arrays.values():
    num_images = len(_channels_last(_read(str(path), images_name), str(path), images_name))
    if not labels_name:
      continue
    num_labels = len(_read_labels(str(path), labels_name))
    if num_images != num_labels:
      raise _refused(
        path,
        f'holds {num_images} images in {images_name} and {num_labels} labels in {labels_name}',
        'Store arrays that belong together',
      )
  labelled = {split: name for split, (_, name) in arrays.items() if name}
  if not labelled:
    return ()
  if len(labelled) < len(arrays):
    (missing,) = arrays.keys() - labelled.keys()
    raise _refused(
      path,
      f'holds no labels of the {missing} split',
      f'Add {_LABELS[missing][0]}, or remove the others',
    )
  class_names = labels_lib.names(_read_labels(str(path), labelled['train']))
  for name in labelled.values():
    labels_lib.check(_read_labels(str(path), name), len(class_names), f'{path}: {name}')
  return class_names


def _ranges(path: pathlib.Path, images: str, labels: str | None) -> tuple[NpzRange, ...]:
  return tuple(
    NpzRange(file=str(path), images_name=images, labels_name=labels, start=start, stop=stop)
    for start, stop in runs(len(_read(str(path), images)), _RECORDS_PER_BLOCK)
  )


def _channels_last(images: np.ndarray, file: str, name: str) -> np.ndarray:
  """[N, H, W] or [N, H, W, C] of a stored array of images."""
  path, shape = pathlib.Path(file), images.shape
  if images.dtype != np.uint8:
    raise _refused(path, f'holds {name} as {images.dtype}', 'Store levels 0 to 255 as uint8')
  if 0 in shape:
    raise _refused(path, f'holds no images in {name} (its shape is {shape})', 'Store some')
  if images.ndim == 3:
    return images
  if images.ndim != 4 or not {shape[1], shape[3]} & {1, 3}:
    raise _refused(
      path, f'holds {name} of shape {shape}', 'Store [N, H, W], or [N, H, W, C] of 1 or 3 channels'
    )
  if {shape[1], shape[3]} <= {1, 3}:
    raise _refused(
      path, f'holds {name} of shape {shape} (is axis 1 or 3 colour?)', 'Store [N, H, W, C]'
    )
  return images if shape[3] in (1, 3) else images.transpose(0, 2, 3, 1)


def _read_labels(file: str, name: str) -> np.ndarray:
  """[N] integers."""
  labels = _read(file, name)
  if labels.dtype.kind not in 'iu':
    raise _refused(pathlib.Path(file), f'holds {name} as {labels.dtype}', 'Store integers')
  if labels.ndim != 1 and labels.shape[1:] != (1,):
    raise _refused(
      pathlib.Path(file), f'holds {name} of shape {labels.shape}', 'Store one class an image: [N]'
    )
  return labels.reshape(-1)


def _read(file: str, name: str) -> np.ndarray:
  return _read_version(file, name, version(pathlib.Path(file)))


# A packed array can't be entered in the middle, so the blocks in a process share it.
@functools.lru_cache(maxsize=4)
def _read_version(file: str, name: str, version: tuple[int, int]) -> np.ndarray:
  del version  # part of the cache's key: a file that changes is read again
  path = pathlib.Path(file)
  with _opened(path) as archive:
    member = archive.getinfo(f'{name}.npy')
    with archive.open(member) as stream:
      _check_header(stream, member, path, name)
    with archive.open(member) as stream:
      array = npy_format.read_array(stream, allow_pickle=False)
      if stream.read(1):  # at the end zipfile compares the checksum
        raise ValueError(f'{name} goes on after its array')
  array.flags.writeable = False
  return array


def _check_header(
  stream: IO[bytes], member: zipfile.ZipInfo, path: pathlib.Path, name: str
) -> None:
  """Refuses what must not be read, before any of it is held."""
  version = npy_format.read_magic(stream)
  if version not in ((1, 0), (2, 0)):
    raise ValueError(f'{name} is of .npy version {version}')
  read = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
  }[version]
  shape, _, dtype = read(stream, max_header_size=_MAX_HEADER_BYTES)
  if dtype.hasobject:
    raise _refused(path, f'holds {name} as Python objects, which are never loaded', 'Store numbers')
  num_bytes = math.prod(shape) * dtype.itemsize
  if num_bytes != member.file_size - stream.tell():
    raise ValueError(f'{name} promises {num_bytes} bytes and has {member.file_size}')
  packed_bytes = max(min(member.compress_size, path.stat().st_size), 1)
  is_bomb = num_bytes > _BOMB_BYTES and num_bytes > _MAX_RATIO * packed_bytes
  if num_bytes > _MAX_BYTES or is_bomb:
    raise _refused(
      path,
      f'would unpack {name} from {packed_bytes} to {num_bytes} bytes, more than is let into memory',
      'Store fewer or smaller images, or choose --dataset=image_folder',
    )


@contextlib.contextmanager
def _opened(path: pathlib.Path) -> Iterator[zipfile.ZipFile]:
  """The archive; whatever is wrong with it becomes an error of ours."""
  try:
    with warnings.catch_warnings():
      warnings.simplefilter('ignore')  # NumPy warns of headers that Python 2 wrote
      with zipfile.ZipFile(path) as archive:
        yield archive
  except errors.DataError:
    raise
  except OSError as error:
    raise unreadable(path, error) from error
  except MemoryError as error:
    raise _refused(
      path,
      f'takes more memory than there is ({str(error)[:200] or "to read a header"})',
      'Store fewer or smaller images, or choose --dataset=image_folder',
    ) from error
  except Exception as error:  # zipfile, its decompressors and NumPy raise nearly anything
    reason = ' '.join(str(error).split()) or type(error).__name__
    raise _refused(
      path, f'is no whole .npz file ({reason[:200]})', 'Save it again with numpy.savez_compressed'
    ) from error


def _refused(path: pathlib.Path, problem: str, mend: str) -> errors.DataError:
  return errors.DataError(f'{path} (--data_dir) {problem}. {mend}.')
