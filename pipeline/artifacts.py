"""Artifacts: folders that appear whole or not at all, with a manifest of their contents."""

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline import errors

MANIFEST = 'MANIFEST.json'
_MEND = 'Restore the file, or move the folder away and run the same command to make it anew.'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manifest:
  """What an artifact holds and what it was made from."""

  stage: str
  fingerprint: str  # of all that decides the contents: config, inputs, source, versions
  inputs: Mapping[str, str]  # digest of each input
  config: Mapping[str, Any]  # the stage's part of the configuration
  source: str  # digest of the code that ran
  versions: Mapping[str, str]  # of Python and the packages that compute
  started: str  # ISO 8601, UTC
  duration_s: float
  files: tuple[Mapping[str, Any], ...]  # path, bytes, sha256

  @property
  def digest(self) -> str:
    """Digest of the contents alone: equal bytes give equal digests, whenever they were made."""
    return digest_of([dict(entry) for entry in self.files])


def digest_of(value: Any) -> str:
  """SHA-256 of a JSON value."""
  text = json.dumps(value, sort_keys=True, separators=(',', ':'))
  return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: pathlib.Path) -> str:
  """SHA-256 of a file's bytes."""
  with path.open('rb') as file:
    return hashlib.file_digest(file, 'sha256').hexdigest()


def list_files(folder: pathlib.Path) -> tuple[Mapping[str, Any], ...]:
  """Path, size and SHA-256 of every file below `folder` but the manifest, in order of path."""
  return tuple(
    {
      'path': path.relative_to(folder).as_posix(),
      'bytes': path.stat().st_size,
      'sha256': file_digest(path),
    }
    for path in sorted(folder.rglob('*'))
    if path.is_file() and path != folder / MANIFEST
  )


def commit(partial: pathlib.Path, final: pathlib.Path, manifest: Manifest) -> None:
  """Writes the manifest into `partial`, makes every byte durable and renames it to `final`."""
  text = json.dumps(dataclasses.asdict(manifest), indent=2)
  (partial / MANIFEST).write_text(text + '\n', encoding='utf-8')
  for path in [*partial.rglob('*'), partial]:
    _sync(path)
  partial.rename(final)
  _sync(final.parent)


def read_manifest(folder: pathlib.Path) -> Manifest:
  """Reads an artifact's manifest.

  Raises:
    ArtifactError: it is missing or not a manifest.
  """
  path = folder / MANIFEST
  try:
    values = json.loads(path.read_text(encoding='utf-8'))
    return Manifest(**(values | {'files': tuple(values['files'])}))
  except (OSError, ValueError, TypeError, KeyError) as error:
    raise errors.ArtifactError(f'{path} is no readable manifest ({error}). {_MEND}') from error


def verify(folder: pathlib.Path) -> Manifest:
  """Checks every file of an artifact against its manifest.

  Raises:
    ArtifactError: a file is missing, added or has other bytes.
  """
  manifest = read_manifest(folder)
  found = {entry['path']: entry for entry in list_files(folder)}
  for entry in manifest.files:
    actual = found.pop(entry['path'], None)
    if actual != entry:
      state = 'is missing' if actual is None else f'has {_difference(entry, actual)}'
      raise errors.ArtifactError(f'{folder / entry["path"]} {state} ({MANIFEST}). {_MEND}')
  for path in found:
    raise errors.ArtifactError(
      f'{folder / path} is not in {MANIFEST}. Move it out of the artifact.'
    )
  return manifest


def _difference(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> str:
  if expected['bytes'] != actual['bytes']:
    return f'{actual["bytes"]} bytes instead of {expected["bytes"]}'
  return f'SHA-256 {actual["sha256"][:12]}… instead of {expected["sha256"][:12]}…'


def write_text(path: pathlib.Path, text: str) -> None:
  """Replaces a file as a whole: a reader sees the old text or the new one."""
  partial = path.with_name(f'.{path.name}.partial')
  partial.write_text(text, encoding='utf-8')
  _sync(partial)
  partial.replace(path)


def _sync(path: pathlib.Path) -> None:
  descriptor = os.open(path, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)


_FULL = ('No space left on device', 'Disk quota exceeded')
_DENIED = ('Permission denied', 'Read-only file system', 'Operation not permitted')


@contextlib.contextmanager
def storage_errors(folder: pathlib.Path) -> Iterator[None]:
  """Maps a full, unwritable or removed folder, as Python or TensorFlow reports it, to one line."""
  try:
    yield
  except errors.ForgelineError:
    raise
  except Exception as error:
    text = str(error)
    if any(phrase in text for phrase in _FULL):
      raise errors.StorageError(
        f'{folder}: No space left on device. Finished stages are kept; free some space and run the'
        ' same command again.'
      ) from error
    if isinstance(error, OSError) and any(phrase in text for phrase in _DENIED):
      raise errors.StorageError(
        f'{error.filename or folder}: {error.strerror}. Choose a writable folder with --run_dir or'
        ' --serving_model_dir.'
      ) from error
    if isinstance(error, (FileNotFoundError, NotADirectoryError)) and error.filename:
      check_is_there(pathlib.Path(error.filename).parent)
    raise


def check_is_there(folder: pathlib.Path) -> None:
  """Checks a folder that a stage made and writes to.

  Raises:
    StorageError: it is no folder any more.
  """
  if not folder.is_dir():
    raise errors.StorageError(
      f'{folder} was removed or replaced while the run wrote to it. Leave a run folder alone until'
      ' the run ends; the same command makes again what is missing.'
    )
