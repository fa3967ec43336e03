import base64
import io

import numpy as np
import PIL.Image
import pytest

from pipeline import errors
from pipeline.report import inline_pictures


def _noise(*shape: int) -> np.ndarray:
  return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def _size(picture: inline_pictures.Picture) -> int:
  return len(base64.b64decode(picture.uri.partition('base64,')[2]))


@pytest.mark.parametrize('channels', [1, 3])
def test_small_pictures_keep_every_pixel(channels):
  pixels = _noise(16, 24, channels)
  picture = inline_pictures.embed(pixels, 10_000)
  assert picture.lossless
  assert (picture.width, picture.height) == (24, 16)
  data = base64.b64decode(picture.uri.removeprefix('data:image/png;base64,'))
  np.testing.assert_array_equal(np.asarray(PIL.Image.open(io.BytesIO(data))), pixels.squeeze())


@pytest.mark.parametrize('max_bytes', [40_000, 4_000])
def test_large_pictures_keep_within_the_bound(max_bytes):
  picture = inline_pictures.embed(_noise(200, 300, 3), max_bytes)
  assert _size(picture) <= max_bytes
  assert not picture.lossless
  assert (picture.width, picture.height) == (300, 200)


def test_a_sheet_has_no_gaps():
  images = _noise(7, 6, 5, 3)
  sheet = inline_pictures.sheet(images, 3)
  assert sheet.shape == (18, 15, 3)
  np.testing.assert_array_equal(sheet[12:, :5], images[6])


def test_read_refuses_what_is_no_picture(tmp_path):
  (tmp_path / 'x.png').write_text('text')
  with pytest.raises(errors.ArtifactError, match=r'x\.png is not a picture'):
    inline_pictures.read(tmp_path / 'x.png')
