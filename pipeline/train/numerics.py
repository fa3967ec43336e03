"""Finds the first operation whose result is not finite."""

import contextlib
import re
from collections.abc import Iterator

import tensorflow as tf

from pipeline import errors


@contextlib.contextmanager
def checked() -> Iterator[None]:
  """Has TensorFlow check every result, of what is built and run in the body."""
  tf.debugging.enable_check_numerics()
  try:
    yield
  finally:
    tf.debugging.disable_check_numerics()


@contextlib.contextmanager
def named() -> Iterator[None]:
  """Turns what such a check finds into one line.

  Raises:
    TrainingError: names the operation, and the line of code it was made in.
  """
  try:
    yield
  except tf.errors.InvalidArgumentError as error:
    found = re.search(r'Detected (.*) in output \d+ of graph op \W*(\w+)', str(error))
    if not found:
      raise
    places = re.findall(r'pipeline/\S+ \(L\d+\)', str(error))
    raise errors.TrainingError(
      f'{found[2]} gave {found[1]}, at {places[-1] if places else "an unknown place"} (train'
      ' --debug_numerics). Lower the learning rates, or change what it is given.'
    ) from error
