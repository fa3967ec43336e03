import hypothesis
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from pipeline.ingest import example

_SETTINGS = hypothesis.settings(deadline=None, derandomize=True)
_VALUES = st.one_of(st.binary(max_size=300), st.integers(0, 2**63 - 1))


@_SETTINGS
@hypothesis.given(features=st.dictionaries(st.text(max_size=20), _VALUES, max_size=4))
def test_tensorflow_reads_it(features):
  message = tf.train.Example.FromString(example.encode_example(features))
  read = {}
  for name, feature in message.features.feature.items():
    (read[name],) = getattr(feature, feature.WhichOneof('kind')).value
  assert read == features


def test_order_of_features_does_not_show():
  a = example.encode_example({'image': b'12', 'label': 300, 'key': b'k'})
  assert a == example.encode_example({'key': b'k', 'label': 300, 'image': b'12'})


def test_negative_labels_are_refused():
  with pytest.raises(ValueError, match='-1 is negative'):
    example.encode_example({'label': -1})


_LISTS = st.one_of(
  st.lists(st.binary(max_size=40), max_size=3), st.lists(st.integers(-(2**63), 2**63 - 1))
)


@_SETTINGS
@hypothesis.given(features=st.dictionaries(st.text(max_size=20), _LISTS, max_size=4))
def test_reads_what_tensorflow_writes(features):
  message = tf.train.Example()
  for name, values in features.items():
    feature = message.features.feature[name]
    if values and isinstance(values[0], bytes):
      feature.bytes_list.value.extend(values)
    else:
      feature.int64_list.value.extend(values)
  assert example.decode_example(message.SerializeToString()) == features


def test_reads_its_own():
  features = {'image': bytes(300), 'label': 300, 'key': b'k'}
  read = example.decode_example(example.encode_example(features))
  assert read == {name: [value] for name, value in features.items()}


def test_other_kinds_and_unpacked_numbers():
  message = tf.train.Example()
  message.features.feature['scores'].float_list.value.extend([0.5, 1.5])
  message.features.feature['none'].SetInParent()
  assert example.decode_example(message.SerializeToString()) == {'scores': [], 'none': []}
  entry = b'\x0a\x01a' + b'\x12\x06' + b'\x1a\x04' + b'\x08\x05\x08\x06'  # a: 5, 6
  data = b'\x0a' + bytes([len(entry) + 2]) + b'\x0a' + bytes([len(entry)]) + entry
  assert tf.train.Example.FromString(data).features.feature['a'].int64_list.value == [5, 6]
  assert example.decode_example(data) == {'a': [5, 6]}
  assert example.decode_example(b'') == {}


@_SETTINGS
@hypothesis.given(data=st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data):
  try:
    example.decode_example(data)
  except example.ExampleError as error:
    assert 'tf.train.Example' in str(error)  # noqa: PT017 - either outcome is right


def test_every_flip_is_read_or_refused():
  whole = example.encode_example({'image': bytes(range(99)), 'label': 300, 'key': b'k'})
  for position in range(len(whole)):
    for bit in range(8):
      data = bytearray(whole)
      data[position] ^= 1 << bit
      try:
        example.decode_example(bytes(data))
      except example.ExampleError as error:
        assert 'tf.train.Example' in str(error)  # noqa: PT017 - either outcome is right
