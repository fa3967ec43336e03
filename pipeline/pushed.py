"""Whether a push still stands; light, because every plan asks."""

import json
import pathlib

from pipeline import artifacts


def pushed_is_live(output: pathlib.Path) -> bool:
  """Whether the files that the push stage published are still there, unchanged.

  Args:
    output: the push artifact.
  """
  try:
    facts = json.loads((output / 'pushed.json').read_text(encoding='utf-8'))
    files = artifacts.list_files(pathlib.Path(facts['path']))
  except (OSError, ValueError, KeyError):
    return False
  return {entry['path']: entry['sha256'] for entry in files} == facts['files']
