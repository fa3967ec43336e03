"""Source `image_folder`: PNG and JPEG files, a subfolder for each class."""

import dataclasses
import os
import pathlib
import stat
import unicodedata
from collections.abc import Iterator

import numpy as np

from pipeline import errors
from pipeline.config.ingest import IngestConfig
from pipeline.ingest import pixels
from pipeline.ingest.source import (
  MAX_KEPT_BYTES,
  BadRecord,
  Block,
  Decoded,
  Source,
  readable,
  sha256_of_files,
)

_SUFFIXES = ('.png', '.jpg', '.jpeg')
_SPLITS = ('train', 'test')
_OTHER_SPLITS = ('val', 'valid', 'validation')  # unused; named in an error, not taken for classes
_UNREAD = ('.webp', '.gif', '.bmp', '.tif', '.tiff', '.heic', '.avif', '.jp2')
_ARCHIVER_FOLDER = '__MACOSX'  # what macOS puts into a .zip file beside the pictures
_FILES_PER_BLOCK = 64
_MAX_FILE_BYTES = 1 << 27  # beyond this it is no picture to train on


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageFiles(Block):
  """Some files of the folder, with the index of their class (None without classes)."""

  dataset: str
  root: str
  files: tuple[str, ...]  # relative to root, with forward slashes
  labels: tuple[int, ...] | None

  @property
  def num_records(self) -> int:
    """Files in the block."""
    return len(self.files)

  def decode(self, image_size: int, num_channels: int) -> Decoded:
    """Reads the files; those that are no usable pictures come back in `bad`."""
    images, good, bad = [], [], []
    for i, name in enumerate(self.files):
      outcome = self._decode_file(name, image_size, num_channels)
      if isinstance(outcome, BadRecord):
        bad.append(outcome)
      else:
        images.append(outcome)
        good.append(i)
    shape = (len(images), image_size, image_size, num_channels)
    return Decoded(
      images=np.array(images, np.uint8).reshape(shape),
      labels=None if self.labels is None else np.array(self.labels, np.int64)[good],
      keys=tuple(self.files[i] for i in good),
      bad=tuple(bad),
    )

  def _decode_file(self, name: str, image_size: int, num_channels: int) -> np.ndarray | BadRecord:
    data = b''
    try:
      data = _read(pathlib.Path(self.root), name)
      return pixels.decode_image(data, image_size, num_channels)
    except OSError as error:
      reason = f'unreadable: {error.strerror or error}'
    except pixels.DecodeError as error:
      reason = str(error)
    kept = data if len(data) <= MAX_KEPT_BYTES else b''
    return BadRecord(key=name, reason=reason, source=self.dataset, payload=kept)


def open_source(config: IngestConfig) -> Source:
  """Describes the folder `config.data_dir`.

  Layouts: `class/picture`, or `picture` without classes; either may stand under `train/` and
  `test/`, in capitals or not. Class folders may hold folders. Hidden files, and files that are not
  called .png, .jpg or .jpeg, are passed over.

  Raises:
    DataError: no folder, no images, images beside class folders, a class of other pictures or that
      only `test/` has, a linked folder.
  """
  return open_folder(_root(config), name='image_folder', test_only=bool(config.normal_classes))


def source_digest(config: IngestConfig) -> str:
  """SHA-256 of the names and contents of the images."""
  return folder_digest(_root(config), test_only=bool(config.normal_classes))


def open_folder(root: pathlib.Path, *, name: str, test_only: bool = False) -> Source:
  """Describes a folder of images.

  Args:
    root: laid out as `open_source` says.
    name: of the dataset.
    test_only: `test/` may have classes that `train/` has not: defects of which none is learned.

  Raises:
    DataError: see `open_source`.
  """
  root = root.resolve()
  files = _find_splits(root, test_only)
  found = (_class_of(file) for split in files.values() for file in split)
  class_names = tuple(sorted({c for c in found if c is not None}))
  splits = {
    split: _blocks(name, root, found, {c: k for k, c in enumerate(class_names)})
    for split, found in files.items()
  }
  return Source(
    name=name,
    class_names=tuple(map(readable, class_names)),
    splits=splits,
    fingerprint=_digest(root, files),
  )


def folder_digest(root: pathlib.Path, *, test_only: bool = False) -> str:
  """SHA-256 of the names and contents of the images in a folder."""
  root = root.resolve()
  return _digest(root, _find_splits(root, test_only))


def _digest(root: pathlib.Path, files: dict[str, list['_File']]) -> str:
  return sha256_of_files(root, [file.name for found in files.values() for file in found])


@dataclasses.dataclass(frozen=True)
class _File:
  name: str  # relative to the root, with forward slashes
  below_split: tuple[str, ...]  # the same by parts, without train/ or test/


def _class_of(file: _File) -> str | None:
  if len(file.below_split) == 1:
    return None
  return unicodedata.normalize('NFC', file.below_split[0])  # macOS takes names to pieces: e and ´


def _root(config: IngestConfig) -> pathlib.Path:
  root = config.data_path
  if not root.is_dir():
    raise errors.DataError(f'--data_dir={root} is not a folder. Name the folder of images.')
  return root


