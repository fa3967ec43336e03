"""Puts a SavedModel where TF Serving looks for versions: whole, durable, under a new number."""

import contextlib
import errno
import pathlib
import shutil
import time
import uuid

from serving import version_folders
from serving.push import durable

_INCOMING, _KILLED_S = '.incoming-', 24 * 3600  # no copy takes longer
_LAST_VERSION = '.last_version'  # remembers versions that were deleted since
_LOCK = '.last_version.lock'
_TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)


def publish(
  saved_model_dir: pathlib.Path, base_dir: pathlib.Path, model_name: str
) -> tuple[int, pathlib.Path]:
  """Copies a SavedModel to base_dir/model_name/<version>/.

  The copy is made beside the versions under a name that a server ignores, and renamed when every
  byte is on the disk: a reader sees no version or a whole one. Two pushes at once get two numbers.

  Args:
    saved_model_dir: folder with saved_model.pb.
    base_dir: folder that holds a folder for each model; made if it is missing.
    model_name: of the model on the server.

  Returns:
    The version, larger than any before it, and its folder.

  Raises:
    OSError: the folder can't be written, or the disk is full.
  """
  folder = base_dir / model_name
  durable.make_folder(folder)
  _forget_killed(folder)
  partial = folder / f'{_INCOMING}{uuid.uuid4().hex}'
  try:
    _copy(saved_model_dir, partial)
    # Or the number could be taken, and its version removed, between the look and the renaming.
    with durable.locked(folder / _LOCK):
      version, path = _rename(partial, folder)
  except BaseException:
    shutil.rmtree(partial, ignore_errors=True)
    raise
  durable.sync(folder)
  return version, path


def versions(folder: pathlib.Path) -> dict[int, pathlib.Path]:
  """The versions of a model that TF Serving would see, ascending, each with its folder."""
  numbers = {version_folders.version(path.name): path for path in folder.iterdir()}
  return {number: numbers[number] for number in sorted(n for n in numbers if n is not None)}


def _forget_killed(folder: pathlib.Path) -> None:
  """Removes the copies of pushes that were killed."""
  for path in folder.glob(f'{_INCOMING}*'):
    with contextlib.suppress(FileNotFoundError):  # another push was quicker
      if time.time() - path.stat().st_mtime > _KILLED_S:
        shutil.rmtree(path, ignore_errors=True)


def _rename(partial: pathlib.Path, folder: pathlib.Path) -> tuple[int, pathlib.Path]:
  while True:
    version = max([0, _last_version(folder), *versions(folder)]) + 1
    # Written first: a version that is deleted later, even at once, does not free its number.
    durable.write_text(folder / _LAST_VERSION, f'{version}\n')
    try:
      # Renaming onto a folder fails unless it is empty: somebody may have put a version there.
      path = partial.rename(folder / str(version))
    except OSError as error:
      if error.errno not in _TAKEN:
        raise
    else:
      return version, path


def _last_version(folder: pathlib.Path) -> int:
  try:
    return int((folder / _LAST_VERSION).read_text(encoding='ascii'))
  except (FileNotFoundError, ValueError):
    return 0


def _copy(source: pathlib.Path, target: pathlib.Path) -> None:
  """Copies contents, not modes: the server may run as another user than the trainer."""
  target.mkdir()
  for path in sorted(source.rglob('*')):
    copy = target / path.relative_to(source)
    if path.is_dir():
      copy.mkdir()
    else:
      shutil.copyfile(path, copy)
  for copy in [*target.rglob('*'), target]:
    durable.sync(copy)
