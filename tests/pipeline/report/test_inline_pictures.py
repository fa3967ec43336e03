import base64
import io

import numpy as np
import PIL.Image
import pytest

from pipeline import errors
from pipeline import pictures as project_pictures
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


@pytest.mark.parametrize('scale', [1, 3])
@pytest.mark.parametrize('columns', [1, 4, 5, 12])
def test_the_layout_of_the_project_grids_is_found(columns, scale):
  images = _noise(12, 6, 7, 1)
  grid = np.asarray(project_pictures.grid(images, columns, scale))[..., np.newaxis]
  layout = inline_pictures.find_layout(grid, images)
  assert layout.num_columns == columns
  for index, image in enumerate(images):
    np.testing.assert_array_equal(layout.cell(grid, index, image.shape), image)


def test_a_sheet_has_no_gaps_and_is_found_too():
  images = _noise(7, 6, 5, 3)
  sheet = inline_pictures.sheet(images, 3)
  assert sheet.shape == (18, 15, 3)
  layout = inline_pictures.find_layout(sheet, images)
  np.testing.assert_array_equal(layout.cell(sheet, 6, (6, 5, 3)), images[6])


def test_other_pictures_have_no_layout():
  images = _noise(12, 6, 6, 1)
  assert inline_pictures.find_layout(255 - inline_pictures.sheet(images, 4), images) is None
  assert inline_pictures.find_layout(_noise(18, 24, 3), images) is None
  assert inline_pictures.find_layout(_noise(2, 2, 1), images) is None


def test_read_refuses_what_is_no_picture(tmp_path):
  (tmp_path / 'x.png').write_text('text')
  with pytest.raises(errors.ArtifactError, match=r'x\.png is not a picture'):
    inline_pictures.read(tmp_path / 'x.png')
