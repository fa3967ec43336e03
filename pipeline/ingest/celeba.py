"""Source `celeba`: the aligned faces of CelebA, arXiv:1411.7766, without their attributes.

The pictures are 178 x 218. As every source does, it takes the centre square (178 x 178, the usual
crop) and resizes it, antialiased.
"""

import pathlib

from pipeline import errors
from pipeline.config.ingest import IngestConfig
from pipeline.ingest import image_folder
from pipeline.ingest.source import Source

_FOLDERS = ('img_align_celeba', 'img_align_celeba_png')


def open_source(config: IngestConfig) -> Source:
  """Describes the pictures of `config.data_dir`: img_align_celeba/*.jpg, or *.jpg.

  Raises:
    DataError: no such folder, no pictures, or pictures in class folders.
  """
  folder = _folder(config)
  source = image_folder.open_folder(folder, name='celeba')
  if source.class_names or set(source.splits) != {'train'}:
    raise errors.DataError(
      f'{folder} (--data_dir) has pictures in subfolders; those of CelebA lie side by side.'
      ' Choose --dataset=image_folder for a folder of your own.'
    )
  return source


def source_digest(config: IngestConfig) -> str:
  """SHA-256 of the names and contents of the pictures."""
  return image_folder.folder_digest(_folder(config))


def _folder(config: IngestConfig) -> pathlib.Path:
  root = config.data_path
  if not root.is_dir():
    raise errors.DataError(
      f'--data_dir={root} is not a folder. Unpack img_align_celeba.zip, and name the folder.'
    )
  for name in _FOLDERS:
    if (root / name).is_dir():
      inner = root / name / name  # some archives hold the folder twice
      return inner if inner.is_dir() else root / name
  if (root / 'img_align_celeba.zip').exists() and not any(root.glob('*.jpg')):
    raise errors.DataError(
      f'{root} (--data_dir) holds img_align_celeba.zip as it is packed. Unpack it there.'
    )
  return root
