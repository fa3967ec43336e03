"""Removes old versions."""

import pathlib
import shutil
import uuid

from serving.push import durable, labels, publishing

_REMOVED = '.removed-'


def check_labels(folder: pathlib.Path) -> None:
  """Fails where `prune` would, while there is no new version yet.

  Args:
    folder: of a model's versions; the one that holds it is made if it is missing.

  Raises:
    OSError, ValueError: the labels can't be locked or read.
  """
  config_file = folder.parent / labels.FILE
  durable.make_folder(folder.parent)
  with labels.locked(config_file):
    labels.served(config_file, folder.name)


def prune(folder: pathlib.Path, keep: int) -> list[int]:
  """Leaves the newest versions and those that labels need.

  A version leaves under another name before its files go, so that no server loads half of one.

  Args:
    folder: of a model's versions.
    keep: number of newest versions, 1 or more.

  Returns:
    The versions that were removed.

  Raises:
    OSError: a version can't be removed.
    ValueError: the labels can't be read.
  """
  config_file = folder.parent / labels.FILE
  with labels.locked(config_file):
    found = publishing.versions(folder)
    kept = {*list(found)[-keep:], *labels.served(config_file, folder.name)}
    removed = [version for version in found if version not in kept]
    for version in removed:
      found[version].rename(folder / f'{_REMOVED}{uuid.uuid4().hex}')
    for path in folder.glob(f'{_REMOVED}*'):  # also those of a process that was killed
      shutil.rmtree(path)
  return removed
