"""Finds the source that a configuration names."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Protocol

from pipeline import errors
from pipeline.config.ingest import IngestConfig
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
  normal_classes,
  npz,
  tfrecord_folder,
)
from pipeline.ingest.source import Source


class _Module(Protocol):
  """What each module of a source has."""

  def open_source(self, config: IngestConfig) -> Source: ...

  def source_digest(self, config: IngestConfig) -> str: ...


_MODULES: Mapping[str, _Module] = {
  'mnist_sample': mnist_sample,
  'mnist': mnist,
  'fashion_mnist': fashion_mnist,
  'kmnist': kmnist,
  'cifar10': cifar10,
  'cifar100': cifar100,
  'image_folder': image_folder,
  'celeba': celeba,
  'npz': npz,
  'idx': idx,
  'tfrecord': tfrecord_folder,
}


def open_source(config: IngestConfig) -> Source:
  """Checks the source and describes its records; a published one is downloaded if need be.

  Raises:
    DataError: a source that is missing, malformed or empty.
    StorageError: a cache folder that can't be written.
  """
  with _readable(config):
    source = _MODULES[config.dataset].open_source(config)
  normal = config.normal_class_names
  return normal_classes.separate(source, normal) if normal else source


def source_digest(config: IngestConfig) -> str:
  """SHA-256 (hex) of the source's content, without decoding or downloading it.

  Raises:
    DataError: a source that is missing.
  """
  with _readable(config):
    return _MODULES[config.dataset].source_digest(config)


@contextlib.contextmanager
def _readable(config: IngestConfig) -> Iterator[None]:
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
