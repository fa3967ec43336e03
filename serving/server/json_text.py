"""JSON as TF Serving reads and prints it: NaN and Infinity are numbers, what follows is ignored."""

import itertools
import json
import math
from typing import Any

import numpy as np
import orjson

from serving.server.errors import ServingError, invalid

_MAX_TEXT = 4096  # of a value inside an error message

_TYPE_NAMES: dict[type, str] = {dict: 'Object', list: 'Array', str: 'String'}
_REASONS = {  # the words of Python's parser -> the words of TF Serving's
  'Expecting value': 'Invalid value.',
  'Expecting property name enclosed in double quotes': 'Missing a name for object member.',
  "Expecting ':' delimiter": 'Missing a colon after a name of object member.',
  "Expecting ',' delimiter": 'Missing a comma or closing bracket after an element.',
  'Unterminated string starting at': 'Missing a closing quotation mark in string.',
  'Invalid \\escape': 'Invalid escape character in string.',
  'Invalid \\uXXXX escape': 'Incorrect hex digit after \\u escape in string.',
  'Invalid control character at': 'Invalid encoding in string.',
}


def parse_object(body: bytes) -> dict[str, Any]:
  """The JSON object at the start of `body`.

  Strings hold bytes that are not UTF-8 as surrogates ('surrogateescape'); integers beyond 64 bits
  are floats.

  Raises:
    ServingError: INVALID_ARGUMENT, it is no JSON or no object.
  """
  if not body:
    raise invalid('JSON Parse error: The document is empty')
  try:
    value = orjson.loads(body)
  except orjson.JSONDecodeError:
    value = _parse_slowly(body)  # for NaN, trailing bytes, and a reason
  if not isinstance(value, dict):
    raise format_error(value, 'Is not object')
  return value


def signature_name(document: dict[str, Any]) -> str:
  """The signature that a request asks for; '' if it names none.

  Raises:
    ServingError: INVALID_ARGUMENT, it is not a string.
  """
  name = document.get('signature_name', '')
  if not isinstance(name, str):
    raise format_error(
      document, "not formatted correctly. 'signature_name' key must be a string value."
    )
  return name


def text(value: Any) -> str:
  """A parsed value as an error message shows it."""
  if isinstance(value, float):
    return decimals(np.array([value]))[0]
  encoder = json.JSONEncoder(indent=4, ensure_ascii=False)
  shown, length = [], 0
  for chunk in encoder.iterencode(value):
    shown.append(chunk)
    length += len(chunk)
    if length > _MAX_TEXT:  # the whole of it may be as large as a request
      return ''.join(shown)[:_MAX_TEXT] + '...TRUNCATED'
  return ''.join(shown)


def format_error(value: Any, reason: str) -> ServingError:
  """The client's mistake in a parsed value, which is shown."""
  return invalid(f'JSON Value: {text(value)} {reason}')


def type_name(value: Any) -> str:
  """What TF Serving calls the type of a parsed value."""
  if value is None or isinstance(value, bool):
    return {None: 'Null', False: 'False', True: 'True'}[value]
  return _TYPE_NAMES.get(type(value), 'Number')


def decimals(flat: np.ndarray) -> list[str]:
  """Texts of float32 or float64 numbers [N]: 6 digits where they suffice, else 9 or 17.

  Whole numbers get '.0', so that a reader sees one type in a list.
  """
  values = flat.tolist()
  texts = ['%g' % value for value in values]  # noqa: UP031 - twice as fast as a format spec
  exact = (np.array([float(t) for t in texts], flat.dtype) == flat) & np.isfinite(flat)
  full = '%.9g' if flat.dtype == np.float32 else '%.17g'
  for i in np.flatnonzero(~exact):
    texts[i] = full % values[i] if math.isfinite(values[i]) else _special(values[i])
  return [t if '.' in t or 'e' in t or 'N' in t or 'I' in t else f'{t}.0' for t in texts]


def _special(value: float) -> str:
  if math.isnan(value):
    return 'NaN'
  return 'Infinity' if value > 0 else '-Infinity'


def _parse_slowly(body: bytes) -> Any:
  document = body.decode('utf-8-sig', 'surrogateescape')
  start = sum(1 for _ in itertools.takewhile(' \t\n\r'.__contains__, document))
  try:
    return _DECODER.raw_decode(document, start)[0]
  except json.JSONDecodeError as error:
    reason = _REASONS.get(error.msg, 'Unspecific syntax error.')
    raise invalid(f'JSON Parse error: {reason} at offset: {error.pos}') from None
  except RecursionError:
    raise invalid('JSON Parse error: Lists or objects are nested too deep.') from None


def _float(digits: str) -> float:
  value = float(digits)
  if math.isinf(value):
    raise invalid('JSON Parse error: Number too big to be stored in double.')
  return value


def _int(digits: str) -> int | float:
  value = int(digits) if len(digits) <= 20 else math.inf
  return int(value) if -(2**63) <= value < 2**64 else _float(digits)


_DECODER = json.JSONDecoder(parse_float=_float, parse_int=_int)
