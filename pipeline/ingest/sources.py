"""Finds the source that a configuration names."""

from collections.abc import Callable, Mapping

from pipeline import config as config_lib
from pipeline.ingest import idx, image_folder, mnist, mnist_sample
from pipeline.ingest.source import Source

_OPEN: Mapping[str, Callable[[config_lib.IngestConfig], Source]] = {
  'mnist_sample': mnist_sample.open_source,
  'mnist': mnist.open_source,
  'idx': idx.open_source,
  'image_folder': image_folder.open_source,
}
_DIGEST: Mapping[str, Callable[[config_lib.IngestConfig], str]] = {
  'mnist_sample': mnist_sample.source_digest,
  'mnist': mnist.source_digest,
  'idx': idx.source_digest,
  'image_folder': image_folder.source_digest,
}


def open_source(config: config_lib.IngestConfig) -> Source:
  """Checks the source and describes its records; `mnist` is downloaded if need be.

  Raises:
    DataError: a source that is missing, malformed or empty.
    StorageError: a cache folder that can't be written.
  """
  return _OPEN[config.dataset](config)


def source_digest(config: config_lib.IngestConfig) -> str:
  """SHA-256 (hex) of the source's content, without decoding or downloading it.

  Raises:
    DataError: a source that is missing.
  """
  return _DIGEST[config.dataset](config)


def release_memory() -> None:
  """Forgets unpacked files that blocks share while a pipeline runs."""
  idx.release_memory()
  mnist_sample.release_memory()
