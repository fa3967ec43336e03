import contextlib
import gzip
import pathlib
import struct

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from pipeline import errors
from pipeline.ingest import idx_format
from tests.pipeline.ingest.files import encode_idx

_SETTINGS = hypothesis.settings(deadline=None, derandomize=True)
_ARRAYS = st.integers(1, 3).flatmap(
  lambda rank: st_numpy.arrays(
    np.uint8, st_numpy.array_shapes(min_dims=rank, max_dims=rank, min_side=0, max_side=5)
  )
)


@_SETTINGS
@hypothesis.given(array=_ARRAYS, compress=st.booleans())
def test_round_trip(array, compress):
  data = encode_idx(array)
  data = gzip.compress(data, mtime=0) if compress else data
  read = idx_format.parse_idx(data, array.ndim, 'x')
  assert read.dtype == np.uint8
  np.testing.assert_array_equal(read, array)


@_SETTINGS
@hypothesis.given(array=_ARRAYS, compress=st.booleans(), data=st.data())
def test_truncated_is_a_data_error(array, compress, data):
  whole = encode_idx(array)
  whole = gzip.compress(whole, mtime=0) if compress else whole
  length = data.draw(st.integers(0, len(whole) - 1))
  with pytest.raises(errors.DataError):
    idx_format.parse_idx(whole[:length], array.ndim, 'x')


@_SETTINGS
@hypothesis.given(array=_ARRAYS, compress=st.booleans(), data=st.data())
def test_mutated_gives_an_array_or_a_data_error(array, compress, data):
  whole = encode_idx(array)
  mutated = bytearray(gzip.compress(whole, mtime=0) if compress else whole)
  for _ in range(data.draw(st.integers(1, 4))):
    mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.integers(0, 255))
  try:
    read = idx_format.parse_idx(bytes(mutated), array.ndim, 'x')
  except errors.DataError as error:
    assert '\n' not in str(error)  # noqa: PT017 - either outcome is right
  else:
    assert read.ndim == array.ndim


@_SETTINGS
@hypothesis.given(noise=st.binary(max_size=64), prefix=st.sampled_from([b'', b'\x1f\x8b\x08\0']))
def test_noise_gives_an_array_or_a_data_error(noise, prefix):
  with contextlib.suppress(errors.DataError):
    idx_format.parse_idx(prefix + noise, 1, 'x')


@pytest.mark.parametrize(
  ('data', 'message'),
  [
    (b'', 'x is empty'),
    (gzip.compress(b'', mtime=0), 'ends after 0 bytes'),
    (b'\0\0\x08', 'ends after 3 bytes'),
    (b'\x89PNG\r\n\x1a\n', 'magic number 0x89504e47, not 0x00000803'),
    (encode_idx(np.zeros(9)), 'magic number 0x00000801, not 0x00000803'),
    (encode_idx(np.zeros((2, 3, 4))) + b'!', 'promises 24 bytes after its header and holds more'),
    (gzip.compress(encode_idx(np.zeros((2, 3, 4)))[:-1], mtime=0), 'promises 24 bytes .* holds 23'),
    (gzip.compress(encode_idx(np.zeros((2, 3, 4))), mtime=0)[:-9], 'broken gzip'),
  ],
)
def test_says_what_is_wrong(data, message):
  with pytest.raises(errors.DataError, match=message):
    idx_format.parse_idx(data, 3, 'x')


def test_absurd_sizes_are_refused_before_they_are_held():
  header = struct.pack('>IIII', 0x803, 2**32 - 1, 2**32 - 1, 2**32 - 1)
  noise = np.random.default_rng(0).bytes(300_000)  # of which zlib could make a thousand times more
  bomb = struct.pack('>IIII', 0x803, 300, 1000, 1000) + noise
  for data in (header, gzip.compress(header, mtime=0), gzip.compress(bomb, mtime=0)):
    with pytest.raises(errors.DataError, match='far too short'):
      idx_format.parse_idx(data, 3, 'x')


def test_reads_gzip_by_content(tmp_path):
  path = tmp_path / 'labels-idx1-ubyte'  # not called .gz
  path.write_bytes(gzip.compress(encode_idx(np.arange(5))))
  np.testing.assert_array_equal(idx_format.read_idx(path, 1), np.arange(5))


def test_a_file_that_cannot_be_read_is_a_data_error(tmp_path):
  with pytest.raises(errors.DataError, match='could not be read: No such file'):
    idx_format.read_idx(tmp_path / 'none', 1)
  for path in (tmp_path, pathlib.Path('/dev/null')):  # a pipe would keep it waiting
    with pytest.raises(errors.DataError, match='is not a regular file'):
      idx_format.read_idx(path, 1)
