"""Parsed JSON values and arrays.

A value is taken at one go where all is well. Where it is not, a second walk in the order of the
text finds the first thing wrong, as TF Serving would name it.
"""

import binascii
import itertools
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from tensorflow.core.framework import types_pb2

from serving.server import json_text
from serving.server.errors import Code, ServingError, invalid

_MAX_RANK = 64  # of a numpy array; one dimension of it may be the batch's


class _Integers(NamedTuple):
  """The range that a JSON integer must lie in and the type that it then wraps to."""

  low: int
  high: int
  dtype: type


_INTEGERS = {
  # TF Serving asks of small integers only that they are 32-bit ones.
  types_pb2.DT_INT8: _Integers(-(2**31), 2**31 - 1, np.int8),
  types_pb2.DT_INT16: _Integers(-(2**31), 2**31 - 1, np.int16),
  types_pb2.DT_INT32: _Integers(-(2**31), 2**31 - 1, np.int32),
  types_pb2.DT_INT64: _Integers(-(2**63), 2**63 - 1, np.int64),
  types_pb2.DT_UINT8: _Integers(-(2**31), 2**31 - 1, np.uint8),
  types_pb2.DT_UINT32: _Integers(0, 2**32 - 1, np.uint32),
  types_pb2.DT_UINT64: _Integers(0, 2**64 - 1, np.uint64),
}
_FLOATS = {types_pb2.DT_FLOAT: np.float32, types_pb2.DT_DOUBLE: np.float64}
_WRITABLE = {
  'float32', 'float64', 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint32', 'uint64', 'bool',
  'object',
}  # fmt: skip


def to_array(value: Any, dtype: int) -> np.ndarray:
  """The tensor of a JSON value: nested lists are dimensions.

  Args:
    value: from `json_text.parse_object`.
    dtype: a `DataType` of TensorFlow.

  Raises:
    ServingError: INVALID_ARGUMENT, lists are ragged or a value has the wrong type;
      UNIMPLEMENTED, JSON has no values of that type.
  """
  array = dense(value, dtype)
  if array is None:
    raise next(errors_in(value, shape_of(value), dtype))
  return array


def dense(value: Any, dtype: int) -> np.ndarray | None:
  """As `to_array`, but None if anything is wrong."""
  shape: list[int] = []
  flat = [value]
  while flat and type(flat[0]) is list:
    if set(map(type, flat)) != {list} or len(sizes := set(map(len, flat))) != 1:
      return None
    shape.append(sizes.pop())
    flat = list(itertools.chain.from_iterable(flat))
  leaves = _leaves(flat, dtype) if len(shape) <= _MAX_RANK else None
  return None if leaves is None else leaves.reshape(shape)


def shape_of(value: Any) -> list[int]:
  """The shape that a value announces: its first elements'."""
  shape: list[int] = []
  while isinstance(value, list) and len(shape) <= _MAX_RANK:
    shape.append(len(value))
    value = value[0] if value else None
  return shape


def errors_in(value: Any, shape: list[int], dtype: int, level: int = 0) -> Iterator[ServingError]:
  """What is wrong in a value that should have `shape`, in the order of the text."""
  if len(shape) >= _MAX_RANK:
    yield invalid(f'Encountered list at unexpected level: {_MAX_RANK} expected < {_MAX_RANK}')
  elif not isinstance(value, list):
    if level != len(shape):
      yield invalid(
        f'JSON Value: {json_text.text(value)} found at incorrect level: {level + 1}'
        f' in the JSON DOM. Expected at level: {len(shape)}'
      )
    elif (error := _leaf_error(value, dtype)) is not None:
      yield error
  elif level >= len(shape):
    yield invalid(f'Encountered list at unexpected level: {level} expected < {len(shape)}')
  elif len(value) != shape[level]:
    yield invalid(
      f'Encountered list at unexpected size: {len(value)} at level: {level}'
      f' expected size: {shape[level]}'
    )
  elif level + 1 < len(shape) or _leaves(value, dtype) is None:
    for element in value:
      yield from errors_in(element, shape, dtype, level + 1)


def is_base64(value: Any) -> bool:
  """Whether a value is `{"b64": "..."}`, which stands for bytes."""
  return isinstance(value, dict) and value.keys() == {'b64'} and isinstance(value['b64'], str)


