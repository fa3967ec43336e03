"""TensorFlow's list of the checkpoints in a folder, which it may lose while they are all there."""

import pathlib
import time
from typing import Any

import tensorflow as tf

from pipeline import artifacts

_NAME = 'checkpoint'


def mend(folder: pathlib.Path) -> bool:
  """Writes the list anew if TensorFlow would leave checkpoints out of it.

  Where it can't be read, or is gone, all checkpoints are listed by their age.

  Returns:
    Whether there were checkpoints that no list told of.
  """
  state = _whole(folder)
  if state:
    if not _is_taken(state):
      write(folder, [pathlib.Path(path).name for path in state.all_model_checkpoint_paths])
    return False
  found = sorted(folder.glob('ckpt-*.index'), key=lambda path: path.stat().st_mtime_ns)
  is_first = len(found) == 1 and not (folder / _NAME).exists()  # it is listed when it is whole
  if is_first or not found:
    return False
  write(folder, [path.stem for path in found])
  return True


def write(folder: pathlib.Path, names: list[str]) -> None:
  """Lists some checkpoints, from the oldest to the newest."""
  lines = [f'model_checkpoint_path: "{names[-1]}"']
  for name in names:
    lines += [f'all_model_checkpoint_paths: "{name}"', 'all_model_checkpoint_timestamps: 1']
  artifacts.write_text(folder / _NAME, '\n'.join(lines) + '\n')


def _whole(folder: pathlib.Path) -> Any:
  """The list as TensorFlow's CheckpointState; None if it can't be read to its end."""
  try:
    state = tf.train.get_checkpoint_state(str(folder))
  except ValueError:  # it is empty, or no text
    return None
  paths = state.all_model_checkpoint_paths if state else []
  is_whole = paths and paths[-1] == state.model_checkpoint_path
  return state if is_whole and len(paths) == len(state.all_model_checkpoint_timestamps) else None


def _is_taken(state: Any) -> bool:
  """Whether TensorFlow takes every checkpoint; not those from before the list, by a wrong clock."""
  times_s, now_s = state.all_model_checkpoint_timestamps, time.time()
  return all(min(time_s, now_s) > state.last_preserved_timestamp for time_s in times_s)
