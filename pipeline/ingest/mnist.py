"""Source `mnist`: the full MNIST, from --data_dir or downloaded once and verified."""

import hashlib
import pathlib

from pipeline import config as config_lib
from pipeline import errors
from pipeline.ingest import download, idx
from pipeline.ingest.source import Source

MIRRORS = (
  'https://ossci-datasets.s3.amazonaws.com/mnist',
  'https://storage.googleapis.com/cvdf-datasets/mnist',
)
# Size and SHA-256 of the unpacked files. The .gz files in circulation hold the same content in
# several compressions, so it is the content that is pinned.
CONTENT = {
  'train-images-idx3-ubyte.gz': (
    47_040_016,
    'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
  ),
  'train-labels-idx1-ubyte.gz': (
    60_008,
    '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
  ),
  't10k-images-idx3-ubyte.gz': (
    7_840_016,
    '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
  ),
  't10k-labels-idx1-ubyte.gz': (
    10_008,
    'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
  ),
}
_NUM_CLASSES = 10


def open_source(config: config_lib.IngestConfig) -> Source:
  """Describes MNIST: the IDX files of `config.data_dir` as they are, else verified downloads.

  Raises:
    DataError: no network, or files that are not usable; see `idx.open_folder`.
    StorageError: a cache folder that can't be written.
  """
  folder = _local_folder(config) or _download(config)
  return idx.open_folder(folder, name='mnist', num_classes=_NUM_CLASSES)


def source_digest(config: config_lib.IngestConfig) -> str:
  """SHA-256 of the local files; of the pinned digests where the files are downloaded."""
  folder = _local_folder(config)
  if folder is not None:
    return idx.folder_digest(folder)
  return hashlib.sha256(repr(sorted(CONTENT.items())).encode()).hexdigest()


def _local_folder(config: config_lib.IngestConfig) -> pathlib.Path | None:
  return pathlib.Path(config.data_dir).expanduser() if config.data_dir else None


def _download(config: config_lib.IngestConfig) -> pathlib.Path:
  folder = pathlib.Path(config.cache_dir).expanduser() / 'mnist'
  try:
    for name, (num_bytes, sha256) in CONTENT.items():
      download.fetch_gzip(name, folder, mirrors=MIRRORS, num_bytes=num_bytes, sha256=sha256)
  except errors.DataError as error:
    raise errors.DataError(
      f'--dataset=mnist: {error}. Without a network choose --dataset=mnist_sample'
      ' (5,000 packaged digits), or give the four MNIST files with --data_dir.'
    ) from error
  return folder
