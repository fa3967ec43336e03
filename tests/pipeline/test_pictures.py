import numpy as np
import PIL.Image
import pytest

from pipeline import pictures


def _images(count, channels=1):
  return np.random.default_rng(0).integers(0, 256, [count, 5, 4, channels], dtype=np.uint8)


@pytest.mark.parametrize('channels', [1, 3])
def test_images_stand_row_by_row_with_a_gap(channels):
  images = _images(5, channels)
  picture = np.asarray(pictures.grid(images, columns=3)).reshape(2 * 7 + 2, 3 * 6 + 2, channels)
  np.testing.assert_array_equal(picture[2:7, 2:6], images[0])
  np.testing.assert_array_equal(picture[2:7, 14:18], images[2])
  np.testing.assert_array_equal(picture[9:14, 8:12], images[4])
  assert (picture[9:14, 14:18] == 128).all()  # the short row's empty place


@pytest.mark.parametrize('columns', [1, 4, 5, 12])
def test_images_can_be_taken_out_again(columns):
  images = _images(11, channels=3)
  picture = np.asarray(pictures.grid(images, columns))
  for index, image in enumerate(images):
    np.testing.assert_array_equal(pictures.cell(picture, index, image.shape), image)
  assert pictures.cell(picture, 60, images[0].shape).size == 0


def test_saved_grid_is_the_same_picture(tmp_path):
  pictures.save_grid(tmp_path / 'grid.png', _images(4), columns=2)
  with PIL.Image.open(tmp_path / 'grid.png') as picture:
    assert picture.format == 'PNG'
    np.testing.assert_array_equal(picture, pictures.grid(_images(4), columns=2))


@pytest.mark.parametrize(
  ('images', 'columns'),
  [
    (np.zeros([2, 4, 4, 1], np.float32), 2),
    (np.zeros([2, 4, 4, 2], np.uint8), 2),
    (np.zeros([2, 4, 4], np.uint8), 2),
    (np.zeros([0, 4, 4, 1], np.uint8), 2),
    (np.zeros([2, 4, 4, 1], np.uint8), 0),
  ],
)
def test_what_is_no_grid_is_refused(images, columns):
  with pytest.raises(ValueError, match=r'\(grid\)'):
    pictures.grid(images, columns)
