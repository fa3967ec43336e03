"""TensorFlow's list of the checkpoints in a folder, which it may lose while they are all there."""

import pathlib

import tensorflow as tf

from pipeline import artifacts

_NAME = 'checkpoint'


def mend(folder: pathlib.Path) -> bool:
  """Writes the list anew, with what TensorFlow would leave out of it.

  Where it can't be read, or is gone, all checkpoints are listed by their age. Of one written when
  the clock was ahead of now, TensorFlow drops every checkpoint.

  Returns:
    Whether there were checkpoints that no list told of.
  """
  listed = _listed(folder)
  found = sorted(folder.glob('ckpt-*.index'), key=lambda path: path.stat().st_mtime_ns)
  if not (folder / _NAME).exists() and len(found) == 1:
    return False  # the first of a run, which is listed when it is whole
  if listed or found:
    write(folder, listed or [path.stem for path in found])
  return bool(found and not listed)


def write(folder: pathlib.Path, names: list[str]) -> None:
  """Lists some checkpoints, from the oldest to the newest."""
  lines = [f'model_checkpoint_path: "{names[-1]}"']
  for name in names:
    lines += [f'all_model_checkpoint_paths: "{name}"', 'all_model_checkpoint_timestamps: 1']
  artifacts.write_text(folder / _NAME, '\n'.join(lines) + '\n')


def _listed(folder: pathlib.Path) -> list[str]:
  """Names in the list, oldest first; none if it can't be read as a whole."""
  try:
    state = tf.train.get_checkpoint_state(str(folder))
  except ValueError:  # it is empty, or no text
    return []
  names = [pathlib.Path(path).name for path in state.all_model_checkpoint_paths] if state else []
  is_whole = names and names[-1] == pathlib.Path(state.model_checkpoint_path).name
  return names if is_whole else []
