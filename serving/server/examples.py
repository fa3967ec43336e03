"""The input of Classify, Regress and MultiInference: a list of tf.Example."""

import numpy as np
from tensorflow_serving.apis import input_pb2

from serving.server.errors import invalid


def count(message: input_pb2.Input) -> int:
  """How many examples there are."""
  return len(_examples(message))


def serialized(message: input_pb2.Input) -> np.ndarray:
  """The examples as a signature takes them: [B] bytes; a context goes before each.

  Raises:
    ServingError: INVALID_ARGUMENT, there are none.
  """
  examples = _examples(message)
  if not examples:
    raise invalid('Input is empty.')
  # One message after the other reads as both merged; what comes later wins.
  context = message.example_list_with_context.context.SerializeToString()
  array = np.empty(len(examples), object)
  array[:] = [context + example.SerializeToString() for example in examples]
  return array


def _examples(message: input_pb2.Input) -> list:
  kind = message.WhichOneof('kind')
  return list(getattr(message, kind).examples) if kind else []
