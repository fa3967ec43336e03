"""Datasets published as the four IDX files of MNIST: from --data_dir, or a verified download."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Mapping

from pipeline import errors
from pipeline.config.ingest import IngestConfig
from pipeline.ingest import download, idx
from pipeline.ingest.source import Source


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishedIdx:
  """Where such a dataset is published, and what it must be."""

  name: str  # of the dataset, and of its folder in the cache
  title: str  # for people
  class_names: tuple[str, ...]  # by label
  mirrors: tuple[str, ...]
  files: Mapping[str, download.Pin]  # by file name


def open_source(published: PublishedIdx, config: IngestConfig) -> Source:
  """Describes the IDX files of `config.data_dir` as they are, else verified downloads.

  Raises:
    DataError: no network, or files that are not usable; see `idx.open_folder`.
    StorageError: a cache folder that can't be written.
  """
  name, class_names = published.name, published.class_names
  if config.local_path:
    return idx.open_folder(config.local_path, name=name, class_names=class_names)
  folder = _download(published, config)  # whatever else lies in the cache was not verified
  return idx.open_folder(folder, name=name, class_names=class_names, suffixes=('.gz',))


def source_digest(published: PublishedIdx, config: IngestConfig) -> str:
  """SHA-256 of the local files; of the pinned digests where the files are downloaded."""
  folder = config.local_path
  if folder is not None:
    return idx.folder_digest(folder)
  return hashlib.sha256(repr(sorted(published.files.items())).encode()).hexdigest()


def _download(published: PublishedIdx, config: IngestConfig) -> pathlib.Path:
  folder = pathlib.Path(config.cache_dir).expanduser() / published.name
  try:
    for name, pin in published.files.items():
      download.fetch(name, folder, mirrors=published.mirrors, pin=pin)
  except errors.DataError as error:
    raise errors.DataError(
      f'--dataset={published.name}: {error}. Without a network choose --dataset=mnist_sample'
      f' (5,000 packaged digits), or give the four {published.title} files with --data_dir.'
    ) from error
  return folder
