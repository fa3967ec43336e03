"""How requests are batched.

Source: https://github.com/tensorflow/serving/blob/master/tensorflow_serving/batching/README.md.
"""

import dataclasses
import itertools
import os
from typing import Any

from serving.server.errors import invalid

_POSITIVE = (
  'max_batch_size',
  'max_execution_batch_size',
  'max_enqueued_batches',
  'num_batch_threads',
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parameters:
  """What decides batches; the defaults are TF Serving's."""

  max_batch_size: int = 1000  # rows
  timeout_s: float = 0.0  # that a batch waits for more rows while a thread is free
  max_enqueued_batches: int = 10  # of one queue
  num_threads: int = os.cpu_count() or 1  # of all queues together
  allowed_batch_sizes: tuple[int, ...] = ()  # ascending; batches are filled up to one of them
  pad_variable_length_inputs: bool = False  # in the dimensions behind the first
  split_large_requests: bool = False  # else a request above max_batch_size is refused


def parameters(message: Any) -> Parameters:
  """What a BatchingParameters says.

  Raises:
    ServingError: INVALID_ARGUMENT, it contradicts itself.
  """
  given = {field.name: value for field, value in message.ListFields()}
  numbers = {key: value.value for key, value in given.items() if hasattr(value, 'value')}
  size = numbers.get('max_batch_size', Parameters.max_batch_size)
  split = numbers.get('enable_large_batch_splitting', False)
  if split:
    size = _execution_size(size, numbers.get('max_execution_batch_size', size))
  elif numbers.get('max_enqueued_batches') == 0:
    numbers['max_enqueued_batches'] = 1  # as TF Serving does, for files that rely on it
  for key in _POSITIVE:
    if numbers.get(key, 1) < 1:
      raise invalid(f'{key} must be positive; was {numbers[key]}')
  if numbers.get('batch_timeout_micros', 0) < 0:
    raise invalid(
      f'batch_timeout_micros must be non-negative; was {numbers["batch_timeout_micros"]}'
    )
  allowed = tuple(message.allowed_batch_sizes)
  if any(b <= a for a, b in itertools.pairwise(allowed)):
    raise invalid('allowed_batch_sizes entries must be monotonically increasing')
  if allowed and allowed[-1] != size:
    raise invalid(
      'Last entry in allowed_batch_sizes must match max_batch_size; last entry was'
      f' {allowed[-1]}; expected {size}'
    )
  return Parameters(
    max_batch_size=size,
    timeout_s=numbers.get('batch_timeout_micros', 0) / 1e6,
    max_enqueued_batches=numbers.get('max_enqueued_batches', Parameters.max_enqueued_batches),
    num_threads=numbers.get('num_batch_threads', Parameters.num_threads),
    allowed_batch_sizes=allowed,
    pad_variable_length_inputs=message.pad_variable_length_inputs,
    split_large_requests=split,
  )


def _execution_size(max_batch_size: int, max_execution_batch_size: int) -> int:
  if max_execution_batch_size > max_batch_size:
    raise invalid(
      'When enable_large_batch_splitting is true, input_batch_size_limit must be greater than or'
      f' equal to max_execution_batch_size. {max_batch_size} < {max_execution_batch_size}'
    )
  return max_execution_batch_size
