"""A profile of some steps for TensorBoard."""

import pathlib

import tensorflow as tf


class Profile:
  """Starts TensorFlow's profiler when training reaches a step, and ends it at another."""

  def __init__(self, steps: str, folder: pathlib.Path) -> None:
    """Takes the steps as 'first:last', or '' for none, and TensorBoard's folder."""
    self._edges = tuple(int(step) for step in steps.split(':')) if steps else ()
    self._folder, self._is_running = folder, False

  def next_edge(self, step: int) -> int | None:
    """The next step after `step` at which it starts or ends."""
    return next((edge for edge in self._edges if edge > step), None)

  def reached(self, step: int) -> None:
    """Starts or ends, if `step` is the one."""
    if self._edges and step == self._edges[0]:
      tf.profiler.experimental.start(str(self._folder))
      self._is_running = True
    elif self._edges and step == self._edges[1]:
      self.close()

  def close(self) -> None:
    """Writes what there is, if it runs."""
    if self._is_running:
      tf.profiler.experimental.stop()
      self._is_running = False
