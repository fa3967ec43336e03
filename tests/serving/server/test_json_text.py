import contextlib
import json
import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from serving.server import json_text
from serving.server.errors import ServingError

FLOAT32 = st.floats(width=32)
SETTINGS = hypothesis.settings(derandomize=True, database=None, deadline=None)


@pytest.mark.parametrize(
  ('value', 'text'),
  [
    (0.1, '0.1'),
    (1.0, '1.0'),
    (-0.0, '-0.0'),
    (1e6, '1e+06'),
    (1e-7, '1e-07'),
    (123456.0, '123456.0'),
    (1234567.0, '1234567.0'),
    (1 / 3, '0.333333343'),
    (math.nan, 'NaN'),
    (math.inf, 'Infinity'),
    (-math.inf, '-Infinity'),
  ],
)
def test_float32(value: float, text: str):
  assert json_text.decimals(np.array([value], np.float32)) == [text]


def test_float64_has_17_digits():
  assert json_text.decimals(np.array([1 / 3, 0.1])) == ['0.33333333333333331', '0.1']


@hypothesis.given(st.lists(FLOAT32))
@SETTINGS
def test_float32_round_trip(values: list[float]):
  array = np.array(values, np.float32)
  read = np.array([float(text) for text in json_text.decimals(array)], np.float32)
  np.testing.assert_array_equal(read, array)


@hypothesis.given(st.lists(st.floats()))
@SETTINGS
def test_float64_round_trip(values: list[float]):
  read = [float(text) for text in json_text.decimals(np.array(values, np.float64))]
  np.testing.assert_array_equal(read, values)


VALUES = st.recursive(
  st.none()
  | st.booleans()
  | st.integers(-(2**63), 2**64 - 1)
  | st.floats(allow_nan=False)
  | st.text(),
  lambda values: st.lists(values) | st.dictionaries(st.text(), values),
  max_leaves=20,
)


@hypothesis.given(st.dictionaries(st.text(), VALUES), st.sampled_from([b'', b' ', b'}', b'x\xff']))
@SETTINGS
def test_parse_ignores_what_follows(value: dict, more: bytes):
  assert json_text.parse_object(json.dumps(value).encode() + more) == value


@hypothesis.given(st.binary())
@SETTINGS
def test_parse_refuses_with_its_own_error(body: bytes):
  with contextlib.suppress(ServingError):
    assert isinstance(json_text.parse_object(body), dict)


def test_special_numbers():
  value = json_text.parse_object(b'\xef\xbb\xbf \n{"a": [NaN, Infinity, -Infinity]}')
  assert math.isnan(value['a'][0])
  assert value['a'][1:] == [math.inf, -math.inf]


@pytest.mark.parametrize('tail', [b'', b'!'])  # the quick and the slow parser
def test_integers_beyond_64_bits_are_floats(tail: bytes):
  body = b'{"a": [18446744073709551615, -9223372036854775808, 18446744073709551616]}' + tail
  numbers = json_text.parse_object(body)['a']
  assert numbers == [2**64 - 1, -(2**63), 2.0**64]
  assert [type(number) for number in numbers] == [int, int, float]


@pytest.mark.parametrize(
  ('body', 'text'),
  [
    (b'', 'The document is empty'),
    (b'{', 'Missing a name for object member. at offset: 1'),
    (b'{"a" 1}', 'Missing a colon after a name of object member. at offset: 5'),
    (b'{"a": "', 'Missing a closing quotation mark in string. at offset: 6'),
    (b'{"a": 1e999}', 'Number too big to be stored in double.'),
    (b'{"a": %b}' % (b'9' * 5000), 'Number too big to be stored in double.'),
    (b'{"a": ' + b'[' * 100_000, 'Lists or objects are nested too deep.'),
  ],
)
def test_parse_errors(body: bytes, text: str):
  with pytest.raises(ServingError) as caught:
    json_text.parse_object(body)
  assert caught.value.message == f'JSON Parse error: {text}'


def test_text_is_bounded():
  assert json_text.text([1] * 10**6).endswith('...TRUNCATED')
  nested: list = []
  for _ in range(900):
    nested = [nested]
  assert len(json_text.text(nested)) < 5000


def test_type_names():
  names = [json_text.type_name(v) for v in (None, False, True, {}, [], '', 1, 1.5)]
  assert names == ['Null', 'False', 'True', 'Object', 'Array', 'String', 'Number', 'Number']
