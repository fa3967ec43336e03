"""The course of training on disk: JSON lines for programs, TensorBoard for people."""

import json
import pathlib
from collections.abc import Mapping

import numpy as np
import PIL.Image
import tensorflow as tf

from pipeline import artifacts, errors


class Records:
  """Writes each interval's figures to metrics.jsonl and tensorboard/."""

  def __init__(self, folder: pathlib.Path, first_step: int) -> None:
    """Opens the files.

    Raises:
      StorageError: tensorboard/ can't be written.
    """
    self._path, self._events = folder / 'metrics.jsonl', folder / 'tensorboard'
    self._forget_after(first_step)
    try:
      self._writer = tf.summary.create_file_writer(str(self._events))
    except tf.errors.OpError as error:
      raise self._unwritable('it is no folder, or not a writable one') from error
    self._num_bytes = self._size()

  def _forget_after(self, step: int) -> None:
    """Drops records of steps that a resumed run makes again."""
    if self._path.is_file():
      lines = self._path.read_text(encoding='utf-8').splitlines(keepends=True)
      kept = [line for line in lines if line.endswith('\n') and json.loads(line)['step'] <= step]
      artifacts.write_text(self._path, ''.join(kept))

  def figures(self, step: int, values: Mapping[str, float | str | None]) -> None:
    """Records one interval; text is a remark on it.

    Raises:
      StorageError: it can't be written.
    """
    with self._path.open('a', encoding='utf-8') as file:
      file.write(json.dumps({'step': step, **values}) + '\n')
    with self._writer.as_default(step):
      for name, value in values.items():
        if isinstance(value, str):
          tf.summary.text(name, value)
        elif value is not None:
          tf.summary.scalar(name, value)
    self._flush()

  def picture(self, step: int, grid: PIL.Image.Image) -> None:
    """Records a sample grid.

    Raises:
      StorageError: it can't be written.
    """
    pixels = np.asarray(grid).reshape(1, grid.height, grid.width, -1)
    with self._writer.as_default(step):
      tf.summary.image('samples', pixels)
    self._flush()

  def close(self) -> None:
    """Ends the TensorBoard file."""
    self._writer.close()

  def _flush(self) -> None:
    """Writes what is waiting; where that fails, TensorFlow's writer says nothing."""
    self._writer.flush()
    before, self._num_bytes = self._num_bytes, self._size()
    if self._num_bytes <= before:
      raise self._unwritable('the folder was removed, or the disk is full')

  def _size(self) -> int:
    """Bytes of all event files."""
    return sum(path.stat().st_size for path in self._events.glob('events*'))

  def _unwritable(self, reason: str) -> errors.StorageError:
    return errors.StorageError(
      f'{self._events} can not be written: {reason}. Mend it, and the same command goes on from the'
      ' last checkpoint.'
    )
