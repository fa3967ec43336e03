"""Rows of several requests to one batch, and its outputs back to each request.

Legend: B rows of a batch.
"""

from collections.abc import Sequence

import numpy as np

from serving.server.errors import Code, ServingError, invalid
from serving.server.servable import Arrays


def num_rows(inputs: Arrays) -> int:
  """The common first dimension.

  Raises:
    ServingError: INVALID_ARGUMENT, there is none.
  """
  for array in inputs.values():
    if not array.ndim:
      raise invalid('Batching Run() input tensors must have at least one dimension')
  sizes = {len(array) for array in inputs.values()}
  if not sizes:
    raise invalid('Batching Run() must have at least one input tensor')
  if len(sizes) > 1:
    raise invalid('Batching Run() input tensors must have equal 0th-dimension size')
  return sizes.pop()


def merge(tasks: Sequence[Arrays], *, padded_rows: int, pad_lengths: bool) -> Arrays:
  """One array for each input.

  Args:
    tasks: inputs of each request, with equal names and types.
    padded_rows: B; above the sum of all rows, the first row of the last request fills up.
    pad_lengths: other dimensions are brought to the longest with each array's first element.

  Raises:
    ServingError: FAILED_PRECONDITION, other dimensions differ and `pad_lengths` is off.
  """
  merged = {}
  for name in tasks[0]:
    parts = [task[name] for task in tasks]
    if len({part.shape[1:] for part in parts}) > 1:
      parts = _with_equal_lengths(name, parts, pad_lengths=pad_lengths)
    missing = padded_rows - sum(len(part) for part in parts)
    if missing:
      parts.append(np.repeat(parts[-1][:1], missing, axis=0))
    merged[name] = np.concatenate(parts)
  return merged


def split(outputs: Arrays, sizes: Sequence[int], padded_rows: int) -> list[Arrays]:
  """The outputs of each request.

  Raises:
    ServingError: FAILED_PRECONDITION, an output has not one row for each of the batch.
  """
  for array in outputs.values():
    if not array.ndim:
      raise ServingError(Code.FAILED_PRECONDITION, 'Batched output tensor has 0 dimensions')
    if len(array) != padded_rows:
      raise ServingError(
        Code.FAILED_PRECONDITION,
        "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes"
        ' of the input tensors',
      )
  ends = np.cumsum(sizes)
  return [
    {name: array[end - size : end] for name, array in outputs.items()}
    for size, end in zip(sizes, ends, strict=True)
  ]


def _with_equal_lengths(
  name: str, parts: list[np.ndarray], *, pad_lengths: bool
) -> list[np.ndarray]:
  if not pad_lengths or len({part.ndim for part in parts}) > 1:
    raise ServingError(
      Code.FAILED_PRECONDITION,
      f"Tensors with name '{name}' from different tasks have different shapes and padding is"
      ' turned off. Set pad_variable_length_inputs to true, or ensure that all tensors with the'
      ' same name have equal dimensions starting with the first dim.',
    )
  longest = np.max([part.shape[1:] for part in parts], axis=0)
  return [_padded(part, longest) for part in parts]


def _padded(part: np.ndarray, lengths: np.ndarray) -> np.ndarray:
  if not part.size:
    return np.zeros((len(part), *lengths), part.dtype)
  padded = np.full((len(part), *lengths), part.flat[0], part.dtype)
  padded[tuple(slice(size) for size in part.shape)] = part
  return padded
