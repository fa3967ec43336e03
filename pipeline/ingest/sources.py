"""Finds the source that a configuration names."""

import contextlib
from collections.abc import Callable, Iterator, Mapping

from pipeline import config as config_lib
from pipeline import errors
from pipeline.ingest import (
  celeba,
  cifar,
  cifar10,
  cifar100,
  fashion_mnist,
  idx,
  image_folder,
  kmnist,
  mnist,
  mnist_sample,
  npz,
  tfrecord_folder,
)
from pipeline.ingest.source import Source

_OPEN: Mapping[str, Callable[[config_lib.IngestConfig], Source]] = {
  'mnist_sample': mnist_sample.open_source,
  'mnist': mnist.open_source,
  'fashion_mnist': fashion_mnist.open_source,
  'kmnist': kmnist.open_source,
  'cifar10': cifar10.open_source,
  'cifar100': cifar100.open_source,
  'image_folder': image_folder.open_source,
  'celeba': celeba.open_source,
  'npz': npz.open_source,
  'idx': idx.open_source,
  'tfrecord': tfrecord_folder.open_source,
}
_DIGEST: Mapping[str, Callable[[config_lib.IngestConfig], str]] = {
  'mnist_sample': mnist_sample.source_digest,
  'mnist': mnist.source_digest,
  'fashion_mnist': fashion_mnist.source_digest,
  'kmnist': kmnist.source_digest,
  'cifar10': cifar10.source_digest,
  'cifar100': cifar100.source_digest,
  'image_folder': image_folder.source_digest,
  'celeba': celeba.source_digest,
  'npz': npz.source_digest,
  'idx': idx.source_digest,
  'tfrecord': tfrecord_folder.source_digest,
}


def open_source(config: config_lib.IngestConfig) -> Source:
  """Checks the source and describes its records; a published one is downloaded if need be.

  Raises:
    DataError: a source that is missing, malformed or empty.
    StorageError: a cache folder that can't be written.
  """
  with _readable(config):
    return _OPEN[config.dataset](config)


def source_digest(config: config_lib.IngestConfig) -> str:
  """SHA-256 (hex) of the source's content, without decoding or downloading it.

  Raises:
    DataError: a source that is missing.
  """
  with _readable(config):
    return _DIGEST[config.dataset](config)


@contextlib.contextmanager
def _readable(config: config_lib.IngestConfig) -> Iterator[None]:
  """Turns what a file system refuses, wherever a source meets it, into an error of ours."""
  try:
    yield
  except OSError as error:
    where = error.filename or config.data_dir or config.dataset
    raise errors.DataError(
      f'{where} could not be read: {error.strerror or error}. Check its permissions, or --data_dir.'
    ) from error


def release_memory() -> None:
  """Forgets unpacked files that blocks share while a pipeline runs."""
  for shared in (cifar, idx, mnist_sample, npz):
    shared.release_memory()
