"""tf.train.Example in its wire format, byte for byte the same everywhere.

Protocol Buffers promise no order for map entries, and a worker would need all of TensorFlow only
for this message. Source: tensorflow/core/example/{example,feature}.proto and
https://protobuf.dev/programming-guides/encoding/.
"""

from collections.abc import Iterator, Mapping

_VARINT, _FIXED64, _FIXED32 = 0, 1, 5
_LENGTH_DELIMITED = 2  # wire type of messages, bytes and packed numbers
_ONE_BYTE = tuple(bytes((value,)) for value in range(0x80))


def encode_example(features: Mapping[str, bytes | int]) -> bytes:
  """A serialized tf.train.Example with one value a feature, sorted by name.

  Args:
    features: bytes become a bytes_list, integers (from 0 up) an int64_list.
  """
  entries = (
    _field(1, _field(1, name.encode()) + _field(2, _feature(value)))
    for name, value in sorted(features.items())
  )
  return _field(1, b''.join(entries))


class ExampleError(Exception):
  """Bytes that are no tf.train.Example; the message is the reason for quarantine."""


def decode_example(data: bytes) -> dict[str, list[bytes] | list[int]]:
  """Parses a serialized tf.train.Example.

  Returns:
    The values of each feature that is a bytes_list or an int64_list, and an empty list for any
    other; unknown fields are passed over.

  Raises:
    ExampleError: bytes that are no such message.
  """
  features: dict[str, list[bytes] | list[int]] = {}
  try:
    for content in _submessages(data, 1):
      for entry in _submessages(content, 1):
        key, value = b'', b''
        for number, field in _fields(entry):
          if isinstance(field, bytes):
            key, value = (field, value) if number == 1 else (key, field)
        features[key.decode()] = _values(value)
  except (IndexError, UnicodeDecodeError) as error:
    raise ExampleError('damaged tf.train.Example') from error
  return features


def _values(feature: bytes) -> list[bytes] | list[int]:
  texts: list[bytes] = []
  numbers: list[int] = []
  for content in _submessages(feature, 1):
    texts += _submessages(content, 1)
  for content in _submessages(feature, 3):
    for number, value in _fields(content):
      if number == 1:
        numbers += map(_signed, _packed(value) if isinstance(value, bytes) else [value])
  return texts or numbers


def _packed(data: bytes) -> Iterator[int]:
  position = 0
  while position < len(data):
    value, position = _read_varint(data, position)
    yield value


def _submessages(data: bytes, wanted: int) -> Iterator[bytes]:
  return (value for number, value in _fields(data) if number == wanted and isinstance(value, bytes))


def _fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
  """The fields of a message: numbers and values."""
  position = 0
  while position < len(data):
    tag, position = _read_varint(data, position)
    wire_type = tag & 7
    if wire_type == _VARINT:
      value, position = _read_varint(data, position)
      yield tag >> 3, value
      continue
    if wire_type == _LENGTH_DELIMITED:
      length, position = _read_varint(data, position)
    elif wire_type in (_FIXED64, _FIXED32):
      length = 8 if wire_type == _FIXED64 else 4
    else:
      raise ExampleError(f'no tf.train.Example: a field of wire type {wire_type}')
    if position + length > len(data):
      raise ExampleError('no tf.train.Example: a field goes on after the end')
    yield tag >> 3, data[position : position + length]
    position += length


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
  value = shift = 0
  while True:
    byte = data[position]
    position += 1
    value |= (byte & 0x7F) << shift
    if byte < 0x80:
      return value & 0xFFFFFFFFFFFFFFFF, position
    shift += 7
    if shift > 63:
      raise ExampleError('no tf.train.Example: a number of more than 64 bits')


def _signed(value: int) -> int:
  return value - (1 << 64) if value >> 63 else value


def _feature(value: bytes | int) -> bytes:
  if isinstance(value, bytes):
    return _field(1, _field(1, value))
  return _field(3, _field(1, _varint(value)))


def _field(number: int, content: bytes) -> bytes:
  return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
  if 0 <= value <= 0x7F:  # nearly always
    return _ONE_BYTE[value]
  if value < 0:
    raise ValueError(f'{value} is negative; labels count from 0.')
  encoded = bytearray()
  while value > 0x7F:
    encoded.append(value & 0x7F | 0x80)
    value >>= 7
  encoded.append(value)
  return bytes(encoded)