def _find_splits(root: pathlib.Path, test_only: bool) -> dict[str, list[_File]]:
  """The images by split; every split has some, and all of them classes or none."""
  folders = _split_folders(root)
  found = {split: _find(root, folder) for split, folder in folders.items()}
  for split, files in found.items():
    if not files:
      raise errors.DataError(
        f'{folders[split]} (--data_dir) holds no images.'
        ' Put .png, .jpg or .jpeg files there, a subfolder for each class.'
      )
  _check_every_class(folders['train'], found['train'])
  _check_classes(root, found, test_only)
  return found


def _check_every_class(folder: pathlib.Path, files: list[_File]) -> None:
  """A class of pictures that are not read would vanish without a word."""
  held = {file.below_split[0] for file in files if len(file.below_split) > 1}
  for path in _subfolders(folder) if held else []:
    if path.name not in held:
      unread = sorted(p for p in path.rglob('*') if p.suffix.lower() in _UNREAD)
      if unread:
        raise errors.DataError(
          f'{unread[0]} is not read, nor is any picture of its class. Convert them to .png or .jpg,'
          ' or move the folder elsewhere.'
        )


def _split_folders(root: pathlib.Path) -> dict[str, pathlib.Path]:
  """The folder of each split: train/ and test/ if there, else the root is all training data."""
  folders = _subfolders(root)
  here = {path.name.lower(): path for path in folders}
  others = here.keys() - {'train'}
  if 'train' not in here or (others and not others & {'test', *_OTHER_SPLITS}):
    return {'train': root}  # a class may well be called train: then its company is other classes
  splits = {split: here[split] for split in _SPLITS if split in here}
  strays = [path.name for path in folders if path not in splits.values()]
  strays += sorted(path.name for path in root.iterdir() if _is_image(path))
  if strays:
    raise errors.DataError(
      f'{root} (--data_dir) has train/ beside {strays[0]!r}.'
      ' Keep train/ and test/ only, or only class folders.'
    )
  return splits


def _subfolders(folder: pathlib.Path) -> list[pathlib.Path]:
  return sorted(path for path in folder.iterdir() if not _is_hidden(path.name) and path.is_dir())


def _check_classes(root: pathlib.Path, found: dict[str, list[_File]], test_only: bool) -> None:
  classes = {split: {_class_of(file) for file in files} for split, files in found.items()}
  if any(None in names and len(names) > 1 for names in classes.values()):
    raise errors.DataError(
      f'{root} (--data_dir) has images beside class folders.'
      ' Move them into a class folder, or remove the folders.'
    )
  if test_only and None not in set().union(*classes.values()):
    return
  for name in sorted(map(str, classes.get('test', set()) - classes['train'])):
    raise errors.DataError(
      f'{root} (--data_dir): class {name!r} is in test/ and not in train/.'
      ' Give both the same class folders.'
    )


def _find(root: pathlib.Path, folder: pathlib.Path) -> list[_File]:
  found = [
    _File(path.relative_to(root).as_posix(), path.relative_to(folder).parts)
    for path in _walk(folder)
  ]
  return sorted(found, key=lambda file: file.name)


def _walk(folder: pathlib.Path) -> Iterator[pathlib.Path]:
  _check_is_no_link(folder)
  for where, subfolders, names in os.walk(folder, onerror=_raise_unreadable):
    subfolders[:] = [name for name in subfolders if not _is_hidden(name)]
    here = pathlib.Path(where)
    for name in subfolders:
      _check_is_no_link(here / name)
    yield from (here / name for name in names if _is_image(here / name))


def _check_is_no_link(folder: pathlib.Path) -> None:
  if folder.is_symlink():  # may leave the root, or lead in a circle
    raise errors.DataError(
      f'{folder} is a link to a folder, which is not followed.'
      ' Put the folder itself there, or remove the link.'
    )


def _is_hidden(name: str) -> bool:
  return name.startswith('.') or name == _ARCHIVER_FOLDER


def _is_image(path: pathlib.Path) -> bool:
  name = path.name
  return not _is_hidden(name) and name.lower().endswith(_SUFFIXES) and not path.is_dir()


def _raise_unreadable(error: OSError) -> None:
  raise errors.DataError(
    f'{error.filename} could not be read: {error.strerror}. Check the permissions of --data_dir.'
  ) from error


def _blocks(
  dataset: str, root: pathlib.Path, files: list[_File], index: dict[str, int]
) -> tuple[ImageFiles, ...]:
  chunks = (files[i : i + _FILES_PER_BLOCK] for i in range(0, len(files), _FILES_PER_BLOCK))
  return tuple(
    ImageFiles(
      dataset=dataset,
      root=str(root),
      files=tuple(file.name for file in chunk),
      labels=tuple(index[str(_class_of(file))] for file in chunk) if index else None,
    )
    for chunk in chunks
  )


def _read(root: pathlib.Path, name: str) -> bytes:
  path = pathlib.Path(os.path.realpath(root / name, strict=True))  # in a circle: OSError
  if not path.is_relative_to(root):
    raise pixels.DecodeError('a link that leaves the folder is not followed')
  status = path.stat()
  if not stat.S_ISREG(status.st_mode):  # opening a named pipe would wait for ever
    raise pixels.DecodeError('not a regular file')
  if status.st_size > _MAX_FILE_BYTES:
    raise pixels.DecodeError(f'{status.st_size} bytes are more than the limit of {_MAX_FILE_BYTES}')
  return path.read_bytes()
