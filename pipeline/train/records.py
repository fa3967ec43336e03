"""The course of training on disk: JSON lines for programs, TensorBoard for people."""

import json
import pathlib
from collections.abc import Mapping

import numpy as np
import PIL.Image
import tensorflow as tf

from pipeline import artifacts


class Records:
  """Writes each interval's figures to metrics.jsonl and tensorboard/."""

  def __init__(self, folder: pathlib.Path, first_step: int) -> None:
    self._path = folder / 'metrics.jsonl'
    self._forget_after(first_step)
    self._writer = tf.summary.create_file_writer(str(folder / 'tensorboard'))

  def _forget_after(self, step: int) -> None:
    """Drops records of steps that a resumed run makes again."""
    if self._path.is_file():
      lines = self._path.read_text(encoding='utf-8').splitlines(keepends=True)
      kept = [line for line in lines if line.endswith('\n') and json.loads(line)['step'] <= step]
      artifacts.write_text(self._path, ''.join(kept))

  def figures(self, step: int, values: Mapping[str, float | str | None]) -> None:
    """Records one interval; text is a remark on it."""
    with self._path.open('a', encoding='utf-8') as file:
      file.write(json.dumps({'step': step, **values}) + '\n')
    with self._writer.as_default(step):
      for name, value in values.items():
        if isinstance(value, str):
          tf.summary.text(name, value)
        elif value is not None:
          tf.summary.scalar(name, value)
    self._writer.flush()

  def picture(self, step: int, grid: PIL.Image.Image) -> None:
    """Records a sample grid."""
    pixels = np.asarray(grid).reshape(1, grid.height, grid.width, -1)
    with self._writer.as_default(step):
      tf.summary.image('samples', pixels)
    self._writer.flush()

  def close(self) -> None:
    """Ends the TensorBoard file."""
    self._writer.close()
