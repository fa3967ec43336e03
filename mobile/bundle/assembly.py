"""Puts a bundle together from what export_tflite and validate wrote.

A bundle appears whole or not at all. Made again from the same files it is the same, but for the
latencies, which are measured anew.
"""

import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any

from mobile import gan_info, model_files, self_test
from mobile.bundle import figures, pictures, readme
from mobile.self_test import SelfTest

FACTS = 'bundle.json'


class OccupiedError(Exception):
  """The folder to make holds something else than a bundle; the message is one line."""


class BundleError(Exception):
  """A file is missing, or not the one that golden.json tells of; the message is one line."""


def assemble(
  export: pathlib.Path, validation: pathlib.Path, out: pathlib.Path
) -> Mapping[str, Any]:
  """Writes the bundle.

  Args:
    export: folder with the .tflite files and golden.json.
    validation: validation.json, with the quality of each file.
    out: folder to make; its parent is made, too. An older bundle there is replaced.

  Returns:
    The contents of bundle.json.

  Raises:
    BundleError: a file is missing or damaged.
    OccupiedError: `out` holds something else than a bundle.
    OSError: the folder can't be written.
  """
  _refuse_others(out)
  golden, facts = _facts(export, validation)
  out.parent.mkdir(parents=True, exist_ok=True)
  with tempfile.TemporaryDirectory(prefix=f'.{out.name}-', dir=out.parent) as folder:
    partial = pathlib.Path(folder) / 'new'
    partial.mkdir()
    for name in (*facts['models'], self_test.FILE):
      shutil.copyfile(export / name, partial / name)
    pictures.write(partial / 'golden.png', golden.models[model_files.MAIN].pixels)
    (partial / 'README.md').write_text(readme.render(facts), encoding='utf-8')
    text = json.dumps(facts, indent=2, ensure_ascii=False)
    (partial / FACTS).write_text(text + '\n', encoding='utf-8')
    _durable(partial)
    _put(partial, out, pathlib.Path(folder) / 'old')
  return facts


def _put(new: pathlib.Path, out: pathlib.Path, old: pathlib.Path) -> None:
  """Moves a bundle into place; if that fails the one that was there is back."""
  if not out.exists():
    new.rename(out)
    return
  out.rename(old)
  try:
    new.rename(out)
  except BaseException:
    old.rename(out)
    raise


def _facts(export: pathlib.Path, validation: pathlib.Path) -> tuple[SelfTest, dict[str, Any]]:
  """golden.json, and everything that bundle.json and the README tell."""
  try:
    golden = SelfTest.read(export / self_test.FILE)
    validated = json.loads(validation.read_text(encoding='utf-8'))
    paths = sorted(export.glob('*.tflite'))
    if {path.name for path in paths} != set(golden.models):
      raise ValueError(f'{self_test.FILE} tells of {sorted(golden.models)}')
    models = figures.of_files(paths, golden, validated)  # checks the digests first
    facts = {
      'gan_info': figures.shared_info(gan_info.read(paths[0].read_bytes())),
      'machine': figures.machine(),
      'num_golden': len(golden.latents),
      'models': models,
    }
    return golden, facts
  except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
    raise BundleError(
      f'{export} can not be bundled: {str(error).rstrip(".")}.'
      ' Run the export_tflite and validate stages again.'
    ) from error


def _refuse_others(out: pathlib.Path) -> None:
  """A folder that is not wholly of a bundle, by the bundle's own facts, is somebody's."""
  if not out.exists() or (out.is_dir() and not any(out.iterdir())):
    return
  names = {path.name for path in out.iterdir()} if out.is_dir() else set()
  models = _models(out / FACTS)
  others = names - {'README.md', 'golden.png', self_test.FILE, FACTS, *models}
  if not models or others:
    what = f'holds {min(others)}' if others else 'is there'
    raise OccupiedError(f'{out} {what} and is no bundle alone. Choose another folder.')


def _models(facts: pathlib.Path) -> list[str]:
  """Names of the models that the facts of a bundle tell of; none where there are no such facts."""
  try:
    return list(json.loads(facts.read_text(encoding='utf-8'))['models'])
  except (OSError, ValueError, KeyError, TypeError):
    return []


def _durable(folder: pathlib.Path) -> None:
  """Waits until all files are on the disk."""
  for path in [*folder.iterdir(), folder]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
      os.fsync(descriptor)
    finally:
      os.close(descriptor)
