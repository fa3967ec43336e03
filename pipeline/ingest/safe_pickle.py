"""Reads pickles of plain data and uint8 arrays, and runs nothing that a pickle asks for.

A pickle is a program: it may import any function and call it. Here every instruction is checked
before the first one is carried out, and the few names that NumPy arrays need stand for the classes
below, so that not even NumPy's own code meets what a stranger wrote.
"""

import io
import math
import pickle
import pickletools
from typing import Any

import numpy as np

# Instructions of protocols 0 to 5 for None, bool, int, bytes, str, list, tuple and dict, the memo,
# and calls of the names below. Left out: classes (INST, OBJ, NEWOBJ), EXT, persistent ids, buffers.
_OPCODES = frozenset(
  (  # noqa: SIM905 - to be read as groups
    'PROTO FRAME STOP MARK POP POP_MARK NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1'
    ' LONG4 STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8'
    ' BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8 EMPTY_DICT DICT SETITEM SETITEMS EMPTY_LIST LIST'
    ' APPEND APPENDS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 GET BINGET LONG_BINGET PUT BINPUT'
    ' LONG_BINPUT MEMOIZE GLOBAL STACK_GLOBAL REDUCE BUILD'
  ).split()
)
_PUTS = ('PUT', 'BINPUT', 'LONG_BINPUT')  # room is made for the highest number: keep it in bounds
_MAX_RANK = 32
_MAX_TUPLES = 16  # an array needs about seven; deeply nested ones take for ever to hash


class RefusedError(Exception):
  """A pickle that holds anything but plain data; the message says what."""


def loads(data: bytes) -> Any:
  """The content of a pickle of None, bool, int, bytes, str, list, tuple, dict and uint8 arrays.

  Strings of Python 2 come back as bytes, arrays as `UInt8Array`.

  Raises:
    RefusedError: anything else in it, or damage.
  """
  try:
    _check_opcodes(data)
    return _Unpickler(io.BytesIO(data), encoding='bytes').load()
  except RefusedError:
    raise
  except Exception as error:  # damaged pickles raise nearly anything
    reason = ' '.join(str(error).split()) or type(error).__name__
    raise RefusedError(f'damaged ({reason[:200]})') from error


def _check_opcodes(data: bytes) -> None:
  num_tuples = 0
  for opcode, argument, position in pickletools.genops(data):
    if opcode.name not in _OPCODES:
      raise RefusedError(f'instruction {opcode.name} at byte {position} is not plain data')
    if opcode.name in _PUTS and int(argument or 0) > len(data):
      raise RefusedError(f'memo {argument} at byte {position} is out of bounds')
    num_tuples += opcode.name.startswith('TUPLE')
  if num_tuples > _MAX_TUPLES:
    raise RefusedError(f'{num_tuples} tuples are more than arrays need')


class _Part:
  """What a name in a pickle stands for; no state can be put into it but a subclass's own."""

  __slots__ = ()

  def __setstate__(self, state: Any) -> None:
    raise RefusedError('state for something that has none')


class UInt8Array(_Part):
  """Stands for numpy.ndarray and its constructor; the content comes with the state."""

  __slots__ = ('value',)

  def __init__(self, *_: Any) -> None:
    self.value = np.empty(0, np.uint8)

  def __setstate__(self, state: Any) -> None:
    _, shape, dtype, is_fortran, content = state
    self.value = _array(content, dtype, shape, 'F' if is_fortran else 'C')


class _Dtype(_Part):
  """Stands for numpy.dtype; only uint8 has a meaning here."""

  __slots__ = ()

  def __init__(self, name: Any, *_: Any) -> None:
    if name not in ('u1', b'u1', '|u1', b'|u1', 'uint8', b'uint8'):
      raise RefusedError(f'an array of {_brief(name)}, not of uint8')

  def __setstate__(self, state: Any) -> None:
    pass  # byte order and the like: nothing that uint8 has


class _FromBuffer(_Part):
  """Stands for the constructor that NumPy uses under protocol 5."""

  __slots__ = ()

  def __new__(cls, content: Any, dtype: Any, shape: Any, order: Any) -> Any:
    array = UInt8Array()
    array.value = _array(content, dtype, shape, 'F' if order in ('F', b'F') else 'C')
    return array


class _Encode(_Part):
  """Stands for _codecs.encode, with which Python 3 spells bytes under protocols 0 to 2."""

  __slots__ = ()

  def __new__(cls, text: Any, encoding: Any) -> Any:
    if not isinstance(text, str) or encoding not in ('latin1', b'latin1'):
      raise RefusedError(f'a call of _codecs.encode with {_brief(encoding)}')
    return text.encode('latin1')


class _Empty(_Part):
  """Stands for bytes, which Python 3 calls for b'' under protocols 0 to 2."""

  __slots__ = ()

  def __new__(cls) -> Any:
    return b''


_NAMES: dict[tuple[str, str], type[_Part]] = {
  ('numpy', 'ndarray'): UInt8Array,
  ('numpy', 'dtype'): _Dtype,
  ('numpy.core.multiarray', '_reconstruct'): UInt8Array,
  ('numpy._core.multiarray', '_reconstruct'): UInt8Array,
  ('numpy.core.numeric', '_frombuffer'): _FromBuffer,
  ('numpy._core.numeric', '_frombuffer'): _FromBuffer,
  ('_codecs', 'encode'): _Encode,
  ('__builtin__', 'bytes'): _Empty,
  ('builtins', 'bytes'): _Empty,
}


class _Unpickler(pickle.Unpickler):
  def find_class(self, module: str, name: str) -> Any:
    try:
      return _NAMES[module, name]
    except KeyError:
      raise RefusedError(f'it asks for {module}.{name}') from None


def _array(content: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
  if not isinstance(dtype, _Dtype) or not isinstance(content, (bytes, bytearray)):
    raise RefusedError('an array of something else than uint8')
  if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
    raise RefusedError('an array of shape other than numbers from 0 up')
  if len(shape) > _MAX_RANK or math.prod(shape) != len(content):
    raise RefusedError(f'an array of shape {str(shape)[:100]} and {len(content)} bytes')
  return np.frombuffer(content, np.uint8).reshape(shape, order=order)


def _brief(value: Any) -> str:
  """For a message. Lists that share their parts are small in a pickle and endless in print."""
  return repr(value)[:100] if isinstance(value, (str, bytes)) else f'a {type(value).__name__}'
