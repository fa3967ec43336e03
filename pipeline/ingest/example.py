"""tf.train.Example in its wire format, byte for byte the same everywhere.

Protocol Buffers promise no order for map entries, and a worker would need all of TensorFlow only
for this message. Source: tensorflow/core/example/{example,feature}.proto and
https://protobuf.dev/programming-guides/encoding/.
"""

from collections.abc import Mapping

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
