import base64
import itertools
import json

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tensorflow.core.framework import types_pb2

from serving.server import json_tensor, json_text
from serving.server.errors import Code, ServingError

DTYPES = {
  np.float32: types_pb2.DT_FLOAT,
  np.float64: types_pb2.DT_DOUBLE,
  np.int8: types_pb2.DT_INT8,
  np.int16: types_pb2.DT_INT16,
  np.int32: types_pb2.DT_INT32,
  np.int64: types_pb2.DT_INT64,
  np.uint8: types_pb2.DT_UINT8,
  np.uint32: types_pb2.DT_UINT32,
  np.uint64: types_pb2.DT_UINT64,
  np.bool_: types_pb2.DT_BOOL,
}
ARRAYS = st.sampled_from(list(DTYPES)).flatmap(
  lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3))
)
SETTINGS = hypothesis.settings(derandomize=True, database=None, deadline=None)


def parse(text: str):
  return json_text.parse_object(f'{{"value": {text}}}'.encode())['value']


@hypothesis.given(ARRAYS)
@SETTINGS
def test_numbers_round_trip(array: np.ndarray):
  text = json_tensor.nested(json_tensor.texts('x', array), array.shape)
  read = json_tensor.to_array(parse(text), DTYPES[array.dtype.type])
  assert read.dtype == array.dtype
  np.testing.assert_array_equal(read, array if array.size else np.zeros(read.shape))
  # A list without elements has no inner shape in JSON.
  assert read.shape == array.shape[: array.shape.index(0) + 1 if 0 in array.shape else None]


@hypothesis.given(st.lists(st.binary()))
@SETTINGS
def test_bytes_round_trip(values: list[bytes]):
  array = np.array([*values, None], object)[:-1]
  text = json_tensor.nested(json_tensor.texts('x_bytes', array), array.shape)
  assert json_tensor.to_array(parse(text), types_pb2.DT_STRING).tolist() == values


@hypothesis.given(st.lists(st.text()))
@SETTINGS
def test_texts_round_trip(values: list[str]):
  array = np.array([value.encode() for value in values] + [None], object)[:-1]
  text = json_tensor.nested(json_tensor.texts('x', array), array.shape)
  read = json_tensor.to_array(parse(text), types_pb2.DT_STRING)
  assert [value.decode() for value in read] == values


JSON = st.recursive(
  st.none()
  | st.booleans()
  | st.integers(-(2**63), 2**64 - 1)
  | st.floats()
  | st.text()
  | st.builds(lambda data: {'b64': base64.b64encode(data).decode()}, st.binary())
  | st.builds(lambda text: {'b64': text}, st.text()),
  st.lists,
  max_leaves=12,
)


@hypothesis.given(JSON, st.sampled_from([*DTYPES.values(), types_pb2.DT_STRING, types_pb2.DT_HALF]))
@SETTINGS
def test_quick_and_slow_way_agree(value, dtype: int):
  """What the quick way takes has no error; what it refuses has one."""
  array = json_tensor.dense(value, dtype)
  shape = json_tensor.shape_of(value)
  errors = list(itertools.islice(json_tensor.errors_in(value, shape, dtype), 1))
  assert (array is None) == bool(errors)
  if array is not None:
    assert list(array.shape) == shape


@pytest.mark.parametrize('dtype', [types_pb2.DT_HALF, types_pb2.DT_UINT16, types_pb2.DT_COMPLEX64])
def test_types_that_json_does_not_have(dtype: int):
  with pytest.raises(ServingError) as caught:
    json_tensor.to_array([1], dtype)
  assert caught.value.code is Code.UNIMPLEMENTED


@pytest.mark.parametrize('dtype', [np.float16, np.uint16, np.complex64])
def test_types_that_json_does_not_write(dtype: type):
  with pytest.raises(ServingError, match='Failed to write JSON value for tensor type'):
    json_tensor.texts('x', np.zeros(1, dtype))


@pytest.mark.parametrize(
  ('value', 'dtype'),
  [
    (2.0, types_pb2.DT_INT64),
    (True, types_pb2.DT_INT64),
    (1, types_pb2.DT_BOOL),
    ('1', types_pb2.DT_FLOAT),
    (True, types_pb2.DT_FLOAT),
    (2**31, types_pb2.DT_UINT8),
    (-1, types_pb2.DT_UINT32),
    (2**63, types_pb2.DT_INT64),
  ],
)
def test_type_errors(value, dtype: int):
  name = types_pb2.DataType.Name(dtype)[3:].lower()
  with pytest.raises(ServingError) as caught:
    json_tensor.to_array([value], dtype)
  assert caught.value.message == (
    f'JSON Value: {json.dumps(value)} Type: {json_text.type_name(value)}'
    f' is not of expected type: {name}'
  )


def test_small_integers_wrap_as_in_tf_serving():
  assert json_tensor.to_array([300, -1], types_pb2.DT_UINT8).tolist() == [44, 255]


@pytest.mark.parametrize('text', ['/w==', '/w', '/w..', ' /w\n==', '_w==', '/w=', '/', '/w==='])
def test_base64_alphabet_and_padding(text: str):
  good = text in ('/w==', '/w', '/w..', ' /w\n==')
  array = json_tensor.dense([{'b64': text}], types_pb2.DT_STRING)
  assert (array is not None) == good
  if good:
    assert array.tolist() == [b'\xff']