def texts(name: str, array: np.ndarray) -> list[str]:
  """The JSON of an array's values in row-major order; the name decides how bytes are written.

  Raises:
    ServingError: INVALID_ARGUMENT, JSON has no values of that type, or a text is not UTF-8.
  """
  flat = array.reshape(-1)
  if array.dtype.name not in _WRITABLE:
    raise _not_writable(array.dtype.name)
  if array.dtype.kind == 'f':
    return json_text.decimals(flat)
  if array.dtype.kind == 'b':
    return ['true' if value else 'false' for value in flat]
  if array.dtype.kind != 'O':
    return list(map(str, flat.tolist()))
  if name.endswith('_bytes'):
    return [f'{{"b64": "{binascii.b2a_base64(v, newline=False).decode()}"}}' for v in flat]
  try:
    return [json.dumps(value.decode(), ensure_ascii=False) for value in flat]
  except UnicodeDecodeError:
    raise _not_writable('string') from None


def nested(texts: list[str], shape: tuple[int, ...]) -> str:
  """Values in row-major order as nested lists of that shape."""
  for size, num_lists in zip(shape[::-1], _list_counts(shape), strict=True):
    texts = [f'[{", ".join(texts[i * size : (i + 1) * size])}]' for i in range(num_lists)]
  return texts[0]


def _list_counts(shape: tuple[int, ...]) -> list[int]:
  """How many lists there are on each level, innermost first."""
  return list(itertools.accumulate(shape[:-1], int.__mul__, initial=1))[::-1] if shape else []


def _not_writable(type_name: str) -> ServingError:
  type_name = {'float16': 'half'}.get(type_name, type_name)
  return invalid(f'Failed to write JSON value for tensor type: {type_name}')


def _leaves(flat: list[Any], dtype: int) -> np.ndarray | None:
  """Values that are no lists; None if there is one that `_leaf_error` would name."""
  types = set(map(type, flat))
  if dtype in _FLOATS:
    return _floats(flat, types, _FLOATS[dtype]) if types <= {float, int} else None
  if dtype in _INTEGERS and types <= {int}:
    kind = _INTEGERS[dtype]
    if flat and (min(flat) < kind.low or max(flat) > kind.high):
      return None
    return np.array(flat, np.uint64 if dtype == types_pb2.DT_UINT64 else np.int64).astype(
      kind.dtype
    )
  if dtype == types_pb2.DT_BOOL and types <= {bool}:
    return np.array(flat, bool)
  if dtype == types_pb2.DT_STRING and types <= {str, dict}:
    return _strings(flat)
  return None


def _floats(flat: list[Any], types: set[type], dtype: type) -> np.ndarray | None:
  if int in types and not all(_fits(v, dtype) for v in flat if type(v) is int):
    return None
  array = np.array(flat, np.float64)
  # An infinity that was sent as one is no loss; a number that would become one is.
  if np.any(np.abs(array[np.isfinite(array)]) > np.finfo(dtype).max):
    return None
  return array.astype(dtype)


def _fits(value: float, dtype: type) -> bool:
  """Whether a number is kept well enough by TF Serving's rule."""
  if type(value) is int:
    return abs(value) < 2 ** (np.finfo(dtype).nmant + 1)
  return not np.isfinite(value) or abs(value) <= float(np.finfo(dtype).max)


def _strings(flat: list[Any]) -> np.ndarray | None:
  array = np.empty(len(flat), object)
  for i, value in enumerate(flat):
    array[i] = _bytes(value)
    if array[i] is None:
      return None
  return array


def _bytes(value: Any) -> bytes | None:
  """A string's bytes, or those that a base64 object stands for; None for neither."""
  try:
    if isinstance(value, str):
      return value.encode('utf-8', 'surrogateescape')
    if not is_base64(value):
      return None
    padded = ''.join(value['b64'].split())
    digits = padded.rstrip('=.')
    padding = '=' * (-len(digits) % 4)
    if len(padded) not in (len(digits), len(digits + padding)):
      return None
    return binascii.a2b_base64(digits + padding, strict_mode=True)
  except ValueError:  # a lone surrogate, or a character outside the alphabet
    return None


def _leaf_error(value: Any, dtype: int) -> ServingError | None:
  shown, name = json_text.text, types_pb2.DataType.Name(dtype).removeprefix('DT_').lower()
  if isinstance(value, dict) and dtype == types_pb2.DT_STRING:
    if not is_base64(value):
      return invalid(f'JSON Value: {shown(value)} not formatted correctly for base64 data')
    return invalid('Unable to base64 decode') if _bytes(value) is None else None
  if not isinstance(value, dict):
    if not (dtype in _FLOATS or dtype in _INTEGERS) and name not in ('bool', 'string'):
      message = f'Conversion of JSON Value: {shown(value)} to type: {name}'
      return ServingError(Code.UNIMPLEMENTED, message)
    if _leaves([value], dtype) is not None:
      return None
    if dtype in _FLOATS and type(value) in (int, float):
      return invalid(
        f'Cannot convert JSON value: {shown(value)} to {name} without loss of precision.'
      )
  return invalid(
    f'JSON Value: {shown(value)} Type: {json_text.type_name(value)} is not of expected type: {name}'
  )
