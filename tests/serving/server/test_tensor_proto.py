import hypothesis
import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tensorflow.core.framework.tensor_pb2 import TensorProto

from serving.server import tensor_proto
from serving.server.errors import ServingError

SETTINGS = hypothesis.settings(derandomize=True, database=None, deadline=None)
NAMES = (
  'float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool complex64'
  ' complex128'
)
ARRAYS = st.sampled_from(NAMES.split()).flatmap(
  lambda name: hnp.arrays(name, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)


@hypothesis.given(ARRAYS)
@SETTINGS
def test_round_trip_without_tensor_content(array: np.ndarray):
  proto = tensor_proto.to_proto(array)
  assert not proto.tensor_content
  read = tensor_proto.to_array('x', proto)
  assert read.dtype == array.dtype
  np.testing.assert_array_equal(read, array)
  np.testing.assert_array_equal(tf.io.parse_tensor(proto.SerializeToString(), read.dtype), array)


@pytest.mark.parametrize(('dtype', 'field'), [('float32', 'float_val'), ('int64', 'int64_val')])
def test_tensor_content_comes_before_typed_values(dtype: str, field: str):
  array = np.array([1, 2], dtype)
  proto = tensor_proto.to_proto(array, as_content=True)
  getattr(proto, field).extend([3, 4])
  np.testing.assert_array_equal(tensor_proto.to_array('x', proto), array)


def test_values_are_in_typed_fields():
  proto = tensor_proto.to_proto(np.array([[1.5, -2.0]], np.float32))
  assert list(proto.float_val) == [1.5, -2.0]
  assert [dim.size for dim in proto.tensor_shape.dim] == [1, 2]
  assert list(tensor_proto.to_proto(np.array([7], np.uint8)).int_val) == [7]
  assert list(tensor_proto.to_proto(np.array([b'a', b''], object)).string_val) == [b'a', b'']


def test_not_contiguous_and_big_endian():
  array = np.arange(6, dtype='>f4').reshape(2, 3).T
  np.testing.assert_array_equal(tensor_proto.to_array('x', tensor_proto.to_proto(array)), array)


def test_bfloat16():
  array = np.array([1.5, -3], ml_dtypes.bfloat16)
  read = tensor_proto.to_array('x', tensor_proto.to_proto(array))
  np.testing.assert_array_equal(read.astype(np.float32), [1.5, -3])


def test_last_value_stands_for_the_rest():
  proto = tf.make_tensor_proto([1, 2], tf.int64)
  proto.ClearField('tensor_content')
  proto.int64_val.extend([1, 2])
  proto.tensor_shape.dim[0].size = 4
  assert tensor_proto.to_array('x', proto).tolist() == [1, 2, 2, 2]


def _broken(**fields) -> TensorProto:
  proto = tf.make_tensor_proto([1.0, 2.0])
  for key, value in fields.items():
    if key == 'size':
      proto.tensor_shape.dim[0].size = value
    elif key == 'unknown_rank':
      proto.tensor_shape.unknown_rank = value
    else:
      setattr(proto, key, value)
  return proto


@pytest.mark.parametrize(
  'proto',
  [
    _broken(size=3),
    _broken(size=-1),
    _broken(unknown_rank=True),
    _broken(tensor_content=b'123'),
    _broken(dtype=0),
    _broken(dtype=9999),
    _broken(dtype=tf.resource.as_datatype_enum),
    _broken(dtype=tf.string.as_datatype_enum),
  ],
)
def test_messages_that_are_no_tensor(proto):
  with pytest.raises(ServingError, match='INVALID_ARGUMENT: tensor parsing error: x'):
    tensor_proto.to_array('x', proto)


@pytest.mark.parametrize('value', [np.float32(1), b'text'])
def test_small_message_for_a_huge_tensor(value):
  proto = tensor_proto.to_proto(np.array([value]))
  proto.tensor_shape.dim[0].size = 2**40
  with pytest.raises(ServingError, match='tensor parsing error: x'):
    tensor_proto.to_array('x', proto)
